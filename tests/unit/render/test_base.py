"""Finding a renderer, and what a stream can take."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

from echotrace.errors import UsageError
from echotrace.model.report import Report
from echotrace.render.base import RenderOptions, get_renderer, renderer_names, use_color
from tests.fakes.reports import SAMPLES, complete_report


class Stream(io.StringIO):
    """A stream that claims to be what a test needs."""

    def __init__(self, *, tty, encoding):
        super().__init__()
        self._tty, self._encoding = tty, encoding

    encoding = property(lambda self: self._encoding)

    def isatty(self):
        return self._tty


def test_every_renderer_has_its_three_members():
    for name in renderer_names():
        renderer = get_renderer(name)
        assert renderer.name == name
        assert renderer.file_suffix.startswith(".")
        assert renderer.render(complete_report(), RenderOptions()).endswith("\n")


def test_unknown_renderer_names_the_nearest():
    with pytest.raises(UsageError) as caught:
        get_renderer("jsno")
    assert "'json'" in caught.value.hint
    assert caught.value.code == "UNKNOWN_FORMAT"
    with pytest.raises(UsageError) as caught:
        get_renderer("\x1b[31m" * 50)
    assert "\x1b" not in caught.value.what
    assert "console" in caught.value.hint


@pytest.mark.parametrize("name", SAMPLES)
def test_json_is_the_report_and_one_line_feed(name):
    report = SAMPLES[name]()
    shown = get_renderer("json").render(
        report, RenderOptions(width=40, color=True, ascii_only=True)
    )
    assert shown == report.to_json() + "\n"
    assert json.loads(shown)["schema"] == "echotrace.report/1"
    again = Report.from_json(shown)
    assert again == report or name == "hostile"  # its broken bytes are shown as what they are


@pytest.mark.parametrize(
    ("flag", "environ", "is_tty", "expected"),
    [
        (None, {}, True, True),
        (None, {}, False, False),
        (None, {"NO_COLOR": "1"}, True, False),
        (None, {"NO_COLOR": ""}, True, True),
        (None, {"TERM": "dumb"}, True, False),
        (None, {"FORCE_COLOR": "1"}, False, True),
        (None, {"FORCE_COLOR": ""}, False, False),
        (None, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, True),
        (True, {"NO_COLOR": "1"}, False, True),
        (False, {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_colour_is_decided_by_flag_then_environment_then_terminal(flag, environ, is_tty, expected):
    assert use_color(flag, environ=environ, is_tty=is_tty) is expected


def test_a_pipe_gets_eighty_columns_without_colour():
    options = RenderOptions.for_stream(Stream(tty=False, encoding="utf-8"), environ={})
    assert options == RenderOptions(width=None, color=False, ascii_only=False)
    shown = get_renderer("console").render(complete_report(), options)
    assert max(len(line) for line in shown.splitlines()) == 80


def test_columns_and_the_flag_set_the_width():
    stream = Stream(tty=False, encoding="utf-8")
    assert RenderOptions.for_stream(stream, environ={"COLUMNS": "100"}).width == 100
    assert RenderOptions.for_stream(stream, environ={"COLUMNS": "100"}, width=60).width == 60
    assert RenderOptions.for_stream(stream, environ={"COLUMNS": "x"}).width is None


@pytest.mark.parametrize(
    ("encoding", "ascii_only"),
    [("utf-8", False), ("ascii", True), ("latin-1", True), (None, True), ("no-such", True)],
)
def test_drawing_falls_back_to_ascii(encoding, ascii_only):
    stream = Stream(tty=True, encoding=encoding)
    options = RenderOptions.for_stream(stream, environ={"COLUMNS": "80"})
    assert options.ascii_only is ascii_only
    shown = get_renderer("console").render(SAMPLES["hostile"](), options)
    shown.encode(encoding if encoding in ("utf-8", "latin-1") else "ascii")


def test_naming_and_json_load_no_rich():
    code = (
        "import sys; from echotrace.render.base import RenderOptions, get_renderer\n"
        "get_renderer('json')\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in"
        " {'rich', 'numpy', 'pydantic', 'textual'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_console_loads_only_rich_and_the_model():
    code = (
        "import sys; import echotrace.render.console\n"
        "ours = {name.split('.')[1] for name in sys.modules if name.startswith('echotrace.')}\n"
        "print(sorted(ours), sorted({'numpy', 'pydantic', 'textual', 'jiwer'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['_version', 'model', 'render'] []"
