"""What is asked of a run, what it tells while it is on, and what it leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import BinaryIO

from echotrace.errors import ExitCode
from echotrace.model.outcome import Inputs
from echotrace.model.report import Report

__all__ = ["RunEvent", "RunOutcome", "RunRequest", "StageFailure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What to analyse and how much of it.

    With ``agent_path`` the recording is two mono files: ``path`` holds the caller, and the agent's
    file begins ``agent_offset_ms`` later. ``stages`` of None means every registered analyzer.
    ``required`` are the stages (llm, tts) whose provider was named on the command line: only then
    does its failure decide the exit code. With ``has_recording`` of False only services are probed,
    and ``path`` is ``NO_RECORDING``.
    """

    path: str
    agent_path: str | None = None
    agent_offset_ms: float = 0.0
    stages: tuple[str, ...] | None = None
    inputs: Inputs = field(default_factory=Inputs)
    start_s: float | None = None
    end_s: float | None = None
    spectral: bool = False
    mos: bool = False
    streaming: bool = False
    required: tuple[str, ...] = ()
    has_recording: bool = True
    synthetic: bool = False
    stdin: BinaryIO | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """Progress: ``kind`` is started, finished or failed; ``stage`` an analyzer or ``audio``."""

    kind: str
    stage: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFailure:
    """A stage without a result, and what it means for the exit code."""

    stage: str
    error: BaseException
    exit_code: ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """The report, and the failures that decide the exit code beside the gates."""

    report: Report
    failures: tuple[StageFailure, ...] = ()
