"""Differences between two runs, and what chance alone would have made of them."""

from __future__ import annotations

import itertools
import math
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.stats.paired import quantile_difference, statistic_difference
from echotrace.stats.ratios import mean, ratio
from tests.fakes.simulated_runs import compared, gaps, two_of_calls, two_runs

PAIRS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 30)), min_size=10, max_size=25
)


def sides(triples):
    return [(a, n) for a, _, n in triples], [(b, n) for _, b, n in triples]


@given(PAIRS, st.booleans())
def test_the_interval_holds_the_difference_of_the_pooled_ratios(triples, paired):
    a, b = sides(triples)
    found = statistic_difference(a, b, ratio(), paired=paired, seed=1, resamples=200)
    words = sum(n for _, n in a)
    expected = (sum(e for e, _ in b) - sum(e for e, _ in a)) / words
    assert found.value == pytest.approx(expected, abs=1e-9)
    assert found.low <= found.value <= found.high
    assert 0.0 < found.chance <= 1.0
    assert 0.0 <= found.improvement <= 1.0
    assert all(map(math.isfinite, (found.low, found.high, found.detectable)))


@given(PAIRS)
def test_the_other_way_round_is_the_same_difference_with_the_other_sign(triples):
    a, b = sides(triples)
    one = statistic_difference(a, b, ratio(), paired=True, seed=1)
    other = statistic_difference(b, a, ratio(), paired=True, seed=1)
    assert (one.value, one.detectable) == pytest.approx((-other.value, other.detectable))
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    assert one.improvement == pytest.approx(1.0 - other.improvement, abs=1e-9)


def test_equal_pairs_are_no_difference_at_all():
    rows = [(at % 4, 10) for at in range(20)]
    found = statistic_difference(rows, rows, ratio(), paired=True, seed=1)
    assert (found.value, found.low, found.high, found.improvement) == (0.0, 0.0, 0.0, 0.5)
    assert found.chance == 1.0


def test_equal_samples_may_still_differ_in_what_neither_has_shown():
    rows = [(0, 10)] * 50
    found = statistic_difference(rows, rows, ratio(), paired=False, seed=1)
    assert (found.low, found.high) == pytest.approx((-0.0711, 0.0711), abs=5e-4)


def test_one_shift_in_every_pair_is_certain():
    a = [(at % 4, 10) for at in range(20)]
    b = [(edits + 1, words) for edits, words in a]
    found = statistic_difference(a, b, ratio(), paired=True, seed=1)
    assert found.low == found.high == pytest.approx(0.1)
    assert found.chance < 1e-5
    assert found.improvement == 0.0


def test_pairs_see_what_two_samples_do_not():
    rng = np.random.default_rng(2)
    a, _ = two_runs(rng, 40, 0.15, "gamma 1", "even", paired=True)
    b = a + np.stack((rng.random(40) < 0.5, np.zeros(40)), axis=1).astype(int)
    paired = statistic_difference(a, b, ratio(), paired=True, seed=1)
    apart = statistic_difference(a, b, ratio(), paired=False, seed=1)
    assert paired.value == pytest.approx(apart.value)
    assert paired.low > 0.0 > apart.low
    assert paired.detectable < apart.detectable / 3


def test_the_chance_is_that_of_all_exchanges_counted_out():
    """For a mean, the studentised difference grows with the sum: 1,024 signs say how often."""
    differences = [2.0, 1.0, -1.0, 3.0, 0.5, 1.5, -0.5, 2.5, 1.0, -2.0]
    a = [(5.0, 1.0)] * 10
    b = [(5.0 + each, 1.0) for each in differences]
    sums = [
        sum(sign * each for sign, each in zip(signs, differences, strict=True))
        for signs in itertools.product((1, -1), repeat=10)
    ]
    expected = sum(each >= sum(differences) - 1e-9 for each in sums) / len(sums)
    found = statistic_difference(a, b, mean(), paired=True, seed=1, resamples=20_000)
    assert found.chance == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("changed", [1, 2, 3, 4])
def test_a_few_clips_that_all_got_worse_prove_nothing(changed):
    """Of k clips that change either way, all get worse in one of 2^k cases."""
    a = [(1, 12)] * 50
    b = [(4, 12)] * changed + [(1, 12)] * (50 - changed)
    found = statistic_difference(a, b, ratio(), paired=True, seed=1)
    assert found.chance == pytest.approx(0.5**changed, abs=0.03)
    assert found.low < 0.1 * found.value


def test_many_clips_that_all_got_worse_do():
    a, b = [(1, 12)] * 50, [(4, 12)] * 9 + [(1, 12)] * 41
    found = statistic_difference(a, b, ratio(), paired=True, seed=1)
    assert found.low > 0.0
    assert found.chance < 0.01


def test_more_can_be_better():
    a = [(at % 3, 4) for at in range(30)]
    b = [(min(4, found + 1), 4) for found, _ in a]
    up = statistic_difference(a, b, ratio(share=True), paired=False, more_is_better=True, seed=1)
    assert up.improvement > 0.9
    assert up.chance > 0.9
    down = statistic_difference(b, a, ratio(share=True), paired=False, more_is_better=True, seed=1)
    assert down.chance < 0.05


