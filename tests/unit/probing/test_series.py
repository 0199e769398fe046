import asyncio
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.analyzers.probing.series import Plan, run_series
from echotrace.errors import ProviderError
from echotrace.model.probes import LlmSample
from echotrace.providers.taken import Taken

BROKEN = "LLM_BROKEN_STREAM"


def answer(due, code=None):
    sample = LlmSample(
        index=due.index,
        cold=due.cold,
        status="failed" if code else "ok",
        start_ms=(due.due_ns - due.origin_ns) / 1e6,
        ttft_ms=None if code else 1.0,
        code=code,
    )
    error = ProviderError("it failed", why="so", code=code) if code else None
    return Taken(sample=sample, error=error)


def series(*codes, count=5, workers=("one",), spacing_s=0.0, cold=True):
    """Run a series whose requests fail with these codes in turn; then all are answered."""
    left = list(codes)
    seen = []

    async def take(worker, due):
        seen.append((worker, due))
        await asyncio.sleep(0)
        return answer(due, left.pop(0) if left else None)

    plan = Plan(count=count, spacing_s=spacing_s, concurrency=len(workers), cold=cold)
    return asyncio.run(run_series(workers, take, plan)), seen


def test_one_cold_request_and_then_the_measured_ones():
    found, seen = series(count=3)
    assert [item.cold for item in found.samples] == [True, False, False, False]
    assert [item.index for item in found.samples] == [0, 1, 2, 3]
    assert len(found.warm) == 3
    assert found.cold is found.samples[0]
    assert found.samples[0].start_ms == 0.0
    assert len({due.origin_ns for _, due in seen}) == 1


def test_a_failure_in_between_is_kept_and_the_series_goes_on():
    found, _ = series(None, None, BROKEN, count=4)
    assert [item.status for item in found.samples] == ["ok", "ok", "failed", "ok", "ok"]
    assert len(found.warm) == 3
    assert found.ended_by is None
    assert [(kind.code, kind.count) for kind in found.failures] == [(BROKEN, 1)]


def test_failures_are_counted_by_kind_the_most_frequent_first():
    found, _ = series(None, "LLM_EMPTY", None, BROKEN, None, BROKEN, None, count=8)
    assert [(kind.code, kind.count) for kind in found.failures] == [(BROKEN, 2), ("LLM_EMPTY", 1)]


@pytest.mark.parametrize("code", ["LLM_KEY_REFUSED", "LLM_RATE_LIMIT", "TTS_DNS", "TTS_NOT_AUDIO"])
def test_what_the_next_request_would_only_repeat_ends_the_series(code):
    found, seen = series(None, None, code)
    assert len(seen) == 3
    assert found.ended_by.code == code
    assert len(found.warm) == 1


@pytest.mark.parametrize(("code", "patience"), [(BROKEN, 5), ("LLM_STALL", 2)])
def test_failures_in_a_row_end_the_series_and_what_was_not_made_is_counted(code, patience):
    found, seen = series(None, *[code] * 9, count=9)
    assert len(seen) == 1 + patience
    assert found.ended_by.code == code
    assert found.not_made == 9 - patience


def test_failures_of_several_workers_at_a_time_are_not_in_a_row():
    found, _ = series(None, None, None, *[BROKEN] * 6, count=12, workers=("a", "b", "c"))
    assert found.ended_by is None
    assert len(found.warm) == 6


def test_no_request_is_measured_before_every_connection_is_warm():
    done = []

    async def take(worker, due):
        if due.cold and worker == "slow":
            for _ in range(20):
                await asyncio.sleep(0)
        done.append(due.cold)
        return answer(due)

    plan = Plan(count=4, spacing_s=0.0, concurrency=2)
    asyncio.run(run_series(("fast", "slow"), take, plan))
    assert done == [True, True, False, False, False, False]


def test_a_cold_request_that_failed_is_followed_by_another_cold_one():
    found, seen = series("LLM_SERVER_ERROR", count=2)
    assert [due.cold for _, due in seen] == [True, True, False, False]
    assert len(found.warm) == 2


def test_a_cold_stall_ends_the_series_at_once():
    found, seen = series("LLM_STALL")
    assert len(seen) == 1
    assert found.cold is None
    assert found.warm == ()


def test_each_worker_has_a_cold_request_and_they_share_the_measured_ones():
    found, seen = series(count=6, workers=("a", "b", "c"))
    assert Counter(worker for worker, due in seen if due.cold) == {"a": 1, "b": 1, "c": 1}
    assert len(found.warm) == 6
    assert sorted(due.index for _, due in seen) == list(range(9))


def test_what_a_request_raises_ends_all_workers():
    async def take(worker, due):
        if worker == "b":
            raise RuntimeError("a bug")
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="a bug"):
        asyncio.run(run_series(("a", "b"), take, Plan(count=2, spacing_s=0.0, concurrency=2)))


@settings(max_examples=60)
@given(
    codes=st.lists(st.sampled_from([None, BROKEN, "LLM_EMPTY", "LLM_RATE_LIMIT"]), max_size=12),
    count=st.integers(1, 8),
    workers=st.integers(1, 4),
)
def test_laws_of_every_series(codes, count, workers):
    found, seen = series(*codes, count=count, workers=tuple(range(workers)))
    assert [item.index for item in found.samples] == list(range(len(seen)))
    assert sum(not due.cold for _, due in seen) == count - found.not_made
    assert sum(kind.count for kind in found.failures) == len(found.errors)
    answered = sum(item.status == "ok" for item in found.samples)
    assert answered + len(found.errors) == len(seen)
    if found.ended_by is None:
        assert sum(not due.cold for _, due in seen) == count


def test_requests_are_spaced_and_nothing_is_waited_for_at_the_end(monkeypatch):
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr("echotrace.analyzers.probing.series.asyncio.sleep", sleep)

    async def take(worker, due):
        return answer(due)

    asyncio.run(run_series(("one",), take, Plan(count=3, spacing_s=7.0)))
    assert slept == [7.0, 7.0, 7.0]  # after the cold one, and between the measured ones
