import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whisper_normalizer.english import EnglishTextNormalizer

from echotrace.text import normalize
from echotrace.text.normalize import (
    NORMALIZERS,
    english_normalizer,
    normalizer_for,
    raw_tokens,
)

PUBLISHED = EnglishTextNormalizer()
WITHOUT_REPAIRS = english_normalizer()
ENGLISH = normalizer_for("en")
PIECES = [
    *("twenty", "one", "o", "hundred", "point", "dollars", "and a half", "percent", "double"),
    *("can't", "mr", "colour", "um", "Hello", "x", "7", "3.5", "$5", "½", "1,000", "é", "e\u0301"),
    *(" ", "\n", "\t", "(", ")", "<", ">", "[", "]", "{", "'", ".", "%", "-", "\u00a0"),
]
texts = st.lists(st.sampled_from(PIECES), max_size=14).map(
    lambda parts: "".join(part + " " if len(part) > 1 else part for part in parts)
)


def published(text):
    """The words that the published rules leave, less those that hold no letter and no digit."""
    return [word for word in PUBLISHED(text).split() if any(map(str.isalnum, word))]


@given(texts)
def test_the_published_rules_are_kept_to_the_letter(text):
    assert WITHOUT_REPAIRS(text) == published(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("thirty six", "36"),
        ("twenty five dollars", "$25."),
        ("um the colour grey", "the color gray"),
        ("nai\u0308ve cafe\u0301", "naïve café"),
        ("a\nb\tc", "a b  c"),
        ("It's 20", "it is twenty"),
    ],
)
def test_the_same_said_differently_is_the_same(one, other):
    assert ENGLISH(one) == ENGLISH(other) != []


def test_thirty_six_is_never_3006():
    assert ENGLISH("thirty six") == ["36"] != ENGLISH("3006")


@pytest.mark.parametrize(
    "text", ["", " \n", "...!", "?!", "-", "$", "(laughs)", "[noise]", "—", "🙂"]
)
def test_a_text_without_words_has_none(text):
    assert ENGLISH(text) == []


def test_the_name_and_version_are_those_of_the_package():
    from importlib.metadata import version

    assert ENGLISH.info.name == "whisper-en"
    assert ENGLISH.info.version == version("whisper-normalizer")
    assert normalizer_for("en-GB").info.name == "whisper-en"
    assert normalizer_for("de").info.name == "basic"


def test_auto_is_decided_by_the_language_and_a_name_by_the_user():
    assert normalizer_for("en", "auto") is normalizer_for("en_US", "whisper-en")
    assert normalizer_for("ende", "auto") is normalizer_for("fr", "basic")
    assert normalizer_for("de", "whisper-en")("thirty six") == ["36"]
    assert [normalizer_for("en", name).info.name for name in NORMALIZERS] == list(NORMALIZERS)
    with pytest.raises(ValueError, match="whisper-en"):
        normalizer_for("en", "whisper")


def test_none_changes_nothing_but_the_unicode_form():
    none = normalizer_for("en", "none")
    assert none("Hello, cafe\u0301  (it's\n36)!") == ["Hello,", "caf\u00e9", "(it's", "36)!"]
    assert none.info.version == f"Unicode {unicodedata.unidata_version}"
    assert none.info.repairs == ("invisible-characters",)
    assert raw_tokens("a\u200bb") == ["a\u200bb"] != none("a\u200bb")
    assert not none.regroups


def test_basic_folds_case_and_punctuation_and_knows_no_numbers():
    basic = normalizer_for("en", "basic")
    assert basic("Hello, it's THIRTY six - [noise] 36!") == [
        *("hello", "it", "s", "thirty", "six", "36"),
    ]
    assert basic("ring (020) 7946") == ["ring", "020", "7946"]


def test_other_languages_keep_their_letters():
    german = normalizer_for("de")
    assert german("Straße, bitte!") == ["straße", "bitte"]
    assert normalizer_for("hi")("नमस्ते दुनिया") == ["नमस्ते", "दुनिया"]


