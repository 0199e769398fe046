"""The span of a probing stage: what both probes write on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from echotrace.model.measure import Finding, Severity
from echotrace.providers.address import is_loopback
from echotrace.telemetry.ambient import CURRENT
from echotrace.telemetry.collector import ActiveSpan

if TYPE_CHECKING:
    from echotrace.errors import ProviderError

__all__ = ["MEASURING", "fail_stage", "lost_finding", "mark_stage", "stays_here"]

MEASURING: Final = ("signal", "turns", "transcription")
"""The stages that work on the recording."""


def mark_stage(**attributes: Any) -> None:
    """Set attributes on the span of the analyzer, where one is open."""
    span = CURRENT.get()
    if isinstance(span, ActiveSpan):
        span.set(**attributes)


def fail_stage(code: str) -> None:
    """Mark the span of the analyzer as failed, where one is open."""
    span = CURRENT.get()
    if isinstance(span, ActiveSpan):
        span.fail(code)


def stays_here(sent_to: str | None) -> bool:
    """Whether a host, with or without its port, is this machine."""
    if sent_to is None:
        return True
    host = sent_to[1:].partition("]")[0] if sent_to.startswith("[") else sent_to.partition(":")[0]
    return is_loopback(host)


def lost_finding(
    code: str, what: str, *, answered: int, wanted: int, errors: tuple[ProviderError, ...]
) -> Finding:
    """Say that fewer requests count than were wanted, and the first reason."""
    from echotrace.analyzers.probing.series import reason_of

    kinds = {error.code: reason_of(error) for error in reversed(errors)}
    told = "; ".join(f"{reason} [{code}]" for code, reason in reversed(kinds.items()))
    return Finding(
        code=code,
        severity=Severity.WARNING,
        message=f"{answered} of {wanted} {what} count: {told}",
        hint=errors[0].hint or None if errors else None,
    )
