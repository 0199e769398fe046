"""The console report of every sample, whole, as text files a reviewer can read.

``UPDATE_SNAPSHOTS=1 pytest tests/unit/render`` writes them anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from echotrace.render.console import render_console
from tests.fakes.audit_reports import AUDITS
from tests.fakes.probe_reports import PROBED
from tests.fakes.reports import SAMPLES

FOLDER = Path(__file__).parent / "snapshots"
MAKERS = {**SAMPLES, **AUDITS, **PROBED}
CASES = [
    *((name, width, False) for name in SAMPLES for width in (80, 120)),
    *((name, 80, False) for name in AUDITS),
    *((name, 80, False) for name in PROBED),
    ("probe_only", 120, False),
    ("probe_only", 40, False),
    ("mock_probe", 80, True),
    ("audited", 40, False),
    ("audited", 160, False),
    ("audited_call", 120, False),
    ("audited_call", 80, True),
    ("mock", 40, False),
    ("complete", 200, False),
    ("mock", 80, True),
    ("cjk", 80, True),
    ("call", 40, False),
    ("call", 80, True),
]


def file_name(name, width, ascii_only):
    return f"{name}-{width}{'-ascii' if ascii_only else ''}.txt"


@pytest.mark.parametrize(("name", "width", "ascii_only"), CASES, ids=lambda value: str(value))
def test_report_looks_as_reviewed(name, width, ascii_only):
    shown = render_console(MAKERS[name](), width=width, ascii_only=ascii_only)
    path = FOLDER / file_name(name, width, ascii_only)
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        path.write_text(shown, encoding="utf-8", newline="\n")
    assert path.is_file(), "no snapshot yet: run with UPDATE_SNAPSHOTS=1 and read the new file"
    assert shown == path.read_text(encoding="utf-8")


def test_no_snapshot_is_left_over():
    known = {file_name(*case) for case in CASES}
    assert {path.name for path in FOLDER.iterdir()} == known
