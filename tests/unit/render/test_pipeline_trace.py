"""Claimed against heard on a page: the difference, parts that add up, the clock, what is next.

``UPDATE_SNAPSHOTS=1 pytest tests/unit/render/test_pipeline_trace.py`` draws the pictures anew.
"""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from echotrace.model.measure import Measurement
from echotrace.model.reconciled import PipelineTrace, TurnPart
from echotrace.render.base import RenderOptions
from echotrace.render.console import render_console
from echotrace.render.console.pipeline_trace import (
    brief_pipeline,
    claimed_against_heard,
    whole_pipeline,
)
from echotrace.render.console.pipeline_trace_bar import added, signed_axis, stack
from echotrace.render.console.pipeline_trace_told import longest_part, shown_turn, trace_of
from echotrace.render.console.turn import turn_sheet
from echotrace.render.markdown import MarkdownRenderer
from echotrace.tui.lines import page_of
from tests.fakes.report_strategy import of_type
from tests.fakes.reports import HOSTILE, call_report
from tests.fakes.traced_reports import (
    TRACED,
    claimed_only_report,
    hostile_trace_report,
    many_traced_report,
    refused_trace_report,
    traced_and_probed_report,
    traced_report,
)

FOLDER = Path(__file__).parent / "trace_snapshots"
CASES = [
    *((name, 80, False) for name in TRACED),
    ("traced", 160, False),
    ("traced", 40, False),
    ("traced", 80, True),
    ("claimed_only", 160, False),
    ("hostile_trace", 80, True),
]
SHEETS = [(8, 72), (8, 108), (2, 72), (6, 72), (9, 72), (10, 72), (11, 72)]


def block(report, width=80, *, ascii_only=False):
    page = page_of(width, ascii_only=ascii_only)
    return "\n".join(line.plain.rstrip() for line in claimed_against_heard(report, page)) + "\n"


def flat(report, width=80):
    return " ".join(block(report, width).split())


def sheet(report, number, width=80):
    turn = next(turn for turn in report.conversation.turns if turn.id == number)
    page = page_of(width, ascii_only=False)
    return "\n".join(line.plain.rstrip() for line in turn_sheet(turn, report, page)) + "\n"


def check(name, shown):
    path = FOLDER / f"{name}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        path.parent.mkdir(exist_ok=True)
        path.write_text(shown, encoding="utf-8", newline="\n")
    assert path.is_file(), "no snapshot yet: run with UPDATE_SNAPSHOTS=1 and read the new file"
    assert shown == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "width", "ascii_only"), CASES, ids=str)
def test_the_block_looks_as_reviewed(name, width, ascii_only):
    shown = block(TRACED[name](), width, ascii_only=ascii_only)
    assert not ascii_only or shown.isascii()
    check(f"{name}-{width}{'-ascii' if ascii_only else ''}", shown)


@pytest.mark.parametrize(("number", "width"), SHEETS)
def test_the_sheet_of_a_turn_looks_as_reviewed(number, width):
    shown = sheet(traced_report(), number, width)
    check(f"turn-{number}-{width}", shown[: shown.index("\nWords")])


def test_no_picture_is_left_over():
    known = {f"{name}-{width}{'-ascii' if plain else ''}.txt" for name, width, plain in CASES}
    known |= {f"turn-{number}-{width}.txt" for number, width in SHEETS}
    assert {path.name for path in FOLDER.iterdir()} == known


def test_the_first_sentence_is_the_difference():
    shown = flat(traced_report())
    assert "the platform says 470 ms, the caller heard 780 ms: 360 ms more" in shown
    assert "medians of 5 turns; the difference is taken turn by turn" in shown
    assert "try echotrace whatif REPORT.json --scale endpointing_wait=0.5" in shown


def with_median(difference_ms):
    """The call with another median difference, in ms."""
    report = traced_report()
    trace = report.pipeline.trace
    spread = replace(trace.difference_ms, p50=Measurement.measured(difference_ms, "ms"))
    trace = replace(trace, difference_ms=spread)
    return replace(report, pipeline=replace(report.pipeline, trace=trace))


@pytest.mark.parametrize(
    ("difference_ms", "told"), [(-120.0, "120 ms less"), (0.2, "as long"), (12.4, "12 ms more")]
)
def test_it_says_less_and_as_long_as_well(difference_ms, told):
    assert f"the caller heard 780 ms: {told}" in flat(with_median(difference_ms))


def test_few_turns_have_no_median_but_a_largest_difference():
    report = traced_report()
    trace = report.pipeline.trace
    lost = Measurement.not_measurable("ms", "3 turns were measured; a median needs 5")
    spread = replace(trace.difference_ms, n=3, p50=lost)
    few = replace(report.pipeline, trace=replace(trace, difference_ms=spread))
    shown = flat(replace(report, pipeline=few))
    assert "3 turns on both sides, too few for a median; at most 1,050 ms more" in shown
    none = replace(spread, n=0, worst=lost)
    few = replace(report.pipeline, trace=replace(trace, difference_ms=none))
    assert "no turn could be compared: 3 turns were measured" in flat(replace(report, pipeline=few))


def test_without_a_recording_only_what_is_claimed_is_told():
    shown = flat(claimed_only_report())
    assert "what the caller heard is not known: there is no recording" in shown
    assert "by the trace alone" in shown
    assert "difference" not in shown
    assert "clock" not in shown
    assert "analyze CALL.wav --trace 'traces/support call.spans.json'" in shown


