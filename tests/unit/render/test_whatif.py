"""What the answer to a what-if looks like, and that no text of a report is markup in it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from echotrace.errors import InputError
from echotrace.model.measure import Finding, Measurement, Severity
from echotrace.render.console.whatif import render_what_if
from echotrace.whatif.ask import failed_what_if, what_if
from echotrace.whatif.change import read_changes
from tests.fakes.estimates import llm, run, tts
from tests.fakes.reports import HOSTILE, complete_report
from tests.fakes.whatif_reports import LENGTHS, traced, turn, with_pauses

if TYPE_CHECKING:
    from echotrace.model.whatif import WhatIf

PAUSES = [(), (250.0,), (400.0, 150.0), (), (900.0,)] * 4


def answer(count: int = 24, sets=("endpointing_wait=300",), scales=(), pauses=PAUSES) -> WhatIf:
    turns = [turn(n, LENGTHS | {"llm_inference": 100.0 * n}) for n in range(1, count + 1)]
    report = with_pauses(traced(turns), pauses)
    return what_if(report, read_changes(sets, scales), path="r.json")


def row_of(shown: str, wait: str) -> str:
    return next(line for line in shown.splitlines() if re.match(rf"^ +{wait}  ", line))


def test_the_gap_stands_before_and_after_with_what_moved():
    shown = render_what_if(answer(scales=("llm_inference=0.5",)))
    assert re.search(
        r"^  endpointing wait  = 300 ms  600 ms -> 300 ms +n=24  vad.stop", shown, re.M
    )
    assert re.search(r"^  llm inference +x 0.5 +1,250 ms -> 625 ms  n=24", shown, re.M)
    line = next(line for line in shown.splitlines() if line.startswith("  p50 "))
    assert re.fullmatch(r"  p50 +2,050 \[.*\] +1,125 \[.*\] +-925 \[-\S+, -\S+\]", line)
    assert re.search(r"^  <= 800 +0 % \[0, 14\] ", shown, re.M)
    assert "computed, not measured" in shown


def test_the_frontier_has_a_row_for_each_wait_and_marks_the_two_that_matter():
    shown = render_what_if(answer())
    assert "20 turns of the caller with 16 pauses replayed, the longest 900 ms" in shown
    assert "+20.0 false cut-offs per 100 turns beside the present wait [" in shown
    assert "  asked  █" in row_of(shown, "300")
    assert "  now    █" in row_of(shown, "600")
    rows = [row_of(shown, f"{wait:,}") for wait in range(0, 1501, 100)]
    bars = [re.findall(r"█+", row) for row in rows]
    assert len(bars[0]) == 2
    assert len(bars[0][0]) > len(bars[6][0])
    assert len(bars[-1]) == 1, "no turn is cut off, only the gap has a bar"
    assert " 0.0 [" in rows[-1]
    same = render_what_if(answer(sets=(), scales=("endpointing_wait=1",)))
    assert "  both   █" in row_of(same, "600")


def test_a_few_turns_have_a_worst_gap_instead_of_a_median():
    shown = render_what_if(answer(3))
    assert "worst gap, ms" in shown
    assert "  p50 " not in shown
    assert "3 turns were measured; a median needs 5" in shown


def test_a_price_that_cannot_be_told_says_why_and_what_to_run():
    report = replace(traced([turn(1, LENGTHS)]), conversation=None)
    found = what_if(report, read_changes(["endpointing_wait=300"], []), path="r.json")
    shown = render_what_if(found)
    assert "false cut-offs cannot be told: the report has no turns of a recording" in shown
    assert "try: echotrace analyze" in shown
    assert "per 100" not in shown


def test_a_simulated_pipeline_is_labelled_on_every_figure():
    report = replace(
        complete_report(),
        pipeline=run(llm=llm(*[(300, 350)] * 6, simulated=True), tts=tts(*[(200, 180)] * 6)),
    )
    found = what_if(report, read_changes(["endpointing_wait=200"], []), path="r.json")
    shown = render_what_if(found)
    assert "Estimated wait" in shown
    assert "6 answers put together from probes" in shown
    assert len(re.findall(r"\[MOCK\] [\d,]+ \[", shown)) >= 2


def test_a_failed_question_shows_its_error():
    shown = render_what_if(failed_what_if(InputError("no such thing", hint="look again")))
    assert "no such thing" in shown
    assert "try: look again" in shown


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("width", [40, 52, 64, 80, 132])
def test_no_line_is_wider_than_the_page(width, ascii_only):
    shown = render_what_if(
        answer(scales=("llm_inference=0.5",)), width=width, ascii_only=ascii_only
    )
    assert max(map(cell_len, shown.splitlines())) <= width
    assert not ascii_only or shown.isascii()
    assert "\x1b" not in shown
    assert row_of(shown, "300").endswith("1,125"), "the last column is whole"


@given(st.sampled_from((HOSTILE, "[/]", "[bold]x", "\x1b[2J", "中" * 50)), st.floats(0, 1e300))
@settings(max_examples=10)
def test_text_and_numbers_of_a_damaged_report_stay_data(text, number):
    found = answer()
    assert found.source is not None
    part = replace(found.changes[0], owners=(text,), key=text, value=number)
    point = replace(
        found.endpointing.frontier[0],
        mark=text,
        gap_p50_ms=Measurement.measured(number, "ms"),
        gap_worst_ms=-number,
    )
    broken = replace(
        found,
        basis=text,
        source=replace(found.source, path=text, recording=text),
        changes=(part,),
        left_out={text: 3},
        endpointing=replace(found.endpointing, frontier=(point,)),
        warnings=(Finding(code=text, severity=Severity.WARNING, message=text, hint=text),),
    )
    for width in (40, 80):
        shown = render_what_if(broken, width=width)
        assert "\x1b" not in shown
        assert max(map(cell_len, shown.splitlines())) <= width
