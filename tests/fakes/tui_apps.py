"""Apps for pilots: on saved reports, on the bundled recording, on a run that stands still."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from echotrace.cli.bundled import demo_runs
from echotrace.config.settings import Settings
from echotrace.model.run import RunEvent, RunRequest
from echotrace.telemetry import Span, SpanEvent
from echotrace.tui.app import EchoTraceApp
from echotrace.tui.job import Job, Saved
from echotrace.tui.messages import SpanMoved, StageMoved
from echotrace.tui.state import Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from textual.pilot import Pilot
    from textual.widgets import DataTable

    from echotrace.model.report import Report

SIZES = ((80, 24), (160, 48))
SMALL_FIRST = [
    pytest.param(size, id=f"{size[0]}x{size[1]}", marks=pytest.mark.slow if at else ())
    for at, size in enumerate(SIZES)
]
"""Of what is laid out alike at both sizes the large one waits for `slow`."""
MS = 1_000_000
STILL_NS = 640 * MS


def at_sizes(names: Iterable[str], *, both: Collection[str]) -> list[Any]:
    """Parameters (name, size): some pictures at both sizes, others at the large one in `slow`."""
    return [
        pytest.param(
            name,
            size,
            id=f"{name}-{size[0]}x{size[1]}",
            marks=pytest.mark.slow if size != SIZES[0] and name not in both else (),
        )
        for name in names
        for size in SIZES
    ]


def saved_app(*reports: Report, **options: object) -> EchoTraceApp:
    """The app as `echotrace open` makes it."""
    jobs = [Saved(name=f"report {at + 1}", report=report) for at, report in enumerate(reports)]
    return EchoTraceApp(jobs, **options)


def demo_jobs(*names: str) -> list[Job]:
    """The runs of `echotrace demo`, or some of them."""
    return [
        Job(name=name, request=request, settings=settings)
        for name, request, settings in demo_runs()
        if not names or name in names
    ]


class _Still:
    """Stands in the place of a Runner in tests of what the screen does with messages."""

    number = 1

    def cancel(self) -> None:
        pass


def still_app(
    stages: tuple[str, ...] = ("signal", "transcription", "llm", "politeness"), **options: object
) -> EchoTraceApp:
    """A run in its middle, 640 ms after its start, that tells nothing by itself."""
    request = RunRequest(path="calls/support call.wav", stages=stages)
    job = Job(name="call", request=request, settings=Settings())
    app = EchoTraceApp([job], autostart=False, clock=lambda: STILL_NS, **options)
    app._runner = _Still()
    app._running_at = 0
    app.logs[0].phase = Phase.RUNNING
    return app


def tell_still(app: EchoTraceApp) -> None:
    """Tell a still app: decoded, signal measured, transcription failed, llm on its way."""

    def stage(kind: str, name: str, reason: str | None = None) -> None:
        app.post_message(StageMoved(1, RunEvent(kind=kind, stage=name, reason=reason)))

    def span(
        number: int, name: str, parent: int | None, start_ms: int, end_ms: int | None, **extra: str
    ) -> None:
        common = {"id": number, "name": name, "parent_id": parent}
        app.post_message(
            SpanMoved(1, SpanEvent(kind="started", at_ns=start_ms * MS, attributes={}, **common))
        )
        if end_ms is not None:
            done = Span(start_ns=start_ms * MS, end_ns=end_ms * MS, **common, **extra)
            app.post_message(
                SpanMoved(
                    1,
                    SpanEvent(kind="ended", at_ns=end_ms * MS, attributes={}, span=done, **common),
                )
            )

    span(1, "analyze", None, 0, None)
    stage("started", "audio")
    span(2, "audio_decode", 1, 1, 90)
    stage("finished", "audio")
    stage("started", "signal")
    span(3, "signal_analysis", 1, 91, 140)
    stage("finished", "signal")
    stage("started", "transcription")
    span(4, "stt_audit", 1, 140, 260, status="failed")
    stage("failed", "transcription", "the model folder holds no model.bin")
    stage("started", "llm")
    span(5, "llm_ttft", 1, 140, None)


class Watched(EchoTraceApp):
    """Notes what is asked for in the place of opening it."""

    def __init__(self, report: Report, **options: Any) -> None:
        super().__init__([Saved(name="report", report=report)], **options)
        self.asked: list[Any] = []

    async def show_timeline(self, place: Any) -> None:
        self.asked.append(("timeline", place))

    async def action_transcript(self) -> None:
        self.asked.append("transcript")

    async def action_waterfall(self) -> None:
        self.asked.append("waterfall")

    def on_open_turn(self, message: Any) -> None:
        message.prevent_default()
        self.asked.append(("turn", message.turn_id, message.order))

    def on_play_span(self, message: Any) -> None:
        message.prevent_default()
        self.asked.append(("play", message.start_s, message.end_s, message.channel))


async def until(pilot: Pilot[None], condition: Callable[[], bool], what: str) -> None:
    """Let the app work until the condition holds."""
    for _ in range(2_000):
        if condition():
            await pilot.pause()
            return
        await pilot.pause(0.02)
    raise AssertionError(f"never: {what}")


async def settled(pilot: Pilot[None]) -> None:
    """Let the app draw what it knows, without waiting for its next tick."""
    await pilot.pause()
    if pilot.app._dirty:
        await pilot.app._show()
        await pilot.pause()


def screen_text(app: EchoTraceApp) -> str:
    """What a reader sees: the cells of the screen, line by line."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def panel_text(app: EchoTraceApp, kind: str) -> str:
    """All lines of a panel, also those that are scrolled out of sight."""
    return app.screen.query_one(kind).query_one("PanelBody").render().plain


DEMO = Path(__file__).resolve().parents[2] / "echotrace" / "demo"


def drive(app: EchoTraceApp, steps: Callable[[Pilot[None]], Any], size: Any = (80, 24)) -> Any:
    """Run an app of this size until it stands still, then the steps; what they return."""

    async def go() -> Any:
        async with app.run_test(size=size) as pilot:
            await settled(pilot)
            return await steps(pilot)

    return asyncio.run(go())


async def hand(pilot: Pilot[None], report: Report) -> None:
    """Hand a report to the app that runs, as the end of a run does."""
    pilot.app.logs = saved_app(report).logs
    pilot.app._dirty = True
    await settled(pilot)


def read_in_turn(
    reports: Iterable[Report], read: Callable[[EchoTraceApp], Any], size: Any = (80, 24)
) -> list[Any]:
    """Hand one app one report after the other; what is read of each."""
    first, *others = reports
    app = saved_app(first)

    async def steps(pilot: Pilot[None]) -> list[Any]:
        found = [read(app)]
        for report in others:
            await hand(pilot, report)
            found.append(read(app))
        return found

    return list(drive(app, steps, size))


def look(report: Report, size: Any = (80, 24), *keys: str) -> str:
    """Open a report, press keys one after the other, and return what is on the screen."""
    app = saved_app(report)

    async def steps(pilot: Pilot[None]) -> str:
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        await settled(pilot)
        return screen_text(app)

    return str(drive(app, steps, size))


def table_rows(app: EchoTraceApp, kind: type[DataTable[Any]]) -> list[list[str]]:
    """The cells of a table on the screen as text, row by row."""
    table = app.screen.query_one(kind)
    return [[str(cell) for cell in table.get_row_at(number)] for number in range(table.row_count)]
