"""What a reader must know of a series beside its figures: what was lost, cut or reconnected."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any, Final

from echotrace.analyzers.probing.series import reason_of
from echotrace.model.measure import Finding, Severity, Status
from echotrace.providers.address import stays_here

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.analyzers.probing.series import Series
    from echotrace.config.settings import Settings
    from echotrace.errors import ProviderError
    from echotrace.model.measure import Measurement
    from echotrace.model.probes import RequestSample

__all__ = ["sent_finding", "series_findings", "slow_for_voice", "unavailable_finding"]

_VOICE_TTFT_MS: Final = 700.0
_SET_UP = ("dns", "connect", "tls")


def series_findings(prefix: str, what: str, series: Series[Any]) -> Iterator[Finding]:
    """Yield the findings of a series of which at least one measured request was answered.

    Args:
        prefix: begins the codes, LLM or TTS.
        what: the measured requests in words.
        series: what was made.
    """
    yield from _lost(prefix, what, series)
    yield from _cut(prefix, what, series)
    yield from _reconnected(prefix, series)


def sent_finding(sent: int, host: str | None, told: str) -> tuple[Finding, ...]:
    """Say how many requests went to which other machine, and in ``told`` with what in them."""
    if host is None or not sent or stays_here(host):
        return ()
    return (
        Finding(
            code="SENT_TO",
            severity=Severity.INFO,
            message=f"{sent} {'request' if sent == 1 else 'requests'} {told.format(host=host)}",
            hint="--offline keeps everything on this machine",
        ),
    )


def unavailable_finding(prefix: str, error: ProviderError) -> Finding:
    """Say why a probe has no figures."""
    return Finding(
        code=f"{prefix}_UNAVAILABLE",
        severity=Severity.WARNING,
        message=f"{reason_of(error)} [{error.code}]",
        hint=error.hint or None,
    )


def _lost(prefix: str, what: str, series: Series[Any]) -> Iterator[Finding]:
    cold = [one.error for one in series.taken if one.sample.cold and one.error is not None]
    warm = [one.error for one in series.taken if not one.sample.cold and one.error is not None]
    if cold:
        yield Finding(
            code=f"{prefix}_COLD_FAILED",
            severity=Severity.INFO,
            message=f"the cold request failed and was made again: {_told(cold)}",
            hint=cold[0].hint or None,
        )
    answered, wanted = len(series.warm), series.plan.count
    if answered == wanted:
        return
    message = f"{answered} of {wanted} {what} count: {_told(warm)}"
    if series.not_made:
        message += f"; that ended the series, and {series.not_made} were not made"
    yield Finding(
        code=f"{prefix}_PROBES_LOST",
        severity=Severity.WARNING,
        message=message,
        hint=warm[0].hint or None if warm else None,
    )


def _told(errors: list[ProviderError]) -> str:
    kinds = {error.code: reason_of(error) for error in reversed(errors)}
    return "; ".join(f"{reason} [{code}]" for code, reason in reversed(kinds.items()))


def _cut(prefix: str, what: str, series: Series[Any]) -> Iterator[Finding]:
    cut = [item for item in series.warm if item.status == "cut"]
    if cut:
        yield Finding(
            code=f"{prefix}_ANSWERS_CUT",
            severity=Severity.WARNING,
            message=f"{len(cut)} of {len(series.warm)} {what} were cut: {cut[0].reason}",
        )


def _reconnected(prefix: str, series: Series[Any]) -> Iterator[Finding]:
    """Tell of a server that closes its connections: each turn of a call pays for a new one."""
    anew = [item for item in series.warm if item.reused is False]
    if 2 * len(anew) <= len(series.warm):
        return
    extra_ms = median(_set_up_ms(item) for item in anew)
    yield Finding(
        code="CONNECTION_NOT_KEPT",
        severity=Severity.WARNING,
        message=f"{len(anew)} of {len(series.warm)} {prefix} requests had to open a new "
        f"connection: {extra_ms:,.0f} ms more each, which the figures leave out",
        hint="let the server keep connections open (keep-alive), or look at the proxy in between",
    )


def _set_up_ms(sample: RequestSample) -> float:
    return sum(phase.duration_ms for phase in sample.phases if phase.name in _SET_UP)


def slow_for_voice(ttft: Measurement, settings: Settings) -> tuple[Finding, ...]:
    """Say that a time which is good for a text chat is not for a call (the metrics page)."""
    good = ttft.value is not None and ttft.value <= settings.thresholds.ttft_good_ms
    if ttft.status is not Status.MEASURED or not good or (ttft.value or 0.0) <= _VOICE_TTFT_MS:
        return ()
    return (
        Finding(
            code="TTFT_SLOW_FOR_VOICE",
            severity=Severity.INFO,
            message=f"a first token after {ttft.value:,.0f} ms is slow for a voice agent, "
            f"whose callers notice more than {_VOICE_TTFT_MS:.0f} ms",
            hint="a smaller model, a shorter system prompt, or a region closer to the agent",
        ),
    )
