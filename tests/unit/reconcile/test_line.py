import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.reconcile.line import Line, fit_line, step_in
from echotrace.reconcile.match import Matches

LAGGED = "agent.start.playout"
some = settings(max_examples=12, deadline=None)


def pairs(seed=1, *, turns=20, drift=1e-4, noise_s=0.004, lag_s=0.27, wrong=0.0, bounds_s=0.0):
    """Events of two kinds in each turn, with edges that scatter, and a share of wrong ones."""
    random = np.random.default_rng([3, seed])
    told = np.repeat(np.arange(turns), 2)
    trace_s = told * 9.0 + random.uniform(0, 5, 2 * turns)
    kinds = np.asarray(["user.end.speech", LAGGED] * turns, np.str_)
    heard_s = trace_s * (1 + drift) + 3.7 + lag_s * (kinds == LAGGED)
    heard_s = heard_s + random.normal(0, noise_s, 2 * turns)
    heard_s = heard_s + (random.random(2 * turns) < wrong) * random.uniform(-0.4, 0.4, 2 * turns)
    return Matches(
        kinds=kinds,
        trace_s=trace_s,
        heard_s=heard_s,
        trace_turns=told,
        heard_turns=told,
        within_s=np.full(2 * turns, bounds_s),
    )


START = Line(offset_s=3.6, lags_s={LAGGED: 0.2})


def test_exact_pairs_give_the_exact_line():
    line, spread = fit_line(pairs(noise_s=0.0), START, free=(LAGGED,))
    assert line.offset_s == pytest.approx(3.7, abs=1e-7)
    assert line.drift == pytest.approx(1e-4, abs=1e-9)
    assert line.lags_s[LAGGED] == pytest.approx(0.27, abs=1e-7)
    assert spread.offset_s == pytest.approx(0, abs=1e-6)
    assert line.at(100.0) == pytest.approx(100.01 + 3.7)


@given(seed=st.integers(0, 10_000))
@some
def test_a_tenth_of_wrong_matches_hardly_moves_it(seed):
    line, _ = fit_line(pairs(seed, wrong=0.1), START, free=(LAGGED,))
    assert line.at(90.0) == pytest.approx(90.009 + 3.7, abs=0.006)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    inside = []
    for seed in range(100):
        line, spread = fit_line(pairs(seed, wrong=0.05), START, free=(LAGGED,))
        inside.append(
            (abs(line.offset_s - 3.7) <= spread.offset_s, abs(line.drift - 1e-4) <= spread.drift)
        )
    offset, drift = np.mean(inside, axis=0)
    assert 0.9 <= offset <= 1
    assert 0.9 <= drift <= 1


def test_an_edge_with_a_wide_interval_counts_less():
    close = pairs(noise_s=0.002)
    late = np.arange(len(close)) % 4 == 0
    doubtful = Matches(
        kinds=close.kinds,
        trace_s=close.trace_s,
        heard_s=close.heard_s + 0.06 * late,
        trace_turns=close.trace_turns,
        heard_turns=close.heard_turns,
        within_s=0.01 + 0.2 * late,
    )
    line, _ = fit_line(doubtful, START, free=(LAGGED,))
    assert line.at(90.0) == pytest.approx(93.709, abs=0.004)


def test_a_held_drift_stays_where_it_is():
    line, spread = fit_line(pairs(drift=0.0), START, free=(LAGGED,), steady=True)
    assert (line.drift, spread.drift) == (0.0, None)
    assert line.offset_s == pytest.approx(3.7, abs=0.004)


@pytest.mark.parametrize("turns", [0, 1, 2])
def test_too_few_turns_have_no_interval(turns):
    line, spread = fit_line(pairs(turns=turns), START, free=(LAGGED,))
    assert (spread.offset_s, spread.drift) == (None, None)
    assert np.isfinite(line.offset_s)


@given(seed=st.integers(0, 10_000), jump_s=st.sampled_from([-0.4, -0.15, 0.15, 0.3]))
@some
def test_a_jump_is_found_where_it_is(seed, jump_s):
    steady = pairs(seed)
    at_s = 9.0 * (6 + seed % 8)
    line, _ = fit_line(steady, START, free=(LAGGED,))
    found = step_in(steady.shifted(-jump_s * (steady.trace_s >= at_s)), line, free=(LAGGED,))
    assert found is not None
    assert found[1] == pytest.approx(jump_s, abs=0.02)
    assert found[0] == pytest.approx(at_s, abs=9.0)


@given(seed=st.integers(0, 10_000), noise_s=st.floats(0.001, 0.06))
@some
def test_a_steady_clock_has_no_jump(seed, noise_s):
    steady = pairs(seed, noise_s=noise_s, wrong=0.05)
    line, _ = fit_line(steady, START, free=(LAGGED,))
    assert step_in(steady, line, free=(LAGGED,)) is None
