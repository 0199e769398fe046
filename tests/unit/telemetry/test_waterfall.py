import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.model.report import SpanRecord
from echotrace.telemetry import Span
from echotrace.telemetry.waterfall import span_records, waterfall

MS = 1_000_000


def span(number, name, start_ms, end_ms, parent_id=None, **more):
    return Span(
        id=number,
        name=name,
        start_ns=round(start_ms * MS),
        end_ns=round(end_ms * MS),
        parent_id=parent_id,
        **more,
    )


def shown(drawn):
    return [(row.span.name, row.depth, row.critical) for row in drawn.rows]


@st.composite
def forests(draw):
    """Spans with any times and any parents: missing ones, themselves, circles."""
    count = draw(st.integers(1, 12))
    ids = draw(st.permutations(range(1, count + 1)))
    times = st.integers(0, 2**50)
    result = []
    for number in ids:
        start = draw(times)
        result.append(
            Span(
                id=number,
                name=draw(st.sampled_from("abcd")),
                start_ns=start,
                end_ns=start + draw(st.integers(0, 2**40)),
                parent_id=draw(st.none() | st.integers(1, count + 2)),
            )
        )
    return result


def test_stages_side_by_side_and_one_after_the_other():
    spans = [
        span(1, "run", 100, 200),
        span(2, "signal", 100, 120, 1),
        span(3, "stt", 100, 160, 1),
        span(5, "inference", 130, 160, 3),
        span(4, "load", 100, 130, 3),
        span(6, "llm", 160, 200, 1),
    ]
    drawn = waterfall(spans)
    assert shown(drawn) == [
        ("run", 0, True),
        ("signal", 1, False),
        ("stt", 1, True),
        ("load", 2, True),
        ("inference", 2, True),
        ("llm", 1, True),
    ]
    assert drawn.axis_ms == 100
    assert drawn.bottleneck == "llm"
    ratios = [(row.offset_ratio, row.width_ratio) for row in drawn.rows]
    assert ratios == [(0, 1), (0, 0.2), (0, 0.6), (0, 0.3), (0.3, 0.3), (0.6, 0.4)]


def test_the_longest_span_is_no_bottleneck_when_nothing_waited_for_it():
    drawn = waterfall(
        [
            span(1, "run", 0, 100),
            span(2, "background", 0, 95, 1),
            span(3, "first", 0, 40, 1),
            span(4, "second", 40, 100, 1),
        ]
    )
    assert drawn.bottleneck == "second"
    assert [row.span.name for row in drawn.rows if row.critical] == ["run", "first", "second"]


def test_time_that_no_child_covers_is_the_parents_own():
    spans = [span(1, "stt", 0, 100), span(2, "load", 0, 10, 1), span(3, "write", 95, 100, 1)]
    assert waterfall(spans).bottleneck == "stt"


def test_pieces_of_one_name_count_together():
    pieces = [span(10 + i, "chunk", 10 * i, 10 * i + 10, 1) for i in range(6)]
    spans = [span(1, "run", 0, 100), span(2, "llm", 60, 100, 1), *pieces]
    assert waterfall(spans).bottleneck == "chunk"


def test_a_child_that_outlives_its_parent_is_cut_to_it_on_the_path():
    spans = [
        span(1, "run", 0, 100),
        span(2, "work", 0, 100, 1),
        span(3, "gone_on", 60, 300, 2),
        span(4, "short", 0, 60, 2),
        span(5, "last", 100, 310),
    ]
    drawn = waterfall(spans)
    assert drawn.bottleneck == "last"
    assert all(row.critical for row in drawn.rows)


def test_a_child_measured_from_before_its_parent_counts_only_inside_it():
    assert waterfall([span(1, "run", 50, 100), span(2, "early", 0, 60, 1)]).bottleneck == "run"


def test_nothing_a_moment_and_a_gap():
    assert waterfall([]).rows == ()
    assert waterfall([]).bottleneck is None
    moment = waterfall([span(1, "a", 5, 5)])
    assert [(row.offset_ratio, row.width_ratio) for row in moment.rows] == [(0, 0)]
    gap = waterfall([span(1, "a", 0, 10), span(2, "b", 90, 100)])
    assert shown(gap) == [("a", 0, True), ("b", 0, True)]


