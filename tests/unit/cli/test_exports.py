"""What `--export` takes: everything that cannot work is refused before the run, in one line."""

import os
import sys

import pytest

from echotrace.cli import exports
from echotrace.cli.document import DOCUMENT
from echotrace.cli.exports import (
    COMPARISON_FORMATS,
    FORMATS,
    Export,
    read_exports,
    refuse_idle_embedding,
    write_comparison_exports,
    write_report_exports,
    write_run_exports,
)
from echotrace.errors import EchoTraceError, ExitCode, InternalError, StorageError, UsageError
from echotrace.render.base import (
    RenderOptions,
    get_comparison_renderer,
    get_renderer,
    get_run_renderer,
)
from tests.fakes.reports import complete_report
from tests.fakes.runs import example_comparison, example_run

OPTIONS = RenderOptions()


@pytest.fixture(autouse=True)
def inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def read(*values, force=False, inputs=(), **options):
    return read_exports(list(values), force=force, inputs=inputs, **options)


def refused(*values, **options):
    with pytest.raises(EchoTraceError) as caught:
        read(*values, **options)
    return caught.value


def test_every_format_has_a_renderer_for_what_it_exports():
    for name in FORMATS:
        assert get_renderer(name).name == get_run_renderer(name).name == name
    for name in COMPARISON_FORMATS:
        assert get_comparison_renderer(name).name == name


def test_several_are_read_in_their_order(tmp_path):
    found = read("html=a=b.html", f"junit={tmp_path / 'x.xml'}", "github=-")
    assert [(item.format, item.path and str(item.path)) for item in found] == [
        ("html", "a=b.html"),
        ("junit", str(tmp_path / "x.xml")),
        ("github", None),
    ]
    assert read() == ()


