import random
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from echotrace.text.align import align_words, aligned_alike, character_errors, word_errors
from echotrace.text.normalize import normalizer_for

WORDS = ["a", "b", "c", "ab", "abc", "jump", "jumps", "jumped", "over"]
words = st.lists(st.sampled_from(WORDS), max_size=12)


def levenshtein(gold, actual):
    """The textbook table, written apart from what is tested."""
    row = list(range(len(actual) + 1))
    for i, one in enumerate(gold, 1):
        previous, row = row, [i]
        for j, other in enumerate(actual, 1):
            row.append(min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (one != other)))
    return row[-1]


@given(words, words)
def test_counts_add_up_and_are_the_fewest(gold, actual):
    counts = align_words(gold, actual).counts
    assert counts.hits + counts.substitutions + counts.deletions == len(gold)
    assert counts.hits + counts.substitutions + counts.insertions == len(actual)
    assert (counts.reference_words, counts.hypothesis_words) == (len(gold), len(actual))
    edits = counts.substitutions + counts.deletions + counts.insertions
    assert edits == levenshtein(gold, actual)


@given(words, words)
def test_the_diff_replays_to_both_sides_and_carries_the_counts(gold, actual):
    found = align_words(gold, actual)
    assert [word for op in found.diff for word in op.gold] == gold
    assert [word for op in found.diff for word in op.actual] == actual
    total = dict.fromkeys(("equal", "substitute", "delete", "insert"), 0)
    for op in found.diff:
        if op.op in ("equal", "substitute"):
            assert len(op.gold) == len(op.actual)
        if op.op == "equal":
            assert op.gold == op.actual
        if op.op == "substitute":
            assert all(a != b for a, b in zip(op.gold, op.actual, strict=True))
        assert (op.op == "insert") == (not op.gold)
        assert (op.op == "delete") == (not op.actual)
        total[op.op] += max(len(op.gold), len(op.actual))
    counts = found.counts
    assert total == {
        "equal": counts.hits,
        "substitute": counts.substitutions,
        "delete": counts.deletions,
        "insert": counts.insertions,
    }
    kinds = [op.op for op in found.diff]
    assert all(a != b for a, b in pairwise(kinds)), "runs are merged"


@given(words)
def test_a_text_against_itself_has_no_error(text):
    found = align_words(text, text)
    assert found.counts.hits == len(text)
    assert found.wer == 0.0
    assert {op.op for op in found.diff} <= {"equal"}


@given(words, words)
def test_swapping_the_sides_swaps_insertions_and_deletions(gold, actual):
    one, other = align_words(gold, actual).counts, align_words(actual, gold).counts
    assert one.deletions - one.insertions == other.insertions - other.deletions
    assert (
        one.substitutions + one.deletions + one.insertions
        == other.substitutions + other.deletions + other.insertions
    )


@given(words.filter(bool), words)
def test_the_rates_follow_from_the_counts(gold, actual):
    found = align_words(gold, actual)
    c = found.counts
    edits = c.substitutions + c.deletions + c.insertions
    assert found.wer == edits / len(gold)
    assert abs(found.mer - edits / (c.hits + edits)) < 1e-12
    kept = (c.hits / len(gold)) * (c.hits / len(actual)) if actual else 0.0
    assert abs(found.wil - (1 - kept)) < 1e-12


def test_unlike_words_are_not_paired_when_a_like_one_is_near():
    diff = align_words(
        ["the", "quick", "brown", "fox", "jumps", "the", "dog"],
        ["the", "quick", "brown", "fox", "jumped", "over", "the", "dog"],
    ).diff
    assert [(op.op, op.gold, op.actual) for op in diff[1:3]] == [
        ("substitute", ("jumps",), ("jumped",)),
        ("insert", (), ("over",)),
    ]


def test_a_wrong_word_reads_as_one_for_the_other():
    diff = align_words(
        ["we", "offer", "comprehensive", "care"], ["we", "offer", "compassion", "care"]
    ).diff
    wrong = [op for op in diff if op.op != "equal"]
    assert [(op.gold, op.actual) for op in wrong] == [(("comprehensive",), ("compassion",))]


def test_a_long_run_of_errors_is_bounded_and_still_replays():
    rng = random.Random(7)
    gold = [f"g{rng.randrange(10**9)}" for _ in range(3_000)]
    actual = [f"a{rng.randrange(10**9)}" for _ in range(2_000)]
    found = align_words(gold, actual)
    assert found.counts.substitutions == 2_000
    assert [word for op in found.diff for word in op.gold] == gold


def test_ten_thousand_words_are_normalised_aligned_and_diffed_in_time():
    rng = random.Random(7)
    spoken = [
        "the",
        "twenty",
        "can't",
        *(f"w{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(600)),
    ]
    gold = [rng.choice(spoken) for _ in range(10_000)]
    actual = [word if rng.random() > 0.2 else rng.choice(spoken) for word in gold]
    rules = normalizer_for("en")
    aligned, alike = aligned_alike(rules(" ".join(gold)), rules(" ".join(actual)))
    assert [word for op in aligned.diff for word in op.actual] == alike


@given(words, words)
def test_errors_without_an_alignment_are_as_many_as_with_one(gold, actual):
    counts = align_words(gold, actual).counts
    assert word_errors(gold, actual) == counts.substitutions + counts.deletions + counts.insertions


@given(st.text("ab ", max_size=12), st.text("ab ", max_size=12))
def test_character_errors_are_the_fewest(gold, actual):
    assert character_errors(gold, actual) == levenshtein(gold, actual)
