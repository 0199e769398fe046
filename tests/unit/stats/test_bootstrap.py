from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.stats import bootstrap
from echotrace.stats.bootstrap import bootstrap_interval, quantile_interval
from echotrace.stats.quantiles import quantile

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30)


def mean(samples):
    return samples.mean(axis=-1)


@settings(max_examples=40)
@given(VALUES, st.sampled_from([0.5, 0.95, 0.99]), st.integers(0, 9))
def test_it_holds_the_statistic_and_lies_within_the_values(values, q, seed):
    low, high = quantile_interval(values, q, seed=seed, resamples=200)
    own = quantile(values, q)
    assert low - 1e-6 <= own <= high + 1e-6
    assert min(values) <= low
    assert high <= max(values)


def test_a_seed_decides():
    values = np.random.default_rng(5).normal(size=30)
    once = bootstrap_interval(values, mean, seed=3)
    assert bootstrap_interval(values, mean, seed=3) == once
    assert bootstrap_interval(values, mean, seed=4) != once


def test_more_confidence_makes_it_wider():
    values = np.random.default_rng(5).normal(size=30)
    narrow = bootstrap_interval(values, mean, confidence=0.5, seed=3)
    wide = bootstrap_interval(values, mean, confidence=0.99, seed=3)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_it_covers_a_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(11)
    held = 0
    for trial in range(300):
        low, high = bootstrap_interval(rng.normal(size=40), mean, resamples=400, seed=trial)
        held += low <= 0.0 <= high
    assert 0.90 <= held / 300 <= 0.98


def test_entries_are_drawn_whole():
    pairs = [(1.0, 10.0), (2.0, 20.0), (30.0, 300.0)]

    def pooled(samples):
        assert np.array_equal(samples[..., 0] * 10.0, samples[..., 1])
        return samples[..., 0].sum(axis=-1) / samples[..., 1].sum(axis=-1)

    assert bootstrap_interval(pairs, pooled, seed=1) == pytest.approx((0.1, 0.1))


def test_a_long_sample_is_resampled_in_parts(monkeypatch):
    monkeypatch.setattr(bootstrap, "_BLOCK_NUMBERS", 100)
    sizes = []

    def watching(samples):
        sizes.append(samples.shape)
        return samples.mean(axis=-1)

    bootstrap_interval(np.arange(30.0), watching, resamples=10, seed=1)
    assert sizes == [(3, 30), (3, 30), (3, 30), (1, 30), (1, 30)]


@pytest.mark.parametrize(
    ("values", "more"),
    [
        ([1.0], {}),
        (3.0, {}),
        ([1.0, float("nan")], {}),
        ([1.0, 2.0], {"confidence": 1.0}),
        ([1.0, 2.0], {"confidence": 0.0}),
        ([1.0, 2.0], {"resamples": 0}),
    ],
)
def test_what_has_no_interval_is_refused(values, more):
    with pytest.raises(ValueError, match=r"at least two|not finite|no interval"):
        bootstrap_interval(values, mean, seed=1, **more)


def test_a_statistic_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="statistic is not finite"):
        bootstrap_interval([1.0, 2.0], lambda rows: rows.sum(axis=-1) * np.inf, seed=1)


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_of_many_values_the_order_statistics_give_the_same_interval(q):
    values = np.random.default_rng(3).normal(size=6_000)
    low, high = quantile_interval(values.tolist(), q, seed=1)

    def at(samples):
        return np.quantile(samples, q, axis=-1)

    other = bootstrap_interval(values, at, resamples=300, seed=1)
    assert low <= quantile(values.tolist(), q) <= high
    assert (low, high) == pytest.approx(other, abs=0.25 * (other[1] - other[0]))
