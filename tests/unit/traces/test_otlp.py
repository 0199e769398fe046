import base64
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.traces.document import parse_document
from echotrace.traces.otlp import raw_spans
from echotrace.traces.read import read_trace
from echotrace.traces.span_tree import read_tree
from tests.fakes.trace_files import START_NS, call, document, span, write


def tree(*spans, **extra):
    return read_tree(parse(document(*spans, **extra)), roots=("conversation",))


def parse(content):
    return parse_document(json.dumps(content), name="spans.json")


def codes(found):
    return [finding.code for finding in found.findings]


@pytest.mark.parametrize(
    ("written", "is_lossy"),
    [
        (str(START_NS), False),
        (START_NS, False),
        (float(START_NS), True),
        (f"{START_NS}.0", True),
    ],
)
def test_nanoseconds_in_every_spelling(written, is_lossy):
    item = {**span("turn", 1, 0, 1), "startTimeUnixNano": written}
    (read,) = raw_spans(parse(document(item)))
    assert read.start_s == pytest.approx(START_NS / 1e9, abs=1e-6)
    assert read.is_lossy is is_lossy
    assert ("TRACE_TIMES_ROUNDED" in codes(tree(item))) is is_lossy


def test_ids_in_hex_and_base64_and_names_in_snake_case_are_one_span():
    plain = span("llm", 0xABCDEF0123456789, 0, 1, 7)
    proto = {
        "span_id": base64.b64encode(bytes.fromhex("abcdef0123456789")).decode(),
        "parent_span_id": base64.b64encode((7).to_bytes(8, "big")).decode(),
        "trace_id": base64.b64encode(bytes.fromhex("a" * 32)).decode(),
        "name": "llm",
        "start_time_unix_nano": plain["startTimeUnixNano"],
        "end_time_unix_nano": plain["endTimeUnixNano"],
        "attributes": [],
    }
    holder = {"resource_spans": [{"scope_spans": [{"scope": {"name": "s"}, "spans": [proto]}]}]}
    assert list(raw_spans(parse(holder))) == list(raw_spans(parse(document(plain, scope="s"))))


def test_what_the_python_sdk_prints_on_the_console():
    printed = {
        "name": "llm",
        "context": {"trace_id": "0x" + "a" * 32, "span_id": "0x00000000000000ff"},
        "kind": "SpanKind.INTERNAL",
        "parent_id": "0x0000000000000007",
        "start_time": "2026-11-22T03:39:26.000000Z",
        "end_time": "2026-11-22T03:39:27.500000Z",
        "status": {"status_code": "ERROR", "description": "it fell over"},
        "attributes": {"metrics.ttfb": 0.3},
        "events": [{"name": "e", "timestamp": "2026-11-22T03:39:26.5Z", "attributes": {}}],
        "links": [],
    }
    (read,) = raw_spans(parse(printed))
    assert (read.id, read.parent_id) == ("00000000000000ff", "0000000000000007")
    assert read.start_s == 1795318766.0
    assert read.end_s == 1795318767.5
    assert read.status == "failed"
    assert read.attributes["metrics.ttfb"] == 0.3
    assert read.attributes["otlp.events"][0]["at_s"] == 1795318766.5
    assert read.attributes["otlp.status_message"] == "it fell over"