def test_the_home_folder_is_meant_by_its_sign(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (found,) = read("csv=~/a.csv")
    assert found.path == tmp_path / "a.csv"


@pytest.mark.parametrize(
    ("value", "what", "hint"),
    [
        ("report.html", "FORMAT=PATH, not report.html", "--export html=report.html"),
        ("report.md", "FORMAT=PATH, not report.md", "--export markdown=report.md"),
        ("junit", "FORMAT=PATH, not junit", "--export junit=FILE"),
        ("", "FORMAT=PATH, not nothing", "--export html="),
        ("htm=a.html", "no export format htm", "--export html=a.html"),
        ("md=a.md", "no export format md", "--export markdown=a.md"),
        ("xml=a.xml", "no export format xml", "--export junit=a.xml"),
        ("=a.csv", "no export format without a name", "--export csv=a.csv"),
        ("\x1b[31m=a", "no export format \\x1b[31m", "--export"),
        ("csv=", "csv= names no file", "--export csv=FILE"),
        ("csv=-", "csv=- would mix", "--export csv=FILE"),
    ],
)
def test_what_does_not_fit_says_what_would(value, what, hint):
    error = refused(value)
    assert what in error.what
    assert hint in error.hint
    assert error.exit_code == ExitCode.USAGE
    assert "\x1b" not in error.what + error.hint


def test_targets_are_checked_before_the_run(tmp_path):
    (tmp_path / "old.csv").write_text("kept")
    (tmp_path / "call.wav").write_text("sound")
    (tmp_path / "folder").mkdir()
    assert refused("csv=old.csv").code == "OUTPUT_EXISTS"
    assert read("csv=old.csv", force=True)
    assert "is a folder" in refused("csv=folder").what
    assert refused("csv=call.wav", force=True, inputs=("call.wav",)).code == "OUTPUT_IS_INPUT"
    error = refused("csv=gone/a.csv")
    assert (error.exit_code, error.hint) == (ExitCode.STORAGE, "mkdir -p gone")
    assert (tmp_path / "old.csv").read_text() == "kept"
    assert {path.name for path in tmp_path.iterdir()} == {"old.csv", "call.wav", "folder"}


def test_one_file_is_not_written_twice(tmp_path):
    assert refused("csv=a", "html=./a").code == "OUTPUT_TWICE"
    assert refused("csv=a", outputs=(tmp_path / "a",)).code == "OUTPUT_TWICE"
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert refused("csv=a", "html=link", force=True).code == "OUTPUT_TWICE"
    assert len(read("csv=/dev/null", "html=/dev/null")) == 2
    assert "twice" in refused("github=-", "github=-").what


def test_stdout_holds_one_document_or_lines_for_a_log(monkeypatch):
    assert read("github=-") == (Export(format="github", path=None),)
    monkeypatch.setattr(DOCUMENT, "owed", True)
    assert refused("github=-").code == "EXPORT_TO_STDOUT"
    assert read("github=a.txt")


def test_a_comparison_has_fewer_formats():
    error = refused("html=a.html", formats=COMPARISON_FORMATS)
    assert error.why == "this command exports markdown, json"
    assert read("markdown=a.md", formats=COMPARISON_FORMATS)


def test_sound_needs_a_page_to_be_in():
    page = read("html=a.html")
    refuse_idle_embedding(page, embed_audio=True)
    refuse_idle_embedding((), embed_audio=False, why="nothing")
    for given, why in (((), ""), (read("csv=a.csv"), ""), (page, "a run holds no recording")):
        with pytest.raises(UsageError) as caught:
            refuse_idle_embedding(given, embed_audio=True, why=why)
        assert caught.value.code == "IDLE_FLAG"


def test_each_result_is_written_as_its_renderer_has_it(tmp_path):
    report, run, comparison = complete_report(), example_run(), example_comparison()
    names = [name for name in FORMATS if name != "html"]
    write_report_exports(report, read(*(f"{name}=report.{name}" for name in names)))
    write_run_exports(run, read(*(f"{name}=run.{name}" for name in names)))
    write_comparison_exports(comparison, read(*(f"{name}=c.{name}" for name in COMPARISON_FORMATS)))
    for name in names:
        expected = get_renderer(name).render(report, OPTIONS).encode()
        assert (tmp_path / f"report.{name}").read_bytes() == expected
        expected = get_run_renderer(name).render_run(run, OPTIONS).encode()
        assert (tmp_path / f"run.{name}").read_bytes() == expected
    for name in COMPARISON_FORMATS:
        expected = get_comparison_renderer(name).render_comparison(comparison, OPTIONS)
        assert (tmp_path / f"c.{name}").read_bytes() == expected.encode()


def test_annotations_go_to_stdout(capsys):
    write_report_exports(complete_report(), read("github=-"))
    assert capsys.readouterr().out == get_renderer("github").render(complete_report(), OPTIONS)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110 - a device
def test_one_that_fails_does_not_cost_the_others(tmp_path, capsys):
    wanted = read("csv=/dev/full", "markdown=a.md", "junit=/dev/full", "json=a.json")
    with pytest.raises(StorageError) as caught:
        write_report_exports(complete_report(), wanted)
    assert caught.value.exit_code == ExitCode.STORAGE
    told = capsys.readouterr().err
    assert told.count("echotrace: error: /dev/full cannot be written") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"a.md", "a.json"}


def test_a_fault_in_one_view_costs_that_view_alone(tmp_path, monkeypatch):
    class Broken:
        def render_run(self, run, options):
            raise ZeroDivisionError("oh")

    real = get_run_renderer
    monkeypatch.setattr(
        exports, "get_run_renderer", lambda name: Broken() if name == "csv" else real(name)
    )
    with pytest.raises(InternalError) as caught:
        write_run_exports(example_run(), read("csv=a.csv", "junit=a.xml"))
    assert "the csv export failed" in caught.value.what
    assert {path.name for path in tmp_path.iterdir()} == {"a.xml"}


def test_reading_the_flags_loads_no_renderer(tmp_path):
    import subprocess

    code = (
        "import sys; from echotrace.cli.exports import read_exports\n"
        f"read_exports(['html={tmp_path / 'a.html'}', 'csv={tmp_path / 'a.csv'}'], force=False,"
        " inputs=())\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in"
        " {'rich', 'numpy', 'pydantic', 'textual'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
