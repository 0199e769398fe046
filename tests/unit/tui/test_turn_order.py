"""Sorting and filtering turns: laws that hold for any call, and what each name means."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.errors import UsageError
from echotrace.expressions import Figure, parse
from echotrace.model.conversation import Turn, TurnSide
from echotrace.model.measure import Measurement, Severity
from echotrace.tui.turn_figures import NAMES, TurnFigures, parse_filter
from echotrace.tui.turn_order import ABSENT, Order, ordered, sift, told_order, value_of
from tests.fakes.audit_reports import audited_call_report
from tests.fakes.large_reports import three_hour_report
from tests.fakes.reports import call_report, mono_report

NUMBERS = st.integers(-3, 3).map(float)
GAPS = st.one_of(
    NUMBERS.map(lambda value: Measurement.measured(value, "ms")),
    st.just(Measurement.not_measurable("ms", "hidden in noise")),
    st.just(Measurement.measured(float("nan"), "ms")),
)


@st.composite
def calls(draw):
    """A conversation whose turns share few values, so that there are ties, and miss some."""
    heard = call_report().conversation
    count = draw(st.integers(0, 12))
    turns = tuple(
        Turn(
            id=number,
            kind=draw(st.sampled_from(["response", "barge_in", "greeting"])),
            user=draw(st.sampled_from([None, TurnSide(start_s=1.0, end_s=2.0)])),
            agent=draw(st.sampled_from([None, TurnSide(start_s=3.0, end_s=4.0)])),
            heard_gap_ms=draw(GAPS),
            yield_ms=draw(st.one_of(st.none(), GAPS)),
            snr_db=draw(st.one_of(st.none(), NUMBERS)),
        )
        for number in range(1, count + 1)
    )
    return replace(heard, turns=turns)


def overlap_ms(turn):
    """A figure of its own per turn, none for every third one."""
    return Figure(None, "none") if turn.id % 3 == 0 else Figure(float(turn.id % 2))


@settings(max_examples=40)
@given(calls(), st.sampled_from(Order), st.booleans())
def test_sorting_is_a_stable_permutation_with_the_unknown_last(heard, order, is_reversed):
    found = ordered(heard, order, overlap_ms, is_reversed=is_reversed)
    assert sorted(turn.id for turn in found) == [turn.id for turn in heard.turns]
    if order is Order.WORST:
        return
    values = [value_of(turn, order, overlap_ms) for turn in found]
    known = [value for value in values if value is not None]
    assert values[len(known) :] == [None] * (len(values) - len(known))
    assert known == sorted(known, reverse=order.is_falling is not is_reversed)
    pairs = zip(values, found, strict=True)
    for (one, first), (other, second) in pairwise(pairs):
        assert one != other or first.id < second.id


def test_the_worst_order_turned_round_is_backwards_and_the_unmeasured_stay_last():
    heard = call_report().conversation
    back = ordered(heard, Order.WORST, overlap_ms, is_reversed=True)
    assert [turn.id for turn in back] == [3, 2, 6, 5, 4, 10, 8, 7, 9, 11, 1]
    for order in Order:
        assert told_order(order, is_reversed=True) != told_order(order, is_reversed=False)


FILTERS = st.recursive(
    st.sampled_from(
        ["heard > 0", "yield <= 1", "snr != 2", "kind = barge_in", "first = yes", "at > 1"]
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda p: f"({' '.join(p)})"),
        inner.map(lambda text: f"not ({text})"),
    ),
    max_leaves=4,
)


@settings(max_examples=40)
@given(calls(), FILTERS)
def test_a_filter_its_negation_and_the_unknown_part_the_turns(heard, text):
    figures = TurnFigures(replace(call_report(), conversation=heard))
    found = sift(heard.turns, parse(text), figures.look_up)
    parts = [found.kept, found.dropped, found.unknown]
    assert sorted(turn.id for part in parts for turn in part) == [t.id for t in heard.turns]
    absent = sum(often for _, often in found.absent)
    assert bool(found.reasons) == (len(found.unknown) > absent)
    assert not any(ABSENT in reason for reason in found.reasons)
    other = sift(heard.turns, parse(f"not ({text})"), figures.look_up)
    assert other.kept == found.dropped
    assert other.dropped == found.kept
    assert other.unknown == found.unknown
    for part in parts:
        assert list(part) == [turn for turn in heard.turns if turn in part]


def kept(report, text):
    figures = TurnFigures(report)
    found = sift(report.conversation.turns, parse_filter(text), figures.look_up)
    return [turn.id for turn in found.kept]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("heard > 1500", [8]),
        ("gap > 1500", [8]),
        ("heard < 0", [6]),
        ("yield > 1000", [10]),
        ("overlap > 100", [6]),
        ("overlap = 0 and id < 4", [1, 2, 3]),
        ("snr < 12", [8, 9]),
        ("kind = missed_response or kind = unanswered", [7, 11]),
        ('kind = barge-in or kind = "missed response"', [5, 7, 10]),
        ("kind != barge-in and yield > 0", []),
        ("at > 60", [9, 10, 11]),
        ("first = yes", [2]),
        ("turn >= 10", [10, 11]),
        ("barge_in > 0", [5, 10]),
        ("incidents >= 2", [6]),
        ("missed_response = 1", [7]),
        ("severity = critical", [7, 10]),
        ("severity = none and heard > 1000", [4, 8]),
        ("band = critical", [8]),
        ("status = not_measurable and kind = response", [9]),
    ],
)
def test_each_name_is_what_an_engineer_takes_it_for(text, expected):
    assert kept(call_report(), text) == expected


def test_what_a_turn_cannot_have_is_not_called_unknown():
    report = call_report()
    turns, figures = report.conversation.turns, TurnFigures(report)
    found = sift(turns, parse_filter("yield > 1000"), figures.look_up)
    assert (found.absent, found.reasons) == (((("yield",), 9),), ())
    found = sift(turns, parse_filter("heard > 1 and yield > 1"), figures.look_up)
    assert dict(found.absent)["heard", "yield"] == 1
    assert sum(often for _, often in found.absent) == len(found.unknown) - 3
    assert len(found.reasons) == 3


def test_every_name_can_be_looked_up_and_says_why_it_has_nothing():
    report = replace(call_report(), transcription=None)
    figures = TurnFigures(report)
    for turn in report.conversation.turns:
        for name in NAMES:
            figure = figures.look_up(turn, name)
            assert figure.value is not None or figure.reason, name
    assert figures.look_up(report.conversation.turns[0], "herd").value is None


def test_errors_and_words_are_counted_in_the_turn_where_they_were_said():
    report = audited_call_report()
    figures = TurnFigures(report)
    turns = report.conversation.turns
    placed = [error for error in report.transcription.errors if error.start_s is not None]
    counted = [figures.look_up(turn, "errors") for turn in turns]
    known = [figure.value for figure in counted if figure.value is not None]
    assert 0 < sum(known) <= len(placed)
    assert sum(figures.look_up(turn, "words").value or 0 for turn in turns) >= sum(known)


def test_errors_that_the_report_leaves_out_or_cannot_place_make_a_lower_bound():
    report = audited_call_report()
    words = report.transcription
    cut = replace(report, transcription=replace(words, errors=words.errors[:1], errors_left_out=9))
    figures = [TurnFigures(cut).look_up(turn, "errors") for turn in cut.conversation.turns]
    assert any(figure.at_least and "not in the report" in figure.reason for figure in figures)
    lost = replace(words.errors[0], start_s=None, end_s=None, word=None)
    unplaced = replace(report, transcription=replace(words, errors=(lost,)))
    figures = [
        TurnFigures(unplaced).look_up(turn, "errors") for turn in unplaced.conversation.turns
    ]
    assert all(figure.at_least for figure in figures if figure.value is not None)


def test_a_yield_that_never_came_is_the_least_that_it_may_be():
    report = call_report()
    heard = report.conversation
    least = Measurement.estimated(1_500.0, "ms", reason="it had not stopped", low=1_500.0)
    turns = tuple(replace(t, yield_ms=least) if t.id == 10 else t for t in heard.turns)
    report = replace(report, conversation=replace(heard, turns=turns))
    assert kept(report, "yield > 1000") == [10]
    found = sift(turns, parse_filter("yield > 2000"), TurnFigures(report).look_up)
    assert [turn.id for turn in found.unknown if turn.id == 10] == [10]


def test_talk_over_that_was_not_measured_is_not_zero():
    report = call_report()
    summary = replace(report.conversation.summary, talk_over_ms=Measurement.not_run("ms", "off"))
    report = replace(report, conversation=replace(report.conversation, summary=summary))
    figure = TurnFigures(report).overlap(report.conversation.turns[5])
    assert (figure.value, figure.reason) == (None, "off")
    assert TurnFigures(mono_report()).overlap(report.conversation.turns[5]).value is None


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("herd > 1", "did you mean heard"),
        ("Heard > 1", "did you mean heard"),
        ("barge_ins > 1", "did you mean barge_in"),
        ("qqqqqq > 1", "use heard, yield"),
        ("heard >", "write it like heard > 1500"),
        ("barge-in > 0", "write it like heard > 1500"),
        ("wer > 0.1", ""),
    ],
)
def test_a_wrong_filter_is_refused_with_a_hint(text, hint):
    with pytest.raises(UsageError) as caught:
        parse_filter(text)
    assert caught.value.hint.startswith(hint)


def test_severity_is_the_gravest_of_the_turn():
    report = three_hour_report(turns=30, words=40)
    critical = [
        item.turn_id for item in report.conversation.incidents if item.severity is Severity.CRITICAL
    ]
    assert kept(report, "severity = critical") == critical
