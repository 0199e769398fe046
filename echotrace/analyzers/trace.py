"""The pipeline's own trace: read, and laid over the turns of the recording where there is one."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from echotrace.errors import InputError, UsageError
from echotrace.model.outcome import Inputs, Outcome
from echotrace.telemetry import timed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractAsyncContextManager

    from echotrace.audio.handle import Audio
    from echotrace.model.conversation import Conversation
    from echotrace.model.reconciled import PipelineTrace
    from echotrace.telemetry import TelemetryCollector

__all__ = ["TraceAnalyzer"]


class TraceAnalyzer:
    """Turns a trace file into ``pipeline.trace``; it runs where a trace was named.

    Without a recording (``recording_optional``) it needs no turns, and tells what the trace claims.
    """

    name = "trace"
    requires: tuple[str, ...] = ("turns",)
    recording_optional = True

    def __init__(self, collector: TelemetryCollector) -> None:
        self._collector = collector

    @timed("trace_reconciliation")
    async def analyze(
        self,
        audio_path: str,
        *,
        audio: Audio | None = None,
        results: Mapping[str, Any] | None = None,
        inputs: Inputs | None = None,
        timed_section: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
        **kwargs: Any,
    ) -> Outcome[PipelineTrace]:
        """Read the trace and reconcile it; a clock that does not fit is told in the result.

        Raises:
            UsageError: no trace was named, or its kind is unknown.
            InputError: the trace cannot be read.
        """
        del audio_path, kwargs
        inputs = inputs or Inputs()
        if inputs.trace_path is None:
            raise UsageError("no trace was named", hint="--trace spans.json")
        heard = (results or {}).get("turns") if audio is not None else None
        async with timed_section():
            return await asyncio.to_thread(self._reconcile, inputs.trace_path, inputs, heard, audio)

    def _reconcile(
        self, path: str, inputs: Inputs, heard: Conversation | None, audio: Audio | None
    ) -> Outcome[PipelineTrace]:
        from echotrace.printable import printable
        from echotrace.providers.known_secrets import known_secrets
        from echotrace.reconcile.trace_report import reconcile
        from echotrace.traces.read import read_trace

        with self._collector.span("trace_import"):
            trace = read_trace(path, kind=inputs.trace_kind, secrets=known_secrets())
            sha256 = _sha256(path)
        with self._collector.span("reconcile"):
            told, findings = reconcile(
                trace,
                heard,
                path=printable(path),
                sha256=sha256,
                offset_ms=inputs.trace_offset_ms,
                audio=audio,
            )
        return Outcome(told, findings)


def _sha256(path: str) -> str:
    from echotrace.files import read_regular
    from echotrace.traces.document import MAX_BYTES

    try:
        return hashlib.sha256(read_regular(path, limit=MAX_BYTES)).hexdigest()
    except OSError as error:  # it was there a moment ago
        raise InputError(
            "the trace went away while it was read",
            why=error.strerror or str(error),
            code="TRACE_UNREADABLE",
        ) from None
