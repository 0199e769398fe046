"""The app: starts runs, takes in what they tell, and shows one of them.

It is thin: a RunLog gathers, a screen draws, a Runner works in a thread. What a run tells comes as
messages; at most ten times a second the screen is handed a new state.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
from contextlib import suppress
from pathlib import Path
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import SystemCommand

from echotrace.errors import ExitCode
from echotrace.render.console.plain import clean
from echotrace.tui.commands import APP_BINDINGS, COMMANDS
from echotrace.tui.job import Job
from echotrace.tui.requests import is_probe_only
from echotrace.tui.runner import Runner
from echotrace.tui.screens.overview import OverviewScreen
from echotrace.tui.state import Phase, RunLog
from echotrace.tui.views import VIEW_ACTIONS, Views
from echotrace.tui.widgets.probes import why_none

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from textual.binding import BindingType
    from textual.screen import Screen

    from echotrace.model.report import Report
    from echotrace.tui.job import Saved
    from echotrace.tui.messages import RunEnded, SpanMoved, StageMoved
    from echotrace.tui.state import RunState
    from echotrace.tui.widgets.tabs import ReportTabs

__all__ = ["EchoTraceApp"]

_TICK_S = 0.1
_SIGNALS = {
    signal.SIGINT: ExitCode.INTERRUPTED,
    signal.SIGTERM: ExitCode.TERMINATED,
    signal.SIGHUP: ExitCode.TERMINATED,
}

_OVERVIEW_ONLY = VIEW_ACTIONS | {
    "rerun",
    "export",
    "zoom",
    "next_report",
    "previous_report",
    "turns",
    "words",
    "probes",
}
"""Actions whose keys only the overview answers; help is there on every screen but a dialog."""


class EchoTraceApp(Views):
    """Shows one or several reports, and makes those that are still to be made.

    Args:
        jobs: in the order of their tabs; runs are made one after another.
        ascii_only: the terminal can draw nothing but ASCII.
        autostart: begin the runs once the first frame is out.
        theme: the name of a theme, of None the one that Textual chooses.
        keymap: keys by the ids of the bindings that they replace.
        clock: the clock of the spans, in nanoseconds.
        options: Textual's own (``driver_class``).
    """

    TITLE = "EchoTrace"
    CSS_PATH = Path(__file__).parent / "styles" / "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = APP_BINDINGS

    def __init__(
        self,
        jobs: Sequence[Job | Saved],
        *,
        ascii_only: bool = False,
        autostart: bool = True,
        theme: str | None = None,
        keymap: Mapping[str, str] | None = None,
        clock: Callable[[], int] = perf_counter_ns,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.logs = [RunLog(job) for job in jobs]
        self.shown = 0
        self.code: ExitCode | None = None
        self._autostart = autostart
        self._clock = clock
        self._queue: list[int] = []
        self._runner: Runner | None = None
        self._running_at: int | None = None
        self._runs = 0
        self._dirty = True
        self._overview = OverviewScreen()
        self.set_class(ascii_only, "-ascii")
        if theme is not None:
            self.theme = theme
        if keymap:
            self.set_keymap(dict(keymap))

    def shown_run(self) -> RunState:
        """Return the run that the overview shows."""
        return self.logs[self.shown].snapshot()

    def other_run(self) -> RunState | None:
        """Return the run to compare the shown one with: the next one that has a report."""
        count = len(self.logs)
        others = (self.logs[(self.shown + by) % count] for by in range(1, count))
        return next((log.snapshot() for log in others if log.report is not None), None)

    @property
    def runner(self) -> Runner | None:
        """The run that is on, or that was on when the app ended."""
        return self._runner

    async def on_mount(self) -> None:
        """Show the first frame; the runs begin after it."""
        await self.push_screen(self._overview)
        await self._show()
        self.set_interval(_TICK_S, self._tick)
        self._hear_signals()
        if self._autostart:
            self._queue = [at for at, log in enumerate(self.logs) if log.can_run]
            self.call_after_refresh(self._start_next)

    def on_unmount(self) -> None:
        """Let go of the recordings: nothing that is read or played holds up the end."""
        self.close_recordings()

    def _hear_signals(self) -> None:
        if self.is_headless or threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        for number, code in _SIGNALS.items():
            with suppress(NotImplementedError, RuntimeError):
                loop.add_signal_handler(number, self.leave, code)

    def _start_next(self) -> None:
        if self._runner is not None or not self._queue:
            return
        at = self._queue.pop(0)
        log = self.logs[at]
        if not isinstance(log.job, Job):
            return
        self.forget(log.report)
        log.restart(Phase.RUNNING)
        self._runs += 1
        self._running_at = at
        self._dirty = True
        self._runner = Runner(self._runs, log.job, self.post_message)
        self._runner.start()
        self.refresh_bindings()

    def on_stage_moved(self, message: StageMoved) -> None:
        """Note a stage of the run that is on."""
        log = self._log_of(message.run)
        if log is not None:
            log.stage(message.event)
            self._dirty = True

    def on_span_moved(self, message: SpanMoved) -> None:
        """Note a span of the run that is on."""
        log = self._log_of(message.run)
        if log is not None:
            log.span(message.event)
            self._dirty = True

    async def on_run_ended(self, message: RunEnded) -> None:
        """Keep the report and begin what waits."""
        log = self._log_of(message.run)
        if log is None:
            return
        at, self._runner, self._running_at = self._running_at, None, None
        again = at in self._queue
        if again:
            log.restart(Phase.WAITING)
        else:
            log.end(message.outcome, message.error, message.unwritten)
            if not self.is_headless:
                gc.freeze()  # a report stays: no collection has to walk through it at a key
        if message.unwritten is not None:
            self.notify(clean(message.unwritten), severity="error", markup=False)
        await self._show()
        self._start_next()
        self.refresh_bindings()

    def _log_of(self, run: int) -> RunLog | None:
        if self._runner is None or self._running_at is None or self._runner.number != run:
            return None
        return self.logs[self._running_at]

    async def _tick(self) -> None:
        if self._dirty:
            await self._show()
        self._overview.tick(self._clock())

    async def _show(self) -> None:
        self._dirty = False
        log = self.logs[self.shown]
        self._overview.tick(self._clock())
        await self._overview.show(log.snapshot())
        self._overview.list_reports([_entry(item) for item in self.logs], self.shown)

    def leave(self, code: ExitCode) -> None:
        """End at once with this code; the run that is on is cancelled."""
        self.code = code
        self._stop_runner()
        self.exit()

    def _stop_runner(self) -> None:
        self._queue.clear()
        if self._runner is not None:
            self._runner.cancel()

    async def action_quit(self) -> None:
        """Leave; before the end of a run that is an interruption."""
        over = all(log.phase in (Phase.DONE, Phase.FAILED) for log in self.logs)
        if over:
            self.exit()
        else:
            self.leave(ExitCode.INTERRUPTED)

    async def action_rerun(self) -> None:
        """Run the shown recording again, once the run that is on has stopped."""
        log = self.logs[self.shown]
        if not log.can_run:
            return
        if self.shown in self._queue:
            self._queue.remove(self.shown)
        self._queue.insert(0, self.shown)
        if self._runner is None:
            self._start_next()
        else:
            if self._running_at is not None:
                if self._running_at not in self._queue:
                    self._queue.insert(1, self._running_at)
                self.logs[self._running_at].phase = Phase.STOPPING
            self._runner.cancel()
        await self._show()

    def action_export(self) -> None:
        """Ask for a path and write the shown report there."""
        report = self.logs[self.shown].report
        if report is None:
            self.notify("there is no report yet", severity="warning", markup=False)
            return
        if self.is_web:
            import io

            name = f"echotrace-{clean(report.job_id, ascii_only=True)}.json"
            self.deliver_text(io.StringIO(report.to_json() + "\n"), save_filename=name)
            return
        from echotrace.tui.screens.export import ExportScreen

        def written(path: Path | None) -> None:
            if path is not None:
                self.notify(clean(f"wrote {path}"), markup=False)

        self.push_screen(ExportScreen(report), written)

    async def action_next_report(self) -> None:
        """Show the next report."""
        await self._turn(1)

    async def action_previous_report(self) -> None:
        """Show the previous report."""
        await self._turn(-1)

    async def _turn(self, by: int) -> None:
        self.shown = (self.shown + by) % len(self.logs)
        await self._show()
        self.refresh_bindings()

    async def on_report_tabs_chosen(self, message: ReportTabs.Chosen) -> None:
        """Show the report whose tab was clicked."""
        await self._turn(message.at - self.shown)

    def action_turns(self) -> None:
        """Put the cursor among the turns."""
        self._overview.focus_turns()

    def action_words(self) -> None:
        """Put the cursor among the misheard words."""
        self._overview.focus_words()

    def action_probes(self) -> None:
        """Put the cursor among the requests of the probes, or tell why there are none."""
        if self._overview.has_class("-probes"):
            self._overview.focus_probes()
        else:
            told = f"no request was made: {why_none(self.logs[self.shown].report)}"
            self.notify(clean(told), severity="warning", markup=False)

    def action_zoom(self) -> None:
        """Let the panel with the focus fill the screen, or give the screen back."""
        if self._overview.maximized is not None:
            self._overview.minimize()
        elif self._overview.focused is not None:
            self._overview.maximize(self._overview.focused)

    def action_dark_light(self) -> None:
        """Switch between the dark and the light theme."""
        self.theme = "textual-light" if self.current_theme.dark else "textual-dark"

    def action_help(self) -> None:
        """List the keys."""
        from echotrace.tui.key_help import key_sections
        from echotrace.tui.screens.help import HelpScreen

        self.push_screen(HelpScreen(key_sections(self, self.screen)))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Grey out what cannot be done now, and hide the keys of a second report if none is."""
        if not hasattr(self, "logs"):
            return True
        if action == "help":
            return not self.screen.is_modal
        if action not in _OVERVIEW_ONLY:
            return True
        return self._can(action) if self.screen is self._overview else False

    def _can(self, action: str) -> bool | None:
        log = self.logs[self.shown]
        if action == "export":
            return True if log.report is not None else None
        if action == "rerun":
            return True if log.can_run else None
        if action in VIEW_ACTIONS:
            return self._has_view(action, log.report)
        if action == "turns":
            return self._overview.has_class("-turns")
        if action == "words":
            return self._overview.has_class("-words")
        if action == "probes":
            return self._overview.has_class("-probes") or bool(why_none(log.report))
        return len(self.logs) > 1 or action not in ("next_report", "previous_report")

    def _has_view(self, action: str, report: Report | None) -> bool | None:
        """Hide a view that the report has nothing for, and grey it out until there is a report."""
        if action == "diff":
            return len(self.logs) > 1 and report is not None and self.other_run() is not None
        if report is None:
            return None
        if action == "waterfall":
            return report.latency is not None
        if action == "transcript":
            return report.transcription is not None
        return action == "score" or not is_probe_only(report)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Yield every action of the app for the palette."""
        for command in COMMANDS:
            here = screen is self._overview or command.action not in _OVERVIEW_ONLY
            if here and self._can(command.action):
                yield SystemCommand(
                    command.title, command.told, getattr(self, f"action_{command.action}")
                )


def _entry(log: RunLog) -> tuple[str, str]:
    if log.report is not None:
        if is_probe_only(log.report):
            return log.job.name, "probes"
        value = log.report.score.value
        return log.job.name, f"{value:.0f} / 100" if value is not None else "n/a"
    return log.job.name, log.phase.value
