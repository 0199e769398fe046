import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whisper_normalizer.english import EnglishTextNormalizer

from echotrace.text import normalize
from echotrace.text.normalize import normalizer_for, raw_tokens

PUBLISHED = EnglishTextNormalizer()
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
@settings(deadline=None)
def test_the_published_rules_are_kept_to_the_letter(text):
    assert ENGLISH(text) == published(text)


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
    assert normalizer_for("de").info.name == "whisper-basic"


def test_other_languages_keep_their_letters():
    german = normalizer_for("de")
    assert german("Straße, bitte!") == ["straße", "bitte"]
    assert normalizer_for("hi")("नमस्ते दुनिया") == ["नमस्ते", "दुनिया"]


numbers = st.lists(
    st.sampled_from(["one", "twenty", "and", "a", "half", "mr", "it's", "7", "$", "million"]),
    max_size=4,
)


@given(st.lists(numbers, max_size=30))
@settings(deadline=None)
def test_cutting_a_long_text_changes_nothing(groups):
    """Cuts fall between plain words, so numbers that belong together stay together."""
    text = " ".join(" ".join([*group, "fox", "jumps"]) for group in groups)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(normalize, "_CHUNK_WORDS", 8)
        assert ENGLISH(text) == published(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("(" * 300_000, 0),
        ("[a " * 100_000, 100_000),
        (" " * 300_000 + "'x", 1),
        ("1" * 50_000, 1),
        ("a" * 300_000, 1),
        ("the fox " * 40_000, 80_000),
    ],
    ids=["open", "brackets", "spaces", "digits", "letters", "words"],
)
def test_a_hostile_or_long_text_ends_without_an_exception(text, words):
    """The published patterns alone need hours for the first of these, or raise."""
    assert len(ENGLISH(text)) == words


@given(st.text(max_size=60))
@settings(deadline=None)
def test_any_text_at_all_is_taken(text):
    assert all(word.strip() == word != "" for word in ENGLISH(text))
    assert raw_tokens(unicodedata.normalize("NFD", text)) == raw_tokens(text)
