import asyncio
import gc
import gzip
import json
import math
import os
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echotrace.analyzers.trace import TraceAnalyzer
from echotrace.config.secrets import REDACTED, Secret
from echotrace.errors import ExitCode, InputError, UsageError
from echotrace.model.outcome import Inputs
from echotrace.model.trace import PARTS
from echotrace.telemetry import TelemetryCollector
from echotrace.traces import document as document_module
from echotrace.traces.read import read_trace
from tests.fakes.trace_files import CAPTURES, DATA, call, document, span, write


def codes(trace):
    return [finding.code for finding in trace.findings]


def spans_of(trace):
    return [(item.id, item.start_s, item.end_s, item.turn) for item in trace.spans]


def test_one_document_json_lines_and_arrays_give_the_same_trace(tmp_path):
    whole = read_trace(write(tmp_path, document(*call())))
    lines = "\n".join(json.dumps(document(item)) for item in reversed(call()))
    loose = "\r\n".join(json.dumps(item) for item in call())
    for text in (lines, lines + "\n\n", loose, json.dumps([document(*call())])):
        read = read_trace(write(tmp_path, text))
        assert read.turns == whole.turns
        assert spans_of(read) == spans_of(whole)


def test_documents_printed_over_several_lines_one_after_the_other(tmp_path):
    text = "\n".join(json.dumps(document(item), indent=2) for item in call())
    assert len(read_trace(write(tmp_path, text)).spans) == 5


def test_a_packed_file_and_a_byte_order_mark(tmp_path):
    text = json.dumps(document(*call()))
    plain = read_trace(write(tmp_path, text))
    packed = gzip.compress(text[:99].encode()) + gzip.compress(text[99:].encode())
    for content in (gzip.compress(text.encode()), packed, packed + bytes(8)):
        assert read_trace(write(tmp_path, content)) == plain
    assert read_trace(write(tmp_path, b"\xef\xbb\xbf" + text.encode())) == plain


@pytest.mark.parametrize("name", CAPTURES)
def test_every_capture_is_told_by_its_content(name):
    assert read_trace(str(CAPTURES[name])).kind == name.split("-")[0]


