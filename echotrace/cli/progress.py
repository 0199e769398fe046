"""Progress of a run on stderr: a status line on a terminal, one line a file elsewhere."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from echotrace.cli.streams import tell
from echotrace.printable import printable_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from echotrace.model.run import RunEvent, RunRequest

__all__ = ["progress"]

_WORDS = {
    "audio": "decoding and measuring frames",
    "signal": "signal quality",
    "transcription": "transcribing",
    "llm": "probing the language model",
    "tts": "probing the speech synthesiser",
    "trace": "laying the trace over the recording",
}


@contextmanager
def progress(request: RunRequest, *, quiet: bool) -> Iterator[Callable[[RunEvent], None] | None]:
    """Show what a run is doing until it ends."""
    name = Path(request.path).name if request.has_recording else ""
    work = f"analysing {printable_line(name)}" if name else "probing"
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _status_line(work) as listener:
            yield listener
    else:
        tell(f"echotrace: {work}")
        yield None


@contextmanager
def _status_line(work: str) -> Iterator[Callable[[RunEvent], None]]:
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    running: list[str] = []
    with console.status(Text(work), refresh_per_second=10) as status:

        def listen(event: RunEvent) -> None:
            word = _WORDS.get(event.stage, event.stage)
            if event.kind == "started":
                running.append(word)
            elif word in running:
                running.remove(word)
            status.update(Text(f"{work}: {', '.join(running) or 'finishing'}"))

        yield listen
