"""Intervals of pooled ratios: what they promise, and what they say where there is nothing to go by.

That they hold the truth as often as they say is simulated: a little here, at length in the slow
test, whose table is in docs/statistics.md.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.stats.ratios import CAP, mean, ratio, ratio_interval, student
from tests.fakes.simulated_runs import LENGTHS, SKEWS, one_run

ROWS = st.lists(
    st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    min_size=2,
    max_size=25,
)


@given(ROWS, st.integers(0, 9))
def test_an_interval_is_finite_holds_its_ratio_and_goes_no_further_than_the_cap(rows, seed):
    value = sum(edits for edits, _ in rows) / sum(words for _, words in rows)
    found = ratio_interval(rows, ratio(share=True), seed=seed, resamples=200)
    assert 0.0 <= found.low <= value <= found.high <= 1.0
    wider = ratio_interval(rows, ratio(), seed=seed, resamples=200)
    assert math.isfinite(wider.high)
    if found.standard_error:
        assert wider.high - value <= CAP * found.standard_error + 1e-12
        assert value - wider.low <= CAP * found.standard_error + 1e-12


@given(ROWS)
def test_clips_in_another_order_have_the_same_standard_error(rows):
    one, other = (
        ratio_interval(each, ratio(), seed=1, resamples=50) for each in (rows, rows[::-1])
    )
    assert one.standard_error == pytest.approx(other.standard_error)


def test_the_standard_error_of_a_mean_is_that_of_the_textbook():
    values = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0]
    found = ratio_interval([(value, 1.0) for value in values], mean(), seed=1)
    assert found.standard_error == pytest.approx(np.std(values, ddof=1) / math.sqrt(10))


def test_no_error_at_all_is_no_proof_that_there_is_none():
    """With 50 clips, what happens to 7 of 100 would be missed in 2.5 of 100 cases."""
    found = ratio_interval([(0, 10)] * 50, ratio(), seed=1)
    assert (found.low, found.standard_error) == (0.0, 0.0)
    assert found.high == pytest.approx(0.0711, abs=0.0005)
    assert (1 - found.high) ** 50 == pytest.approx(0.025)
    assert "may not have shown" in found.how


def test_all_wrong_and_all_found_are_bounded_likewise():
    assert ratio_interval([(5, 5)] * 20, ratio(share=True), seed=1).low == pytest.approx(
        0.8316, abs=1e-3
    )
    lost = ratio_interval([(5, 5)] * 20, ratio(), seed=1)
    assert lost.low < 1.0 < lost.high, "a WER can exceed 1"


def test_clips_that_are_all_alike_are_no_surer_than_their_words():
    found = ratio_interval([(2, 10)] * 20, ratio(), seed=1)
    expected = math.sqrt(0.2 * 0.8 / 200)
    assert found.standard_error == pytest.approx(expected)
    assert found.high - 0.2 == pytest.approx(2.093 * expected, rel=1e-3)
    assert "independent words" in found.how


def test_a_mean_with_a_sign_may_lie_below_0():
    rows = [(value, 1.0) for value in (-3.0, -2.5, -3.5, -2.0, -3.2, -2.8, -3.1, -2.9, -2.2, -3.3)]
    found = ratio_interval(rows, mean(signed=True), seed=1)
    assert found.low < -2.85 < found.high < 0.0


def test_very_many_clips_are_not_resampled_and_say_the_same():
    rows = one_run(np.random.default_rng(1), 5_001, 0.1, "gamma 1", "even")
    many = ratio_interval(rows, ratio(), seed=1)
    fewer = ratio_interval(rows[:-1], ratio(), seed=1, resamples=500)
    assert "standard error" in many.how
    assert (many.low, many.high) == pytest.approx((fewer.low, fewer.high), abs=0.0015)


def test_a_seed_decides():
    rows = one_run(np.random.default_rng(1), 20, 0.1, "gamma 1", "even")
    assert ratio_interval(rows, ratio(), seed=1) == ratio_interval(rows, ratio(), seed=1)
    assert ratio_interval(rows, ratio(), seed=1) != ratio_interval(rows, ratio(), seed=2)


@pytest.mark.parametrize("rows", [[(1, 2)], [1.0, 2.0], [(1, 2), (math.nan, 2)], [(1, 0), (2, 0)]])
def test_what_has_no_interval_is_refused(rows):
    with pytest.raises(ValueError, match=r"at least two|not finite"):
        ratio_interval(rows, ratio(), seed=1)


@pytest.mark.parametrize(
    ("freedom", "expected"), [(9, 2.262157), (19, 2.093024), (49, 2.009575), (1e6, 1.959966)]
)
def test_students_t_is_that_of_the_tables(freedom, expected):
    assert student(0.975, freedom) == pytest.approx(expected, abs=2e-4)


def held(clips, mean_rate, skew, lengths, trials):
    rng = np.random.default_rng([5, clips])
    hits = 0
    for trial in range(trials):
        rows = one_run(rng, clips, mean_rate, skew, lengths)
        found = ratio_interval(rows, ratio(), seed=trial, resamples=1000)
        hits += found.low <= mean_rate <= found.high
    return hits / trials


def test_it_holds_the_truth_about_as_often_as_it_says():
    """The percentile bootstrap holds it in 84 of 100 cases like these."""
    assert held(20, 0.1, "gamma 0.3", "even", 200) >= 0.90


@pytest.mark.slow
@pytest.mark.parametrize("clips", [20, 50])
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("skew", SKEWS)
def test_it_holds_the_truth_in_nine_of_ten_cases_whatever_the_errors(clips, lengths, skew):
    for mean_rate in (0.02, 0.05, 0.1, 0.3):
        assert held(clips, mean_rate, skew, lengths, 1000) >= 0.90
