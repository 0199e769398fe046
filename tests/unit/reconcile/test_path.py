"""The critical path of an answer: what it waited for last, walked back."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.reconcile.path import CLOSE_S, Work, walk_back

moments = st.integers(-500, 3000)


def work(key, start_ms, end_ms):
    return Work(key=key, start_s=start_ms / 1000, end_s=end_ms / 1000)


def walked(*works, from_ms, until_ms=0, ended_ms=None):
    path = walk_back(
        works,
        from_s=from_ms / 1000,
        until_s=until_ms / 1000,
        ended_s=None if ended_ms is None else ended_ms / 1000,
    )
    steps = [
        (step.work.key, round(step.start_s * 1000), round(step.end_s * 1000)) for step in path.steps
    ]
    return steps, round(path.begins_s * 1000), path.waited


def test_one_thing_after_the_other():
    steps, begins, waited = walked(
        work("llm", 600, 900), work("tts", 905, 1000), from_ms=1002, ended_ms=600
    )
    assert steps == [("llm", 600, 900), ("tts", 905, 1000)]
    assert (begins, waited) == (600, True)


def test_the_tool_that_took_longest_was_waited_for():
    steps, _, _ = walked(
        work("llm", 0, 300),
        work("quick tool", 300, 400),
        work("slow tool", 305, 800),
        work("llm", 800, 1100),
        from_ms=1100,
    )
    assert [name for name, _, _ in steps] == ["llm", "slow tool", "llm"]


def test_a_tool_that_nobody_waits_for_is_left_out():
    steps, _, _ = walked(
        work("llm", 0, 300), work("endless tool", 100, 5000), work("tts", 300, 400), from_ms=400
    )
    assert [name for name, _, _ in steps] == ["llm", "tts"]


def test_preemptive_work_that_ends_after_the_wait_shortens_it():
    steps, begins, waited = walked(
        work("llm", 440, 740), work("tts", 740, 840), from_ms=840, ended_ms=600
    )
    assert steps == [("llm", 440, 740), ("tts", 740, 840)]
    assert (begins, waited) == (440, True)


def test_preemptive_work_that_was_ready_costs_nothing():
    steps, begins, waited = walked(
        work("llm", 300, 500), work("tts", 601, 700), from_ms=700, ended_ms=600
    )
    assert steps == [("tts", 601, 700)]
    assert (begins, waited) == (600, True)


def test_work_that_began_before_the_caller_ended_is_followed():
    steps, begins, waited = walked(
        work("llm", -200, 100), work("tts", 100, 200), from_ms=200, ended_ms=-200
    )
    assert steps[0] == ("llm", -200, 100)
    assert (begins, waited) == (-200, True)


def test_the_last_answer_is_no_part_of_this_one():
    steps, begins, waited = walked(work("tts", -3000, -900), work("llm", 500, 700), from_ms=700)
    assert steps == [("llm", 500, 700)]
    assert (begins, waited) == (500, False)


def test_what_was_under_way_fills_a_gap():
    steps, _, _ = walked(
        work("llm", 0, 100), work("first tool", 100, 500), work("tool", 200, 700), from_ms=700
    )
    assert steps == [("llm", 0, 100), ("first tool", 100, 200), ("tool", 200, 700)]


def test_nested_spans_count_once():
    steps, begins, _ = walked(
        work("llm", 0, 900), work("llm", 10, 400), work("llm", 15, 395), from_ms=400
    )
    assert sum(end - start for _, start, end in steps) == 400
    assert begins == 0


@given(
    works=st.lists(st.tuples(moments, st.integers(0, 900)), max_size=12),
    from_ms=st.integers(1, 3000),
    ended=st.none() | moments,
)
def test_steps_are_pieces_of_their_work_in_order(works, from_ms, ended):
    listed = [work(str(at), start, start + ms) for at, (start, ms) in enumerate(works)]
    ended_s = None if ended is None else ended / 1000
    path = walk_back(listed, from_s=from_ms / 1000, until_s=0.0, ended_s=ended_s)
    cursor = path.begins_s
    for step in path.steps:
        assert cursor <= step.start_s + 1e-9
        assert step.start_s < step.end_s
        assert step.work.start_s <= step.start_s + 1e-9
        assert step.end_s <= step.work.end_s + 1e-9
        cursor = step.end_s
    assert cursor <= from_ms / 1000 + 1e-9
    assert ended is not None or not path.waited


@given(
    works=st.lists(st.tuples(moments, st.integers(30, 900)), min_size=1, max_size=8),
    by=st.integers(-10_000, 10_000),
)
def test_a_later_clock_moves_every_step_alike(works, by):
    listed = [  # on a grid that floats know exactly, and no tolerance of the walk lies on
        Work(key=str(at), start_s=start / 1024, end_s=(start + ms) / 1024)
        for at, (start, ms) in enumerate(works)
    ]
    later = [replace(item, start_s=item.start_s + by, end_s=item.end_s + by) for item in listed]
    here = walk_back(listed, from_s=3.0, until_s=0.0)
    there = walk_back(later, from_s=3.0 + by, until_s=0.0 + by)
    assert [step.work.key for step in here.steps] == [step.work.key for step in there.steps]
    assert there.begins_s - by == pytest.approx(here.begins_s, abs=1e-6)


def test_many_spans_take_no_time_to_speak_of():
    listed = [work(str(at), at, at + 40 + at % 7) for at in range(30_000)]
    path = walk_back(listed, from_s=30.0, until_s=0.0)
    assert path.begins_s <= CLOSE_S
    assert sum(step.end_s - step.start_s for step in path.steps) == pytest.approx(30.0, abs=0.05)
