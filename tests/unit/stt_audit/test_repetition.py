from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.text.repetition import Loop, find_loops, least_times

WORDS = st.sampled_from(list("abcdefgh"))


@pytest.mark.parametrize(
    "text",
    [
        "no no no",
        "no no no no no",
        "my number is zero zero zero zero four",
        "okay bye okay bye okay bye",
        "thank you very much thank you very much",
        "",
    ],
)
def test_what_people_say_is_no_loop(text):
    assert find_loops(text.split()) == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("the the the the the the end", (Loop(0, 6, 1),)),
        ("so thank you thank you thank you thank you", (Loop(1, 9, 2),)),
        ("I will call. I will call. I will call. I will", (Loop(0, 11, 3),)),
        ("No, no. NO no... no! no", (Loop(0, 6, 1),)),
        ("x - x - x - x - x - x", (Loop(0, 11, 2),)),
    ],
)
def test_a_stuck_recogniser_is_found(text, found):
    assert find_loops(text.split()) == found


@given(st.lists(WORDS, max_size=30), st.integers(1, 6), st.integers(0, 4), st.lists(WORDS))
def test_a_planted_loop_is_found(before, length, more, after):
    phrase = [f"w{index}" for index in range(length)]
    times = least_times(length) + more
    words = [*before, *phrase * times, *after]
    planted = Loop(len(before), len(before) + length * times, length)
    assert planted in find_loops(words)
    assert planted.times == times


@given(st.lists(WORDS, max_size=80))
def test_every_loop_repeats_its_phrase_and_none_overlap(words):
    loops = find_loops(words)
    for loop in loops:
        assert loop.times >= least_times(loop.length)
        for index in range(loop.first + loop.length, loop.last):
            assert words[index] == words[index - loop.length]
    assert all(one.last <= other.first for one, other in pairwise(loops))


@given(st.integers(0, 200))
def test_words_that_all_differ_hold_no_loop(count):
    assert find_loops([f"w{index}" for index in range(count)]) == ()


def test_ten_thousand_words_are_searched_in_bounded_steps():
    words = [f"w{index % 97}" for index in range(10_000)]
    assert find_loops(words) == ()
    assert find_loops(["so"] * 10_000) == (Loop(0, 10_000, 1),)