def test_truncated_json_names_the_place(tmp_path):
    text = json.dumps(document(*call()), indent=1)
    cut = text[: len(text) // 2]
    with pytest.raises(InputError) as caught:
        read_trace(write(tmp_path, cut))
    assert caught.value.exit_code is ExitCode.INPUT
    assert f"line {cut.count(chr(10)) + 1:,}" in caught.value.why
    assert "breaks off" in caught.value.why


@pytest.mark.parametrize("keep", [1, 40, 200])
def test_a_torn_last_line_leaves_the_whole_ones(tmp_path, keep):
    lines = [json.dumps(item) for item in call()]
    read = read_trace(write(tmp_path, "\n".join(lines[:4]) + "\n" + lines[4][:keep]))
    assert len(read.spans) == 4
    assert codes(read).count("TRACE_TORN") == 1


def test_a_torn_packed_log_leaves_the_whole_lines(tmp_path):
    text = "\n".join(json.dumps(document(item)) for item in call() * 300)
    packed = gzip.compress(text.encode())
    read = read_trace(write(tmp_path, packed[: len(packed) * 2 // 3]))
    assert len(read.spans) == 5
    assert "TRACE_TORN" in codes(read)


def test_a_torn_line_in_the_middle_is_left_out_and_told(tmp_path):
    lines = [json.dumps(item) for item in call()]
    lines.insert(2, lines[3][:50])
    read = read_trace(write(tmp_path, "\n".join(lines)))
    assert len(read.spans) == 5
    finding = next(item for item in read.findings if item.code == "TRACE_LINES_UNREAD")
    assert "line 3" in finding.message


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "TRACE_EMPTY"),
        (" \n\t", "TRACE_EMPTY"),
        ("hello there", "TRACE_JSON"),
        ("{}", "TRACE_KIND_UNKNOWN"),
        ("[1, 2, 3]", "TRACE_KIND_UNKNOWN"),
        ("null", "TRACE_KIND_UNKNOWN"),
        ('{"resourceSpans": []}', "TRACE_KIND_UNKNOWN"),
        ('{"resourceSpans": 5}', "TRACE_KIND_UNKNOWN"),
        ('{"resourceSpans": [{"scopeSpans": [7, {"spans": [1, null]}]}]}', "TRACE_KIND_UNKNOWN"),
        (b"\xff\xfe\x00\x01" * 9, "TRACE_ENCODING"),
        (b"\x1f\x8b" + b"junk" * 9, "TRACE_GZIP"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00" + bytes(range(256)), "TRACE_ENCODING"),
        ("1e999", "TRACE_KIND_UNKNOWN"),
        ("[" * 100_000, "TRACE_JSON"),
        ("1" * 10_000, "TRACE_KIND_UNKNOWN"),
    ],
)
def test_what_is_no_trace_is_refused_with_a_reason(tmp_path, content, code):
    with pytest.raises(InputError) as caught:
        read_trace(write(tmp_path, content))
    assert caught.value.code == code
    assert caught.value.hint


def test_spans_of_another_pipeline_are_refused_and_counted(tmp_path):
    with pytest.raises(InputError) as caught:
        read_trace(write(tmp_path, document(span("GET /", 1, 0, 1), scope="http")))
    assert "1 spans" in caught.value.why
    assert "pipecat" in caught.value.hint


def test_files_that_cannot_be_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "missing", tmp_path, tmp_path / "pipe"):
        with pytest.raises(InputError) as caught:
            read_trace(str(path))
        assert caught.value.code == "TRACE_UNREADABLE"
    with pytest.raises(InputError):
        read_trace("a\0b")


def test_a_trace_too_large_is_refused_packed_and_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(document_module, "MAX_BYTES", 1000)
    for content in (b" " * 1001, gzip.compress(b" " * 500_000)):
        with pytest.raises(InputError) as caught:
            read_trace(write(tmp_path, content))
        assert caught.value.code == "TRACE_TOO_LARGE"


def test_the_kind_can_be_named(tmp_path):
    spans = [item for item in call() if item["name"] != "conversation"]
    path = write(tmp_path, document(*spans, scope="mine"))
    with pytest.raises(InputError):
        read_trace(path)
    read = read_trace(path, kind="pipecat")
    assert [turn.claimed_gap_ms for turn in read.turns] == [1000.0]


def test_a_kind_that_does_not_exist_and_one_that_does_not_fit(tmp_path):
    with pytest.raises(UsageError) as caught:
        read_trace(write(tmp_path, "{}"), kind="skype")
    assert "livekit" in caught.value.hint
    with pytest.raises(InputError) as refused:
        read_trace(write(tmp_path, "{}"), kind="livekit")
    assert refused.value.code == "TRACE_NOTHING_READ"


def test_values_that_no_json_report_could_hold_are_made_harmless(tmp_path):
    deep = "[" * 300 + "]" * 300
    extra = f'"x_deep": {deep}, "x_nan": NaN, "x_half": "a\\ud800b", "x_big": {"9" * 500}'
    text = json.dumps(document(*call())).replace('"name": "llm"', f'"name": "llm", {extra}')
    read = read_trace(write(tmp_path, text))
    llm = next(item for item in read.spans if item.name == "llm")
    assert llm.attributes["otlp.x_half"] == "a?b"
    assert "otlp.x_nan" not in llm.attributes
    assert "(nested too deeply)" in json.dumps(llm.attributes["otlp.x_deep"], allow_nan=False)


def test_script_in_values_stays_text(tmp_path):
    evil = "<script>alert(1)</script>[bold]"
    read = read_trace(write(tmp_path, document(*call(evil=evil))))
    assert read.turns[0].attributes["evil"] == evil


def test_the_garbage_collector_is_on_again_after_reading(tmp_path):
    read_trace(write(tmp_path, document(*call())))
    assert gc.isenabled()
    with pytest.raises(InputError):
        read_trace(write(tmp_path, "{"))
    assert gc.isenabled()


JUNK = st.sampled_from(
    [None, True, "x", "", "{", "[[1]]", -1, 10**25, 1e308, -0.0, [], {}, [{"a": 1}], {"a": None}]
)


@pytest.mark.parametrize("name", ["pipecat-1.14", "livekit-1.8"])
@given(seed=st.integers(0, 2**32), junk=st.lists(JUNK, min_size=1, max_size=4))
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_capture_with_junk_in_it_is_read_or_refused(tmp_path, name, seed, junk):
    broken = json.loads(CAPTURES[name].read_text("utf-8"))
    chance = random.Random(seed)
    (scopes,) = (item["scopeSpans"] for item in broken["resourceSpans"])
    for scope in scopes:
        for item in scope["spans"]:
            for attribute in item["attributes"]:
                if chance.random() < 0.2:
                    attribute["value"] = {"stringValue": chance.choice(junk)}
            if chance.random() < 0.1:
                key = chance.choice(list(item))
                item[key] = chance.choice(junk)
    read = read_trace(write(tmp_path, broken))
    assert read.spans
    json.dumps([item.attributes for item in read.spans], allow_nan=False)
    for turn in read.turns:
        for part in turn.parts:
            assert part.key in PARTS
            assert math.isfinite(part.ms)


@pytest.mark.parametrize("report", [DATA / "livekit-1.8" / "session_report.json"])
@given(seed=st.integers(0, 2**32), junk=st.lists(JUNK, min_size=1, max_size=4))
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_report_with_junk_in_it_is_read_or_refused(tmp_path, report, seed, junk):
    chance = random.Random(seed)

    def spoil(value):
        if chance.random() < 0.03:
            return chance.choice(junk)
        if isinstance(value, dict):
            return {key: spoil(item) for key, item in value.items()}
        return [spoil(item) for item in value] if isinstance(value, list) else value

    try:
        read = read_trace(write(tmp_path, spoil(json.loads(report.read_text("utf-8")))))
    except InputError:
        return
    assert all(math.isfinite(part.ms) for turn in read.turns for part in turn.parts)


def test_a_key_that_is_known_is_not_read_from_the_trace(tmp_path):
    key = 'sk-"quoted"-0123456789'
    lines = [
        {"type": "session", "session_id": f"call {key}", key: [key]},
        {"type": "turn", "turn": 1, "user_end_s": 2.0, "agent_start_s": 3.0, "user_text": key},
        {"type": "span", "turn": 1, "name": key, "owner": key, "start_s": 2, "end_s": 3, "by": key},
    ]
    path = write(tmp_path, "\n".join(map(json.dumps, lines)))
    trace = read_trace(path, secrets=(Secret("A_KEY", key), Secret("OTHER", "never there")))
    assert "0123456789" not in repr(trace)
    assert trace.turns[0].user.text == trace.spans[0].owner == REDACTED
    assert trace.turns[0].claimed_gap_ms == 1000.0


def test_nobody_is_told_to_leave_out_a_flag_that_was_not_given(tmp_path):
    path = write(tmp_path, json.dumps({"type": "session", "session_id": "c"}))
    for kind, has_hint in ((None, False), ("minimal", True)):
        with pytest.raises(InputError) as caught:
            read_trace(path, kind=kind)
        assert ("--trace-kind" in caught.value.hint) is has_hint


def test_an_analysis_leaves_the_keys_of_the_environment_out(tmp_path, monkeypatch):
    monkeypatch.setenv("ACME_API_KEY", "acme-0123456789")
    line = {
        "type": "span",
        "name": "llm",
        "start_s": 1,
        "end_s": 2,
        "auth": "Bearer acme-0123456789",
    }
    inputs = Inputs(trace_path=write(tmp_path, json.dumps(line)))
    found = asyncio.run(TraceAnalyzer(TelemetryCollector()).analyze("", inputs=inputs))
    assert found.data.spans[0].attributes["auth"] == f"Bearer {REDACTED}"
