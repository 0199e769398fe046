"""What opens over the overview: the full screens, the sheet of a turn, and the way to a place."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import App

from echotrace.render.console.plain import clean
from echotrace.tui.recording import Recording
from echotrace.tui.screens.full import FullScreen
from echotrace.tui.widgets.turns import TurnsPanel

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from textual.worker import Worker

    from echotrace.model.report import Report
    from echotrace.tui.messages import Jump, OpenTurn, PlaySpan
    from echotrace.tui.places import Place
    from echotrace.tui.state import RunState

__all__ = ["VIEW_ACTIONS", "Views"]

VIEW_ACTIONS = frozenset({"timeline", "waterfall", "transcript", "score", "diff"})
"""The actions that open a full screen on the shown report."""


class Views(App[None]):
    """The part of the app that opens screens; the app itself says which run is shown."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._recordings: dict[int, tuple[Report, Recording]] = {}

    def shown_run(self) -> RunState:
        """Return the run that the overview shows."""
        raise NotImplementedError

    def recording_of(self, report: Report) -> Recording:
        """Return the recording behind a report, one object for as long as the app lives."""
        kept = self._recordings.get(id(report))
        if kept is None or kept[0] is not report:
            kept = (report, Recording(report.source))
            self._recordings[id(report)] = kept
        return kept[1]

    def forget(self, report: Report | None) -> None:
        """Give back what is held of the recording of a report that goes, unless it is in sight."""
        if any(
            isinstance(item, FullScreen) and item.run.report is report for item in self.screen_stack
        ):
            return
        kept = self._recordings.pop(id(report), None)
        if kept is not None:
            kept[1].close()

    def close_recordings(self) -> None:
        """Give back what the recordings hold; safe to call twice."""
        for _, recording in self._recordings.values():
            recording.close()

    async def action_timeline(self) -> None:
        """Open the timeline of the shown recording."""
        await self.show_timeline(None)

    async def show_timeline(self, place: Place | None) -> None:
        """Open the timeline at a place, or the one that is open already."""
        from echotrace.tui.screens.timeline import TimelineScreen

        run = self._run_in_sight()
        if run.report is None:
            return
        while self.screen.is_modal:
            await self.pop_screen()
        if isinstance(self.screen, TimelineScreen):
            if place is not None:
                self.screen.go_to(place)
            return
        await self.push_screen(TimelineScreen(run, self.recording_of(run.report), place))

    async def action_waterfall(self) -> None:
        """Open the spans of the shown run."""
        from echotrace.tui.screens.waterfall import WaterfallScreen

        await self._open(WaterfallScreen)

    async def action_transcript(self) -> None:
        """Open the aligned transcripts of the shown run."""
        from echotrace.tui.screens.transcript import TranscriptScreen

        await self._open(TranscriptScreen)

    async def action_score(self) -> None:
        """Open the deductions of the shown run."""
        from echotrace.tui.screens.score import ScoreScreen

        await self._open(ScoreScreen)

    async def action_diff(self) -> None:
        """Lay the shown report beside another one of this session."""
        from echotrace.tui.screens.compare import CompareScreen

        run, other = self.shown_run(), self.other_run()
        if run.report is not None and other is not None:
            await self.push_screen(CompareScreen(run, other))

    def other_run(self) -> RunState | None:
        """Return the run to compare the shown one with: the next one that has a report."""
        raise NotImplementedError

    async def _open(self, kind: Any) -> None:
        run = self.shown_run()
        if run.report is not None and not isinstance(self.screen, kind):
            await self.push_screen(kind(run))

    async def on_jump(self, message: Jump) -> None:
        """Show a place on the timeline."""
        await self.show_timeline(message.place)

    def on_open_turn(self, message: OpenTurn) -> None:
        """Open the sheet of a turn; the table's cursor then follows to the last one shown."""
        from echotrace.tui.screens.turn import TurnScreen

        report = self._run_in_sight().report
        if report is None or report.conversation is None:
            return
        sheet = TurnScreen(report, message.turn_id, message.order)

        def closed(_: int | None) -> None:
            for panel in self.screen.query(TurnsPanel):
                panel.go_to(sheet.turn.id)

        self.push_screen(sheet, closed)

    def on_play_span(self, message: PlaySpan) -> None:
        """Play a stretch of the recording, or write it to a file and tell where."""
        report = self._run_in_sight().report
        if report is not None:
            play = partial(self._play, self.recording_of(report), message)
            self._later(play, group="play")

    def _later(self, work: Callable[[], Coroutine[None, None, None]], *, group: str) -> None:
        """Do work in place of what the group still does.

        A coroutine that is replaced before it starts would be reported as never awaited.
        """
        _: Worker[None] = self.run_worker(work, exclusive=True, group=group, exit_on_error=False)

    async def _play(self, recording: Recording, span: PlaySpan) -> None:
        from echotrace.audio.stop import Stopped
        from echotrace.errors import EchoTraceError
        from echotrace.tui.play import play

        try:
            told = await asyncio.to_thread(
                play, recording, span.start_s, span.end_s, channel=span.channel
            )
        except Stopped:
            return
        except EchoTraceError as error:
            parts = (error.what, error.why, error.hint)
            self.notify(clean("; ".join(filter(None, parts))), severity="warning", markup=False)
        else:
            self.notify("\n".join(map(clean, told.splitlines())), markup=False)

    def _run_in_sight(self) -> RunState:
        """Return the run of the full screen that is open, else that of the overview."""
        open_screens = (
            item for item in reversed(self.screen_stack) if isinstance(item, FullScreen)
        )
        screen = next(open_screens, None)
        return self.shown_run() if screen is None else screen.run
