"""What the pages of a call, a run and a comparison share: verdict, gates, findings, differences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.model.measure import Severity, Status
from echotrace.printable import printable_line
from echotrace.render.console.diff import cells_of, signed
from echotrace.render.console.figures import figure, interval, words
from echotrace.render.markdown.escape import text
from echotrace.render.markdown.sheet import Block, details, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.measure import Finding, Measurement
    from echotrace.model.report import GateResult
    from echotrace.model.transcription import DiffOp
    from echotrace.render.verdicts import Verdict

__all__ = ["SERIOUS", "absent", "cell", "diff_lines", "findings", "gates", "head", "ranged"]

SERIOUS = (Severity.CRITICAL, Severity.WARNING)
_GATES = ("fail", "not_enough_evidence", "pass")
_CONTEXT = 3
_WORDS = 60
_LINE = 100
_LONGEST = 40
_GAP = ("...", "...")


def head(title: str, verdict: Verdict) -> Block:
    """Return the first line of a page."""
    line = f"### {title}: **{text(verdict.word, limit=60)}**\n\n{text(verdict.why, limit=1_000)}"
    return Block(name="verdict", head=line)


def cell(item: Measurement, *, metric: str = "") -> str:
    """Return a figure for a cell: ``~`` before an estimate, ``n/a`` where there is none."""
    if item.value is None:
        return "n/a"
    mark = "\\~" if item.status is Status.ESTIMATED else ""
    return mark + text(figure(item, metric=metric), limit=60)


def ranged(item: Measurement, *, metric: str = "") -> str:
    """Return a figure with its 95 % interval behind it."""
    near = interval(item, metric=metric)
    return f"{cell(item, metric=metric)} {text(near, limit=60)}".strip()


def absent(rows: Sequence[tuple[str, Measurement]]) -> Block | None:
    """Return why figures are missing or only estimates, each reason once; None without any."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for label, item in rows:
        if item.status is not Status.MEASURED and item.reason:
            labels = reasons.setdefault((words(item.status.value), item.reason), [])
            if label not in labels:
                labels.append(label)
    if not reasons:
        return None
    lines = [
        (text(", ".join(labels)), text(status), text(reason))
        for (status, reason), labels in reasons.items()
    ]
    block = table("what was not measured", ("figure", "status", "why"), lines, noun="reasons")
    return details(block, "Not measured, or only estimated")


def gates(found: Sequence[GateResult]) -> Iterator[Block]:
    """Yield the table of gates, those that failed first; nothing when none was set."""
    if not found:
        return
    ranked = sorted(
        found, key=lambda gate: _GATES.index(gate.outcome) if gate.outcome in _GATES else 0
    )
    rows = [
        (
            f"**{text(words(gate.outcome).upper(), limit=40)}**",
            text(gate.expression),
            text(gate.subject or ""),
            "" if gate.value is None else f"{gate.value:,.6g}",
            text(gate.reason or ""),
        )
        for gate in ranked
    ]
    heads = ("gate", "must not hold", "engine", "value", "why")
    yield table("gates", heads, rows, noun="gates", right=(3,))


def findings(found: Sequence[Finding]) -> Iterator[Block]:
    """Yield what the reader should know, the worst first; infos are folded."""
    ranked = sorted(found, key=lambda item: list(Severity).index(item.severity), reverse=True)
    serious = [_finding(item) for item in ranked if item.severity in SERIOUS]
    if serious:
        yield Block(name="warnings", lines=tuple(serious), noun="warnings")
    infos = [_finding(item) for item in ranked if item.severity not in SERIOUS]
    if infos:
        block = Block(name="remarks", lines=tuple(infos), noun="remarks")
        yield details(block, f"{len(infos):,} remark{'' if len(infos) == 1 else 's'}")


def diff_lines(diff: Sequence[DiffOp]) -> list[str]:
    """Return both sides of a difference for a code block, with only the words around errors.

    Brackets tell the kinds apart: ``[wrong]`` on both lines, ``[-missed-]``, ``[+added+]``.
    """
    cells = cells_of(diff)
    errors = [at for at, item in enumerate(cells) if item.kind != "equal"]
    near = {at + step for at in errors for step in range(-_CONTEXT, _CONTEXT + 1)}
    pairs: list[tuple[str, str]] = []
    shown = 0
    for at, item in enumerate(cells):
        if at in near and shown < _WORDS:
            shown += 1
            words_of = (_word(item.gold), _word(item.actual))
            pairs.append(signed(item.kind, *words_of))
        elif not pairs or pairs[-1] != _GAP:
            pairs.append(_GAP)
    return _in_step(pairs)


def _in_step(pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Return the pairs under each other, as many as a line takes."""
    lines: list[str] = []
    said, heard = "said  ", "heard "
    for upper, lower in pairs:
        width = max(len(upper), len(lower))
        if len(said) + 1 + width > _LINE and said.strip() != "said":
            lines += [said.rstrip(), heard.rstrip(), ""]
            said, heard = "said  ", "heard "
        said += f" {upper.ljust(width)}"
        heard += f" {lower.ljust(width)}"
    return [*lines, said.rstrip(), heard.rstrip()]


def _word(word: str) -> str:
    line = printable_line(word)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def _finding(item: Finding) -> str:
    hint = f" (try: {text(item.hint, limit=400)})" if item.hint else ""
    word = text(item.severity.value.upper())
    return f"- **{word}** {text(item.code, limit=60)}: {text(item.message, limit=600)}{hint}"
