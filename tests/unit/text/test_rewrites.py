import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.text.rewrites import Rewrites, count_rewrites

WORDS = st.lists(st.sampled_from(["a", "b", "cat", "Cat.", "dog"]), max_size=6).map(" ".join)
TEXTS = st.lists(WORDS, max_size=6)


def counts(partials, final):
    found = count_rewrites(partials, final)
    return found.words_shown, found.words_rewritten, found.characters_rewritten


@pytest.mark.parametrize(
    ("partials", "final", "expected"),
    [
        ([], "hello there", (0, 0, 0)),
        (["hello"], "hello there", (1, 0, 0)),
        (["hello", "yellow"], "yellow there", (2, 1, 5)),
        (["we wreck", "we recognise"], "we recognise", (3, 1, 5)),
        (["one two three"], "", (3, 3, 13)),
        (["one two three"], "one", (3, 2, 10)),
        (["a b c"], "a x b c", (3, 2, 3)),
        (["hello", "", "hello"], "hello", (2, 1, 5)),
        (["i lost."], "I lost my wallet.", (2, 0, 7)),
        (["ab  \n cd"], " ab cd ", (2, 0, 0)),
    ],
)
def test_counts_made_by_hand(partials, final, expected):
    assert counts(partials, final) == expected


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.integers(0, 12), max_size=8))
def test_texts_that_only_grow_rewrite_nothing(words, ends):
    texts = [" ".join(words[:end]) for end in sorted(ends)]
    found = count_rewrites(texts, " ".join(words))
    assert (found.words_rewritten, found.characters_rewritten) == (0, 0)
    assert found.words_shown == max((min(end, len(words)) for end in ends), default=0)


@given(TEXTS, WORDS, st.integers(0, 5))
def test_saying_a_partial_twice_changes_nothing(texts, final, at):
    if texts:
        at %= len(texts)
        assert count_rewrites([*texts[: at + 1], *texts[at:]], final) == count_rewrites(
            texts, final
        )


@given(TEXTS, WORDS)
def test_what_was_shown_and_not_rewritten_stands_in_the_final_text(texts, final):
    found = count_rewrites(texts, final)
    assert 0 <= found.words_rewritten <= found.words_shown
    assert found.words_shown <= sum(len(text.split()) for text in texts)
    assert found.words_shown - found.words_rewritten <= len(final.split())
    assert 0 <= found.characters_rewritten <= sum(map(len, texts))


@given(TEXTS)
def test_taking_everything_back_rewrites_all_that_was_shown(texts):
    found = count_rewrites(texts, "")
    assert found.words_rewritten == found.words_shown


def test_nothing_shown_is_nothing_rewritten():
    assert count_rewrites(["", " "], "") == Rewrites(
        words_shown=0, words_rewritten=0, characters_rewritten=0
    )


def test_a_mark_alone_is_still_a_word():
    assert counts(["?"], "!") == (1, 1, 1)