def test_the_detectable_difference_is_found_in_about_80_of_100_cases():
    rng = np.random.default_rng(9)
    found = told = 0
    for trial in range(200):
        noise = rng.normal(0.0, 1.0, size=(2, 40))
        a = np.stack((noise[0] + 10.0, np.ones(40)), axis=1)
        b = np.stack((noise[1] + 10.0 + 0.648, np.ones(40)), axis=1)
        result = statistic_difference(a, b, mean(), paired=False, seed=trial, resamples=300)
        found += result.low > 0.0
        told += result.detectable
    assert told / 200 == pytest.approx(0.648, abs=0.03)
    assert 0.7 <= found / 200 <= 0.88


GROUPS = st.lists(st.lists(st.floats(-500, 4000), max_size=5), min_size=2, max_size=8).filter(
    lambda groups: any(groups)
)


@given(GROUPS, GROUPS, st.sampled_from([0.0, 0.5, 0.95, 1.0]))
def test_a_quantiles_difference_is_numpys_and_lies_in_its_interval(a, b, q):
    found = quantile_difference(a, b, q, paired=False, seed=1, resamples=100)
    expected = np.quantile(list(chain(*b)), q) - np.quantile(list(chain(*a)), q)
    assert found.value == pytest.approx(expected, abs=1e-6)
    assert found.low - 1e-9 <= found.value <= found.high + 1e-9


def test_calls_are_drawn_whole():
    """The same turns say less where each call has those of one kind."""
    rng = np.random.default_rng(3)
    turns = rng.lognormal(6.5, 0.5, size=(2, 120))
    spread = [turns[side].reshape(20, 6).tolist() for side in (0, 1)]
    bunched = [np.sort(turns[side]).reshape(20, 6).tolist() for side in (0, 1)]
    one, other = (
        quantile_difference(a, b, 0.5, paired=False, seed=1) for a, b in (spread, bunched)
    )
    assert one.value == pytest.approx(other.value)
    assert other.high - other.low > 1.5 * (one.high - one.low)
    assert other.detectable > 1.5 * one.detectable


def test_paired_calls_keep_what_makes_each_of_them_slow():
    rng = np.random.default_rng(4)
    a = gaps(rng, 30)
    b = [[gap + 60.0 for gap in call] for call in a]
    paired = quantile_difference(a, b, 0.5, paired=True, seed=1)
    apart = quantile_difference(a, b, 0.5, paired=False, seed=1)
    assert paired.value == pytest.approx(apart.value) == pytest.approx(60.0)
    assert paired.low > 0.0
    assert paired.chance < 0.01
    assert apart.low < 0.0


@pytest.mark.parametrize(
    ("a", "b", "paired"),
    [([[1.0]], [[1.0]], False), ([[], []], [[1.0], []], False), ([[1.0]] * 3, [[1.0]] * 2, True)],
)
def test_what_has_no_difference_of_quantiles_is_refused(a, b, paired):
    with pytest.raises(ValueError, match=r"two groups|no pairs"):
        quantile_difference(a, b, 0.5, paired=paired, seed=1)


def test_pairs_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="no pairs"):
        statistic_difference([(1, 2)] * 3, [(1, 2)] * 2, ratio(), paired=True, seed=1)
    with pytest.raises(ValueError, match="not finite"):
        quantile_difference([[math.nan], [1.0]], [[1.0]] * 2, 0.5, paired=True, seed=1)


@pytest.mark.parametrize("paired", [True, False])
def test_very_many_clips_are_not_resampled_and_say_the_same(paired):
    a, b = two_runs(np.random.default_rng(1), 5_001, 0.1, "gamma 1", "even", paired=paired)
    many = statistic_difference(a, b, ratio(), paired=paired, seed=1)
    fewer = statistic_difference(a[:-1], b[:-1], ratio(), paired=paired, seed=1, resamples=300)
    assert "standard error" in many.how
    assert (many.low, many.high) == pytest.approx((fewer.low, fewer.high), abs=0.002)
    assert many.improvement == pytest.approx(fewer.improvement, abs=0.1)
    assert many.chance == pytest.approx(fewer.chance, abs=0.1)


@pytest.mark.parametrize("paired", [True, False])
def test_no_change_is_seldom_called_one(paired):
    rng = np.random.default_rng([6, paired])
    alarms = 0
    for trial in range(150):
        a, b = two_runs(rng, 20, 0.1, "gamma 1", "even", paired=paired)
        found = statistic_difference(a, b, ratio(), paired=paired, seed=trial, resamples=500)
        alarms += found.low > 0.0 and found.chance <= 0.025
    assert alarms / 150 <= 0.07


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("clips", [20, 50])
def test_500_comparisons_without_a_change_raise_few_false_alarms(clips, paired):
    """The gate on WER, and the comparison of five figures as a whole."""
    rng = np.random.default_rng([7, clips, paired])
    of_wer = whole = 0
    for _ in range(500):
        result = compared(rng, clips, paired=paired)
        wer = next(each for each in result.figures if each.metric == "wer")
        of_wer += wer.outcome == "regression"
        whole += result.outcome == "regression"
    assert of_wer / 500 <= 0.07
    assert whole / 500 <= 0.07


@pytest.mark.slow
@pytest.mark.parametrize("q", [0.5, 0.95])
def test_heard_gaps_without_a_change_raise_few_false_alarms(q):
    rng = np.random.default_rng(8)
    alarms = 0
    for trial in range(500):
        a, b = two_of_calls(rng, 20, paired=trial % 2 == 0)
        found = quantile_difference(a, b, q, paired=trial % 2 == 0, seed=trial, resamples=500)
        alarms += found.low > 0.0 and found.chance <= 0.025
    assert alarms / 500 <= 0.07
