"""The console page of a run and of a comparison: every line fits, and nothing unmeasured is 0."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from echotrace.benchmark.summary import summarise
from echotrace.model.benchmark import ClipCondition, Frontier, FrontierPoint
from echotrace.model.measure import Measurement, RunStatus
from echotrace.model.report import Tool
from echotrace.render.base import RenderOptions
from echotrace.render.console.compare import signed
from echotrace.render.console.run import RunConsoleRenderer
from echotrace.render.html.run import run_page
from echotrace.render.markdown import MarkdownRenderer
from tests.fakes.poison import poisoned
from tests.fakes.runs import (
    example_comparison,
    example_header,
    example_item,
    example_run,
    failed_item,
)

FOLDER = Path(__file__).parent / "run_snapshots"
CASES = [
    ("run", 80, False),
    ("run", 160, False),
    ("run", 40, True),
    ("comparison", 80, False),
    ("comparison", 160, False),
]


def shown(run, **options):
    return RunConsoleRenderer().render_run(run, RenderOptions(**options))


def compared(comparison, **options):
    return RunConsoleRenderer().render_comparison(comparison, RenderOptions(**options))


@pytest.mark.parametrize(("name", "width", "ascii_only"), CASES, ids=lambda value: str(value))
def test_pages_look_as_reviewed(name, width, ascii_only):
    """``UPDATE_SNAPSHOTS=1`` writes them anew."""
    tool = Tool(version="0.1.0")
    if name == "run":
        header = replace(example_run().header, tool=tool)
        run = example_run(header=header, comparison=example_comparison())
        text = shown(run, width=width, ascii_only=ascii_only)
    else:
        text = compared(example_comparison(tool=tool), width=width, ascii_only=ascii_only)
    path = FOLDER / f"{name}-{width}{'-ascii' if ascii_only else ''}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    assert path.is_file(), "no snapshot yet: run with UPDATE_SNAPSHOTS=1 and read the new file"
    assert text == path.read_text(encoding="utf-8")


def fits(text, width):
    for line in text.splitlines():
        assert cell_len(line) <= width, line
        assert line.isprintable() or not line
    assert text.endswith("\n")


SMALL = example_run(comparison=example_comparison(), items=example_run().items[-3:])
POISONED = poisoned(SMALL)


@settings(max_examples=12)
@given(st.integers(20, 200), st.booleans())
def test_every_line_fits_whatever_the_text(width, ascii_only):
    wide = max(40, min(width, 132))
    for made in (SMALL, POISONED):
        text = shown(made, width=width, ascii_only=ascii_only)
        fits(text, wide)
        assert not ascii_only or text.isascii()
        fits(compared(made.comparison, width=width, ascii_only=ascii_only), wide)


def test_colour_only_repeats_what_words_say():
    run = example_run(comparison=example_comparison())
    plain, coloured = shown(run), shown(run, color=True)
    assert "\x1b[" not in plain
    assert "\x1b[" in coloured
    for word in ("FAIL", "NOT ENOUGH EVIDENCE", "PASS", "REGRESSION", "NO_AUDIO"):
        assert word in plain


def test_what_was_not_measured_is_told_once_and_never_0():
    text = " ".join(shown(example_run()).split())
    assert text.count("no turn was measured") == 1
    assert text.count("the true SNR of these clips is not known") == 1
    assert "gap p50" not in text.replace("heard gap p50", "")
    cells = tuple(
        replace(cell, wer=Measurement.not_measurable("ratio", "no clip has a reference"))
        for cell in example_run().cells
    )
    text = " ".join(shown(example_run(cells=cells, frontiers=())).split())
    assert text.count("WER: not measurable, no clip has a reference") == 1
    assert "n/a" in text


def test_an_estimate_is_marked_and_its_reason_told():
    doubt = "the engine was chosen by EchoTrace itself"
    cells = tuple(
        replace(cell, wer=Measurement.estimated(0.3, "ratio", reason=doubt))
        for cell in example_run().cells
    )
    text = " ".join(shown(example_run(cells=cells)).split())
    assert "~30.0 %" in text
    assert text.count(doubt) == 1


def curve(engine, *steps, axis="snr_db", unit="dB", doubles=None, series="white"):
    points = []
    for value, wer in steps:
        item = (
            Measurement.not_measurable("ratio", "too few clips")
            if wer is None
            else Measurement.measured(wer, "ratio")
        )
        label = "clean" if value is None else f"{series} {value:g} {unit}"
        points.append(FrontierPoint(label=label, value=value, wer=item))
    found = (
        Measurement.not_measurable(unit, "WER never doubles")
        if doubles is None
        else Measurement.measured(doubles, unit)
    )
    return Frontier(
        engine=engine, axis=axis, unit=unit, series=series, points=tuple(points), breakpoint=found
    )


def drawn(text):
    """Return the lines of the first plot, between its title and its floor."""
    lines = text.splitlines()
    first = next(at for at, line in enumerate(lines) if "WER against" in line)
    floor = next(at for at in range(first, len(lines)) if lines[at].lstrip().startswith("+"))
    return [line[10:] for line in lines[first + 1 : floor]], lines[floor + 1 :]


def test_a_curve_rises_to_the_right_and_is_marked_where_it_doubles():
    item = curve("one", (None, 0.1), (20.0, 0.15), (10.0, 0.4), (0.0, 0.8), doubles=18.0)
    rows, below = drawn(shown(example_run(frontiers=(item,)), ascii_only=True))
    places = [(line.index("A"), row) for row, line in enumerate(rows) if "A" in line]
    everywhere = sorted(
        (column, row)
        for row, line in enumerate(rows)
        for column, sign in enumerate(line)
        if sign == "A"
    )
    assert len(everywhere) == 4
    assert [row for _, row in everywhere] == sorted([row for _, row in everywhere], reverse=True)
    assert places[0][1] == 0
    labels, marks = below[0][10:], below[1][10:]
    assert labels.split() == ["clean", "20", "dB", "10", "dB", "0", "dB"]
    columns = [column for column, _ in everywhere]
    assert columns[1] < marks.index("^A") < columns[2]
    step = (columns[2] - columns[1]) / 10
    assert marks.index("^A") == pytest.approx(columns[1] + 2 * step, abs=1)


def test_loss_grows_to_the_right_from_clean():
    item = curve("one", (None, 0.1), (5.0, 0.2), (10.0, 0.4), axis="packet_loss_percent", unit="%")
    text = shown(example_run(frontiers=(item,)), ascii_only=True)
    _, below = drawn(text)
    assert below[0].split() == ["clean", "5", "%", "10", "%"]
    assert "no breakpoint: WER never doubles" in text


def test_a_step_that_was_not_measured_breaks_the_line():
    item = curve("one", (None, 0.1), (20.0, None), (10.0, 0.4))
    rows, _ = drawn(shown(example_run(frontiers=(item,)), ascii_only=True))
    assert sum(line.count("A") for line in rows) == 2
    assert not any("." in line for line in rows)


def test_engines_at_one_place_share_a_sign():
    steps = ((None, 0.1), (10.0, 0.4))
    members = (curve("one", *steps), curve("two", *steps))
    text = shown(example_run(frontiers=members), ascii_only=True)
    assert "* several engines at one place" in text


@pytest.mark.parametrize(
    "item",
    [
        curve("one", (None, 0.1)),
        curve("one", (None, None), (10.0, None)),
        curve("one", (None, 0.1), (None, 0.3), axis="codec", unit=""),
        curve("one", (10.0, 0.0), (5.0, 0.0)),
        curve("one", (None, 0.5), (0.3, 3.0), (0.6, 40.0), axis="reverb_s", unit="s"),
    ],
)
def test_odd_curves_draw_nothing_false(item):
    text = shown(example_run(frontiers=(item,)))
    fits(text, 80)
    assert "WER against" in text


def test_failures_are_grouped_and_the_worst_come_with_their_words():
    items = (*example_run().items, *(failed_item(f"clip-{number}") for number in range(9)))
    text = shown(example_run(items=items))
    assert text.count("NO_AUDIO") == 1
    assert "10 NO_AUDIO" in text
    assert "and 7 others" in text
    assert text.count("Gold:") >= 3


def test_a_run_of_nothing_says_so():
    empty = example_run(
        header=example_header(clips=0, items=4),
        status=RunStatus.FAILED,
        items=(),
        cells=(),
        llm_cells=(),
        frontiers=(),
        worst=(),
        gates=(),
        warnings=(),
        missing=4,
    )
    text = shown(empty)
    assert "FAILED  4 items missing" in text
    assert "--resume" in text
    items = (example_item("a", "sphinx"),)
    whole = example_run(
        items=items, header=example_header(skipped=()), gates=(), status=RunStatus.COMPLETE
    )
    assert "COMPLETE  1 item, none failed" in shown(whole)


def test_wer_that_has_doubled_at_the_first_noise_did_so_there_or_before():
    items = [
        example_item(f"{of.label}-{at}", "sphinx", of, words=20, edits=edits)
        for of, edits in ((ClipCondition(), 2), (ClipCondition(noise="white", snr_db=20.0), 9))
        for at in range(2)
    ]
    run = summarise(example_header(engines=("sphinx",)), items)
    said = "already at 20.0 dB or before"
    text = shown(run, width=100)
    assert f"A WER doubles {said}" in text
    assert "<A" in text
    assert f"| {said} |" in MarkdownRenderer().render_run(run, RenderOptions())
    assert f"2x {said}" in run_page(run)


def test_a_column_that_some_rows_lack_is_not_called_unknown():
    items = [
        example_item(f"{of.label}-{at}", "sphinx", of, words=20, edits=2)
        for of in (ClipCondition(), ClipCondition(noise="white", snr_db=20.0))
        for at in range(2)
    ]
    text = shown(summarise(example_header(engines=("sphinx",)), items), width=120)
    assert "SNR error where n/a: not measurable" in text


def test_the_difference_of_two_real_time_factors_is_one():
    assert signed(-0.56, "ratio", metric="rtf") == "-0.56 x"
    assert signed(-0.56, "ratio", metric="wer") == "-56.0 pp"


def test_figures_that_decide_nothing_come_last():
    first, *others = example_comparison().figures
    times = replace(first, metric="rtf", label="real-time factor", decides=False)
    shown = compared(replace(example_comparison(), figures=(times, first, *others)))
    assert shown.index("WER") < shown.index("real-time factor")