def test_a_refused_clock_says_why_and_how_to_go_on():
    shown = flat(refused_trace_report())
    assert "could not be laid over the recording the 9 turns of the trace fit nowhere" in shown
    assert shown.count("fit nowhere") == 1
    assert "clock refused: at the best place 2 turns matched, residual 212 ms" in shown
    assert "--offset-ms MS" in shown
    assert "by the pipeline's own trace" not in sheet(refused_trace_report(), 8)


def test_a_stated_clock_tells_its_reason():
    report = traced_report()
    trace = report.pipeline.trace
    clock = replace(trace.clock, status="stated", drift_ppm=None, reason="2 turns match")
    stated = replace(report.pipeline, trace=replace(trace, clock=clock))
    shown = flat(replace(report, pipeline=stated))
    assert "clock stated: its first speech event lies at 0:03.712" in shown
    assert "drift" not in shown
    assert "2 turns match" in shown


def test_many_turns_are_listed_the_longest_first_and_counted():
    shown = block(many_traced_report(), 132)
    assert "and 50 more turns: --export-only has them" in shown
    assert shown.index("    3  ") < shown.index("LLM inference 410")


def test_what_the_trace_says_takes_the_place_of_what_the_recording_cannot():
    late = " ".join(sheet(traced_report(), 8).split())
    assert "by the pipeline's own trace most of it was tool call, 640 ms (find_booking)." in late
    assert "cannot say which stage" not in late
    assert "An answer's parts" not in late
    assert "An answer's parts" in sheet(traced_and_probed_report(), 8)
    assert "cannot say which stage" in " ".join(sheet(call_report(), 8).split())
    assert "Claimed against heard" not in sheet(call_report(), 8)


def test_a_trace_has_its_block_and_no_other():
    shown = render_console(traced_report(), width=80)
    assert shown.count("Claimed against heard") == 1
    assert "Analyzer trace" not in shown
    assert "from probes; not what a caller heard" not in shown
    both = render_console(traced_and_probed_report(), width=80)
    assert "from probes; not what a caller heard" in both
    assert "Claimed against heard" not in render_console(call_report(), width=80)


def test_no_line_is_wider_than_the_page_whatever_the_trace_says():
    for make in TRACED.values():
        report = make()
        turns = report.conversation.turns if report.conversation else ()
        for width, plain in ((24, True), (40, False), (67, False), (132, True)):
            page = page_of(width, ascii_only=plain)
            lines = [*brief_pipeline(report.pipeline, page), *whole_pipeline(report.pipeline, page)]
            lines += claimed_against_heard(report, page) if width >= 40 else ()
            for turn in turns[:9] if width >= 40 else ():
                lines += turn_sheet(turn, report, page)
            for line in lines:
                assert line.cell_len <= width, line.plain
                assert not plain or line.plain.isascii()
                assert "\x1b" not in line.plain


@given(of_type(PipelineTrace))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_trace_can_be_told(trace):
    report = traced_report()
    report = replace(report, pipeline=replace(report.pipeline, trace=trace))
    for width in (40, 100):
        page = page_of(width, ascii_only=False)
        for line in (*claimed_against_heard(report, page), *brief_pipeline(report.pipeline, page)):
            assert line.cell_len <= width
            assert line.plain.isprintable()
    assert "\x1b" not in MarkdownRenderer().render(report, RenderOptions())


lengths = st.lists(st.floats(-2_000, 5_000), min_size=1, max_size=8)


@given(lengths, st.integers(10, 120))
@settings(max_examples=40, deadline=None)
def test_a_stack_reaches_from_its_negative_sum_to_its_positive_one(values, cells):
    parts = tuple(
        TurnPart(
            key="llm_inference",
            owner="x",
            owner_kind="service",
            ms=Measurement.measured(value, "ms"),
        )
        for value in values
    )
    page = page_of(200, ascii_only=False)
    axis = signed_axis([parts], [], cells)
    drawn = stack(parts, axis, page).plain.ljust(cells)
    early = sum(value for value in values if value < 0)
    late = sum(value for value in values if value > 0)
    zero = round(axis.cell(0.0))
    assert len(drawn) == cells
    assert abs(sum(char in "l<" for char in drawn[:zero]) - zero) <= 1
    assert abs(axis.cell(late) - len(drawn.rstrip())) <= 1 or late == 0
    assert axis.first_ms == pytest.approx(early)


def test_the_shown_turn_is_one_whose_parts_are_its_gap():
    for make in (traced_report, claimed_only_report, refused_trace_report):
        trace = trace_of(make())
        turn = shown_turn(trace)
        gap = turn.heard_gap_ms.value
        gap = turn.claimed_gap_ms.value if gap is None else gap
        assert sum(part.ms.value for part in added(turn.parts)) == pytest.approx(gap)
    assert longest_part(()) is None


def test_markdown_folds_the_turns_and_lets_nothing_act():
    page = MarkdownRenderer().render(traced_report(), RenderOptions())
    assert "#### Claimed against heard\n\n**the platform says 470 ms" in page
    assert "<summary>Turns of the trace (10)</summary>" in page
    assert "| heard less claimed | +360 ms" in page
    page = MarkdownRenderer().render(hostile_trace_report(), RenderOptions())
    assert "<img" not in page
    assert HOSTILE not in page


def test_lines_fit_in_cells_that_are_wide():
    shown = block(hostile_trace_report(), 64)
    assert max(map(cell_len, shown.splitlines())) <= 64
