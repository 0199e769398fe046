"""Reads from the recording what is finer than the report's envelope, the last window only."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from echotrace.audio.stop import Stopped
from echotrace.errors import EchoTraceError
from echotrace.render.console.plain import clean
from echotrace.tui.lane_wave import DOTS, Detail

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.widget import Widget

    from echotrace.tui.recording import Recording
    from echotrace.tui.window import Window

__all__ = ["DetailReader"]

_FINER = 0.75
"""A dot of less than this share of an envelope's column shows more than the report holds."""


class DetailReader:
    """Reads one window at a time in a thread; of those that come meanwhile only the last counts.

    Args:
        recording: opened when a finer view asks for it first.
        column_s: how long a column of the report's envelope is; None where it has none.
        owner: whose workers read.
        told: called on the app's loop with what was read, or None when there is nothing to read.
    """

    def __init__(
        self,
        recording: Recording,
        column_s: float | None,
        owner: Widget,
        told: Callable[[Detail | None], None],
    ) -> None:
        self.why_not: str | None = None
        self._recording = recording
        self._column_s = column_s
        self._owner = owner
        self._told = told
        self._asked: Window | None = None
        self._last: Window | None = None

    @property
    def is_reading(self) -> bool:
        """Whether a thread is at work."""
        return self._asked is not None

    def is_finer(self, window: Window) -> bool:
        """Tell whether a window shows more than the report's envelope holds."""
        return self._column_s is not None and window.step_s / DOTS < _FINER * self._column_s

    def want(self, window: Window) -> None:
        """Read this window if it is finer and was not read last; a read that is on is dropped."""
        if not self.is_finer(window) or self.why_not is not None:
            return
        known = self._asked or self._last
        if known is not None and _same(known, window):
            return
        is_reading = self.is_reading
        self._asked = window
        if not is_reading:
            self._owner.run_worker(self._read(), group="envelope", exit_on_error=False)

    def stop(self) -> None:
        """Drop the read that is on."""
        self._asked = None

    async def _read(self) -> None:
        try:
            self.why_not = await asyncio.to_thread(self._recording.why_not)
            while self.why_not is None and self._asked not in (None, self._last):
                await self._read_window(self._asked)
        except (EchoTraceError, OSError) as error:
            self.why_not = clean(getattr(error, "what", None) or error)
        finally:
            self._asked = None
            self._told(None)

    async def _read_window(self, window: Window | None) -> None:
        if window is None:
            return
        self._last = window
        start_s, end_s = window.start_s, window.end_s
        with suppress(Stopped):
            channels = await asyncio.to_thread(
                self._recording.envelope,
                *(start_s, end_s, window.columns * DOTS),
                should_stop=lambda: self._asked is not window,
            )
            self._told(Detail(start_s=start_s, end_s=end_s, channels=channels))


def _same(one: Window, other: Window) -> bool:
    return (one.start_s, one.end_s, one.columns) == (other.start_s, other.end_s, other.columns)
