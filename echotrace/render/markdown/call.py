"""The page of one report: verdict, figures, gates, findings; turns and errors are folded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.render.console.figures import clock, milliseconds
from echotrace.render.console.timeline import named, stamp
from echotrace.render.markdown.claimed import claimed
from echotrace.render.markdown.escape import code_block, text
from echotrace.render.markdown.parts import absent, cell, diff_lines, findings, gates, head, ranged
from echotrace.render.markdown.sheet import Block, details, table
from echotrace.render.verdicts import key_figures, report_verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.report import Report

__all__ = ["call"]

_BANDS = {"critical": 0, "warning": 1}


def call(report: Report) -> Iterator[Block]:
    """Yield the blocks, the most telling first."""
    yield head("EchoTrace", report_verdict(report))
    source = report.source
    told = [text(source.path, limit=500)]
    if source.duration_s is not None:
        told.append(text(clock(source.duration_s)))
    if report.transcription is not None and report.transcription.engine:
        told.append(f"heard by {text(report.transcription.engine)}")
    if source.synthetic:
        told.append("SYNTHETIC")
    yield Block(name="recording", head=" · ".join(told))
    rows = key_figures(report)
    measured = [(label, key, item) for label, key, item in rows if item.value is not None]
    if measured:
        yield table(
            "figures",
            ("figure", "value", "band"),
            [
                (text(label), ranged(item, metric=key), text(item.band or ""))
                for label, key, item in measured
            ],
            noun="figures",
        )
    yield from claimed(report)
    yield from gates(report.gates)
    yield from findings(report.warnings)
    yield from _deductions(report)
    yield from _turns(report)
    yield from _errors(report)
    missing = absent([(label, item) for label, _, item in rows])
    if missing is not None:
        yield missing


def _deductions(report: Report) -> Iterator[Block]:
    found = report.score.deductions
    if found:
        rows = [
            (f"-{item.points:g}", text(item.metric), text(item.message, limit=500))
            for item in sorted(found, key=lambda item: -item.points)
        ]
        block = table("deductions", ("points", "figure", "why"), rows, noun="deductions")
        yield details(block, f"What cost points ({len(found):,})")


def _turns(report: Report) -> Iterator[Block]:
    turns = report.conversation.turns if report.conversation else ()
    if not turns:
        return
    ranked = sorted(
        turns,
        key=lambda turn: (
            _BANDS.get(turn.heard_gap_ms.band or "", 2),
            -(turn.heard_gap_ms.value or 0.0),
        ),
    )
    rows = [
        (
            f"{turn.id:,}",
            text(named(turn.kind)),
            "" if turn.span_s is None else text(stamp(turn.span_s[0])),
            cell(turn.heard_gap_ms),
            text(turn.heard_gap_ms.band or ""),
            "" if turn.yield_ms is None else cell(turn.yield_ms),
        )
        for turn in ranked
    ]
    heads = ("turn", "kind", "at", "heard gap", "band", "yield")
    block = table("turns", heads, rows, noun="turns", right=(0, 3, 5))
    longest = max((turn.heard_gap_ms.value or 0.0 for turn in turns), default=0.0)
    worst = f", worst gap {milliseconds(longest)}" if longest else ""
    yield details(block, f"Turns ({len(turns):,}{worst})")


def _errors(report: Report) -> Iterator[Block]:
    heard = report.transcription
    if heard is None:
        return
    if heard.errors:
        rows = [
            (
                "" if item.start_s is None else text(stamp(item.start_s)),
                text(item.gold or ""),
                text(item.actual or ""),
                text(item.causes[0].evidence if item.causes else ""),
            )
            for item in heard.errors
        ]
        heads = ("at", "said", "heard", "what may explain it")
        block = table("misheard words", heads, rows, noun="misheard words")
        yield details(block, f"Misheard words ({len(heard.errors):,})")
    elif any(item.op != "equal" for item in heard.diff):
        block = Block(name="difference", head=code_block(diff_lines(heard.diff)))
        yield details(block, "What was said and heard")
