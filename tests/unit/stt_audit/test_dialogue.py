from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from echotrace.analyzers.stt_audit.dialogue import make_dialogue
from echotrace.model.report import TranscriptSegment, Word


def said(text, start_s, *, step_s=0.3):
    """Words of 0.25 s, one every ``step_s``."""
    return [
        Word(text=word, start_s=start_s + index * step_s, end_s=start_s + index * step_s + 0.25)
        for index, word in enumerate(text.split())
    ]


def dialogue(caller, agent, *, segments=((), ())):
    lines = make_dialogue([(0, "caller", caller, segments[0]), (1, "agent", agent, segments[1])])
    return [(line.role, line.text) for line in lines]


def test_lines_alternate_as_the_sides_speak():
    caller = said("hello i lost my card", 4.0) + said("it is mine", 10.0)
    agent = said("good morning", 1.0) + said("which card is it", 7.0)
    assert dialogue(caller, agent) == [
        ("agent", "good morning"),
        ("caller", "hello i lost my card"),
        ("agent", "which card is it"),
        ("caller", "it is mine"),
    ]


def test_own_pauses_part_a_line_from_three_seconds_on():
    caller = said("one", 0.0) + said("two", 3.2) + said("three", 6.5)
    assert dialogue(caller, []) == [("caller", "one two"), ("caller", "three")]


def test_a_backchannel_is_a_line_and_cuts_none():
    caller = said("i wanted to ask about the card that i lost", 0.0)
    agent = said("aha", 1.0)
    assert dialogue(caller, agent) == [
        ("caller", "i wanted to ask about the card that i lost"),
        ("agent", "aha"),
    ]
    more = caller + said("and about the other one", 4.0)
    assert dialogue(more, agent)[0][1].endswith("and about the other one")


def test_a_real_interruption_cuts_at_the_pause_after_it():
    caller = said("i wanted to ask", 0.0) + said("well then tell me", 4.0)
    agent = said("let me stop you right here please", 0.8)
    assert dialogue(caller, agent) == [
        ("caller", "i wanted to ask"),
        ("agent", "let me stop you right here please"),
        ("caller", "well then tell me"),
    ]


def test_without_word_times_the_segments_speak():
    untimed = [Word(text="ignored")]
    segments = (
        [TranscriptSegment(text="hello", start_s=1.0, end_s=1.5)],
        [
            TranscriptSegment(text="good morning", start_s=0.0, end_s=0.8),
            TranscriptSegment(text="how can i help", start_s=2.0, end_s=3.0),
        ],
    )
    assert dialogue(untimed, untimed, segments=segments) == [
        ("agent", "good morning"),
        ("caller", "hello"),
        ("agent", "how can i help"),
    ]
    assert dialogue(untimed, untimed) == []


def test_a_word_without_times_stays_with_the_word_before_it():
    caller = [Word(text="so"), *said("i lost it", 1.0), Word(text="yesterday")]
    assert dialogue(caller, []) == [("caller", "so i lost it yesterday")]


TIMES = st.lists(st.tuples(st.floats(0.0, 4.0), st.floats(0.0, 1.5), st.booleans()), max_size=25)


def channel(name, steps):
    words, at_s = [], 0.0
    for index, (gap_s, length_s, timed) in enumerate(steps):
        at_s += gap_s
        text = f"{name}{index}"
        if timed:
            words.append(Word(text=text, start_s=at_s, end_s=at_s + length_s))
        else:
            words.append(Word(text=text))
    return words


@given(TIMES, TIMES)
def test_every_word_stands_once_in_order_and_lines_are_ordered(one, other):
    sides = [channel("a", one), channel("b", other)]
    lines = make_dialogue([(index, "unknown", side, ()) for index, side in enumerate(sides)])
    for index, side in enumerate(sides):
        told = [w for line in lines if line.channel_index == index for w in line.text.split()]
        expected = [word.text for word in side]
        assert told == (expected if any(word.start_s is not None for word in side) else [])
    starts = [line.start_s for line in lines]
    assert starts == sorted(starts)
    assert all(line.start_s <= line.end_s for line in lines)


@given(st.lists(st.tuples(st.floats(0.0, 9.0), st.floats(0.0, 9.0)), min_size=1, max_size=20))
def test_times_out_of_order_lose_no_word(spans):
    words = [
        Word(text=f"a{index}", start_s=start_s, end_s=end_s)
        for index, (start_s, end_s) in enumerate(spans)
    ]
    lines = make_dialogue([(0, "caller", words, ()), (1, "agent", said("aha oh", 4.0), ())])
    told = [w for line in lines if line.channel_index == 0 for w in line.text.split()]
    assert told == [word.text for word in words]
    assert [line.start_s for line in lines] == sorted(line.start_s for line in lines)
