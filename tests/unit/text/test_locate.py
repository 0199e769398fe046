from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.text.locate import locate
from echotrace.text.normalize import NORMALIZERS, normalizer_for

ENGLISH = normalizer_for("en")


def places(text, tokens=None, normalizer=ENGLISH):
    tokens = normalizer(text) if tokens is None else tokens
    found = locate(text.split(), tokens, normalizer)
    return [
        (token, " ".join(text.split()[slice(*place)]) if place else None)
        for token, place in zip(tokens, found, strict=True)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I can't go.", [("i", "I"), ("can", "can't"), ("not", "can't"), ("go", "go.")]),
        ("he'll pay", [("he", "he'll"), ("will", "he'll"), ("pay", "pay")]),
        (
            "pay twenty five dollars now",
            [("pay", "pay"), ("$25", "twenty five dollars"), ("now", "now")],
        ),
        ("code one two three", [("code", "code"), ("123", "one two three")]),
        (
            "call 555-1212 now",
            [("call", "call"), *((digit, "555-1212") for digit in "5551212"), ("now", "now")],
        ),
        (
            "dial five five five 12",
            [
                ("dial", "dial"),
                ("5", "five"),
                ("5", "five"),
                ("5", "five"),
                ("1", "12"),
                ("2", "12"),
            ],
        ),
        ("um well [noise] yes", [("well", "well"), ("yes", "yes")]),
        ("Wi - Fi here", [("wi", "Wi"), ("fi", "Fi"), ("here", "here")]),
        ("at five o'clock", [("at", "at"), ("5", "five o'clock")]),
        ("five o'clock now", [("5", "five o'clock"), ("now", "now")]),
        ("at half past three", [("at", "at"), ("330", "half past three")]),
        ("on march third", [("on", "on"), ("march", "march"), ("3", "third")]),
        ("10-15 days", [("10", "10-15"), ("to", "10-15"), ("15", "10-15"), ("days", "days")]),
        ("two and a half miles", [("2.5", "two and a half"), ("miles", "miles")]),
        (
            "some one hundred people",
            [("some", "some"), ("100", "one hundred"), ("people", "people")],
        ),
        ("a thousand times", [("1000", "a thousand"), ("times", "times")]),
        ("", []),
    ],
)
def test_each_token_is_given_the_words_it_came_from(text, expected):
    assert places(text) == expected


def test_tokens_of_another_grouping_are_found_too():
    assert places("it is an everyday thing", ["it", "is", "an", "every", "day", "thing"]) == [
        *(("it", "it"), ("is", "is"), ("an", "an")),
        *(("every", "everyday"), ("day", "everyday"), ("thing", "thing")),
    ]
    assert places("every day", ["everyday"]) == [("everyday", "every day")]


def test_a_token_that_is_nowhere_has_no_place():
    assert places("hello there", ["hello", "extra", "there"])[1] == ("extra", None)
    assert locate([], ["hello"], ENGLISH) == (None,)


def test_brackets_and_quotes_stay_where_nothing_is_normalised():
    none = normalizer_for("en", "none")
    text = "'Hi' (there), [all]"
    assert places(text, normalizer=none) == [(word, word) for word in text.split()]


SAID = [
    *("twenty", "five", "oh", "o'clock", "hundred", "a", "point", "dollars", "percent", "and"),
    *("can't", "cannot", "mr", "colour", "um", "Hello", "7", "3.5", "$5", "007", "9:05", "(ha"),
    *("1%", "(020)", "1-2-3", "-5", "e-mail", "ok", "one", "double", "half", "...", "zqxjkz", "<"),
]
said = st.lists(st.sampled_from(SAID), max_size=14)


@given(said, st.sampled_from(NORMALIZERS), st.data())
def test_ranges_ascend_and_stay_within_the_words(words, name, data):
    normalizer = normalizer_for("en", name)
    tokens = normalizer(" ".join(words))
    if data.draw(st.booleans()):
        tokens = [*data.draw(st.permutations(tokens)), "other"]
    found = locate(words, tokens, normalizer)
    assert len(found) == len(tokens)
    known = [place for place in found if place is not None]
    assert all(0 <= first < end <= len(words) for first, end in known)
    for one, other in pairwise(known):
        assert one[0] <= other[0]
        assert one[1] <= other[1]


@given(st.lists(st.sampled_from(["hello", "there", "fox", "Jumps,", "over", "it"]), max_size=20))
def test_plain_words_are_each_their_own_place(words):
    found = locate(words, ENGLISH(" ".join(words)), ENGLISH)
    assert list(found) == [(index, index + 1) for index in range(len(words))]


PHRASES = [
    *("twenty five dollars", "a hundred", "one hundred and one", "nine oh five", "two and a half"),
    *("one two three", "555-1212", "five per cent", "can't", "nineteen ninety nine", "e-mail"),
    *("double five", "one dollar and fifty cents", "five o'clock", "minus three", "U.S.A.", "one"),
    *(
        "half past three",
        "march third",
        "two thirds",
        "one third",
        "3/4",
        "10-15",
        "a dollar fifty",
    ),
    *("twenty four seven", "plus one four one five five five five one two three four", "3:00"),
]


@given(st.lists(st.sampled_from(PHRASES), max_size=12))
def test_a_phrase_between_plain_words_is_covered_by_its_own_tokens(phrases):
    words, owners = [], []
    for index, phrase in enumerate(phrases):
        own = [*phrase.split(), f"fox{'abcdefghijkl'[index]}"]
        words += own
        owners += [index] * len(own)
    tokens = ENGLISH(" ".join(words))
    found = locate(words, tokens, ENGLISH)
    assert {at for place in found for at in range(*place)} == set(range(len(words)))
    expected = [
        index
        for index, phrase in enumerate(phrases)
        for _ in ENGLISH(f"{phrase} fox{'abcdefghijkl'[index]}")
    ]
    assert [owners[first] for first, _ in found] == expected
    assert [owners[end - 1] for _, end in found] == expected


def test_a_figure_is_found_among_ten_thousand_words():
    words = [
        f"word{'abcdefghij'[i % 10]}{'xyz'[i % 3]}q{chr(97 + i // 400)}" for i in range(10_000)
    ]
    words[5_000:5_003] = ["twenty", "five", "dollars"]
    tokens = ENGLISH(" ".join(words))
    found = locate(words, tokens, ENGLISH)
    assert found[tokens.index("$25")] == (5_000, 5_003)
