"""The report of a run that never began: a command that fails early still owes its document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.aggregator.parts import Parts
from echotrace.aggregator.report import aggregate
from echotrace.config.settings import Settings
from echotrace.model.measure import Finding, Severity
from echotrace.model.report import AnalyzerResult, Report, Source

if TYPE_CHECKING:
    from echotrace.errors import EchoTraceError

__all__ = ["failed_report"]


def failed_report(path: str, error: EchoTraceError, *, synthetic: bool = False) -> Report:
    """Return the report of a run that never began: no figures, and the error as its finding."""
    finding = Finding(
        code=error.code,
        severity=Severity.CRITICAL,
        message=f"{error.what}: {error.why}" if error.why else error.what,
        hint=error.hint or None,
    )
    return aggregate(
        Parts(
            source=Source(path=path, synthetic=synthetic),
            stages=("audio",),
            settings=Settings(),
            analyzers={
                "audio": AnalyzerResult(status="unavailable", reason=error.what, code=error.code)
            },
            findings=(finding,),
        )
    )
