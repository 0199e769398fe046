import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.text.characters import ascii_digits, without_invisible
from echotrace.text.normalize import normalizer_for

JOINERS = "\u200c\u200d"


def test_every_format_character_of_unicode_goes_and_no_letter_does():
    every = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF]
    formats = "".join(char for char in every if unicodedata.category(char) == "Cf")
    assert without_invisible(formats) == ""
    visible = "".join(char for char in every if unicodedata.category(char)[0] in "LNPSZ")
    assert without_invisible(visible) == visible


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", True),  # Persian: one word, two parts
        ("\u0645\u064e\u200c\u062e", True),
        ("\u0915\u094d\u200d\u0937", True),  # Devanagari: a half form
        ("\u09b0\u200d\u09cd\u09af", True),  # Bengali: the joiner before the virama
        ("a\u200cb", False),
        ("\u0645 \u200c\u062e", False),
        ("\u200c\u0645", False),
        ("\u0645\u200d\u062e", False),
        ("\u0915\u200d\u0916", False),
    ],
)
def test_a_joiner_stays_where_it_makes_another_word(text, kept):
    assert without_invisible(text) == (
        text if kept else text.translate(dict.fromkeys(map(ord, JOINERS)))
    )


@given(st.text(st.sampled_from("a\u0645\u0915\u094d \u00ad\u200c\u200d\u200f\ufeff"), max_size=12))
def test_once_is_enough_and_only_what_is_unseen_goes(text):
    once = without_invisible(text)
    assert without_invisible(once) == once
    seen = "".join(char for char in text if unicodedata.category(char) != "Cf")
    assert "".join(char for char in once if char not in JOINERS) == seen


@given(st.integers(0, 10**12))
def test_a_number_in_any_digits_is_the_number(number):
    for zero in "\u0660\u06f0\u0966\u09e6\u0e50\uff10\U0001d7ce":
        written = "".join(chr(ord(zero) + int(digit)) for digit in str(number))
        assert ascii_digits(f"x {written}\u00b2") == f"x {number}\u00b2"


def test_the_codes_of_a_terminal_are_no_words():
    coloured = "hello \x1b[31mi\x1b[0m lost \x1b[1;4mit\x1b[0m"
    assert normalizer_for("en")(coloured) == ["hello", "i", "lost", "it"]
