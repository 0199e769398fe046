"""Laws of the console report that hold for any report at all."""

from __future__ import annotations

import dataclasses
import enum
import re
import types
import typing
from functools import cache

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from echotrace.model.measure import Measurement, Status
from echotrace.model.report import DiffOp, Report
from echotrace.render.console import render_console
from tests.fakes.reports import HOSTILE, complete_report

NASTY = (
    HOSTILE,
    "",
    " ",
    "[/]",
    "[bold]",
    "ok",
    "failed",
    "substitute",
    "中" * 50,
    "x" * 200,
    "\x1b[2J",
)
texts = st.sampled_from(NASTY) | st.text(max_size=40)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.floats(0, 5000)
whole = st.integers(-(2**63), 2**63) | st.integers(0, 5)
json_values = st.recursive(
    st.none() | st.booleans() | whole | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=6,
)


@st.composite
def measurements(draw: st.DrawFn) -> Measurement:
    status = draw(st.sampled_from(Status))
    optional = {
        name: draw(st.none() | kind)
        for name, kind in (
            ("low", numbers),
            ("high", numbers),
            ("n", whole),
            ("band", texts),
            ("method", texts),
        )
    }
    return Measurement(
        unit=draw(texts | st.sampled_from(("ms", "dB", "ratio", "tokens/s"))),
        status=status,
        value=draw(numbers) if status.has_value else None,
        reason=draw(texts.filter(bool)),
        **optional,
    )


def diff_ops() -> st.SearchStrategy[DiffOp]:
    words = st.lists(texts, max_size=6).map(tuple)
    return st.builds(
        DiffOp,
        op=st.sampled_from(("equal", "substitute", "delete", "insert", "odd")),
        gold=words,
        actual=words,
    )


@cache
def any_of(kind: typing.Any) -> st.SearchStrategy[typing.Any]:
    """Return a strategy for a field's type, read from the model so that none is forgotten."""
    plain = {str: texts, float: numbers, int: whole, bool: st.booleans(), typing.Any: json_values}
    if kind in plain:
        return plain[kind]
    if kind is Measurement:
        return measurements()
    if kind is DiffOp:
        return diff_ops()
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return st.sampled_from(kind)
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return st.builds(
            kind, **{field.name: any_of(hints[field.name]) for field in dataclasses.fields(kind)}
        )
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*(st.none() if item is types.NoneType else any_of(item) for item in inner))
    if origin is tuple:
        return st.lists(any_of(inner[0]), max_size=4).map(tuple)
    if origin is dict:
        return st.dictionaries(any_of(inner[0]), any_of(inner[1]), max_size=3)
    raise TypeError(f"the model has a field of an unknown type: {kind}")


reports = any_of(Report)
slow = settings(
    max_examples=8,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink a whole report takes minutes
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)


@slow
@given(reports, st.integers(40, 200), st.booleans())
def test_any_report_fits_the_page_and_cannot_move_the_cursor(report, width, ascii_only):
    shown = render_console(report, width=width, ascii_only=ascii_only)
    assert shown.endswith("\n")
    for line in shown.removesuffix("\n").split("\n"):
        assert cell_len(line) <= width, line
        assert line == line.rstrip(" ")
        assert line.replace("\u200c", "").isprintable(), ascii(line)
        assert line.isascii() or not ascii_only, ascii(line)


@settings(slow, max_examples=6)
@given(reports, st.integers(40, 140))
def test_neither_colour_nor_a_second_time_changes_a_character(report, width):
    colored = render_console(report, width=width, color=True)
    assert "\x1b[" in colored
    plain = render_console(report, width=width)
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain
    assert render_console(report, width=width) == plain


def test_a_page_is_80_columns_wide_unless_it_is_told_otherwise():
    report = complete_report()
    assert render_console(report) == render_console(report, width=80)
