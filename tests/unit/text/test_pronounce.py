import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.text.pronounce import phones_of, spoken_words

VOWELS = ["AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"]
CONSONANTS = [*"BDFGKLMNPRSTVWYZ", "CH", "DH", "HH", "JH", "NG", "SH", "TH", "ZH"]
PHONES = {*VOWELS, *CONSONANTS}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Hello,", "hello"),
        ("don\u2019t", "don't"),
        ("'tis'", "tis"),
        ("wi-fi", "wi fi"),
        ("na\u00efve", "naive"),
        ("25", "twenty five"),
        ("0", "zero"),
        ("110", "one hundred ten"),
        ("1,200", "one thousand two hundred"),
        ("3,000,001", "three million one"),
        ("1999", "nineteen ninety nine"),
        ("1905", "nineteen oh five"),
        ("1900", "nineteen hundred"),
        ("2024", "twenty twenty four"),
        ("2005", "two thousand five"),
        ("007", "zero zero seven"),
        ("5551212", "five five five one two one two"),
        ("21st", "twenty first"),
        ("30th", "thirtieth"),
        ("12th", "twelfth"),
        ("4th", "fourth"),
        ("2.5%", "two point five percent"),
        ("$25.50", "twenty five fifty dollars"),
        ("$1999", "one thousand nine hundred ninety nine dollars"),
        ("3:30", "three thirty"),
        ("jo@echo.com", "jo at echo dot com"),
        ("Q&A", "q and a"),
        ("\u2014", ""),
        ("...", ""),
        ("", ""),
        ("\u65e5\u672c", ""),
        ("\u043c\u0438\u0440", ""),
        ("\u0663", ""),
    ],
)
def test_what_is_written_is_said_in_words(written, said):
    assert " ".join(spoken_words(written)) == said


@given(st.text(max_size=12) | st.from_regex(r"[$]?\d{1,12}(,\d{3})?(\.\d+)?(st|th)?%?"))
def test_anything_is_said_in_words_of_letters_that_have_phones(written):
    for word in spoken_words(written):
        assert re.fullmatch(r"[a-z]+(?:'[a-z]+)*", word)
        assert set(phones_of(word).split()) <= PHONES


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("ship", "SH IH P"),
        ("kate", "K AE T"),
        ("butter", "B AH T ER"),
        ("nation", "N AE SH AH N"),
        ("http", "EY CH T IY T IY P IY"),
        ("o'brien", "OW B R IY N"),
    ],
)
def test_phones_follow_the_letters_roughly(word, phones):
    assert phones_of(word) == phones
