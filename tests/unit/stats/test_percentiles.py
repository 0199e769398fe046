"""Percentiles from values, in one place for turns, probes and sums."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.model.measure import Measurement, Status
from echotrace.stats.percentiles import percentiles, quantile_figure


@pytest.mark.parametrize(
    ("n", "known"), [(1, 0), (4, 0), (5, 1), (19, 1), (20, 2), (99, 2), (100, 3)]
)
def test_each_quantile_needs_its_number_of_values(n, known):
    found = percentiles([float(value) for value in range(n)], "ms")
    figures = (found.p50, found.p95, found.p99)
    assert [figure.value is not None for figure in figures] == [i < known for i in range(3)]
    assert (found.n, found.worst.value, found.worst.n) == (n, n - 1, n)


def test_too_few_say_how_many_there_were_and_how_many_it_takes():
    assert percentiles([1.0], "ms").p50.reason == "1 sample was measured; a median needs 5"
    of_turns = percentiles([1.0] * 6, "ms", what="turn")
    assert of_turns.p95.reason == "6 turns were measured; p95 needs 20"


def test_no_values_give_the_figure_that_stands_for_none():
    none = Measurement.unavailable("ms", "refused")
    found = percentiles([], "ms", not_measured=3, none=none)
    assert (found.n, found.not_measured) == (0, 3)
    assert {found.p50, found.p95, found.p99, found.worst} == {none}
    assert percentiles([], "ms").p50.status is Status.NOT_MEASURABLE


def test_status_reason_method_and_digits_reach_every_figure():
    found = percentiles(
        [0.1234] * 5,
        "ratio",
        status=Status.SIMULATED,
        reason="a mock",
        method="time over length",
        digits=3,
    )
    assert found.p50.value == found.p50.low == found.p50.high == 0.123
    assert found.p50.method.startswith("time over length; linear")
    assert {(item.status, item.reason) for item in (found.p50, found.worst)} == {
        (Status.SIMULATED, "a mock")
    }


@given(st.lists(st.floats(0, 1e6), min_size=20, max_size=25), st.integers(0, 99))
@settings(max_examples=15)
def test_quantiles_rise_and_lie_in_their_intervals(values, seed):
    found = percentiles(values, "ms", seed=seed)
    for figure in (found.p50, found.p95):
        assert figure.low <= figure.value <= figure.high
    assert found.p50.value <= found.p95.value <= found.worst.value + 0.05
    assert found == percentiles(values, "ms", seed=seed)


def test_one_quantile_alone_is_that_of_all():
    values = [3.0, 1.0, 2.0, 5.0, 4.0]
    assert quantile_figure(values, 0.5, "ms") == percentiles(values, "ms").p50
