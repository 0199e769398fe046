"""What Python code calls: one recording in, one Report out."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from echotrace.config.loader import load_settings
from echotrace.model.outcome import Inputs
from echotrace.model.run import RunRequest
from echotrace.orchestrator import run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from echotrace.model.report import Report

__all__ = ["analyze", "analyze_async"]


async def analyze_async(
    path: str | os.PathLike[str],
    *,
    agent: str | os.PathLike[str] | None = None,
    agent_offset_ms: float = 0.0,
    reference: str | None = None,
    transcript: str | os.PathLike[str] | None = None,
    key_terms: Sequence[str] = (),
    streaming: bool = False,
    stages: Sequence[str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Report:
    """Analyse one recording and return its Report; the async twin of :func:`analyze`.

    Args:
        path: the recording; with ``agent`` the caller's side as a mono file.
        agent: the agent's side as a mono file, when the two were recorded apart.
        agent_offset_ms: how much later than ``path`` the file of ``agent`` begins.
        reference: what was really said.
        transcript: a file with what the user's own pipeline heard.
        key_terms: words and names that must not be misheard.
        streaming: replay the recording in chunks and measure the engine's partial results.
        stages: names of analyzers; None runs every registered one.
        settings: values by dotted key (``{"stt.engine": "sphinx"}``), over environment and files.

    Raises:
        EchoTraceError: the recording cannot be used, or a setting does not fit. A stage that
            fails raises nothing: the report's ``status`` and ``warnings`` say so.
    """
    loaded = load_settings(settings or {}, environ=os.environ, cwd=Path.cwd())
    request = RunRequest(
        path=os.fspath(path),
        agent_path=os.fspath(agent) if agent is not None else None,
        agent_offset_ms=agent_offset_ms,
        stages=tuple(stages) if stages is not None else None,
        inputs=Inputs(
            reference=reference,
            transcript_path=os.fspath(transcript) if transcript is not None else None,
            key_terms=tuple(key_terms),
        ),
        streaming=streaming,
    )
    return (await run(request, loaded.settings)).report


def analyze(path: str | os.PathLike[str], **options: Any) -> Report:
    """Analyse one recording and return its Report; the options are those of ``analyze_async``.

    Raises:
        RuntimeError: an event loop is running in this thread; await ``analyze_async`` there.
    """
    return asyncio.run(analyze_async(path, **options))
