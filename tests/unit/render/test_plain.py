"""Data on its way to a terminal, and figures on their way to a reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from echotrace.model.measure import Measurement
from echotrace.render.console.figures import (
    clock,
    figure,
    milliseconds,
    note,
    number,
    percent,
    quantity,
)
from echotrace.render.console.plain import clean, cut_middle, pieces

anything = st.text() | st.text(
    st.characters(categories=["Cc", "Cf", "Cs", "Co", "Mn", "Zs", "Zl", "Lo"])
)


@given(anything, st.booleans())
def test_clean_text_is_one_printable_line_and_stays_as_it_is(text, ascii_only):
    shown = clean(text, ascii_only=ascii_only)
    assert shown.replace("\u200c", "").isprintable()
    assert clean(shown, ascii_only=ascii_only) == shown
    assert shown.isascii() or not ascii_only


@given(anything, st.integers(0, 60))
def test_cut_text_fits_and_keeps_both_ends(text, width):
    shown = clean(text)
    cut = cut_middle(shown, width, ellipsis="…")
    assert cell_len(cut) <= width
    if cell_len(shown) <= width:
        assert cut == shown
    elif width >= 5:
        head, _, tail = cut.partition("…")
        assert shown.startswith(head)
        assert shown.endswith(tail)


@given(anything, st.integers(2, 40))
def test_pieces_lose_nothing(text, width):
    shown = clean(text)
    parts = pieces(shown, width)
    assert "".join(parts) == shown
    assert all(cell_len(part) <= width for part in parts)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\r\n\tb", "a b"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\x9b2J", "\\x9b2J"),
        ("gnp\u202egpj", "gnp\\u202egpj"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\udc80", "\\udc80"),
        ("Grüße 中文", "Grüße 中文"),
        ("e" + "\u0301" * 6, "e" + "\u0301" * 4 + "\\u0301" * 2),
    ],
)
def test_what_a_terminal_would_act_on_is_spelled_out(text, expected):
    assert clean(text) == expected


def test_ascii_escapes_every_other_character():
    assert clean("Grüße 中", ascii_only=True) == "Gr\\xfc\\xdfe \\u4e2d"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (percent(0.083), "8.3 %"),
        (percent(0.0), "0.0 %"),
        (percent(0.00004), "0.004 %"),
        (percent(1.25), "125.0 %"),
        (number(-0.01, 1), "0.0"),
        (number(float("nan")), "n/a"),
        (milliseconds(2340.4), "2,340 ms"),
        (milliseconds(2.44), "2.4 ms"),
        (milliseconds(0.004), "0.004 ms"),
        (quantity(0.389, "ratio", metric="rtf"), "0.39 x"),
        (quantity(-52.13, "dBFS"), "-52.1 dBFS"),
        (clock(2.344), "2.34 s"),
        (clock(59.999), "1:00.00"),
        (clock(3723.4), "1:02:03.40"),
    ],
)
def test_figures_read_as_people_write_them(shown, expected):
    assert shown == expected


def test_a_figure_without_value_is_never_a_number():
    missing = Measurement.unavailable("ms", "no answer")
    assert figure(missing) == "n/a"
    assert note(missing) == "unavailable: no answer"
    assert figure(None) == "n/a"


def test_a_reason_is_told_once():
    told: set[str] = set()
    missing = Measurement.unavailable("ms", "no answer")
    assert note(missing, told=told) == "unavailable: no answer"
    assert note(missing, told=told) == "unavailable"
