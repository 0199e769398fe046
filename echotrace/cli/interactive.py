"""Whether a command opens the terminal app, and what the app leaves as exit code."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO, TextIO

from echotrace.cli.runner import signals_restored
from echotrace.cli.streams import tell, tell_error, tell_traceback
from echotrace.errors import EchoTraceError, ExitCode, InternalError, worst_exit_code

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from echotrace.config.settings import Settings, TuiSettings
    from echotrace.expressions import Expression
    from echotrace.model.report import Report
    from echotrace.model.run import RunRequest
    from echotrace.tui.app import EchoTraceApp
    from echotrace.tui.job import Job, Saved
    from echotrace.tui.state import RunLog

__all__ = ["Work", "opens_app", "own_look", "profile_in_app", "show_in_app"]

_STOP_WAIT_S = 3.0
_REPLAYED_BYTES = 64 * 2**10
_GC_THRESHOLDS = (20_000, 10, 50)

Work = tuple[str, "RunRequest", "Settings", tuple["Expression", ...]]
"""One run: its name on the screen, what to run, and the gates over its report."""


def opens_app(
    *,
    printed: bool,
    path: str = "",
    environ: Mapping[str, str] | None = None,
    streams: tuple[TextIO, TextIO] | None = None,
) -> bool:
    """Return whether the app may open: two terminals, nobody who wants text, no CI.

    Args:
        printed: the user asked for JSON, for the printed report, or for quiet.
        path: the recording; one that comes over stdin leaves no keyboard.
        environ: the environment, the process's own if None.
        streams: stdin and stdout, the process's own if None.
    """
    environ = os.environ if environ is None else environ
    if printed or path == "-" or environ.get("TERM", "dumb") in ("", "dumb"):
        return False
    if environ.get("CI", "").lower() not in ("", "0", "false"):
        return False
    try:
        return all(stream.isatty() for stream in streams or (sys.stdin, sys.stdout))
    except (AttributeError, ValueError):  # closed, or None under some launchers
        return False


def own_look() -> TuiSettings:
    """Return the theme and the keys of a command that takes no other settings.

    Raises:
        ConfigError: the configuration does not fit.
    """
    from pathlib import Path

    from echotrace.config.loader import load_settings

    try:
        cwd = Path.cwd()
    except OSError:  # the folder is gone
        cwd = None
    return load_settings({}, environ=os.environ, cwd=cwd).settings.tui


def profile_in_app(
    work: Sequence[Work],
    *,
    output: Path | None,
    color: bool | None,
    debug: bool,
    look: TuiSettings | None = None,
) -> ExitCode:
    """Open the app on these runs and return the exit code of the runs, 130 if it was left early.

    It looks as the first run's settings have it, or as ``look`` has it.

    Raises:
        EchoTraceError: a recording is not there or is no file; no app was opened.
    """
    from echotrace.audio.door import open_recording
    from echotrace.tui.job import Job

    for _, request, settings, _ in work:
        max_bytes = settings.audio.max_decoded_mib * 2**20
        open_recording(request.path, max_bytes=max_bytes).file.close()
    jobs = [
        Job(
            name=name,
            request=request,
            settings=settings,
            gates=gates,
            output=output,
        )
        for name, request, settings, gates in work
    ]
    app = _open(jobs, look or work[0][2].tui, color=color, debug=debug)
    codes = [] if app.code is None else [app.code]
    for log in app.logs:
        codes += _told(log, debug=debug)
    code = worst_exit_code(codes)
    _leave_engine_behind(app, code)
    return code


def show_in_app(
    opened: Sequence[tuple[str, str, Report | EchoTraceError]],
    *,
    color: bool | None,
    debug: bool,
) -> ExitCode:
    """Open the app on saved reports: a name, a path, and the report or why there is none.

    A report that could not be read has a tab too, which tells why; it is told again at the end.
    """
    from echotrace.aggregator import failed_report
    from echotrace.tui.job import Saved

    jobs = [
        Saved(name=name, report=failed_report(path, item))
        if isinstance(item, EchoTraceError)
        else Saved(name=name, report=item)
        for name, path, item in opened
    ]
    unread = {at: item for at, (*_, item) in enumerate(opened) if isinstance(item, EchoTraceError)}
    app = _open(jobs, own_look(), color=color, debug=debug, failed=unread)
    codes = [] if app.code is None else [app.code]
    for log in app.logs:
        codes += _told(log, debug=debug)
    return worst_exit_code(codes)


def _told(log: RunLog, *, debug: bool) -> list[ExitCode]:
    """Tell what went wrong once the app has closed, and return what it means."""
    from echotrace.cli.execute import tell_failures
    from echotrace.cli.runner import exit_code_of
    from echotrace.providers.known_secrets import unexpected

    codes = []
    if log.outcome is not None:
        tell_failures(log.outcome, debug=debug)
        codes.append(exit_code_of(log.outcome))
    for problem in (log.error, log.unwritten):
        if problem is None:
            continue
        if debug:
            tell_traceback(problem)
        if not isinstance(problem, EchoTraceError):
            why = unexpected(problem)
            problem = InternalError("something went wrong inside EchoTrace", why=why)
        tell_error(problem.what, why=problem.why, hint=problem.hint)
        codes.append(problem.exit_code)
    return codes


def _open(
    jobs: Sequence[Job | Saved],
    look: TuiSettings,
    *,
    color: bool | None,
    debug: bool,
    failed: Mapping[int, EchoTraceError] = MappingProxyType({}),
) -> EchoTraceApp:
    from echotrace.render.base import RenderOptions, use_color

    options = RenderOptions.for_stream(sys.stdout)
    if use_color(color, environ=os.environ, is_tty=True):
        os.environ.pop("NO_COLOR", None)  # Textual obeys it even when it is empty or overruled
    else:
        os.environ["NO_COLOR"] = "1"
    from echotrace.tui.app import EchoTraceApp
    from echotrace.tui.driver import driver_for
    from echotrace.tui.keymap import keymap_of
    from echotrace.tui.theme import theme_named

    theme = None if look.theme is None else theme_named(look.theme)
    keymap = keymap_of(look.keymap)
    # A collection that walks through a large report and all widgets holds up a key by 0.1 s.
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    with _own_terminal(debug=debug) as terminal:
        app = EchoTraceApp(
            jobs,
            ascii_only=options.ascii_only,
            theme=theme,
            keymap=keymap,
            driver_class=driver_for(terminal),
        )
        for at, error in failed.items():
            app.logs[at].end(None, error, None)
        with signals_restored():
            app.run()
        if app.runner is not None:
            app.runner.join(_STOP_WAIT_S)
        if app.return_code:
            raise InternalError(
                "the terminal app failed",
                why="--debug shows where",
                hint="run the same command with --no-tui, and report what --debug prints",
            )
    return app


@contextmanager
def _own_terminal(*, debug: bool) -> Iterator[TextIO]:
    """Give the app the terminal alone; what anything else prints is kept and printed afterwards.

    When the app itself fails, what it printed is a traceback: only ``debug`` shows that.
    """
    from echotrace.tui.driver import terminal_stream

    sys.stdout.flush()
    sys.stderr.flush()
    terminal = terminal_stream(os.dup(1), sys.stdout.encoding)
    spares = {number: os.dup(number) for number in (1, 2)}
    terminals = [number for number in spares if os.isatty(number)]
    with tempfile.TemporaryFile() as printed:
        os.dup2(printed.fileno(), 1)
        if 2 in terminals:
            os.dup2(printed.fileno(), 2)
        shown = debug
        try:
            yield terminal
            shown = True
        finally:
            with suppress(OSError, ValueError):
                terminal.close()
            with suppress(OSError, ValueError, AttributeError):
                sys.stdout.flush()
                sys.stderr.flush()
            for number, spare in spares.items():
                os.dup2(spare, number)
                os.close(spare)
            _forget_closed_terminal(terminals)
            if shown:
                _replay(printed)


def _forget_closed_terminal(terminals: Sequence[int]) -> None:
    """Point at nothing what was a terminal and is none any more: the last flush stays quiet."""
    for number in terminals:
        if not os.isatty(number):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, number)
            os.close(null)


def _replay(printed: BinaryIO) -> None:
    printed.seek(0)
    text = printed.read(_REPLAYED_BYTES).decode("utf-8", "replace")
    for line in text.splitlines():
        tell(line)


def _leave_engine_behind(app: EchoTraceApp, code: ExitCode) -> None:
    """Leave at once when a cancelled engine goes on inside its library: nobody waits for it."""
    if app.runner is None or app.runner.join(0):
        return
    sys.stderr.flush()
    os._exit(code)
