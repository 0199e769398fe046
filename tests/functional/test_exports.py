"""`--export` of the real command line: every format at once, from a run or from a saved one."""

import csv
import json
import shutil
import xml.etree.ElementTree as ET

import pytest

from echotrace.errors import ExitCode
from echotrace.model.report import Report
from echotrace.model.run_codec import dumps_run, header_line, item_line
from echotrace.render.base import RenderOptions, get_renderer
from echotrace.render.console.run import RunConsoleRenderer
from tests.fakes.audit_reports import audited_call_report
from tests.fakes.cli import DEMO, SHORT_MOCK, echotrace, environment
from tests.fakes.reports import complete_report
from tests.fakes.runs import example_run
from tests.fakes.terminal import Terminal

CALL = DEMO / "call.wav"
FORMATS = {
    "html": "out.html",
    "markdown": "out.md",
    "junit": "out.xml",
    "csv": "out.csv",
    "json": "out.json",
    "github": "out.txt",
}


def flags(*names, **more):
    """Return `--export` for each format, its file as the table above has it."""
    chosen = {name: FORMATS[name] for name in names or FORMATS} | more
    return [word for name, file in chosen.items() for word in ("--export", f"{name}={file}")]


def names(folder):
    return {path.name for path in folder.iterdir() if path.is_file()}


