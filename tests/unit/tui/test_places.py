"""The places of a report: in the order of time, and one can walk over all of them."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.model.conversation import Incident
from echotrace.model.measure import Finding, Measurement, Severity
from echotrace.model.report import Deduction, Word, WordError
from echotrace.tui.places import (
    PlaceKind,
    after,
    before,
    of_deduction,
    of_error,
    of_finding,
    of_incident,
    of_turn,
    of_word,
    places_of,
)
from tests.fakes.audit_reports import audited_call_report
from tests.fakes.reports import call_report, minimal_report

WHOLE = audited_call_report()
METRICS = ("heard_gap_ms", "dead_air_s", "wer", "cer", "snr_db", "ttft_ms", "rtf", "[b]")
NUMBERS = st.floats() | st.integers(0, 20).map(float)
BANDS = st.sampled_from([None, "good", "warning", "critical", "noisy"])


def measured(value, band=None):
    return Measurement.measured(value, "ms", band=band)


incidents = st.builds(
    Incident,
    type=st.sampled_from(["barge_in", "dead_air", "talk_over"]),
    at_s=NUMBERS,
    duration_ms=st.builds(measured, NUMBERS)
    | st.just(Measurement.not_measurable("ms", "the recording ends")),
    severity=st.sampled_from(Severity),
    turn_id=st.none() | st.integers(1, 5),
)
errors = st.builds(
    WordError,
    op=st.just("substitute"),
    gold=st.text(max_size=3),
    actual=st.text(max_size=3),
    message=st.just(""),
    start_s=st.none() | NUMBERS,
    end_s=st.none() | NUMBERS,
    snr_db=st.none() | NUMBERS,
)


MEASURED = st.builds(measured, NUMBERS, BANDS)
INCIDENTS = st.lists(incidents, max_size=6)
ERRORS = st.lists(errors, max_size=6)


@st.composite
def reports(draw):
    """A call with any incidents and errors, its turns and segments of any gap, SNR and band."""
    whole = WHOLE
    heard, signal = whole.conversation, whole.signal
    turns = tuple(replace(turn, heard_gap_ms=draw(MEASURED)) for turn in heard.turns)
    found = tuple(draw(INCIDENTS))
    channels = tuple(
        replace(
            channel,
            segments=tuple(replace(item, snr_db=draw(MEASURED)) for item in channel.segments[:3]),
        )
        for channel in signal.channels
    )
    return replace(
        whole,
        conversation=replace(heard, turns=turns, incidents=found),
        signal=replace(signal, channels=channels),
        transcription=replace(whole.transcription, errors=tuple(draw(ERRORS))),
    )


@settings(max_examples=15)
@given(reports())
def test_places_lie_in_order_and_none_is_lost(report):
    places = places_of(report)
    times = [place.at_s for place in places]
    assert times == sorted(times)
    assert all(map(math.isfinite, times))
    kept = {id(place.about) for place in places}
    for item in report.conversation.incidents:
        assert (id(item) in kept) == math.isfinite(item.at_s)
    for item in report.transcription.errors:
        placed = item.start_s is not None and math.isfinite(item.start_s)
        assert (id(item) in kept) == placed
    assert all(place.end_s >= place.at_s for place in places)


@settings(max_examples=15)
@given(reports())
def test_one_walks_over_every_time_and_back_again(report):
    places = places_of(report)
    walked, at_s = [], -math.inf
    while (place := after(places, at_s)) is not None:
        walked.append(place.at_s)
        at_s = place.at_s
    assert walked == sorted({place.at_s for place in places})
    back, at_s = [], math.inf
    while (place := before(places, at_s)) is not None:
        back.append(place.at_s)
        at_s = place.at_s
    assert back == walked[::-1]
    for here, beyond in pairwise(walked):
        assert after(places, here).at_s == beyond
        assert before(places, beyond).at_s == here


@settings(max_examples=30)
@given(reports(), st.sampled_from(METRICS))
def test_what_a_deduction_leads_to_is_in_the_report(report, metric):
    cost = Deduction(metric=metric, value=1.0, unit="", band="", points=1.0, message="")
    found = of_deduction(cost, report)
    assert all(math.isfinite(place.at_s) for place in found)
    if metric in ("wer", "cer", "dead_air_s"):
        assert set(map(id, (place.about for place in found))) <= {
            id(place.about) for place in places_of(report)
        }
    elif metric == "heard_gap_ms":
        assert {place.about.heard_gap_ms.band for place in found} <= {"warning", "critical"}
    elif metric == "snr_db":
        assert {place.kind for place in found} <= {PlaceKind.SEGMENT}
        assert "good" not in {place.about.snr_db.band for place in found}
    else:
        assert found == ()


def test_the_worst_place_of_a_deduction_comes_first():
    report = audited_call_report()
    gaps = [
        place.about.heard_gap_ms.value for place in of_deduction(deduction("heard_gap_ms"), report)
    ]
    assert gaps == sorted((gap for gap in gaps if gap), reverse=True) + [None] * gaps.count(None)
    assert gaps[0] == 2_340.0
    words = [place.about.causes[0].strength for place in of_deduction(deduction("wer"), report)]
    assert words[0] == "strong"
    assert words == sorted(words, key=["strong", "moderate", "weak", ""].index)


def deduction(metric):
    return Deduction(metric=metric, value=1.0, unit="", band="", points=1.0, message="")


def test_what_has_no_time_is_no_place():
    lost = float("nan")
    warning = Finding(code="X", severity=Severity.INFO, message="")
    assert of_finding(warning) is None
    assert of_finding(replace(warning, at_s=lost)) is None
    assert of_finding(replace(warning, at_s=2.0)).at_s == 2.0
    error = WordError(op="delete", gold="a", actual=None, message="", causes=())
    assert of_error(error) is None
    assert of_error(replace(error, start_s=lost)) is None
    assert of_error(replace(error, start_s=2.0, end_s=1.0), 1).end_s == 2.0
    word = Word(text="a")
    assert of_word(word) is None
    assert of_word(replace(word, start_s=lost)) is None
    place = of_word(replace(word, start_s=2.0, end_s=1.0), 1)
    assert (place.kind, place.end_s, place.channel) == (PlaceKind.WORD, 2.0, 1)
    assert places_of(minimal_report()) == ()
    assert after((), 0.0) is None
    assert before((), 0.0) is None


def test_a_turn_reaches_from_its_first_to_its_last_sound():
    heard = call_report().conversation
    turn = next(turn for turn in heard.turns if turn.user and turn.agent)
    place = of_turn(turn)
    assert (place.at_s, place.end_s) == (turn.user.start_s, turn.agent.end_s)
    assert of_turn(replace(turn, user=None, agent=None)) is None


@pytest.mark.parametrize("length_ms", [-5.0, 0.0, 250.0])
def test_an_incident_never_ends_before_it_begins(length_ms):
    item = call_report().conversation.incidents[0]
    place = of_incident(replace(item, duration_ms=measured(length_ms)))
    assert place.end_s - place.at_s == pytest.approx(max(0.0, length_ms) / 1e3)
