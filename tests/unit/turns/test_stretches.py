"""Joining the stretches of several channels, and how much of them is shared."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from echotrace.audio.stretches import ChannelSpeech, Edge, Stretch, anybody, shared_ratio


def at(seconds):
    return Edge(at_s=seconds, low_s=seconds, high_s=seconds)


def speech(*spans):
    return ChannelSpeech(stretches=tuple(Stretch(start=at(a), end=at(b)) for a, b in spans))


def spans(found):
    return [(item.start.at_s, item.end.at_s) for item in found.stretches]


SIDES = st.lists(st.integers(0, 200), max_size=12, unique=True).map(
    lambda places: speech(*zip(sorted(places)[::2], sorted(places)[1::2], strict=False))
)


def test_overlapping_and_touching_stretches_become_one():
    joined = anybody((speech((0, 2), (5, 6)), speech((1, 3), (3, 4), (8, 9))))
    assert spans(joined) == [(0, 4), (5, 6), (8, 9)]
    assert spans(anybody(())) == []


def test_two_people_share_little_and_one_signal_everything():
    assert shared_ratio(speech((0, 2), (4, 6)), speech((2, 4))) == 0.0
    assert shared_ratio(speech((0, 2)), speech((0, 2))) == 1.0
    assert shared_ratio(speech((0, 3)), speech((1, 4))) == 0.5
    assert shared_ratio(speech(), speech()) == 0.0


@given(SIDES, SIDES)
def test_a_moment_is_in_the_whole_exactly_when_it_is_in_a_part(one, other):
    whole = spans(anybody((one, other)))
    assert whole == sorted(whole)
    assert all(first[1] < second[0] for first, second in itertools.pairwise(whole))
    for tenth in range(5, 2005, 10):
        moment = tenth / 10
        inside = any(a <= moment < b for a, b in spans(one) + spans(other))
        assert inside == any(a <= moment < b for a, b in whole)
    assert 0.0 <= shared_ratio(one, other) <= 1.0
    assert shared_ratio(one, other) == shared_ratio(other, one)
