from dataclasses import replace

import pytest

from echotrace.analyzers.probing.findings import series_findings
from echotrace.analyzers.probing.series import Plan, Series
from echotrace.analyzers.probing.stage import time_of
from echotrace.errors import ProviderError
from echotrace.model.probes import LlmSample, Phase
from echotrace.providers.taken import Taken


def one(index, *, cold=False, code=None, status=None, reused=True, set_up_ms=0.0):
    sample = LlmSample(
        index=index,
        cold=cold,
        status=status or ("failed" if code else "ok"),
        start_ms=0.0,
        reused=reused,
        phases=(Phase(name="tls", start_ms=0.0, duration_ms=set_up_ms),) if set_up_ms else (),
        reason="tokens still came" if status else None,
    )
    error = ProviderError("it failed", why="so", hint="wait", code=code) if code else None
    return Taken(sample=sample, error=error)


def told(*taken, count):
    series = Series(Plan(count=count, spacing_s=0.0), list(taken))
    return {item.code: item for item in series_findings("LLM", "probes", series)}


def test_a_whole_series_has_nothing_to_tell():
    assert told(one(0, cold=True, reused=False), one(1), one(2), count=2) == {}


def test_lost_requests_are_told_with_what_was_not_made():
    found = told(one(0, cold=True), one(1), one(2, code="LLM_EMPTY"), count=5)
    assert list(found) == ["LLM_PROBES_LOST"]
    assert found["LLM_PROBES_LOST"].message == (
        "1 of 5 probes count: it failed: so [LLM_EMPTY]; that ended the series, and 3 were not made"
    )
    assert found["LLM_PROBES_LOST"].hint == "wait"


def test_a_cold_request_that_was_made_again_is_told_apart():
    found = told(one(0, cold=True, code="LLM_SERVER_ERROR"), one(1, cold=True), one(2), count=1)
    assert list(found) == ["LLM_COLD_FAILED"]


def test_answers_that_were_cut_are_told():
    found = told(one(0, cold=True), one(1, status="cut"), one(2), count=2)
    assert found["LLM_ANSWERS_CUT"].message.startswith("1 of 2 probes were cut: tokens still came")


@pytest.mark.parametrize(("anew", "expected"), [(1, False), (2, True), (3, True)])
def test_a_server_that_closes_its_connections_is_told_with_what_that_costs(anew, expected):
    taken = [one(1 + at, reused=at >= anew, set_up_ms=70.0 * (at < anew)) for at in range(3)]
    found = told(one(0, cold=True, reused=False), *taken, count=3)
    assert ("CONNECTION_NOT_KEPT" in found) is expected
    if expected:
        assert "70 ms more each" in found["CONNECTION_NOT_KEPT"].message


def test_a_whole_request_leaves_out_what_passed_here_and_a_cut_one_is_none():
    parts = (
        Phase(name="queued", start_ms=0.0, duration_ms=30.0),
        Phase(name="waiting", start_ms=30.0, duration_ms=12.0),
    )
    sample = LlmSample(index=0, cold=True, status="ok", start_ms=0.0, phases=parts, total_ms=9.0)
    assert time_of(sample) == 12.0
    assert time_of(replace(sample, phases=())) == 9.0
    assert time_of(replace(sample, status="cut")) is None