def test_a_parent_that_is_missing_or_a_circle_leaves_no_span_out():
    spans = [
        span(1, "orphan", 0, 10, 99),
        span(2, "itself", 0, 10, 2),
        span(3, "x", 0, 10, 5),
        span(4, "y", 0, 10, 3),
        span(5, "z", 0, 10, 4),
    ]
    drawn = waterfall(spans)
    assert sorted(row.span.name for row in drawn.rows) == ["itself", "orphan", "x", "y", "z"]
    assert [row.depth for row in drawn.rows] == [0, 0, 0, 1, 2]


def test_thousands_of_levels_are_no_problem():
    deep = [span(n, f"level {n}", n, 20_000 - n, n - 1 or None) for n in range(1, 5_001)]
    drawn = waterfall(deep)
    assert drawn.rows[-1].depth == 4_999
    assert drawn.bottleneck == "level 5000"


@given(forests())
def test_laws_of_the_rows(spans):
    drawn = waterfall(spans)
    assert sorted(row.span.id for row in drawn.rows) == sorted(span.id for span in spans)
    depth_of = {}
    last = None
    for row in drawn.rows:
        assert 0 <= row.offset_ratio <= 1
        assert 0 <= row.width_ratio <= 1
        assert row.offset_ratio + row.width_ratio <= 1 + 1e-12
        assert row.depth == 0 or row.depth == depth_of[row.span.parent_id] + 1
        assert row.depth <= (0 if last is None else last + 1)
        depth_of[row.span.id] = last = row.depth
    assert drawn.bottleneck in {span.name for span in spans if span.duration_ms} | {
        row.span.name for row in drawn.rows if row.critical
    } | {None}
    critical = {row.span.id for row in drawn.rows if row.critical}
    tops = {row.span.id for row in drawn.rows if row.depth == 0}
    for row in drawn.rows:
        if row.critical and row.span.id not in tops:
            assert row.span.parent_id in critical


@given(forests(), st.integers(0, 2**50))
def test_a_saved_report_draws_the_same_picture(spans, begin_ns):
    records = span_records(spans, begin_ns=begin_ns)
    assert [record.start_ms for record in records] == sorted(r.start_ms for r in records)
    ids = {record.id for record in records}
    names = {record.id: record.name for record in records}
    for record in records:
        assert record.parent_id is None or record.parent_id in ids
        assert record.parent == names.get(record.parent_id)
    from_spans, from_records = waterfall(spans), waterfall(records)
    assert from_records.bottleneck == from_spans.bottleneck
    assert from_records.axis_ms == from_spans.axis_ms
    assert [
        (row.span.id, row.depth, row.offset_ratio, row.width_ratio, row.critical)
        for row in from_records.rows
    ] == [
        (row.span.id, row.depth, row.offset_ratio, row.width_ratio, row.critical)
        for row in from_spans.rows
    ]


def test_records_are_relative_to_the_run_and_a_parent_has_its_children_s_cpu_time():
    spans = [
        span(2, "stt_audit", 1_500, 4_000, 1, cpu_ns=7 * MS, status="failed"),
        span(1, "run", 1_000, 4_000),
        span(3, "llm_ttft", 2_000, 3_000, 1, attributes={"simulated": True, "n": 3}),
    ]
    records = span_records(spans, begin_ns=900 * MS)
    assert records == (
        SpanRecord(
            id=1,
            name="run",
            parent=None,
            parent_id=None,
            start_ms=100,
            duration_ms=3_000,
            cpu_ms=7,
            status="ok",
        ),
        SpanRecord(
            id=2,
            name="stt_audit",
            parent="run",
            parent_id=1,
            start_ms=600,
            duration_ms=2_500,
            cpu_ms=7,
            status="failed",
        ),
        SpanRecord(
            id=3,
            name="llm_ttft",
            parent="run",
            parent_id=1,
            start_ms=1_100,
            duration_ms=1_000,
            cpu_ms=None,
            status="ok",
            simulated=True,
            attributes={"n": 3},
        ),
    )
    assert span_records(spans)[0].start_ms == 0
    assert span_records([]) == ()


def test_a_record_points_at_no_parent_that_is_not_there():
    (record,) = span_records([span(2, "a", 0, 1, 1)])
    assert record.parent is None
    assert record.parent_id is None


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        ((1, 2.5, None), [1, 2.5, None]),
        ({1: {"deep": math.inf}}, {"1": {"deep": "inf"}}),
        (ValueError("x"), "x"),
        ("[red]text[/]", "[red]text[/]"),
    ],
)
def test_attributes_become_what_json_can_hold(value, stored):
    (record,) = span_records([span(1, "a", 0, 1, attributes={"key": value})])
    assert record.attributes == {"key": stored}
    json.dumps(record.attributes, allow_nan=False)
