"""One wait with other parts: what moves, and what holds it back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from echotrace.model.trace import PARTS
from echotrace.whatif.cases import Case, Piece, Work, cases_of
from echotrace.whatif.change import CHANGEABLE, Change
from echotrace.whatif.replay import replay
from tests.fakes.whatif_reports import LENGTHS, part, span, traced, turn


def wait(*lengths, works=(), placed=True, **changes):
    """A wait of (key, ms) one behind the other, and work as (key, begin, end)."""
    pieces, at = [], 0.0
    for key, ms in lengths:
        place = {"start_ms": at, "end_ms": at + ms} if placed else {}
        pieces.append(Piece(key=key, ms=ms, **place))
        at += ms
    return Case(
        turn_id=1,
        trace_turn_id=1,
        gap_ms=at,
        pieces=tuple(pieces),
        works=tuple(Work(key=key, start_ms=begin, end_ms=end) for key, begin, end in works),
        **changes,
    )


def asked(*changes):
    return {change.key: change for change in changes}


def to(key, ms):
    return Change(key=key, how="set", value=ms)


def times(key, factor):
    return Change(key=key, how="scale", value=factor)


PLAIN = (("endpointing_wait", 600.0), ("llm_inference", 400.0), ("speech_synthesis", 200.0))


def test_parts_one_behind_the_other_move_what_comes_after_them():
    changes = asked(to("endpointing_wait", 300.0), times("llm_inference", 0.5))
    found = replay(wait(*PLAIN), changes)
    assert found.gap_ms == 300.0 + 200.0 + 200.0
    assert (found.held_ms, found.held_by, found.is_bound) == (0.0, None, False)


def test_what_no_part_explains_stays():
    case = wait(*PLAIN, ("unaccounted", -35.0))
    assert replay(case, asked(to("endpointing_wait", 300.0))).gap_ms == case.gap_ms - 300.0


def test_recognition_under_the_endpointing_wait_sets_how_far_it_can_shrink():
    case = wait(*PLAIN, works=[("transcription", 0.0, 350.0)])
    found = replay(case, asked(to("endpointing_wait", 100.0)))
    assert found.gap_ms == 350.0 + 400.0 + 200.0
    assert (found.held_ms, found.held_by) == (250.0, "transcription")
    faster = asked(to("endpointing_wait", 100.0), times("transcription", 0.2))
    assert replay(case, faster).gap_ms == 100.0 + 400.0 + 200.0


def test_a_part_that_shows_only_its_tail_takes_as_long_as_it_really_ran():
    """The transcript came 100 ms after the end of turn; recognition had begun with the silence."""
    lengths = (("endpointing_wait", 600.0), ("transcription", 100.0), ("llm_inference", 400.0))
    case = wait(*lengths, works=[("transcription", 0.0, 700.0)])
    assert replay(case, asked(to("endpointing_wait", 200.0))).gap_ms == 700.0 + 400.0
    both = asked(to("endpointing_wait", 200.0), times("transcription", 0.5))
    assert replay(case, both).gap_ms == 350.0 + 400.0
    assert replay(case, asked(times("transcription", 0.5))).gap_ms == 600.0 + 400.0
    assert replay(case, asked(to("endpointing_wait", 650.0))).gap_ms == case.gap_ms


def test_preemptive_generation_is_on_the_critical_path_once():
    case = wait(*PLAIN, works=[("llm_inference", 300.0, 1000.0)])
    assert replay(case, asked(to("endpointing_wait", 300.0))).gap_ms == case.gap_ms
    assert replay(case, asked(times("llm_inference", 0.5))).gap_ms == 300.0 + 350.0 + 200.0
    assert replay(case, asked(times("llm_inference", 0.1))).gap_ms == 600.0 + 200.0


def test_a_stage_that_began_a_little_early_by_its_own_clock_began_with_its_part():
    case = wait(*PLAIN, works=[("llm_inference", 560.0, 1000.0)])
    assert replay(case, asked(to("endpointing_wait", 300.0))).gap_ms == case.gap_ms - 300.0
    early = wait(*PLAIN, works=[("llm_inference", 500.0, 1000.0)])
    shorter = asked(to("endpointing_wait", 300.0))
    assert replay(early, shorter).gap_ms == early.gap_ms
    assert replay(early, shorter, slack_ms=60.0).gap_ms == early.gap_ms - 300.0


def test_speech_that_waits_for_its_text_does_not_hold_it_back():
    """Synthesis opens its context with the request, and cannot speak before there is text."""
    case = wait(*PLAIN, works=[("speech_synthesis", 600.0, 1200.0)])
    assert replay(case, asked(times("llm_inference", 0.5))).gap_ms == 600.0 + 200.0 + 200.0


def test_tokens_that_stream_on_under_the_speech_hold_nothing_back():
    case = wait(*PLAIN, works=[("llm_inference", 600.0, 1150.0)])
    assert replay(case, asked(to("speech_synthesis", 20.0))).gap_ms == 600.0 + 400.0 + 20.0


def test_without_places_a_shorter_part_gives_a_lower_bound():
    case = wait(*PLAIN, placed=False, is_watched=False)
    found = replay(case, asked(to("endpointing_wait", 300.0)))
    assert (found.gap_ms, found.is_bound) == (900.0, True)
    assert not replay(case, asked(to("endpointing_wait", 900.0))).is_bound
    assert not replay(case, asked(to("speech_synthesis", 0.0))).is_bound
    put_together = wait(*PLAIN, placed=False, is_sum=True)
    assert not replay(put_together, asked(to("endpointing_wait", 300.0))).is_bound


def test_a_negative_part_is_no_length_and_stays():
    case = wait(("endpointing_wait", 600.0), ("llm_inference", -120.0), placed=False)
    assert replay(case, asked(times("llm_inference", 0.5))).gap_ms == case.gap_ms
    assert replay(case, asked(to("llm_inference", 0.0))).gap_ms == case.gap_ms


def test_two_pieces_of_one_part_share_what_it_is_set_to():
    case = wait(("tool_call", 100.0), ("llm_inference", 300.0), ("tool_call", 300.0))
    assert replay(case, asked(to("tool_call", 200.0))).gap_ms == 500.0
    none = wait(("tool_call", 0.0), ("llm_inference", 300.0), ("tool_call", 0.0))
    assert replay(none, asked(to("tool_call", 200.0))).gap_ms == 500.0


def test_a_part_of_a_turn_that_lies_inside_another_runs_beside_it():
    plain = turn(1, LENGTHS)
    inner = part("transcription", 350.0, None, inside="endpointing_wait")
    report = traced([turn(1, LENGTHS, parts=(*plain.parts, inner))])
    case = cases_of(report).items[0]
    assert case.gap_ms == 1200.0
    found = replay(case, asked(to("endpointing_wait", 0.0)))
    assert (found.gap_ms, found.held_by, found.is_bound) == (950.0, "transcription", False)


def test_the_hidden_beginning_of_a_part_belongs_to_it():
    """Preemptive generation: 300 ms of the model's time lie inside the endpointing wait."""
    plain = turn(1, LENGTHS)
    hidden = part("llm_inference", 300.0, 10.3, inside="endpointing_wait")
    report = traced([turn(1, LENGTHS, parts=(*plain.parts, hidden))])
    case = cases_of(report).items[0]
    assert replay(case, asked(to("endpointing_wait", 300.0))).gap_ms == case.gap_ms
    assert replay(case, asked(times("llm_inference", 0.5))).gap_ms == case.gap_ms - 350.0