def test_every_kind_of_attribute_value():
    values = {
        "s": {"stringValue": "x"},
        "i": {"intValue": "9007199254740993"},
        "n": {"intValue": 5},
        "d": {"doubleValue": 0.25},
        "nan": {"doubleValue": "NaN"},
        "b": {"boolValue": False},
        "a": {"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "y"}]}},
        "empty": {"arrayValue": {}},
        "m": {"kvlistValue": {"values": [{"key": "k", "value": {"boolValue": True}}]}},
        "bytes": {"bytesValue": "AAE="},
        "new": {"hologramValue": 3},
        "none": {},
    }
    item = span("llm", 1, 0, 1)
    item["attributes"] = [{"key": key, "value": held} for key, held in values.items()]
    item["attributes"] += [{"value": {"intValue": 1}}, 7, {"key": 3}]
    (read,) = raw_spans(parse(document(item)))
    assert read.attributes == {
        "s": "x",
        "i": 9007199254740993,
        "n": 5,
        "d": 0.25,
        "nan": None,
        "b": False,
        "a": [1, "y"],
        "empty": [],
        "m": {"k": True},
        "bytes": "AAE=",
        "new": {"hologramValue": 3},
        "none": None,
    }


def test_a_span_without_attributes_or_end():
    item = span("turn", 1, 0, 1)
    del item["attributes"], item["endTimeUnixNano"]
    found = tree(item)
    assert found.nodes[0].duration_s == 0.0
    assert codes(found) == ["TRACE_SPANS_OPEN"]


def test_a_span_without_a_start_is_left_out_and_told():
    bad = span("llm", 2, 0, 1)
    bad["startTimeUnixNano"] = "soon"
    found = tree(span("turn", 1, 0, 1), bad, {**bad, "startTimeUnixNano": "0"})
    assert [node.name for node in found.nodes] == ["turn"]
    assert codes(found) == ["TRACE_SPANS_NO_TIME"]


def test_times_that_begin_with_the_session_are_no_unix_times():
    items = [{**item} for item in call()]
    for item in items:
        for key in ("startTimeUnixNano", "endTimeUnixNano"):
            item[key] = str(int(item[key]) - START_NS)
    found = tree(*items)
    assert found.clock == "session"
    assert found.nodes[0].start_s == 0.0
    assert not found.findings


def test_an_end_before_the_start_is_no_negative_length():
    found = tree(span("turn", 1, 5.0, 4.0))
    assert found.nodes[0].duration_s == 0.0
    assert codes(found) == ["TRACE_SPANS_BACKWARDS"]


def test_two_spans_of_one_id_are_kept_apart_and_a_copy_is_dropped():
    found = tree(span("turn", 1, 0, 9), span("llm", 2, 1, 2, 1), span("tts", 2, 3, 4, 1))
    assert [node.id[-3:] for node in found.nodes] == ["001", "002", "2#2"]
    assert codes(found) == ["TRACE_DUPLICATE_IDS"]
    copied = tree(span("turn", 1, 0, 9), *[span("llm", 2, 1, 2, 1)] * 3)
    assert len(copied.nodes) == 2
    assert codes(copied) == ["TRACE_SPANS_TWICE"]


def test_orphans_go_to_the_root_and_remember_their_parent():
    found = tree(span("conversation", 1, 0, 9), span("llm", 2, 1, 2, 99))
    orphan = found.nodes[1]
    assert orphan.parent_id == found.nodes[0].id
    assert orphan.lost_parent_id == f"{99:016x}"
    assert codes(found) == ["TRACE_ORPHANS"]


def test_parents_in_a_ring_end_the_walk():
    found = tree(span("a", 1, 0, 1, 2), span("b", 2, 0, 1, 3), span("c", 3, 0, 1, 1))
    assert "TRACE_ORPHANS" in codes(found)
    top = [node for node in found.nodes if node.parent_id is None]
    assert len(top) == 1
    assert len(found.below(top, "a") + found.below(top, "b") + found.below(top, "c")) == 2
    itself = tree(span("a", 1, 0, 1, 1))
    assert itself.nodes[0].parent_id is None


def test_a_chain_of_ten_thousand_spans_is_walked():
    found = tree(*(span("a", n, n / 1e4, 2, n - 1) for n in range(1, 10_001)))
    assert len(found.below([found.nodes[0]], "a")) == 9_999


def test_a_clock_that_steps_is_told():
    calm = tree(span("turn", 1, 0, 9), span("llm", 2, -0.9, 9.9, 1))
    assert not calm.findings
    back = tree(span("turn", 1, 100, 109), span("llm", 2, 40, 41, 1))
    assert codes(back) == ["TRACE_CLOCK_STEPS"]


def test_of_several_calls_the_larger_is_read(tmp_path):
    other = [{**item, "traceId": "b" * 32} for item in call()[:3]]
    read = read_trace(write(tmp_path, document(*call(), *other)))
    assert len(read.spans) == 5
    assert [finding.code for finding in read.findings][:1] == ["TRACE_SEVERAL_CALLS"]


def test_resources_and_scopes_are_kept():
    found = tree(*call())
    assert found.left_over["resources"] == [{"service.name": "bot"}]
    assert found.left_over["scopes"] == [{"name": "pipecat.turn"}]


def test_fields_that_a_span_should_not_have_are_kept():
    item = {**span("turn", 1, 0, 1), "traceState": "k=v", "droppedAttributesCount": 3, "new": [1]}
    (read,) = raw_spans(parse(document(item)))
    assert read.attributes == {
        "otlp.traceState": "k=v",
        "otlp.droppedAttributesCount": 3,
        "otlp.new": [1],
    }


@given(seed=st.integers(0, 2**32), shift=st.integers(-(10**12), 10**12))
def test_order_means_nothing_and_time_moves_with_the_clock(seed, shift):
    spans = call()
    moved = [dict(item) for item in spans]
    for item in moved:
        for key in ("startTimeUnixNano", "endTimeUnixNano"):
            item[key] = str(int(item[key]) + shift)
    random.Random(seed).shuffle(moved)
    plain, other = tree(*spans), tree(*moved)
    assert [node.id for node in plain.nodes] == [node.id for node in other.nodes]
    for one, two in zip(plain.nodes, other.nodes, strict=True):
        assert two.start_s - one.start_s == pytest.approx(shift / 1e9, abs=2e-6)
        assert two.duration_s == pytest.approx(one.duration_s, abs=2e-6)
        assert (one.parent_id, one.attributes) == (two.parent_id, two.attributes)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**19) | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["key", "value", "intValue", "values", "spans", "spanId", "name"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                *("name", "spanId", "parentSpanId", "startTimeUnixNano", "endTimeUnixNano"),
                *("attributes", "status", "links", "events", "context", "traceId", "start_time"),
            ]
        ),
        JSON,
    )
)
def test_no_span_however_broken_stops_the_others(broken):
    found = tree(span("turn", 1, 0, 1), broken)
    assert any(node.name == "turn" for node in found.nodes)


@pytest.mark.slow
def test_a_hundred_thousand_spans(tmp_path):
    spans = [span("conversation", 1, 0, 10_800)]
    for turn in range(1, 2_001):
        number = turn * 100
        spans.append(span("turn", number, turn * 5, turn * 5 + 5, 1, turn__number=turn))
        spans += [
            span("llm", number + n, turn * 5 + n / 20, turn * 5 + n / 20 + 0.04, number, a="x" * 40)
            for n in range(1, 50)
        ]
    read = read_trace(write(tmp_path, document(*spans)))
    assert len(read.spans) == 100_001
    assert len(read.turns) == 2_000
