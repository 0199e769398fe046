"""What a pace in tokens per second rests on: reads, counts, and reasoning that never came."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.providers.llm.base import TokenEvent
from echotrace.providers.llm.heard import Heard

MS = 1_000_000


def heard(reads, **done):
    """Take pieces by their reads, given as {ms: texts}; a text that begins with ~ is reasoning."""
    taken = Heard()
    taken.take(TokenEvent(kind="sent", at_ns=0))
    for at_ms, texts in reads.items():
        for text in texts:
            kind = "reasoning" if text.startswith("~") else "answer"
            taken.take(TokenEvent(kind=kind, at_ns=at_ms * MS, text=text))
    taken.take(TokenEvent(kind="done", at_ns=max(reads) * MS, **done))
    return taken


def pace(reads, **done):
    return heard(reads, **done).figures().tokens_per_s


STEADY = {500 + 20 * at: ["a "] for at in range(50)}


def test_a_steady_stream_has_the_pace_of_its_tokens():
    assert pace(STEADY, tokens=50) == pytest.approx(50)
    assert pace(STEADY) == pytest.approx(50)


def test_reasoning_that_was_only_counted_is_in_the_count_and_not_in_the_pace():
    figures = heard(STEADY, tokens=500, reasoning_tokens=450).figures()
    assert figures.tokens_per_s == pytest.approx(50)
    assert (figures.tokens, figures.tokens_counted) == (500, True)


def test_reasoning_that_was_streamed_is_in_the_pace():
    reads = {20 * at: ["~so "] if at < 30 else ["a "] for at in range(50)}
    assert pace(reads, tokens=50, reasoning_tokens=30) == pytest.approx(50)


def test_counts_that_cannot_be_give_no_pace():
    assert pace(STEADY, tokens=50, reasoning_tokens=50) is None


def test_a_piece_may_hold_a_few_tokens():
    assert pace(STEADY, tokens=100) == pytest.approx(100)


@pytest.mark.parametrize(
    ("reads", "tokens"),
    [
        ({1000: ["a "] * 63, 1005: ["b."]}, 64),  # a proxy let go of the answer at its end
        ({1000: ["a "], 1005: ["b "] * 63}, 64),
        ({100: ["Hi", " you", ".", " Go"], 200: [" on", "!"]}, 6),
        ({100: ["x" * 300], 105: ["end"]}, 64),  # two pieces, one with nearly all of it
        ({100: ["a ", "b ", "c "]}, 3),
        ({100: ["a "]}, 1),
    ],
)
def test_no_pace_where_one_read_brought_most_of_it(reads, tokens):
    assert pace(reads, tokens=tokens) is None
    if len(set(map(len, reads.values()))) > 1:
        assert pace(reads) is None


def test_what_the_first_read_held_is_no_work_of_the_time_after_it():
    reads = {0: ["a ", "b ", "c "], 100: ["d ", "e "], 200: ["f "]}
    assert pace(reads, tokens=6) == pytest.approx(15)


def test_big_pieces_share_the_tokens_by_their_letters():
    reads = {0: ["x" * 10], 100: ["x" * 30], 200: ["x" * 20]}
    assert pace(reads, tokens=60) == pytest.approx(250)


@given(st.integers(1, 6), st.integers(2, 40), st.integers(1, 500), st.integers(1, 4))
def test_how_a_steady_stream_was_bundled_changes_no_pace(bundle, count, gap_ms, tokens):
    """``count`` equal reads of ``bundle`` pieces: the pace is that of a read."""
    reads = {at * gap_ms: ["abcd"] * bundle for at in range(count)}
    per_s = bundle * tokens * 1e3 / gap_ms
    assert pace(reads, tokens=count * bundle * tokens) == pytest.approx(per_s)


def test_the_gaps_are_those_between_reads():
    assert heard({0: ["a", "b"], 30: ["c"], 70: ["d", "e"]}).gaps_ms == [30, 40]


def test_an_answer_that_was_cut_off_has_no_last_sentence():
    words = {20 * at: ["word "] for at in range(10)}
    cut, whole = heard(words, truncated=True), heard(words)
    assert cut.figures().first_sentence_ms is cut.sentence is None
    assert whole.figures().first_sentence_ms == 180
    assert cut.figures().total_ms == whole.figures().total_ms == 180


def test_a_sentence_that_was_whole_before_the_cut_stands():
    taken = heard({0: ["Block it."], 20: [" Then"]}, truncated=True)
    assert taken.sentence == "Block it."
    assert taken.figures().first_sentence_ms == 20


def test_an_answer_that_turns_out_to_be_reasoning_is_taken_back():
    taken = Heard()
    taken.take(TokenEvent(kind="sent", at_ns=0))
    for at, text in enumerate(("Okay. ", "The user. ")):
        taken.take(TokenEvent(kind="answer", at_ns=at * MS, text=text))
    assert taken.sentence == "Okay."
    taken.take(TokenEvent(kind="reasoning", at_ns=2 * MS, text="</think>", all_reasoning=True))
    taken.take(TokenEvent(kind="answer", at_ns=3 * MS, text="Hello you. "))
    taken.take(TokenEvent(kind="done", at_ns=4 * MS, tokens=8, reasoning_tokens=6))
    figures = taken.figures()
    assert (figures.ttft_ms, figures.ttfat_ms, figures.first_sentence_ms) == (0, 3, 3)
    assert taken.sentence == "Hello you."
    assert figures.tokens_per_s == pytest.approx(8 * 3 / 4 / 0.003)
    names = dict(taken.marks(5 * MS, over=True))
    assert names["reasoning"] == 3 * MS
