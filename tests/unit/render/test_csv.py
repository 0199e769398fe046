"""CSV: what a spreadsheet reads is what the report holds, and never a formula."""

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import given

from echotrace.gates import read_figure
from echotrace.model.benchmark import RunItem
from echotrace.model.codec import to_plain
from echotrace.printable import printable_line
from echotrace.render import csv as rendered
from echotrace.render.base import RenderOptions
from echotrace.render.csv import CsvRenderer
from tests.fakes.audit_reports import audited_call_report
from tests.fakes.poison import TEXTS, poisoned
from tests.fakes.reports import SAMPLES
from tests.fakes.runs import example_item, example_run, failed_item


def rows(text):
    """Return the rows as dicts; every one has all columns, and lines end as RFC 4180 says."""
    assert text.endswith("\r\n")
    assert "\n" not in text.replace("\r\n", "")
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert {len(row) for row in read} == {len(read[0])}
    return [dict(zip(read[0], row, strict=True)) for row in read[1:]]


def of_report(report):
    return rows(CsvRenderer().render(report, RenderOptions()))


def of_run(run):
    return rows(CsvRenderer().render_run(run, RenderOptions()))


def test_figures_have_the_names_that_gates_take():
    report = audited_call_report()
    plain = to_plain(report)
    found = of_report(report)
    assert found[0]["name"] == "score.value"
    assert float(found[0]["value"]) == report.score.value
    measured = [row for row in found[1:] if row["status"] == "measured"]
    assert len(measured) > 30
    for row in measured:
        assert read_figure(plain, row["name"]).value == float(row["value"]), row["name"]
    wer = next(row for row in found if row["name"] == "transcription.wer")
    assert (wer["unit"], wer["low"], wer["high"]) == (
        "ratio",
        repr(report.transcription.wer.low),
        repr(report.transcription.wer.high),
    )


@pytest.mark.parametrize("name", SAMPLES)
def test_what_was_not_measured_is_empty_and_says_why(name):
    for row in of_report(SAMPLES[name]())[1:]:
        has_value = row["status"] in ("measured", "estimated", "simulated")
        assert bool(row["value"]) is has_value
        assert has_value or row["reason"]


def test_a_run_has_a_row_for_each_item():
    run = example_run()
    found = of_run(run)
    assert [(row["clip"], row["engine"]) for row in found] == [
        (item.clip, item.engine) for item in run.items
    ]
    first, item = found[0], run.items[0]
    assert float(first["wer"]) == pytest.approx(
        item.counts.substitutions / item.counts.reference_words
    )
    assert (first["condition"], first["target_snr_db"], first["snr_db"]) == ("clean", "", "40.6")
    assert found[-1]["error_code"] == "NO_AUDIO"
    assert found[-1]["wer"] == found[-1]["reference_words"] == found[-1]["hallucinated_words"] == ""


def test_the_columns_are_those_of_the_docstring():
    told = " ".join(rendered.__doc__.split())
    for columns in (rendered.FIGURE_COLUMNS, rendered.ITEM_COLUMNS):
        assert ", ".join(columns) in told
    known = {name for name in RunItem.__dataclass_fields__ if name not in ("error", "counts")}
    left_out = {"condition", "normalizer", "diff", "is_call", "snr_db"}
    assert known - left_out <= set(rendered.ITEM_COLUMNS)


def test_several_values_stand_in_one_cell():
    item = example_item("call", "sphinx", heard_gaps_ms=(700.0, -12.5), cost_leaves_out=("a", "b"))
    (row,) = of_run(example_run(items=(item,)))
    assert row["heard_gaps_ms"] == "700.0 -12.5"
    assert row["cost_leaves_out"] == "a; b"
    assert row["cached"] == "false"


@given(TEXTS)
def test_no_text_is_a_formula(text):
    """Numbers may begin with a minus; the text of others may not."""
    run = example_run(items=(replace(failed_item(), clip=text),))
    (row,) = of_run(run)
    assert not row["clip"].startswith(("=", "+", "-", "@"))
    assert row["clip"] in (printable_line(text), f"'{printable_line(text)}")


def test_text_of_others_adds_no_rows_and_no_columns():
    assert len(of_run(poisoned(example_run()))) == len(example_run().items)
    report = audited_call_report()
    assert len(of_report(poisoned(report))) == len(of_report(report))
    for row in of_run(poisoned(example_run(), "=cmd|' /C calc'!A0")):
        assert row["engine"].startswith("'=")
