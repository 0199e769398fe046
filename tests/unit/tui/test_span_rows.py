"""The tree of spans and its folds as laws, on whole and on damaged reports; one span's lines."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.model.report import SpanRecord
from echotrace.render.console.span import SpanFacts, span_lines
from echotrace.telemetry.waterfall import waterfall
from echotrace.tui.lines import page_of
from echotrace.tui.span_rows import TOP, FoldedTree, facts_of, tree_of
from echotrace.tui.widgets.span_layout import head_line, lay, row_line, ruler_line, widths_of
from tests.fakes.reports import HOSTILE, complete_report

TIMES = st.one_of(
    st.floats(0, 1_000),
    st.sampled_from((math.nan, math.inf, -math.inf, -5.0, 1e300, 0.0, 1e-9)),
)


def span(number, inside=None, start_ms=0.0, duration_ms=10.0, **changes):
    return SpanRecord(
        **{
            "id": number,
            "name": f"step {number % 3}",
            "parent": None if inside is None else f"step {inside % 3}",
            "parent_id": inside,
            "start_ms": start_ms,
            "duration_ms": duration_ms,
            "cpu_ms": None,
            "status": "ok",
            **changes,
        }
    )


@st.composite
def forests(draw):
    """Spans whose parents may be anywhere: later, themselves, in a circle, or not there."""
    count = draw(st.integers(0, 14))
    parents = st.one_of(st.none(), st.integers(0, count + 1))
    status = st.sampled_from(("ok", "ok", "failed", "cancelled"))
    return [
        span(at, draw(parents), draw(TIMES), draw(TIMES), status=draw(status))
        for at in range(count)
    ]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("fold", "unfold", "fold_all", "unfold_all", "go", "reveal")),
        st.integers(0, 13),
    ),
    max_size=12,
)


def above(tree, row):
    while tree.parents[row] != TOP:
        row = tree.parents[row]
        yield row


def seen(folded):
    """What the rows that are seen must be, found the slow way."""
    tree = folded.tree
    return [
        row
        for row in range(len(tree))
        if not any(folded.is_folded(other) for other in above(tree, row))
    ]


@given(forests())
def test_the_rows_are_all_spans_each_parent_before_its_children(spans):
    tree = tree_of(spans)
    assert sorted(map(id, tree.spans)) == sorted(map(id, spans))
    ids = {item.id for item in spans}
    for row in range(len(tree)):
        parent = tree.parents[row]
        assert parent < row
        assert tree.depths[row] == (0 if parent == TOP else tree.depths[parent] + 1)
        if parent != TOP:
            assert tree.spans[row].parent_id == tree.spans[parent].id
        elif tree.spans[row].parent_id not in ids:
            assert tree.depths[row] == 0
        below = [other for other in range(len(tree)) if row in above(tree, other)]
        assert below == list(range(row + 1, row + 1 + tree.sizes[row]))
        assert tree.failed[row] == sum(tree.spans[other].status != "ok" for other in below)
        if below:
            assert tree.firsts_ms[row] == min(tree.begins_ms[other] for other in below)
            assert tree.lasts_ms[row] == max(tree.ends_ms[other] for other in below)


@given(forests())
def test_its_own_time_is_what_no_child_covers(spans):
    tree = tree_of(spans)
    for row in range(len(tree)):
        own = tree.own_ms[row]
        if not math.isfinite(tree.spans[row].duration_ms):
            assert own is None
            continue
        begin, end = tree.begins_ms[row], tree.ends_ms[row]
        children = [other for other in range(len(tree)) if tree.parents[other] == row]
        edges = sorted(
            {begin, end}
            | {
                min(max(at, begin), end)
                for c in children
                for at in (tree.begins_ms[c], tree.ends_ms[c])
            }
        )
        free = sum(
            last - first
            for first, last in pairwise(edges)
            if not any(tree.begins_ms[c] <= first and last <= tree.ends_ms[c] for c in children)
        )
        assert own == pytest.approx(free, abs=1e-6, rel=1e-6)


@given(forests(), STEPS)
def test_folding_hides_exactly_the_descendants_and_the_cursor_stays_in_sight(spans, steps):
    tree = tree_of(spans)
    folded = FoldedTree(tree)
    for name, number in steps:
        if not len(tree):
            break
        row = number % len(tree)
        before, cursor = list(folded.visible), folded.cursor
        if name in ("fold", "unfold"):
            changed = getattr(folded, name)(row)
            assert folded.is_folded(row) == (name == "fold" and tree.sizes[row] > 0)
            hidden = set(before) ^ set(folded.visible)
            assert all(row in above(tree, other) for other in hidden)
            assert changed or not hidden
        elif name == "go":
            folded.go(row)
            assert folded.cursor == before[min(row, len(before) - 1)]
        elif name == "reveal":
            folded.reveal(row)
            assert folded.cursor == row
            assert set(before) <= set(folded.visible)
        else:
            getattr(folded, name)()
        assert folded.visible == seen(folded)
        assert folded.visible[folded.place] == folded.cursor
        if name in ("fold", "unfold", "fold_all", "unfold_all"):
            nearest = next(at for at in (cursor, *above(tree, cursor)) if at in folded.visible)
            assert folded.cursor == nearest
    folded.unfold_all()
    assert folded.visible == list(range(len(tree)))


@given(forests())
def test_all_folded_leaves_the_top_or_the_stages_of_a_lone_root(spans):
    tree = tree_of(spans)
    folded = FoldedTree(tree)
    folded.fold_all()
    tops = [row for row in range(len(tree)) if tree.depths[row] == 0]
    deepest = 1 if len(tops) == 1 else 0
    assert folded.visible == [row for row in range(len(tree)) if tree.depths[row] <= deepest]


def test_the_critical_path_is_the_one_that_the_telemetry_finds():
    spans = complete_report().latency.spans
    tree = tree_of(spans, "stt_audit")
    expected = [row.span.name for row in waterfall(spans).rows if row.critical]
    assert [tree.spans[row].name for row in tree.critical] == expected
    assert [name for name in ("inference", "llm_ttft") if name in expected] == ["inference"]
    assert [row for row in range(len(tree)) if tree.is_critical(row)] == list(tree.critical)
    assert tree.spans[tree.bottleneck].name == "stt_audit"


def test_the_bottleneck_is_the_longest_of_its_name_on_the_path():
    spans = [
        span(1, None, 0, 100, name="run"),
        span(2, 1, 0, 20, name="call"),
        span(3, 1, 20, 60, name="call"),
        span(4, 1, 25, 70, name="other"),
        span(5, 1, 80, 20, name="call"),
    ]
    tree = tree_of(spans, "call")
    assert tree.spans[tree.bottleneck].id == 3
    assert tree_of(spans, "nobody").bottleneck is not None
    assert tree_of([], "call").bottleneck is None


def told(facts, width=44, **options):
    page = page_of(width, ascii_only=options.pop("ascii_only", False))
    lines = list(span_lines(replace(facts, **options), page))
    assert all(line.cell_len <= width for line in lines)
    return "\n".join(line.plain for line in lines)


def facts(**changes):
    return SpanFacts(
        span=span(7, 1, **{"start_ms": 168.0, "duration_ms": 2_600.0, **changes}),
        whole_ms=2_830.0,
        own_ms=650.0,
        parent="analyze",
        inside=2,
        failed_inside=0,
        folded=False,
        critical=True,
    )


def test_a_span_tells_its_times_and_their_ratios():
    whole = told(facts(cpu_ms=2_080.0, slow=True), width=80)
    for part in (
        "wall 2,600 ms (91.9 % of the run)",
        "CPU 2,080 ms (80.0 % of the wall time)",
        "self 650 ms (25.0 %",
        "start 168 ms",
        "end 2,768 ms",
        "inside 2 spans",
        "parent analyze",
        "on the critical path",
        "SLOW",
    ):
        assert part in whole, part
    assert "several threads" in told(facts(cpu_ms=9_000.0))
    assert "CPU     not measured" in told(facts())


def test_a_time_that_is_no_number_is_not_told_as_zero():
    whole = told(facts(duration_ms=math.nan, cpu_ms=1.0), own_ms=None)
    assert "wall    n/a" in whole
    assert "end     n/a" in whole
    assert "self    n/a" in whole
    assert " 0 ms" not in whole


def test_a_span_whose_parent_is_lost_says_so():
    tree = tree_of([span(1, 99, parent="gone")])
    whole = told(facts_of(FoldedTree(tree), 0))
    assert "gone, which does not hold it" in whole.replace("\n        ", " ")


def test_a_failed_and_a_simulated_span_say_why():
    whole = told(facts(status="failed", simulated=True), reason="no model.bin", folded=True)
    for part in ("failed", "[MOCK]", "no model.bin", "folded"):
        assert part in whole


def test_nested_attributes_are_told_one_by_one_and_very_many_with_a_note():
    whole = told(facts(attributes={"engine": "mini", "beam": {"size": 5, "on": True}}))
    assert "engine     mini" in whole
    assert "beam.size  5" in whole
    assert "beam.on    yes" in whole
    many = told(facts(attributes={f"key{at}": at for at in range(5_000)}))
    assert "more attributes are in the JSON report" in many
    assert len(many.splitlines()) < 100
    long = told(facts(attributes={f"key{at}": "word " * 400 for at in range(30)}))
    assert "more attributes are in the JSON report" in long
    assert "more attributes" not in whole


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@settings(max_examples=40)
@given(st.dictionaries(st.text(max_size=8), JSON, max_size=4), st.integers(16, 90), st.booleans())
def test_no_line_is_wider_than_its_page_whatever_the_attributes_hold(attributes, width, plain):
    attributes[HOSTILE] = HOSTILE
    whole = told(facts(name=HOSTILE, attributes=attributes), width=width, ascii_only=plain)
    assert "\x1b" not in whole
    assert whole.isascii() or not plain


@settings(max_examples=40)
@given(forests(), st.integers(38, 200), st.booleans(), TIMES, TIMES, st.booleans())
def test_no_row_is_wider_than_its_page_wherever_the_axis_lies(
    spans, width, plain, first_ms, last_ms, fold
):
    spans = [replace(item, name=HOSTILE if item.id % 2 else item.name) for item in spans]
    tree, page = tree_of(spans), page_of(width, ascii_only=plain)
    folded = FoldedTree(tree)
    if fold:
        folded.fold_all()
    windows = [(tree.first_ms, tree.last_ms)]
    if math.isfinite(first_ms) and math.isfinite(last_ms) and abs(last_ms) < 1e9:
        windows.append((min(first_ms, last_ms), max(first_ms, last_ms)))
    for window in windows:
        columns = lay(widths_of(tree, page), page, window)
        lines = [head_line(columns)]
        for row in folded.visible:
            lines.append(row_line(columns, folded, row, cursor="reverse" if row % 2 else ""))
            lines.append(ruler_line(columns, tree.begins_ms[row], tree.ends_ms[row]))
        assert all(line.cell_len <= width for line in lines), [line.plain for line in lines]
        assert not plain or all(line.plain.isascii() for line in lines)
