"""Claimed against heard on the page: what stands on it, and that nothing of it can act."""

import re
from dataclasses import replace

import pytest

from echotrace.render.base import RenderOptions
from echotrace.render.html import HtmlRenderer
from tests.fakes.reports import HOSTILE, call_report
from tests.fakes.traced_reports import (
    TRACED,
    many_traced_report,
    refused_trace_report,
    traced_and_probed_report,
    traced_report,
)
from tests.unit.render.test_html import harmless


def page_of(report):
    return HtmlRenderer().render(report, RenderOptions())


def section(page):
    begin = page.index('<section id="claimed"')
    return page[begin : page.index("</section>", begin)]


@pytest.mark.parametrize("name", TRACED)
def test_every_state_makes_a_whole_and_harmless_page(name):
    page = page_of(TRACED[name]())
    parsed = harmless(page)
    ids = [value for key, value in parsed.attributes if key == "id"]
    targets = [value for key, value in parsed.attributes if key == "href"]
    assert len(ids) == len(set(ids))
    assert {each[1:] for each in targets if each.startswith("#")} <= set(ids)
    assert "#claimed" in targets
    assert HOSTILE not in page


def test_a_report_without_a_trace_has_no_such_section():
    assert 'id="claimed"' not in page_of(call_report())


def test_each_turn_is_a_bar_on_one_axis_that_leads_to_its_place():
    told = section(page_of(traced_report()))
    bars = re.findall(r'aria-label="turn ([^:"]+): ([^"]*)"', told)
    assert [label for label, _ in bars] == ["8", "4", "2", "3", "9", "6", "7", "5", "10", "(10)"]
    assert bars[2][1].startswith("endpointing wait 300 ms; LLM inference 190 ms")
    assert bars[2][1].endswith("unaccounted +20 ms")
    assert told.count('data-at="5.600"') == 2
    assert "<title>claimed 420 ms</title>" in told
    assert "transcription <b>190 ms</b>" in told
    assert ", inside endpointing wait" in told


def test_bars_end_where_the_gap_ends():
    told = section(page_of(traced_report()))
    rows = re.findall(r'aria-label="turn (\d+):[^"]*">(.*?)</svg>', told, re.DOTALL)
    ends, zero = {}, None
    for label, drawn in rows:
        found = re.findall(r'<rect x="([\d.]+)%" y="3" width="([\d.]+)%"', drawn)
        zero = float(re.search(r'x1="([\d.]+)%"[^>]*class="zero-at"', drawn)[1])
        right = max([float(x) + float(width) for x, width in found], default=zero)
        left = min([float(x) for x, _ in found], default=zero)
        ends[label] = right - zero - max(0.0, zero - left)
    scale = ends["8"] / 2_340.0
    assert ends["2"] / scale == pytest.approx(780.0, abs=4.0)
    assert ends["6"] / scale == pytest.approx(-240.0, abs=4.0)


def test_a_page_of_many_turns_names_them_all_as_a_table():
    told = section(page_of(many_traced_report(30)))
    assert told.count('class="stack"') == 30
    assert "all parts as a table" in told
    assert told.count("<td>setting vad.stop_secs</td>") >= 30


def test_a_refused_clock_is_said_first_and_the_estimate_keeps_its_own_section():
    told = section(page_of(refused_trace_report()))
    assert "the trace could not be laid over the recording" in told
    assert 'id="pipeline"' not in page_of(traced_report())
    assert 'id="pipeline"' in page_of(traced_and_probed_report())


def test_the_tiles_lead_to_it():
    page = page_of(traced_report())
    assert page.count('href="#claimed"') == 3
    assert "heard less claimed" in page
    report = traced_report()
    without = replace(report, pipeline=replace(report.pipeline, trace=None))
    assert "claimed gap p50" not in page_of(without)
