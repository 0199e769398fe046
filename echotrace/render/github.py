"""Annotations of a GitHub workflow: one command a line, which the runner shows at the job.

At most ten of each kind, because GitHub shows no more of a step; the tenth counts the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from echotrace.model.measure import Severity
from echotrace.printable import printable_line
from echotrace.render.console.figures import words
from echotrace.render.verdicts import Verdict, report_cases, report_verdict, run_cases, run_verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from echotrace.model.benchmark import BenchmarkRun
    from echotrace.model.measure import Finding
    from echotrace.model.report import Report
    from echotrace.render.base import RenderOptions
    from echotrace.render.verdicts import Case

__all__ = ["SHOWN", "GithubRenderer"]

SHOWN = 10
"""Annotations of one kind that GitHub shows of a step."""
_LONGEST = 2_000
_KINDS = ("error", "warning", "notice")
_SEVERITIES = {Severity.CRITICAL: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_GOOD = frozenset({"PASS", "HEALTHY", "COMPLETE"})
_BAD = frozenset({"FAIL", "FAILED", "REGRESSION"})


@dataclass(frozen=True, slots=True)
class _Annotation:
    kind: str
    title: str
    message: str


class GithubRenderer:
    """Workflow commands, the verdict first; options change nothing."""

    name = "github"
    file_suffix = ".txt"

    def render(self, report: Report, options: RenderOptions) -> str:
        """Return the annotations of a report."""
        found = [_verdict(report_verdict(report)), *_of_cases(report_cases(report))]
        return _lines([*found, *_of_findings(report.warnings)])

    def render_run(self, run: BenchmarkRun, options: RenderOptions) -> str:
        """Return the annotations of a run."""
        found = [_verdict(run_verdict(run)), *_of_cases(run_cases(run))]
        if run.comparison is not None:
            for row in run.comparison.figures:
                if row.outcome == "regression":
                    title = f"regression: {row.label} of {row.subject}"
                    found.append(_Annotation("warning", title, row.reason))
            found += _of_findings(run.comparison.warnings)
        return _lines([*found, *_of_findings(run.warnings)])


def _verdict(verdict: Verdict) -> _Annotation:
    kind = "error" if verdict.word in _BAD else "notice" if verdict.word in _GOOD else "warning"
    return _Annotation(kind, f"EchoTrace: {verdict.word}", verdict.why)


def _of_cases(cases: Iterable[Case]) -> Iterator[_Annotation]:
    for case in cases:
        if case.outcome == "fail":
            yield _Annotation("error", f"gate failed: {case.name}", case.why)
        elif case.outcome == "error":
            title = f"{case.kind or 'failed'}: {case.name}"
            yield _Annotation("error", title, f"{case.group}: {case.why}")
        elif case.outcome == "skipped" and case.group == "gates":
            yield _Annotation("warning", f"{words(case.kind)}: {case.name}", case.why)
        elif case.outcome == "skipped" and case.group == "files":
            yield _Annotation("notice", f"skipped: {case.name}", case.why)


def _of_findings(findings: Iterable[Finding]) -> Iterator[_Annotation]:
    for item in findings:
        hint = f" (try: {item.hint})" if item.hint else ""
        yield _Annotation(_SEVERITIES[item.severity], item.code, f"{item.message}{hint}")


def _lines(found: Sequence[_Annotation]) -> str:
    """Return the lines, the first one's kind before the others."""
    kept: dict[str, list[_Annotation]] = {kind: [] for kind in (found[0].kind, *_KINDS)}
    for item in dict.fromkeys(found):
        kept[item.kind].append(item)
    lines: list[str] = []
    for kind, items in kept.items():
        shown = items if len(items) <= SHOWN else items[: SHOWN - 1]
        lines += [_line(item) for item in shown]
        if left := len(items) - len(shown):
            more = f"{left:,} more of this kind are in the report"
            lines.append(_line(_Annotation(kind, f"and {left:,} more", more)))
    return "".join(f"{line}\n" for line in lines)


def _line(item: _Annotation) -> str:
    title, message = (
        text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        for text in (_short(item.title, 200), _short(item.message, _LONGEST))
    )
    title = title.replace(":", "%3A").replace(",", "%2C")
    return f"::{item.kind} title={title}::{message}"


def _short(text: str, limit: int) -> str:
    line = printable_line(text)
    return line if len(line) <= limit else f"{line[: limit - 3]}..."
