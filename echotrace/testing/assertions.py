"""``assert_voice``: what must hold for a call, with a failure that says where to look.

It needs no pytest; under pytest its own frames are left out of the traceback.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from echotrace.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echotrace.expressions import Expression
    from echotrace.model.report import Report

__all__ = ["assert_voice"]


def assert_voice(report: Report, *expressions: str) -> None:
    """Assert that every expression holds for a report: ``assert_voice(report, "wer < 0.1")``.

    The language and the names are those of ``--fail-on``; but a gate must not hold, and this must.
    A figure that was not measured, or that is simulated or of an engine that only stood in, makes
    no expression hold.

    Raises:
        AssertionError: one does not hold; the message names each, its value and the worst places.
        UsageError: an expression cannot be read or names no figure, or there is none.
        TypeError: ``report`` is no Report.
    """
    __tracebackhide__ = True
    from echotrace.model.codec import to_plain
    from echotrace.model.report import Report

    if not isinstance(report, Report):
        raise TypeError(f"assert_voice takes a Report first, not {type(report).__name__}")
    fault: UsageError | None = None
    wanted: list[Expression] = []
    try:
        wanted = _parsed(expressions)
    except UsageError as error:
        fault = error
    if fault is not None:  # raised here, so that its traceback ends at the caller's line
        more = "; ".join(part for part in (fault.why, fault.hint) if part)
        raise UsageError(f"{fault.what} ({more})", code=fault.code)
    plain = to_plain(report)
    broken = [found for each in wanted if (found := _broken(each, report, plain))]
    if broken:
        raise AssertionError(_message(report, broken, len(wanted)))


def _parsed(texts: tuple[str, ...]) -> list[Expression]:
    from echotrace.expressions import parse
    from echotrace.gates import check_names

    hint = 'assert_voice(report, "wer < 0.1")'
    if not texts:
        raise UsageError("assert_voice was given nothing that must hold", hint=hint)
    for text in texts:
        if not isinstance(text, str):
            raise UsageError(f"an expression is a text, not {type(text).__name__}", hint=hint)
    return [check_names(parse(text)) for text in texts]


def _message(report: Report, broken: list[_Broken], asked: int) -> str:
    """Return the whole failure; its first line alone stands in pytest's summary."""
    from pathlib import PurePath

    from echotrace.printable import printable_line

    name = printable_line(PurePath(report.source.path).name or report.source.path)
    first, *others = broken
    more = f", and {len(others)} more of {asked} do not hold" if others else ""
    lines = [f"{name}: {first.ended}{more}", *(f"    {line}" for line in first.told)]
    for each in others:
        lines += [f"  {each.ended}", *(f"    {line}" for line in each.told)]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Broken:
    """An expression that does not hold: how it ended, and what is told of its figures."""

    ended: str
    told: tuple[str, ...]


def _broken(expression: Expression, report: Report, plain: Mapping[str, Any]) -> _Broken | None:
    """Return what is told of an expression that does not hold, None for one that does."""
    from echotrace.gates import read_figure
    from echotrace.printable import printable_line
    from echotrace.testing.places import told

    verdict = expression.verdict(lambda name: read_figure(plain, name))
    if verdict.holds:
        return None
    how = "is false" if verdict.holds is False else "is not known, for want of evidence"
    lines = [
        printable_line(line)
        for name in dict.fromkeys(expression.names)
        for line in told(name, read_figure(plain, name), report)
    ]
    return _Broken(ended=f"{expression.text} {how}", told=tuple(lines))
