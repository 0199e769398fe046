"""JUnit XML, which every CI system lists: a case per gate and per clip.

What could not be measured or decided is skipped with its reason, an item that failed is an error,
and only a gate fails.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from echotrace.printable import printable_line
from echotrace.render.verdicts import report_cases, run_cases

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echotrace.model.benchmark import BenchmarkRun
    from echotrace.model.report import Report
    from echotrace.render.base import RenderOptions
    from echotrace.render.verdicts import Case

__all__ = ["JunitRenderer"]

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII)
"""What the schema takes as a time: no fraction and no zone."""
_ELEMENTS = {"fail": "failure", "error": "error", "skipped": "skipped"}


class JunitRenderer:
    """One document of suites; options change nothing."""

    name = "junit"
    file_suffix = ".xml"

    def render(self, report: Report, options: RenderOptions) -> str:
        """Return the suites of a report: its gates, its recording, its stages."""
        return _document("echotrace analyze", report.created_at, report_cases(report))

    def render_run(self, run: BenchmarkRun, options: RenderOptions) -> str:
        """Return the suites of a run: its gates, and each engine with its clips."""
        return _document("echotrace benchmark", run.header.created_at, run_cases(run))


def _document(name: str, created_at: str, cases: Iterable[Case]) -> str:
    suites: dict[str, list[Case]] = {}
    for case in cases:
        suites.setdefault(case.group, []).append(case)
    everything = [case for group in suites.values() for case in group]
    root = ET.Element("testsuites", {"name": name, **_totals(everything)})
    for group, members in suites.items():
        skipped = sum(case.outcome == "skipped" for case in members)
        suite = ET.SubElement(
            root,
            "testsuite",
            {"name": printable_line(group), **_totals(members), "skipped": str(skipped)},
        )
        if moment := _MOMENT.match(created_at):
            suite.set("timestamp", moment[0])
        for case in members:
            _add(suite, case)
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _totals(cases: list[Case]) -> dict[str, str]:
    return {
        "tests": str(len(cases)),
        "failures": str(sum(case.outcome == "fail" for case in cases)),
        "errors": str(sum(case.outcome == "error" for case in cases)),
        "time": _seconds(sum(case.seconds or 0.0 for case in cases)),
    }


def _add(suite: ET.Element, case: Case) -> None:
    element = ET.SubElement(
        suite,
        "testcase",
        {
            "name": printable_line(case.name),
            "classname": f"echotrace.{printable_line(case.group)}",
            "time": _seconds(case.seconds or 0.0),
        },
    )
    kind = _ELEMENTS.get(case.outcome)
    why = printable_line(case.why)
    if kind == "skipped":  # the schema gives it a message and no type
        ET.SubElement(element, kind, {"message": why})
    elif kind is not None:
        told = printable_line(case.kind) or case.outcome
        ET.SubElement(element, kind, {"message": why, "type": told}).text = why
    if case.told:
        ET.SubElement(element, "system-out").text = printable_line(case.told)


def _seconds(value: float) -> str:
    return f"{value:.3f}"
