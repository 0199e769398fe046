"""The misheard words: each in its place with what may explain it, and how often that was so."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.render.console.figures import number, words
from echotrace.render.console.parts import columns, count, more, part, said_and_heard
from echotrace.render.console.timeline import stamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from echotrace.model.report import Cause, CauseCount, Transcription, WordError
    from echotrace.render.console.layout import Page

__all__ = [
    "HEAD",
    "ErrorRow",
    "cause_name",
    "cause_style",
    "error_rows",
    "exposure",
    "misheard",
    "place_of",
    "worst_first",
]

HEAD = ("at", "said -> heard", "why", "SNR", "evidence")
"""The columns of the table."""

_LISTED = 12
_NAMES = {
    "low_snr": "low SNR",
    "talk_over": "talk-over",
    "no_speech": "no speech",
    "clipped": "clipping",
}
_EXPOSED = {
    "low_snr": "at low SNR",
    "clipped": "in clipped audio",
    "dropout": "at a dropout",
    "talk_over": "under talk-over",
    "no_speech": "where nobody speaks",
    "low_confidence": "of low confidence",
}
_STYLES = {"model": "magenta", "no_speech": "red", "unknown": "dim"}
_STRENGTHS = {"strong": 0, "moderate": 1, "weak": 2}
_NOTHING_FOUND = ("model", "unknown")
_UNRANKED = 3
_UNKNOWN = "unknown"
_NEAR = frozenset({"segment", "between"})
_PLACES = {
    "aligned": "by forced alignment",
    "segment": "only to the segment (~)",
    "between": "between the neighbours (~)",
    None: "unknown",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRow:
    """One error as texts, in the order of :data:`HEAD`; ``cause`` is ``why`` in fewer words."""

    at: Text
    words: Text
    why: Text
    cause: Text
    snr: Text
    evidence: Text

    @property
    def cells(self) -> tuple[Text, ...]:
        """The texts of the row from left to right."""
        return (self.at, self.words, self.why, self.snr, self.evidence)


def cause_name(kind: str, page: Page) -> str:
    """Return a cause in words: ``low_snr`` reads ``low SNR``."""
    return _NAMES.get(kind) or page.data(words(kind), limit=24)


def cause_style(kind: str) -> str:
    """Return the colour of a cause: those in the signal differ from the model's own."""
    return _STYLES.get(kind, "yellow")


def worst_first(errors: Iterable[WordError]) -> list[WordError]:
    """Return the errors by how well their first cause is supported, then by local SNR and time.

    An error whose place is not known comes last: nothing can be looked up for it.
    """

    def key(error: WordError) -> tuple[bool, int, float, float]:
        first = _first(error)
        strength = _STRENGTHS.get(first.strength, _UNRANKED) if first else _UNRANKED
        lost = first is None or first.kind == _UNKNOWN
        snr = float("inf") if error.snr_db is None else error.snr_db
        return lost, strength, snr, _time(error)

    return sorted(errors, key=key)


def error_rows(errors: Iterable[WordError], page: Page) -> list[ErrorRow]:
    """Return the errors as texts for a table, in the given order."""
    return [_row(error, page) for error in errors]


def misheard(result: Transcription, page: Page, *, indent: int = 2) -> Iterator[Text]:
    """Yield the errors under their first causes, the commonest cause first, in time order inside.

    Of many errors some of each cause are shown.
    """
    if not result.errors and not result.causes:
        return
    told = Text("with what may explain them; a cause is a hypothesis", style="dim")
    yield Text()
    yield from part("Misheard", told, page, indent=indent)
    groups = _grouped(result)
    quota = _shares([len(errors) for _, errors, _ in groups])
    shown = [
        error_rows(sorted(errors, key=_time)[:share], page)
        for (_, errors, _), share in zip(groups, quota, strict=True)
    ]
    cells = [(row.at, row.words, row.evidence) for rows in shown for row in rows]
    drawn = iter(columns(cells, page, indent=indent + 2))
    for (kind, errors, tally), rows in zip(groups, shown, strict=True):
        head = Text.assemble((cause_name(kind, page), f"bold {cause_style(kind)}"))
        head.append(f": {count(tally.errors if tally else len(errors), 'error')}")
        if tally and (said := exposure(tally, page)):
            head.append(f"; {said}", "dim")
        yield from page.wrapped(head, indent=indent)
        for _ in rows:
            yield from next(drawn)
    left_out = len(result.errors) + result.errors_left_out - sum(quota)
    yield from more(left_out, "error", page, indent=indent)
    if places := place_of(result.errors):
        yield from page.wrapped(Text(page.data(places), style="dim"), indent=indent)