def test_spans_of_a_turn_are_found_by_its_number_or_by_their_time():
    for number in (1, None):
        spans = [
            span("transcription", 1, -3000.0, 350.0, turn=number),
            span("llm_inference", 1, 100.0, 580.0, turn=number, status="cancelled"),
            span("transcription", 2, 0.0, 500.0, turn=2),
        ]
        report = traced([turn(1, LENGTHS), turn(2, LENGTHS)], spans)
        first, second = cases_of(report).items
        at_once = asked(to("endpointing_wait", 0.0))
        assert replay(first, at_once).gap_ms == 950.0
        assert replay(second, at_once).gap_ms == 1100.0
        half = asked(to("endpointing_wait", 0.0), times("transcription", 0.5))
        assert replay(first, half).gap_ms == 775.0


lengths = st.lists(
    st.tuples(st.sampled_from(PARTS), st.floats(0.0, 3000.0)), min_size=1, max_size=7
).map(lambda items: sorted(items, key=lambda item: PARTS.index(item[0])))
works = st.lists(
    st.tuples(st.sampled_from(CHANGEABLE), st.floats(0.0, 4000.0), st.floats(0.0, 4000.0)).map(
        lambda item: (item[0], item[1], item[1] + item[2])
    ),
    max_size=6,
)
factors = st.floats(0.0, 1.0)


@given(lengths, works, st.lists(st.sampled_from(CHANGEABLE), unique=True))
def test_without_a_change_every_gap_is_the_same_number(parts, beside, keys):
    case = wait(*parts, works=beside)
    assert replay(case, asked(*(times(key, 1.0) for key in keys))).gap_ms == case.gap_ms


@given(lengths, works, st.dictionaries(st.sampled_from(CHANGEABLE), factors))
def test_a_faster_stage_never_makes_the_caller_wait_longer(parts, beside, faster):
    case = wait(*parts, works=beside)
    found = replay(case, asked(*(times(key, factor) for key, factor in faster.items())))
    assert found.gap_ms <= case.gap_ms + 1e-3


@given(lengths, works, st.sampled_from(CHANGEABLE), factors, factors)
def test_half_a_saving_is_no_more_than_a_whole_one(parts, beside, key, one, other):
    case = wait(*parts, works=beside)
    less, more = sorted((one, other))
    gaps = [replay(case, asked(times(key, factor))).gap_ms for factor in (less, more)]
    assert gaps[0] <= gaps[1] + 1e-3


@given(lengths, st.dictionaries(st.sampled_from(CHANGEABLE), st.floats(0.0, 3.0)))
def test_where_nothing_runs_beside_the_pieces_the_changes_add_up(parts, scaled):
    case = wait(*parts)
    found = replay(case, asked(*(times(key, factor) for key, factor in scaled.items())))
    expected = sum(ms * scaled.get(key, 1.0) for key, ms in parts)
    assert abs(found.gap_ms - expected) < 1e-3
