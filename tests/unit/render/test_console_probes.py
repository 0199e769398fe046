"""What the blocks of probes, pipeline and cost must say, whatever they look like."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from echotrace.model.measure import Measurement, Status
from echotrace.model.report import AnalyzerResult, Cost, CostItem, Phase, Probes
from echotrace.render.console import render_console
from echotrace.render.console.anatomy import sample_sheet
from echotrace.render.console.axis import axis_to
from echotrace.render.console.figures import P95_NEEDS, P99_NEEDS, dollars, figure
from echotrace.render.console.lane import lane_lines
from echotrace.render.console.layout import Page
from echotrace.render.console.phases import phase_bar
from echotrace.stats.percentiles import NEEDED
from tests.fakes.probe_reports import (
    PROBED,
    cost,
    dead_probe_report,
    failed_llm_sample,
    hostile_probe_report,
    llm_probe,
    llm_sample,
    lower_bound_pipeline,
    mock_llm_probe,
    mock_probe_report,
    phases,
    pipeline,
    probe_only_report,
    probed_report,
    tts_probe,
)
from tests.fakes.reports import complete_report, minimal_report
from tests.unit.render.test_console_blocks import block
from tests.unit.render.test_console_properties import any_of, slow

CONSOLE = Console(width=132)


def page_of(width=80, *, ascii_only=False):
    return Page(width=width, ascii_only=ascii_only, console=CONSOLE)


def lane(item, width=80, *, ascii_only=False):
    lines = lane_lines(item, page_of(width, ascii_only=ascii_only))
    return "\n".join(line.plain for line in lines)


def sheet(sample, probe, width=80):
    return "\n".join(line.plain for line in sample_sheet(sample, probe, page_of(width)))


def with_llm(probe):
    return render_console(replace(minimal_report(), probes=Probes(llm=probe)), width=100)


def bars(shown):
    """Return the drawn bar of each request by its number."""
    found = re.findall(r"^ +(\d+)  .*?(?: ms|FAILED)  ([^\n]*)", shown, re.MULTILINE)
    return {int(number): bar for number, bar in found}


# --- figures


def test_each_figure_has_its_interval_count_band_and_worst():
    shown = block(render_console(probed_report()), "LLM probe")
    assert re.search(r"TTFT +306 ms +\[302, 1,692\] +n=5 +good +worst 1,692 ms", shown)
    assert re.search(r"TTFAT +507 ms +\[503, 1,893\] +n=5", shown)
    assert re.search(r"token gap +21 ms .*n=105 +p95 22 ms, p99 22 ms,\s+worst 22 ms", shown)
    assert re.search(r"speed +87\.5 tokens/s", shown)


def test_percentiles_that_few_answers_cannot_tell_are_said_once():
    shown = block(render_console(probed_report()), "TTS probe")
    assert shown.count("p95") == 1
    assert "p95 needs 20 answers, p99 100" in shown
    assert (NEEDED[0.95], NEEDED[0.99]) == (P95_NEEDS, P99_NEEDS)


def test_the_first_answer_token_is_not_told_twice_where_nothing_was_reasoned():
    probe = llm_probe()
    assert "TTFAT" in with_llm(probe)
    assert "TTFAT" not in with_llm(replace(probe, ttfat_ms=probe.ttft_ms))


def test_speech_has_its_own_figures_with_its_silence_format_and_voice():
    shown = block(render_console(probed_report()), "TTS probe")
    assert "openai  gpt-4o-mini-tts  voice alloy" in shown
    assert re.search(r"TTFA +344 ms", shown)
    assert re.search(r"silence first +180 ms", shown)
    assert re.search(r"RTF +0\.22 x", shown)
    assert "wav, 24,000 Hz, 1 channel" in shown
    assert "the language model's first sentence; sent to api.openai.com" in shown


def test_a_spike_is_shown_with_the_part_that_grew():
    shown = block(render_console(probed_report(), width=120), "LLM probe")
    assert "request 3 took 1,692 ms, 5.6 x the others' median: 1,388 ms more of waiting" in shown
    calm = replace(llm_probe(), samples=tuple(llm_sample(at) for at in range(1, 6)))
    assert "spike" not in with_llm(calm)


def test_the_servers_own_times_stand_beside_ours():
    shown = block(render_console(probed_report(), width=120), "LLM probe")
    assert re.search(r"server says +total 892 ms, queue 21 ms, .*ours 930 ms", shown)
    assert re.search(r"network +38 ms", shown)


def test_cold_is_told_apart_with_the_set_up_of_its_connection():
    shown = block(render_console(probed_report(), width=120), "LLM probe")
    told = "TTFT 421 ms, whole request 1,133 ms, of it DNS 12 ms, connect 24 ms, TLS 51 ms"
    assert told in shown


def test_failures_are_counted_by_kind_with_what_to_try():
    shown = block(render_console(dead_probe_report()), "LLM probe")
    assert "0 of 2 answered, 2 failed; one cold before" in shown
    assert re.search(r"failed +2 x LLM_UNREACHABLE +no connection to localhost:11434", shown)
    assert "try: start it: ollama serve" in shown
    assert re.search(r"failed +1 x LLM_STALL", shown)


def test_requests_that_were_wanted_and_not_made_are_counted():
    probe = replace(llm_probe(), asked=9, concurrency=3)
    assert "3 not made" in with_llm(probe)
    assert "3 at a time" in with_llm(probe)


@pytest.mark.parametrize(
    ("source", "system", "told"),
    [
        ("built-in", "built-in", "built-in; sent to"),
        ("call", "built-in", "the call's own words; sent to"),
        ("file", "set", "yours, from a file, with your system prompt; sent to"),
    ],
)
def test_where_the_prompt_came_from_and_went_is_told(source, system, told):
    probe = replace(llm_probe(), prompt_source=source, system_source=system)
    assert f"{told} api.groq.com" in with_llm(probe)


# --- requests


def test_every_request_has_a_row_and_all_share_one_axis():
    shown = block(render_console(probed_report()), "LLM probe")
    drawn = bars(shown)
    assert list(drawn) == [0, 1, 2, 3, 4, 5, 6]
    assert re.search(r"^  0  cold +421 ms  ", shown, re.MULTILINE)
    assert re.search(r"^  4 +FAILED  \u2573 LLM_RATE_LIMIT", shown, re.MULTILINE)
    waited = {number: bar.count("░") for number, bar in drawn.items()}
    streamed = {number: bar.count("█") for number, bar in drawn.items()}
    assert waited[3] > 6 * waited[1] > 0
    assert abs(streamed[3] - streamed[1]) <= 1
    assert re.match(r"▄?▆", drawn[0])
    assert not re.search("[▂▄▆]", drawn[1])


def test_the_parts_are_told_in_ms_for_each_request_where_there_is_room():
    wide = block(render_console(probed_report(), width=120), "LLM probe")
    head = "queue DNS conn TLS sent  wait first think stream done"
    assert head in wide
    assert re.search(r"  3 +1,692 ms .* 1\.2 +0\.6 1,584 +107 +201 +420 +3\.0$", wide, re.M)
    narrow = block(render_console(probed_report()), "LLM probe")
    assert "queue DNS" not in narrow
    assert "░ waiting 196 ms" in narrow
    assert "▆ TLS 51 ms (cold)" in narrow


def test_plain_characters_tell_the_parts_apart_too():
    shown = render_console(probe_only_report(), ascii_only=True)
    assert re.search(r"^  0  cold +421 ms  ct-+=+%+#+", shown, re.MULTILINE)
    assert re.search(r"^  4 +FAILED  x LLM_RATE_LIMIT", shown, re.MULTILINE)
    assert "- waiting 196 ms" in shown


def test_of_many_requests_the_slowest_are_kept_and_the_rest_counted():
    many = tuple(llm_sample(at, 5.0 * (at % 50)) for at in range(1, 101))
    cold = llm_probe().samples[0]
    probe = replace(llm_probe(), asked=100, samples=(cold, *many), failures=())
    shown = with_llm(probe)
    numbers = list(bars(shown))
    assert len(numbers) == 12
    assert {0, 49, 97, 98, 99} <= set(numbers)
    assert "89 more in the JSON report, none slower" in shown


def test_of_many_failures_some_are_kept_beside_the_slowest():
    many = tuple(failed_llm_sample(at) for at in range(1, 31))
    answered = tuple(llm_sample(at) for at in range(31, 61))
    probe = replace(llm_probe(), asked=60, samples=(*many, *answered))
    shown = with_llm(probe)
    assert shown.count("FAILED") == 4
    assert len(bars(shown)) == 12


def test_a_request_that_failed_before_anything_began_has_a_row():
    lost = replace(failed_llm_sample(2), phases=())
    shown = with_llm(replace(llm_probe(), samples=(llm_sample(1), lost)))
    assert re.search(r"^  2 +FAILED +LLM_RATE_LIMIT", shown, re.MULTILINE)


def test_why_a_request_failed_stands_below_where_its_bar_takes_the_row():
    shown = render_console(dead_probe_report())
    assert re.search(r"░\u2573.*\n +LLM_STALL: nothing came from localhost:11434 for 20 s", shown)


parts = st.lists(
    st.tuples(st.sampled_from(["queued", "waiting", "streaming", "odd"]), st.floats(0, 9e4))
)


@given(parts, st.integers(1, 100), st.booleans())
def test_a_bar_fills_its_cells_and_ends_where_the_request_did(durations, cells, ascii_only):
    made, at_ms = [], 0.0
    for name, duration_ms in durations:
        made.append(Phase(name=name, start_ms=at_ms, duration_ms=duration_ms))
        at_ms += duration_ms
    axis = axis_to(at_ms * 2, cells, label_cells=7)
    page = page_of(ascii_only=ascii_only)
    bar = phase_bar(made, axis, page).plain
    assert len(bar) == cells
    drawn = len(bar.replace(page.glyphs.guide, " ").rstrip())
    end = axis.cell(at_ms)
    assert abs(drawn - end) <= 1.0


# --- one request


def test_the_sheet_of_a_request_has_every_part_of_its_time():
    sample = llm_probe().samples[3]
    shown = sheet(sample, llm_probe())
    for name, start, took in (
        ("request sent", "1.2 ms", "0.6 ms"),
        ("waiting", "1.8 ms", "1,584 ms"),
        ("first token", "1,586 ms", "107 ms"),
        ("reasoning", "1,693 ms", "201 ms"),
        ("streaming", "1,894 ms", "420 ms"),
    ):
        assert re.search(rf"^{name} +{start} +{took} ", shown, re.MULTILINE), name
    assert "TTFT          1,692 ms  median 306 ms" in shown
    assert "38 counted by the server, 141 in the prompt" in shown
    assert "status 200, request req_01jh0003, to api.groq.com" in shown
    assert "over an open connection" in shown
    assert re.search(r"^total +2,278 ms\nours +2,316 ms\nnetwork +38 ms", shown, re.MULTILINE)


def test_the_parts_of_a_sheet_begin_where_the_ones_before_end():
    shown = sheet(tts_probe().samples[0], tts_probe())
    rows = [line for line in shown.splitlines() if re.match(r"(TLS|waiting|streaming) ", line)]
    begins = [re.search("[▆░█]", line).start() for line in rows]
    ends = [max(found.end() for found in re.finditer("[▆░█]", line)) for line in rows]
    assert begins == sorted(begins)
    assert begins[1] - ends[0] in (0, 1)
    assert begins[2] - ends[1] in (1, 2)


def test_the_sheet_of_a_failure_says_why():
    probe = llm_probe()
    shown = sheet(probe.samples[4], probe, 120)
    assert "failed, warm" in shown
    assert "LLM_RATE_LIMIT: api.groq.com answered 429: rate limit reached" in shown
    assert "status 429" in shown
    assert re.search(r"^done .*\u2573$", shown, re.MULTILINE)
    assert "TTFT" not in shown


def test_a_sheet_of_the_mock_labels_every_figure():
    shown = sheet(mock_llm_probe().samples[1], mock_llm_probe())
    timed = [line for line in shown.splitlines() if re.search(r"\d ms|tokens/s", line)]
    assert len(timed) > 5
    assert all("[MOCK]" in line for line in timed if not line.startswith("begun"))


@settings(slow, max_examples=25)
@given(any_of(Probes), st.integers(40, 132), st.booleans())
def test_any_sheet_fits_its_page_and_stays_data(probes, width, ascii_only):
    page = page_of(width, ascii_only=ascii_only)
    for probe in (probes.llm, probes.tts):
        for sample in probe.samples if probe else ():
            for line in sample_sheet(sample, probe, page):
                assert line.cell_len <= width
                assert line.plain.replace("\u200c", "").isprintable()
                assert line.plain.isascii() or not ascii_only


@pytest.mark.parametrize("width", [40, 80, 132])
def test_hostile_words_of_a_request_stay_data(width):
    probe = hostile_probe_report().probes.llm
    for sample in probe.samples:
        shown = sheet(sample, probe, width)
        assert shown.replace("\n", "").isprintable()
        assert "\\x1b" in shown


# --- pipeline


def test_the_lane_says_that_it_is_an_estimate_and_names_owners_and_the_longest():
    shown = lane(pipeline())
    assert "an estimate of the caller's wait, from probes; not what a caller heard" in shown
    assert re.search(r"LLM inference +506 ms +groq openai/gpt-oss-20b +<- longest", shown)
    assert shown.count("<- longest") == 1
    assert "setting pipeline.endpointing_wait_ms" in shown
    assert "total  1,851 ms [1,849, 3,330] warning, worst 3,330 ms, n=5 (p95 needs 20)" in shown


@pytest.mark.parametrize("width", [60, 80, 132])
def test_the_parts_of_the_lane_are_as_long_as_their_shares(width):
    drawn = next(line for line in lane(pipeline(), width).splitlines() if "c█" in line).strip()
    assert len(drawn) == width - 2
    begins = [drawn.index(letter) for letter in "abcdef"] + [len(drawn)]
    shares = [500.0, 241.0, 505.6, 262.0, 161.5, 180.0]
    for first, last, share in zip(begins, begins[1:], shares, strict=False):
        assert abs((last - first) - share / sum(shares) * len(drawn)) <= 1.1


def test_missing_and_simulated_parts_are_hatched_and_named_with_their_reasons():
    shown = lane(lower_bound_pipeline())
    drawn = next(line for line in shown.splitlines() if "\u2571" in line)
    assert re.search(r"a▒+c\u2571+d\u2571+ \+ b░░ e░░ f░░$", drawn)
    assert re.search(r"b transcription +missing +no transcription was asked for", shown)
    assert "no speech synthesiser was named" in shown
    assert re.search(r"c LLM inference +\[MOCK\] 243 ms", shown)
    assert "at least [MOCK] 924 ms" in shown
    assert "a lower bound: leaves out transcription and speech synthesis" in shown
    plain = lane(lower_bound_pipeline(), ascii_only=True)
    assert re.search(r"a=+c/+d/+ \+ b\.\. e\.\. f\.\.\n", plain)


def test_the_lane_shows_the_answer_whose_sum_is_nearest_the_median():
    shown = lane(replace(pipeline(), total_ms=Measurement.estimated(3_200.0, "ms", reason="x")))
    assert "shown: answer 3, whose sum 3,242 ms is nearest the median" in shown
    assert re.search(r"LLM inference +1,896 ms", shown)


def test_a_pipeline_without_any_figure_draws_no_lane_and_no_zero():
    lost = Measurement.unavailable("ms", "no probe was answered")
    whole = lower_bound_pipeline()
    nothing = replace(
        whole,
        parts=tuple(replace(part, ms=lost) for part in whole.parts),
        missing=tuple(part.key for part in whole.parts),
        simulated=(),
        total_ms=lost,
    )
    shown = lane(nothing)
    assert "total  n/a  no probe was answered" in shown
    assert not re.search(r"\b0 ms", shown)


def test_the_lane_stands_above_the_profilers_own_spans():
    shown = render_console(probed_report())
    assert shown.index("\nPipeline ─") < shown.index("\nWaterfall ─")
    assert "\nPipeline ─" not in render_console(complete_report())


# --- cost


def test_cost_lists_items_total_and_what_it_leaves_out():
    shown = block(render_console(probed_report(), width=120), "Cost")
    assert re.search(r"total +\$0\.000186 ", shown)
    assert re.search(r"\$0\.00006[34]\d? +llm +846 input tokens +groq", shown)
    assert re.search(r"no charge +transcription +83\.4 audio seconds .*runs on this machine", shown)
    assert re.search(r"unknown +tts +372 characters .*the price of acme-voice is unknown", shown)
    assert re.search(r"leaves out +tts: 372 characters of openai acme-voice", shown)
    assert "built-in table of 2025-11-01" in shown


def test_a_cost_of_which_nothing_is_known_is_no_number():
    why = "the price is unknown"
    item = CostItem(
        stage="llm",
        provider="acme",
        model=None,
        unit="output tokens",
        quantity=None,
        usd=Measurement.unavailable("USD", why),
    )
    unknown = Cost(total_usd=Measurement.not_measurable("USD", why), items=(item,))
    shown = block(render_console(replace(minimal_report(), cost=unknown)), "Cost")
    assert "$" not in shown
    assert re.search(r"total +unknown", shown)
    assert re.search(r"unknown +llm +unknown output tokens +acme", shown)


@given(st.floats(1e-12, 1e9))
def test_an_amount_keeps_three_digits_and_is_never_nothing(value):
    shown = dollars(value)
    read = float(shown.removeprefix("$").replace(",", ""))
    assert (
        abs(read - value) <= max(0.0051 * value, 0.0051 if value >= 0.99 else 0.0) or value < 1e-9
    )
    assert read > 0
    assert figure(Measurement.measured(value, "USD")) == shown


def test_amounts_read_as_prices_do():
    assert [dollars(value) for value in (0.000012, 0.0123, 0.1, 1.25, 1234.5, 0.0)] == [
        "$0.000012",
        "$0.0123",
        "$0.10",
        "$1.25",
        "$1,234.50",
        "$0",
    ]


# --- the page


def test_a_probe_without_a_recording_shows_nothing_of_one():
    shown = render_console(probe_only_report())
    heads = re.findall(r"^(\w[\w ]*?) ─", shown, re.MULTILINE)
    assert heads == ["LLM probe", "TTS probe", "Pipeline", "Cost", "Gates", "Warnings"]
    assert "probed   LLM groq openai/gpt-oss-20b; TTS openai gpt-4o-mini-tts" in shown
    assert "no recording)\n" not in shown
    assert "not run" not in shown
    assert "/ 100" not in shown


def test_a_probe_of_one_service_is_silent_about_the_other():
    shown = render_console(mock_probe_report())
    assert "TTS probe" not in shown
    speech = replace(
        probe_only_report(),
        probes=Probes(tts=tts_probe()),
        analyzers={"tts": AnalyzerResult(status="ok")},
    )
    assert "LLM probe" not in render_console(speech)


@pytest.mark.parametrize(
    ("status", "lines"),
    [("not_run", ["TTS probe"]), ("unavailable", ["TTS probe", "  no key: export OPENAI_API_KEY"])],
)
def test_a_synthesiser_that_nobody_named_takes_one_line(status, lines):
    entry = AnalyzerResult(status=status, reason="no key: export OPENAI_API_KEY")
    shown = render_console(replace(complete_report(), analyzers={"tts": entry}))
    told = block(shown, "TTS probe").splitlines()
    assert [line.partition(" ─")[0] for line in told] == lines
    assert "Analyzer tts" not in shown
    assert status != "not_run" or told[0].endswith("not run: no key: export OPENAI_API_KEY")


def test_every_simulated_figure_of_a_probe_is_labelled():
    shown = render_console(mock_probe_report(), width=120)
    probe = block(shown, "LLM probe")
    timed = [line for line in probe.splitlines() if re.search(r"\d ms\b|tokens/s", line)]
    assert len(timed) >= 12
    assert all("[MOCK]" in line for line in timed)
    real = render_console(probed_report())
    assert "[MOCK]" not in real


def test_a_synthesiser_whose_figures_are_made_up_is_labelled():
    probe = tts_probe()
    made_up = {
        name: Measurement.simulated(100.0, "ms", reason="a fake")
        for name in ("ttfa_ms", "ttfb_ms", "leading_silence_ms", "total_ms", "warm_up_ms")
    }
    report = replace(minimal_report(), probes=Probes(tts=replace(probe, **made_up)))
    timed = [
        line
        for line in block(render_console(report, width=120), "TTS probe").splitlines()
        if re.search(r"\d ms\b", line)
    ]
    assert len(timed) > 8
    assert all("[MOCK]" in line for line in timed)


@pytest.mark.parametrize("name", PROBED)
@pytest.mark.parametrize("width", [40, 80, 132])
def test_no_figure_that_was_not_measured_reads_as_zero(name, width):
    shown = render_console(PROBED[name](), width=width, ascii_only=True)
    assert shown.isascii()
    assert not re.search(r"(?<![\d.,])0 ms", shown)
    assert "$0 " not in shown


def test_fixtures_hold_what_they_promise():
    assert phases(queued=1.0, waiting=2.0)[1].start_ms == 1.0
    assert cost().total_usd.status is Status.ESTIMATED
