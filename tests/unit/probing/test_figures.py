from statistics import median

from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.analyzers.probing.figures import Figures
from echotrace.model.measure import Status


def latency(values, **more):
    figures = Figures(**more)
    return figures.latency("ttft_ms", values, method="m", without="no token came"), figures


def test_five_values_have_a_median_with_an_interval_and_their_percentiles():
    found, figures = latency([100.0, 110.0, 105.0, 900.0, 102.0])
    assert (found.value, found.n, found.status) == (105.0, 5, Status.MEASURED)
    assert found.low <= 105.0 <= found.high
    spread = figures.percentiles["ttft_ms"]
    assert spread.worst.value == 900.0  # a spike is kept
    assert spread.p95.status is Status.NOT_MEASURABLE
    assert "needs 20" in spread.p95.reason


def test_few_values_have_a_median_without_an_interval():
    found, _ = latency([100.0, 110.0])
    assert (found.value, found.n, found.low, found.high) == (105.0, 2, None, None)


def test_requests_without_the_figure_are_counted_and_never_taken_for_zero():
    found, figures = latency([100.0, None, 300.0])
    assert (found.value, found.n) == (200.0, 2)
    assert figures.percentiles["ttft_ms"].not_measured == 1


def test_requests_that_failed_are_counted_as_not_measured():
    found, figures = latency([100.0, 110.0, 105.0], asked=5)
    assert figures.percentiles["ttft_ms"].not_measured == 2
    assert found.status is Status.MEASURED


def test_a_median_over_the_minority_is_an_estimate():
    found, _ = latency([100.0, 110.0], asked=5)
    assert (found.status, found.reason) == (
        Status.ESTIMATED,
        "only 2 of 5 requests gave it",
    )


def test_nothing_measured_says_why_and_has_no_percentiles():
    found, figures = latency([None, None])
    assert (found.status, found.reason) == (Status.NOT_MEASURABLE, "no token came")
    assert figures.percentiles == {}


def test_a_mock_is_simulated_in_every_figure():
    found, figures = latency([100.0] * 5, simulated=True)
    spread = figures.percentiles["ttft_ms"]
    assert {found.status, spread.p50.status, spread.worst.status} == {Status.SIMULATED}
    assert "[MOCK]" in found.reason


@settings(max_examples=60)
@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40))
def test_the_median_is_the_median_and_lies_in_its_interval(values):
    found, figures = latency(values)
    assert abs(found.value - median(values)) <= 1e-9 * max(1.0, median(values))
    if found.low is not None:
        assert found.low - 1e-3 <= found.value <= found.high + 1e-3
    assert figures.percentiles["ttft_ms"].worst.value == max(values)
