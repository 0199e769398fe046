import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.printable import printable, printable_line

JOINERS = dict.fromkeys(map(ord, "\u200c\u200d"))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("call 1.wav", "call 1.wav"),
        ("é中👍", "é中👍"),
        (b"\xff\xfe.wav", "\\xff\\xfe.wav"),
        ("a\nb\x1b[31m", "a\\x0ab\\x1b[31m"),
        ("\u202egnp.wav", "\\u202egnp.wav"),
        ("[bold red]x", "[bold red]x"),
    ],
)
def test_names_are_shown_as_what_they_are(name, shown):
    assert printable(name) == shown


@given(st.one_of(st.text(), st.binary().map(os.fsdecode)))
def test_nothing_can_move_a_cursor_or_forge_a_line_or_break_utf_8(text):
    for shown in (printable(text), printable_line(text)):
        assert shown.translate(JOINERS).isprintable()
        shown.encode("utf-8")


@given(st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126)))
def test_plain_text_stays_as_it_is(text):
    assert printable(text) == text
