"""The whole console report, block after block."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console

from echotrace.render.console.conversation import conversation
from echotrace.render.console.cost import cost
from echotrace.render.console.extras import extras
from echotrace.render.console.gates import gates
from echotrace.render.console.header import header
from echotrace.render.console.layout import MAX_WIDTH, MIN_WIDTH, Page
from echotrace.render.console.missing import has_recording
from echotrace.render.console.pipeline_trace import claimed_against_heard
from echotrace.render.console.probes import probes
from echotrace.render.console.score import score
from echotrace.render.console.signal import signal
from echotrace.render.console.transcript import transcript
from echotrace.render.console.warnings import warnings
from echotrace.render.console.waterfall import pipeline_block, waterfall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.text import Text

    from echotrace.model.report import Report
    from echotrace.render.base import RenderOptions

__all__ = ["ConsoleRenderer", "printed", "render_console", "report_lines"]

DEFAULT_WIDTH = 80

_BLOCKS: tuple[Callable[[Report, Page], Iterator[Text]], ...] = (
    header,
    score,
    conversation,
    claimed_against_heard,
    signal,
    transcript,
    probes,
    waterfall,
    cost,
    extras,
    gates,
    warnings,
)
_WITHOUT_RECORDING = (header, claimed_against_heard, probes, pipeline_block, cost, gates, warnings)


class ConsoleRenderer:
    """The report as text for people; the same text with or without a terminal."""

    name = "console"
    file_suffix = ".txt"

    def render(self, report: Report, options: RenderOptions) -> str:
        """Return the whole report as the options allow it."""
        return render_console(
            report,
            width=options.width,
            color=bool(options.color),
            ascii_only=options.ascii_only,
        )


def render_console(
    report: Report, *, width: int | None = None, color: bool = False, ascii_only: bool = False
) -> str:
    """Return the report as lines of at most ``width`` cells (None: 80), ending with a line feed.

    Below 40 cells the page stays 40 wide, above 132 it does not grow: longer lines are hard to
    read. Without ``color`` the text holds no escape sequence, whatever the environment says.
    """
    return printed(
        lambda page: report_lines(report, page), width=width, color=color, ascii_only=ascii_only
    )


def printed(
    lines: Callable[[Page], Iterator[Text]],
    *,
    width: int | None = None,
    color: bool = False,
    ascii_only: bool = False,
) -> str:
    """Return what ``lines`` makes of a page of this width, as :func:`render_console` does."""
    target = io.StringIO()
    console = _console(target, color=color)
    page = Page(width=_page_width(width), ascii_only=ascii_only, console=console)
    for line in lines(page):
        line.rstrip()
        console.print(line, soft_wrap=True)
    return target.getvalue()


def report_lines(report: Report, page: Page) -> Iterator[Text]:
    """Yield every line of the report; the blocks decide, this only puts them in order.

    A run that had no recording has nothing to say of one, not even that it was not analysed.
    """
    for block in _BLOCKS if has_recording(report) else _WITHOUT_RECORDING:
        yield from block(report, page)


def _page_width(width: int | None) -> int:
    return min(MAX_WIDTH, max(MIN_WIDTH, DEFAULT_WIDTH if width is None else width))


def _console(target: io.StringIO, *, color: bool) -> Console:
    """Make a console that asks neither the environment nor the platform."""
    return Console(
        file=target,
        width=MAX_WIDTH,
        color_system="standard" if color else None,
        force_terminal=color,
        force_jupyter=False,
        no_color=not color,
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
        _environ={},
    )
