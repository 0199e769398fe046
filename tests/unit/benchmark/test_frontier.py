"""Where WER doubles: by hand, and where it cannot be told."""

import pytest

from echotrace.benchmark.frontier import breakpoint_of, frontiers
from echotrace.benchmark.summary import summarise
from echotrace.model.benchmark import ClipCondition, FrontierPoint
from echotrace.model.measure import Measurement, Status
from tests.fakes.runs import example_header, example_item


def point(value, wer, label=None, **extra):
    figure = Measurement.not_measurable("ratio", "no reference")
    if wer is not None:
        figure = Measurement.measured(wer, "ratio", **extra)
    return FrontierPoint(label=label or f"at {value}", value=value, wer=figure)


def of_snr(*points):
    return breakpoint_of([point(value, wer) for value, wer in points], "snr_db", "dB")


def test_it_lies_between_the_points_where_the_line_crosses_twice_the_clean_rate():
    found = of_snr((None, 0.1), (20, 0.12), (10, 0.16), (5, 0.36))
    assert found.value == pytest.approx(9.0), "0.20 is a fifth of the way from 0.16 to 0.36"
    assert found.status is Status.MEASURED


def test_a_point_that_is_just_twice_is_the_breakpoint():
    assert of_snr((None, 0.1), (20, 0.12), (10, 0.2)).value == 10


def test_losses_begin_at_0():
    points = [point(None, 0.1), point(5.0, 0.3)]
    found = breakpoint_of(points, "packet_loss_percent", "%")
    assert found.value == pytest.approx(2.5)


def test_clean_clips_have_no_snr_so_the_first_noise_only_bounds_it():
    found = of_snr((None, 0.1), (20, 0.5))
    assert (found.value, found.status) == (20, Status.ESTIMATED)
    assert "at or above" in found.reason


def test_without_clean_clips_the_best_point_is_the_measure():
    found = of_snr((30, 0.12), (20, 0.1), (10, 0.3))
    assert found.value == pytest.approx(15.0)
    assert "twice that of at 20" in found.method


@pytest.mark.parametrize(
    ("points", "why"),
    [
        ([(None, 0.0), (20, 0.1)], "WER is 0 under"),
        ([(None, 0.1), (20, 0.15)], "has not doubled by"),
        ([(20, 0.3), (10, 0.1)], "lowest at the worst point"),
        ([(None, 0.1), (20, None)], "fewer than two"),
        ([], "fewer than two"),
    ],
)
def test_where_it_cannot_be_told_it_says_why(points, why):
    found = of_snr(*points)
    assert found.status is Status.NOT_MEASURABLE
    assert why in found.reason


def test_a_point_without_a_figure_is_passed_over():
    assert of_snr((None, 0.1), (20, 0.1), (10, None), (0, 0.3)).value == pytest.approx(10.0)


def test_a_codec_has_a_name_and_no_number():
    points = [point(None, 0.1, "clean"), point(None, 0.15, "mulaw"), point(None, 0.25, "mp3:32k")]
    found = breakpoint_of(points, "codec", "")
    assert found.value is None
    assert found.method.startswith("mp3:32k")
    assert "mulaw comes nearest" in breakpoint_of(points[:2], "codec", "").reason


def frontiers_of(*rated):
    items = [
        example_item(f"{condition.label}-{at}", "sphinx", condition, words=20, edits=edits)
        for condition, edits in rated
        for at in range(2)
    ]
    run = summarise(example_header(engines=("sphinx",)), items)
    return {(each.axis, each.series): each for each in run.frontiers}


def noise(name, snr, **more):
    return ClipCondition(noise=name, snr_db=snr, **more)


def test_each_noise_has_a_series_and_each_axis_its_own():
    found = frontiers_of(
        (ClipCondition(), 2),
        (noise("white", 20.0), 2),
        (noise("white", 10.0), 6),
        (noise("babble", 10.0), 8),
        (ClipCondition(codec="mulaw"), 5),
        (ClipCondition(packet_loss_percent=5.0), 6),
        (ClipCondition(packet_loss_percent=10.0), 9),
        (ClipCondition(reverb_s=0.3), 3),
        (noise("white", 10.0, codec="mulaw"), 9),
    )
    assert set(found) == {
        ("snr_db", "white"),
        ("snr_db", "babble"),
        ("codec", "clean"),
        ("packet_loss_percent", "clean"),
        ("reverb_s", "clean"),
    }
    assert [each.label for each in found["snr_db", "white"].points] == [
        "clean",
        "white 20 dB",
        "white 10 dB",
    ]
    assert found["snr_db", "white"].breakpoint.value == pytest.approx(15.0)
    assert found["packet_loss_percent", "clean"].breakpoint.value == pytest.approx(2.5)
    assert "has not doubled" in found["reverb_s", "clean"].breakpoint.reason


def test_where_all_clips_went_through_one_codec_that_is_what_their_series_is_of():
    found = frontiers_of(
        (ClipCondition(codec="mulaw"), 2),
        (noise("white", 10.0, codec="mulaw"), 6),
    )
    assert ("snr_db", "white, mulaw") in found
    assert found["snr_db", "white, mulaw"].breakpoint.value == 10.0


def test_one_point_is_no_frontier():
    assert frontiers_of((noise("white", 10.0), 2)) == {}
    assert frontiers([]) == ()


def test_a_curve_knows_that_its_breakpoint_is_only_a_bound():
    white = ("snr_db", "white")
    clean, mild = (ClipCondition(), 2), (noise("white", 20.0), 3)
    assert frontiers_of(clean, (noise("white", 20.0), 5))[white].is_bound
    assert not frontiers_of(clean, mild, (noise("white", 10.0), 6))[white].is_bound
    assert not frontiers_of(mild, (noise("white", 10.0), 8))[white].is_bound
    lost = frontiers_of(clean, (ClipCondition(packet_loss_percent=5.0), 4))
    assert not lost["packet_loss_percent", "clean"].is_bound
