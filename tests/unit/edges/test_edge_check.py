from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from echotrace.audio.edge_check import checked
from echotrace.audio.stretches import Edge, Stretch

WIDTH_S = 0.05


def features(*speech, seconds=20.0, start_s=0.0):
    """What the second detector heard: intervals in seconds."""
    heard = np.zeros(round(seconds * 100), np.bool_)
    for start, end in speech:
        heard[round(start * 100) : round(end * 100)] = True
    return SimpleNamespace(webrtc_speech=heard, start_s=start_s)


def stretch(start, end, width_s=WIDTH_S):
    def edge(at):
        return Edge(at_s=at, low_s=at - width_s, high_s=at + width_s)

    return Stretch(start=edge(start), end=edge(end))


@pytest.mark.parametrize(("start", "end"), [(5.0, 8.0), (4.97, 7.85), (5.2, 8.2)])
def test_what_lies_within_the_limits_stays_as_it_was(start, end):
    (kept,) = checked(features((5.0, 8.0)), [stretch(start, end)])
    assert kept == stretch(start, end)


def test_an_onset_much_earlier_than_the_second_detectors_may_be_later():
    (found,) = checked(features((5.3, 8.0)), [stretch(5.0, 8.0)])
    assert found.start.at_s == 5.0
    assert found.start.low_s == pytest.approx(4.95)
    assert found.start.high_s == pytest.approx(5.26)
    assert found.start.doubt == "the second detector hears it 300 ms later"
    assert found.end == stretch(5.0, 8.0).end


def test_an_end_much_later_than_the_second_detectors_may_be_earlier():
    (found,) = checked(features((5.0, 7.6)), [stretch(5.0, 8.0)])
    assert found.end.low_s == pytest.approx(7.85)
    assert found.end.high_s == pytest.approx(8.05)
    assert found.end.doubt == "the second detector hears it 400 ms earlier"


def test_beyond_half_a_second_it_has_no_opinion():
    given = [stretch(5.0, 8.0)]
    assert checked(features((5.6, 7.4)), given) == tuple(given)
    assert checked(features(), given) == tuple(given)


def test_where_it_calls_most_of_the_rest_speech_it_has_no_opinion():
    given = [stretch(5.0, 8.0)]
    assert checked(features((0, 4), (5.3, 8.0), (9, 20)), given) == tuple(given)


def test_where_the_samples_decided_nothing_changes():
    given = [stretch(5.0, 8.0, width_s=0.012)]
    assert checked(features((5.3, 7.6)), given) == tuple(given)


def test_a_later_clock_moves_the_opinion_along():
    (found,) = checked(features((5.3, 8.0), start_s=100.0), [stretch(105.0, 108.0)])
    assert found.start.high_s == pytest.approx(105.26)


def test_short_pauses_of_the_second_detector_are_none():
    heard = features((5.0, 6.0), (6.1, 8.0), (8.3, 8.33))
    given = [stretch(5.0, 8.02)]
    assert checked(heard, given) == tuple(given)


def test_no_stretches_stay_none():
    assert checked(features((1.0, 2.0)), []) == ()
