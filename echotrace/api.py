"""What Python code calls: one recording in, one Report out."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from echotrace.config.loader import load_settings
from echotrace.errors import UsageError
from echotrace.model.outcome import Inputs
from echotrace.model.report import NO_RECORDING
from echotrace.model.run import RunRequest
from echotrace.orchestrator import run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from echotrace.model.report import Report

__all__ = ["analyze", "analyze_async"]


async def analyze_async(
    path: str | os.PathLike[str] | None = None,
    *,
    agent: str | os.PathLike[str] | None = None,
    agent_offset_ms: float = 0.0,
    reference: str | None = None,
    transcript: str | os.PathLike[str] | None = None,
    key_terms: Sequence[str] = (),
    streaming: bool = False,
    trace: str | os.PathLike[str] | None = None,
    trace_kind: str | None = None,
    trace_offset_ms: float | None = None,
    stages: Sequence[str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Report:
    """Analyse one recording and return its Report; the async twin of :func:`analyze`.

    Args:
        path: the recording; with ``agent`` the caller's side as a mono file. None with ``trace``
            alone, which tells what the pipeline claims.
        agent: the agent's side as a mono file, when the two were recorded apart.
        agent_offset_ms: how much later than ``path`` the file of ``agent`` begins.
        reference: what was really said.
        transcript: a file with what the user's own pipeline heard.
        key_terms: words and names that must not be misheard.
        streaming: replay the recording in chunks and measure the engine's partial results.
        trace: a file with the pipeline's own trace of the call, laid over the recording.
        trace_kind: its format, where the content is not to tell it.
        trace_offset_ms: where its first speech event lies in the recording; None finds it.
        stages: names of analyzers; None runs every one that there is something for.
        settings: values by dotted key (``{"stt.engine": "sphinx"}``), over environment and files.

    Raises:
        EchoTraceError: the recording cannot be used, or a setting does not fit. A stage that
            fails raises nothing: the report's ``status`` and ``warnings`` say so.
    """
    loaded = load_settings(settings or {}, environ=os.environ, cwd=Path.cwd())
    if path is None and trace is None:
        raise UsageError("there is nothing to analyse", hint="name a recording, or a trace")
    request = RunRequest(
        path=NO_RECORDING if path is None else os.fspath(path),
        has_recording=path is not None,
        agent_path=os.fspath(agent) if agent is not None else None,
        agent_offset_ms=agent_offset_ms,
        stages=_stages(stages, has_recording=path is not None),
        inputs=Inputs(
            reference=reference,
            transcript_path=os.fspath(transcript) if transcript is not None else None,
            key_terms=tuple(key_terms),
            trace_path=os.fspath(trace) if trace is not None else None,
            trace_kind=trace_kind,
            trace_offset_ms=trace_offset_ms,
        ),
        streaming=streaming,
    )
    return (await run(request, loaded.settings)).report


def _stages(named: Sequence[str] | None, *, has_recording: bool) -> tuple[str, ...] | None:
    if named is None:
        return None if has_recording else ("trace",)
    return tuple(named)


def analyze(path: str | os.PathLike[str] | None = None, **options: Any) -> Report:
    """Analyse one recording and return its Report; the options are those of ``analyze_async``.

    Raises:
        RuntimeError: an event loop is running in this thread; await ``analyze_async`` there.
    """
    return asyncio.run(analyze_async(path, **options))
