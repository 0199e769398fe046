"""What the thread of a run and the parts of the screen tell the app.

``run`` says which run a message is of, so that a stale one is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from echotrace.model.run import RunEvent, RunOutcome
from echotrace.telemetry import SpanEvent
from echotrace.tui.places import Place

__all__ = ["Jump", "OpenTurn", "PlaySpan", "RunEnded", "SpanMoved", "StageMoved"]


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


@dataclass
class Jump(Message):
    """The user wants to see this place on the timeline."""

    place: Place


@dataclass
class OpenTurn(Message):
    """The user wants to know all about a turn of the shown report.

    ``order`` holds the ids of the turns that "next" and "previous" walk through, the worst first
    of the report if it is empty.
    """

    turn_id: int
    order: tuple[int, ...] = ()


@dataclass
class PlaySpan(Message):
    """The user wants to hear a stretch of the recording: one channel, or all if it is None."""

    start_s: float
    end_s: float
    channel: int | None = None
