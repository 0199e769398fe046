from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.stats.quantiles import quantile

FINITE = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=40)
SHARE = st.floats(0.0, 1.0)


def test_it_lies_between_two_values_by_proportion():
    assert quantile([10.0, 30.0], 0.5) == 20.0
    assert quantile([4.0, 1.0, 3.0, 2.0], 0.25) == 1.75
    assert quantile(range(101), 0.99) == 99.0
    assert quantile([7.0], 0.3) == 7.0


@given(FINITE, SHARE)
def test_it_agrees_with_numpy(values, q):
    assert quantile(values, q) == pytest.approx(np.quantile(values, q), rel=1e-9, abs=1e-6)


@given(FINITE, SHARE, SHARE)
def test_it_grows_with_q_and_stays_within_the_values(values, one, other):
    low, high = sorted((one, other))
    found = quantile(values, low), quantile(values, high)
    assert found[0] <= found[1] or found[0] == pytest.approx(found[1], rel=1e-12)
    assert min(values) <= found[0] <= max(values)
    assert (quantile(values, 0.0), quantile(values, 1.0)) == (min(values), max(values))


def test_the_largest_numbers_do_not_overflow():
    assert quantile([-1.7e308, 1.7e308], 0.5) == 0.0


@pytest.mark.parametrize(
    ("values", "q"), [([], 0.5), ([1.0], -0.1), ([1.0], 1.1), ([float("nan")], 0.5), ([1e999], 0.5)]
)
def test_what_has_no_quantile_is_refused(values, q):
    with pytest.raises(ValueError, match=r"no values|must lie|not finite"):
        quantile(values, q)