def exposure(tally: CauseCount, page: Page) -> str:
    """Return whether words under a condition fail more often than others; empty if not counted."""
    if tally.words_exposed is None or tally.wrong_exposed is None:
        return ""
    under = _EXPOSED.get(tally.kind) or f"under {cause_name(tally.kind, page)}"
    said = f"wrong are {tally.wrong_exposed:,} of {count(tally.words_exposed, 'word')} {under}"
    if tally.words_other is None or tally.wrong_other is None:
        return said
    return f"{said}, {tally.wrong_other:,} of {count(tally.words_other, 'other')}"


def place_of(errors: Sequence[WordError]) -> str:
    """Return where the places come from, when some are not the transcript's own word times."""
    counts = Counter(error.place for error in errors)
    parts = [f"{counts[key]:,} {said}" for key, said in _PLACES.items() if counts[key]]
    return f"places: {', '.join(parts)}" if parts else ""


def _row(error: WordError, page: Page) -> ErrorRow:
    first = _first(error)
    cause = Text()
    if first:
        cause.append(cause_name(first.kind, page), cause_style(first.kind))
    why = cause.copy()
    if first:
        why.append(_strength(first, page), "dim")
    return ErrorRow(
        at=Text(_stamped(error), style="cyan"),
        words=said_and_heard(error.gold, error.actual, page),
        why=why,
        cause=cause,
        snr=Text("" if error.snr_db is None else f"{number(error.snr_db, 1)} dB"),
        evidence=_evidence(error, page),
    )


def _evidence(error: WordError, page: Page) -> Text:
    """Return what was found, how strong that is, and which other causes stand."""
    first = _first(error)
    if first is None or not first.evidence.strip():
        return Text(page.data(error.message))
    text = Text(page.data(first.evidence))
    if error.snr_db is not None and "SNR" not in text.plain:
        text.append(f", local SNR {number(error.snr_db, 1)} dB")
    text.append(_strength(first, page), "dim")
    for other in error.causes[1:]:
        text.append(f"; also {cause_name(other.kind, page)}", "dim")
    return text


def _strength(cause: Cause, page: Page) -> str:
    """Say how strong a cause is; that nothing was found is no matter of strength."""
    found_nothing = cause.kind in _NOTHING_FOUND or not cause.strength
    return "" if found_nothing else f", {page.data(cause.strength, limit=10)}"


def _stamped(error: WordError) -> str:
    if error.start_s is None:
        return ""
    return f"{'~' if error.place in _NEAR else ''}{stamp(error.start_s)}"


def _first(error: WordError) -> Cause | None:
    return error.causes[0] if error.causes else None


def _time(error: WordError) -> float:
    return float("inf") if error.start_s is None else error.start_s


def _grouped(
    result: Transcription,
) -> list[tuple[str, list[WordError], CauseCount | None]]:
    tallies = {item.kind: item for item in result.causes}
    by_kind: dict[str, list[WordError]] = {kind: [] for kind in tallies}
    for error in result.errors:
        first = _first(error)
        by_kind.setdefault(first.kind if first else _UNKNOWN, []).append(error)
    groups = [
        (kind, errors, tallies.get(kind))
        for kind, errors in by_kind.items()
        if errors or tallies[kind].errors or tallies[kind].wrong_exposed
    ]
    return sorted(groups, key=lambda group: (group[0] == _UNKNOWN, -len(group[1])))


def _shares(sizes: Sequence[int]) -> list[int]:
    """Deal the lines out, one to each group in turn, until they or the errors are used up."""
    shares = [0] * len(sizes)
    left = min(_LISTED, sum(sizes))
    while left:
        for at, size in enumerate(sizes):
            if left and shares[at] < size:
                shares[at] += 1
                left -= 1
    return shares