numbers = st.lists(
    st.sampled_from(["one", "twenty", "and", "a", "half", "mr", "it's", "7", "$", "million"]),
    max_size=4,
)


@given(st.lists(numbers, max_size=30))
def test_cutting_a_long_text_changes_nothing(groups):
    """Cuts fall between plain words, so numbers that belong together stay together."""
    text = " ".join(" ".join([*group, "fox", "jumps"]) for group in groups)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(normalize, "_CHUNK_WORDS", 8)
        assert WITHOUT_REPAIRS(text) == published(text)
        cut = ENGLISH(text)
    assert cut == ENGLISH(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("(" * 100_000, 0),
        ("[a " * 30_000, 30_000),
        (" " * 300_000 + "'x", 1),
        ("1" * 50_000, 50_000),
        ("a" * 300_000, 1),
        ("the fox " * 15_000, 30_000),
    ],
    ids=["open", "brackets", "spaces", "digits", "letters", "words"],
)
def test_a_hostile_or_long_text_ends_without_an_exception(text, words):
    """The published patterns alone need hours for the first of these, or raise."""
    assert len(ENGLISH(text)) == words


@pytest.mark.parametrize(
    "piece",
    [
        *("0", "o ", "o'", "-1 ", "a.m.", "a.co.", "@", "a@b.com ", "eight hundred five "),
        *("1 and a half ", "(1", "12 ", "&\u00bd", "1/2 ", "o k ", "a hundred "),
        *("half past 3 ", "a quarter to ", "march ", "may 1 2020 ", "10-", "1 - ", "1/", "+", "1+"),
        *("1/3 ", "2 3/4 ", "2\u00be ", "twenty four seven ", "a dollar ", "1\u00a2", "3 o'clock "),
    ],
)
def test_no_repetition_is_endless_work(piece):
    """Its time is measured by the bench word_errors.py; a rule that explodes never comes back."""
    text = (piece * 30_000)[:30_000]
    assert all(word.strip() == word != "" for word in ENGLISH(text))


PHRASES = [
    *("twenty five", "oh no", "five o'clock", "a hundred and one", "twelve dollars", "ten percent"),
    *("can't", "cannot", "mr", "colour", "um", "Hello", "3.5", "$5", "007", "9:05", "1%", "(020)"),
    *("1-2-3", "-5", "e-mail", "ok", "o'brien", "rock and roll", "one", "double five", "nineties"),
    *("555-1212", "the 1990's", "2 and a half", "jo@example.com", "four dollars fifty", "a.m."),
    *("march third", "half past three", "a dollar fifty", "2/3", "one third", "10-15", "24/7"),
    *("9/11", "plus three", "+1 415 555 1234", "\u0663\u0664", "co\u00adop", "50\u00a2"),
]


@given(st.lists(st.sampled_from(PHRASES), max_size=10))
def test_the_words_of_phrases_among_plain_words_are_words_already(phrases):
    """Only there: numbers beside each other may be read anew, as one longer number."""
    words = ENGLISH(" fox ".join(phrases))
    assert ENGLISH(" ".join(words)) == words


@given(texts)
def test_the_same_text_always_gives_the_same_words(text):
    for name in NORMALIZERS:
        assert normalizer_for("en", name)(text) == normalizer_for("en", name)(text)


@given(st.lists(st.sampled_from(PHRASES), max_size=6), st.data())
def test_an_invisible_character_anywhere_changes_no_word(phrases, data):
    text = " fox ".join(phrases)
    at = data.draw(st.integers(0, len(text)))
    unseen = data.draw(st.sampled_from("\u00ad\u200b\u200c\u200d\u200e\u202e\u2066\ufeff"))
    for name in NORMALIZERS:
        rules = normalizer_for("en", name)
        assert rules(text[:at] + unseen + text[at:]) == rules(text)


@given(st.text(max_size=60))
def test_any_text_at_all_is_taken(text):
    assert all(word.strip() == word != "" for word in ENGLISH(text))
    assert raw_tokens(unicodedata.normalize("NFD", text)) == raw_tokens(text)
