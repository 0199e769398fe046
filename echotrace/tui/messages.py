"""What the thread of a run tells the app; ``run`` says which, so that a stale one is dropped."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from echotrace.model.run import RunEvent, RunOutcome
from echotrace.telemetry import SpanEvent

__all__ = ["RunEnded", "SpanMoved", "StageMoved"]


@dataclass
class StageMoved(Message):
    """A stage started, finished or failed."""

    run: int
    event: RunEvent


@dataclass
class SpanMoved(Message):
    """A span started or ended."""

    run: int
    event: SpanEvent


@dataclass
class RunEnded(Message):
    """The run is over: with an outcome, with an error, or (neither) because it was cancelled.

    ``unwritten`` is why the file that the command line named could not be written.
    """

    run: int
    outcome: RunOutcome | None = None
    error: Exception | None = None
    unwritten: Exception | None = None