def test_a_run_writes_every_format_from_one_report(tmp_path):
    shutil.copy(CALL, tmp_path / "call.wav")
    result = echotrace(
        "analyze",
        "call.wav",
        *("--stages", "signal,turns", "--embed-audio", "--no-cache"),
        *("--max-heard-gap-ms", "1000", "--fail-on", "wer > 0.1", *flags()),
        home=tmp_path,
        **SHORT_MOCK,
    )
    assert result.code == ExitCode.GATE_FAILED, result.stderr
    report = Report.from_json((tmp_path / "out.json").read_text("utf-8"))
    for name in ("markdown", "junit", "csv", "github"):
        expected = get_renderer(name).render(report, RenderOptions())
        assert (tmp_path / FORMATS[name]).read_bytes() == expected.encode()
    assert result.stdout == get_renderer("console").render(report, RenderOptions())
    page = (tmp_path / "out.html").read_text("utf-8")
    assert "data:audio/" in page
    assert (tmp_path / "out.md").read_text("utf-8").startswith("### EchoTrace: **FAIL**")
    root = ET.parse(tmp_path / "out.xml").getroot()
    assert (root.get("failures"), root.get("errors")) == ("1", "0")
    assert root.find(".//skipped") is not None
    assert float(root.find(".//testcase[@name='turns']").get("time")) > 0
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as file:
        figures = {row["name"]: row for row in csv.DictReader(file)}
    worst = report.conversation.summary.heard_gap_ms.worst.value
    assert float(figures["conversation.summary.heard_gap_ms.worst"]["value"]) == worst
    again = echotrace(
        "open", "out.json", *flags("html", html="again.html"), "--embed-audio", home=tmp_path
    )
    assert again.code == ExitCode.PASS, again.stderr
    assert (tmp_path / "again.html").read_text("utf-8") == page


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--export", "pdf=a.pdf"), ExitCode.USAGE, "there is no export format pdf"),
        (("--export", "csv=call.wav", "--force"), ExitCode.USAGE, "is read by this run"),
        (("--export", "csv=old.csv"), ExitCode.USAGE, "exists already"),
        (("--export", "csv=gone/a.csv"), ExitCode.STORAGE, "there is no folder gone"),
        (("--export", "csv=a", "-o", "a"), ExitCode.USAGE, "would be written twice"),
        (("--export", "csv=a.csv", "--embed-audio"), ExitCode.USAGE, "would have no effect"),
        (("--export", "github=-", "--json"), ExitCode.USAGE, "exclude each other"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_runs(tmp_path, words, code, told):
    (tmp_path / "call.wav").write_text("no sound at all")
    (tmp_path / "old.csv").write_text("kept")
    result = echotrace("analyze", "call.wav", *words, home=tmp_path)
    assert result.code == code
    assert told in result.stderr
    assert names(tmp_path) == {"call.wav", "old.csv"}
    assert (tmp_path / "old.csv").read_text() == "kept"


def test_a_run_that_fails_is_exported_as_what_it_is(tmp_path):
    (tmp_path / "call.wav").write_text("no sound at all, but some words")
    result = echotrace("analyze", "call.wav", *flags("junit", "markdown"), home=tmp_path)
    assert result.code == ExitCode.INPUT
    root = ET.parse(tmp_path / "out.xml").getroot()
    assert root.get("errors") == "1"
    assert (tmp_path / "out.md").read_text("utf-8").startswith("### EchoTrace: **FAILED**")


def test_a_saved_report_is_exported_and_shown(tmp_path):
    (tmp_path / "a.json").write_text(audited_call_report().to_json(), "utf-8")
    result = echotrace("open", "a.json", *flags("junit", github="-"), home=tmp_path)
    assert result.code == ExitCode.PASS, result.stderr
    annotations = get_renderer("github").render(audited_call_report(), RenderOptions())
    page = get_renderer("console").render(audited_call_report(), RenderOptions())
    assert result.stdout == annotations + page
    twice = echotrace("open", "a.json", "a.json", *flags("csv"), home=tmp_path)
    assert (twice.code, "2 reports were named" in twice.stderr) == (ExitCode.USAGE, True)
    assert names(tmp_path) == {"a.json", "out.xml"}


def test_sound_that_is_gone_costs_the_page_and_nothing_else(tmp_path):
    (tmp_path / "a.json").write_text(complete_report().to_json(), "utf-8")
    words = (*flags("html", "junit"), "--embed-audio")
    result = echotrace("open", "a.json", *words, home=tmp_path)
    assert result.code == ExitCode.INPUT
    assert result.stderr.count("echotrace: error:") == 1
    assert result.stdout == get_renderer("console").render(complete_report(), RenderOptions())
    assert names(tmp_path) == {"a.json", "out.xml"}


def test_a_full_disk_costs_that_export_alone(tmp_path):
    (tmp_path / "a.json").write_text(complete_report().to_json(), "utf-8")
    words = ("--export", "csv=/dev/full", *flags("junit"))
    result = echotrace("open", "a.json", *words, home=tmp_path)
    assert result.code == ExitCode.STORAGE
    assert "/dev/full cannot be written" in result.stderr
    assert "EchoTrace" in result.stdout
    assert names(tmp_path) == {"a.json", "out.xml"}


def save_run(folder, run):
    """Write a run as its lines and as its document."""
    lines = [header_line(run.header), *(item_line(item) for item in run.items)]
    (folder / "run.jsonl").write_text("".join(lines), "utf-8")
    (folder / "run.json").write_text(dumps_run(run) + "\n", "utf-8")


def test_a_run_opens_from_its_document_and_from_its_lines(tmp_path):
    run = example_run()
    save_run(tmp_path, run)
    result = echotrace("open", "run.json", *flags(), home=tmp_path)
    assert result.code == ExitCode.PASS, result.stderr
    assert result.stdout == RunConsoleRenderer().render_run(run, RenderOptions())
    assert names(tmp_path) == {"run.json", "run.jsonl", *FORMATS.values()}
    assert (tmp_path / "out.json").read_text("utf-8") == (tmp_path / "run.json").read_text("utf-8")
    lines = echotrace("open", "run.jsonl", "--json", home=tmp_path)
    assert lines.code == ExitCode.PASS, lines.stderr
    assert lines.document["schema"] == "echotrace.benchmark/1"
    assert len(lines.document["items"]) == len(run.items)
    sound = echotrace(
        "open", "run.json", *flags("html", html="b.html"), "--embed-audio", home=tmp_path
    )
    assert sound.code == ExitCode.USAGE
    assert "a run holds no recording" in sound.stderr


def test_a_torn_run_is_told_and_a_damaged_one_refused(tmp_path):
    save_run(tmp_path, example_run())
    file = tmp_path / "run.jsonl"
    whole = file.read_text("utf-8")
    file.write_text(whole[:-40], "utf-8")
    torn = echotrace("open", "run.jsonl", home=tmp_path)
    assert torn.code == ExitCode.PASS, torn.stderr
    assert "was cut off" in torn.stderr
    assert "missing" in torn.stdout
    lines = whole.splitlines(keepends=True)
    file.write_text("".join([lines[0], '{"clip": 3}\n', *lines[2:]]), "utf-8")
    damaged = echotrace("open", "run.jsonl", home=tmp_path)
    assert damaged.code == ExitCode.INPUT
    assert damaged.stderr.count("echotrace: error:") == 1
    document = json.loads((tmp_path / "run.json").read_text("utf-8"))
    newer = json.dumps(document | {"schema": "echotrace.benchmark/2"})
    (tmp_path / "newer.json").write_text(newer, "utf-8")
    later = echotrace("open", "newer.json", home=tmp_path)
    assert (later.code, "newer" in later.stderr) == (ExitCode.INPUT, True)


def test_on_a_terminal_a_run_is_printed_and_so_is_what_is_exported(tmp_path):
    save_run(tmp_path, example_run())
    (tmp_path / "a.json").write_text(complete_report().to_json(), "utf-8")
    env = environment(tmp_path)
    for words in (("a.json", "run.jsonl"), ("a.json", *flags("csv"))):
        with Terminal("open", *words, env=env, cwd=tmp_path) as app:
            assert app.wait() == ExitCode.PASS
            assert b"\x1b[?1049" not in app.raw
