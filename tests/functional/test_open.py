"""`echotrace open`: several reports, those of other versions, and those that cannot be read."""

import json

from echotrace.errors import ExitCode
from echotrace.render.console.page import render_console
from tests.fakes.cli import echotrace, environment
from tests.fakes.reports import complete_report, mock_report, no_speech_report
from tests.fakes.terminal import Terminal


def save(folder, name, report, **changes):
    """Write a report, with some of its keys changed, or left out where they are None."""
    document = json.loads(report.to_json()) | changes
    kept = {key: value for key, value in document.items() if value is not None}
    (folder / name).write_text(json.dumps(kept), "utf-8")


def test_several_reports_are_printed_one_after_the_other(tmp_path):
    save(tmp_path, "a.json", complete_report())
    save(tmp_path, "b.json", mock_report())
    result = echotrace("open", "a.json", "b.json", "a.json", home=tmp_path)
    assert result.code == ExitCode.PASS, result.stderr
    a, b = render_console(complete_report()), render_console(mock_report())
    assert result.stdout == a + b + a
    assert result.stderr == ""


def test_one_json_document_is_of_one_report(tmp_path):
    save(tmp_path, "a.json", complete_report())
    result = echotrace("open", "--json", "a.json", "a.json", home=tmp_path)
    assert result.code == ExitCode.USAGE
    assert result.document["status"] == "failed"
    assert "2 reports were named" in result.stderr
    assert "try: name one report" in result.stderr


def test_those_that_can_be_read_are_shown_and_the_others_told(tmp_path):
    """An older report has fewer keys, one of a newer minor has more; a newer major is refused."""
    older = ("probes", "pipeline", "cost", "gates", "analyzers")
    save(tmp_path, "older.json", no_speech_report(), **dict.fromkeys(older))
    save(tmp_path, "newer.json", complete_report(), moods={"calm": 0.9}, tool={"name": "echotrace"})
    save(tmp_path, "next.json", complete_report(), schema="echotrace.report/2")
    names = ("older.json", "next.json", "newer.json", "gone.json")
    result = echotrace("open", *names, home=tmp_path)
    assert result.code == ExitCode.INPUT
    assert render_console(no_speech_report()).splitlines()[1] in result.stdout
    assert "comprehensive" in result.stdout
    assert result.stderr.count("echotrace: error:") == 2
    assert "next.json: the report has schema echotrace.report/2" in result.stderr
    assert "written by a newer EchoTrace" in result.stderr
    assert "try: pip install --upgrade echotrace" in result.stderr
    assert "gone.json cannot be read" in result.stderr


def test_none_that_can_be_read_opens_nothing(tmp_path):
    env = environment(tmp_path)
    with Terminal("open", "gone.json", "lost.json", env=env, cwd=tmp_path) as app:
        assert app.wait() == ExitCode.INPUT
        assert app.text.count("echotrace: error:") == 2
        assert b"\x1b[?1049" not in app.raw


def test_several_open_as_tabs_and_one_that_cannot_be_read_tells_why(tmp_path):
    save(tmp_path, "a.json", complete_report())
    save(tmp_path, "next.json", complete_report(), schema="echotrace.report/2")
    env = environment(tmp_path)
    with Terminal("open", "a.json", "next.json", env=env, cwd=tmp_path) as app:
        app.expect("COMPLETE", "[1 a.json]", "failed")
        app.type("]", enter=False)
        app.expect("FAILED", "a newer")
        assert app.leave("q") == ExitCode.INPUT
        after = app.raw[app.raw.rindex(b"\x1b[?1049l") :].decode()
        assert after.count("echotrace: error:") == 1
        assert "next.json: the report has schema" in after
        assert "Traceback" not in app.text
