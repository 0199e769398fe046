"""Play a stretch of a recording, or write it to a file of its own where that cannot be."""

from __future__ import annotations

import importlib.util
import math
import os
import re
import select
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from echotrace.config.paths import Folder, cache_folder, make_folder
from echotrace.errors import StorageError
from echotrace.printable import printable
from echotrace.render.console.timeline import stamp
from echotrace.tui.player import HEADER

if TYPE_CHECKING:
    from collections.abc import Callable

    from echotrace.model.report import Source
    from echotrace.tui.recording import Excerpt, Recording

__all__ = ["CLIPS_KEPT", "LONGEST_S", "clips_folder", "play"]

LONGEST_S: Final = 60.0
"""What is heard or written at once, at most."""
CLIPS_KEPT: Final = 50
"""When more clips than this are in their folder, the oldest go."""

_SHORTEST_S: Final = 1.0
"""Nothing shorter is heard or written, it would be a click: a word comes with what is around it."""
_PATIENCE_S: Final = 15.0
_POLL_S: Final = 0.05
_BLOCK_S: Final = 0.05
_PIECE: Final = 1 << 15
_ANY_RATE_HZ: Final = 48_000
_MODULE: Final = "sounddevice"
_NO_RATE: Final = "-9997"
"""PortAudio's number for "invalid sample rate"."""
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]+")
_START: Final = (
    "import sys; sys.path[:] = sys.argv[1:]; from echotrace.tui.player import main; main()"
)
"""Our own paths and no others: a folder that one stands in may hold a ``sounddevice.py``."""

_calls = 0
_temporary: Path | None = None
_counting = threading.Lock()
_device = threading.Lock()


def play(recording: Recording, start_s: float, end_s: float, *, channel: int | None = None) -> str:
    """Play a stretch and return a sentence about it; to be called in a thread, which it holds.

    At most a minute is played; what is shorter than a second becomes the second around it, as far
    as the recording or its cut goes. A later call stops this one, and so does closing the
    recording. The extra ``play`` (sounddevice) does it, in a process of its own. Where that is
    missing, or has no device, the stretch is written as a WAV file into the folder ``clips`` in the
    user's cache folder, which only the user can read; an older clip is never overwritten, and of
    all of them the newest 50 are kept.

    Args:
        recording: what the stretch is of.
        start_s: seconds on the recording's clock.
        end_s: the same.
        channel: one channel alone, or None for all as they are in the file.

    Raises:
        InputError: the recording cannot be opened, has changed, or holds nothing there.
        StorageError: the clip cannot be written.
    """
    wanted = _take_turn(recording)
    start_s, end_s = _widened(recording.source, start_s, end_s)
    excerpt = recording.excerpt(start_s, min(end_s, start_s + LONGEST_S), channel=channel)
    heard = " to ".join(stamp(at_s, digits=2) for at_s in (excerpt.start_s, excerpt.end_s))
    if start_s + LONGEST_S < end_s and excerpt.end_s >= start_s + LONGEST_S:
        heard += f", the first {LONGEST_S:.0f} s"
    with _device:
        if not wanted():
            return "stopped before it was played"
        why = _why_not_played(excerpt, wanted)
    if why is None:
        return f"played {heard}"
    if not wanted():
        return "stopped"
    path = _write(recording, excerpt, channel)
    return f"not played: {why}\nwrote {heard} to\n{_short(path)}"


def _short(path: Path) -> str:
    """Return a path that a reader can copy into a shell, as short as it goes."""
    with suppress(RuntimeError, ValueError):
        return f"~/{printable(path.relative_to(Path.home()))}"
    return printable(path)


def clips_folder() -> Folder:
    """Return the folder of the clips, made if it is missing, or None and the reason."""
    cache = cache_folder()
    return make_folder(cache if cache.path is None else Folder(cache.path / "clips"))


def _widened(source: Source, start_s: float, end_s: float) -> tuple[float, float]:
    """Return a stretch of at least a second; what is added lies within what was analysed."""
    end_s = max(start_s, end_s)
    around_s = max(0.0, _SHORTEST_S - (end_s - start_s)) / 2
    first_s = source.start_s
    last_s = math.inf if source.duration_s is None else first_s + source.duration_s
    return (
        min(start_s, max(start_s - around_s, first_s)),
        max(end_s, min(end_s + around_s, last_s)),
    )


def _take_turn(recording: Recording) -> Callable[[], bool]:
    """Return what tells whether this call is still the last one."""
    global _calls
    with _counting:
        _calls += 1
        mine = _calls
    return lambda: mine == _calls and not recording.is_closed


def _why_not_played(excerpt: Excerpt, wanted: Callable[[], bool]) -> str | None:
    """Play and return None, or return why it could not be."""
    if importlib.util.find_spec(_MODULE) is None:
        return "pip install 'echotrace[play]' adds that"
    told = _run(excerpt, wanted)
    if told.startswith("device") and _NO_RATE in told and excerpt.rate_hz != _ANY_RATE_HZ:
        told = _run(_resampled(excerpt), wanted)
    if told == "played":
        return None
    if told == "package":
        return "pip install 'echotrace[play]' adds that"
    if told == "library":
        return "PortAudio is missing (Debian, Ubuntu: apt install libportaudio2)"
    if told.startswith("device"):
        detail = told.partition(" ")[2]
        none = "querying device" in detail or not detail
        return "there is no audio device" if none else f"the audio device refused ({detail})"
    return "the sound system does not answer" if told == "ready" else "the sound system failed"


def _run(excerpt: Excerpt, wanted: Callable[[], bool]) -> str:
    """Return the last line that the player told, empty when it told none."""
    samples = excerpt.samples
    channels = samples.shape[1]
    block = max(1, round(excerpt.rate_hz * _BLOCK_S))
    data = HEADER.pack(excerpt.rate_hz, channels, block) + samples.astype("<f4").tobytes()
    with subprocess.Popen(
        [sys.executable, "-c", _START, *filter(None, sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + len(samples) / excerpt.rate_hz + _PATIENCE_S
        try:
            _feed(process, memoryview(data), lambda: wanted() and time.monotonic() < deadline)
            while process.poll() is None and wanted() and time.monotonic() < deadline:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_POLL_S)
        finally:
            process.kill()
        assert process.stdout is not None
        lines = process.stdout.read().decode("utf-8", "replace").split("\n")
    return next((line for line in reversed(lines) if line), "")


def _feed(process: subprocess.Popen[bytes], data: memoryview, wanted: Callable[[], bool]) -> None:
    """Give the player its samples as it takes them, and its end when they are over."""
    assert process.stdin is not None
    pipe = process.stdin.fileno()
    os.set_blocking(pipe, False)
    poll = select.poll()
    poll.register(pipe, select.POLLOUT)
    with suppress(BrokenPipeError):
        while data and wanted():
            if poll.poll(_POLL_S * 1000):
                data = data[os.write(pipe, data[:_PIECE]) :]
    process.stdin.close()


def _resampled(excerpt: Excerpt) -> Excerpt:
    import soxr

    samples = soxr.resample(excerpt.samples, excerpt.rate_hz, _ANY_RATE_HZ)
    return excerpt._replace(rate_hz=_ANY_RATE_HZ, samples=samples)


def _write(recording: Recording, excerpt: Excerpt, channel: int | None) -> Path:
    folder = clips_folder()
    target = folder.path
    try:
        if target is None:
            target = _temporary_folder()
    except OSError as error:
        raise StorageError(
            "there is no folder for the clip", why=f"{folder.reason}; {error.strerror}"
        ) from None
    source = recording.source
    name = Path(source.files[0].path if source.files else source.path).stem
    stem = f"echotrace-{_NOT_IN_NAMES.sub('-', name).strip('-')[:40] or 'call'}"
    stem += f"-{excerpt.start_s:07.2f}-{excerpt.end_s:07.2f}"
    stem += "" if channel is None else f"-ch{channel}"
    path = _free(target, stem)
    recording.save(excerpt, path)
    _prune(target)
    return path


def _temporary_folder() -> Path:
    """Return this process's folder for clips, where the user has no place of their own."""
    global _temporary
    with _counting:
        if _temporary is None or not _temporary.is_dir():
            _temporary = Path(tempfile.mkdtemp(prefix="echotrace-clips-"))
        return _temporary


def _free(folder: Path, stem: str) -> Path:
    for number in range(1, 10_000):
        path = folder / (f"{stem}.wav" if number == 1 else f"{stem}-{number}.wav")
        if not os.path.lexists(path):
            return path
    raise StorageError(f"{printable(folder)} is full of clips", hint="remove some of them")


def _prune(folder: Path) -> None:
    """Remove the oldest clips beyond the cap; what cannot be removed stays."""
    with suppress(OSError):
        clips = sorted(
            (path for path in folder.glob("echotrace-*.wav") if not path.is_symlink()),
            key=lambda path: path.stat().st_mtime_ns,
        )
        for path in clips[:-CLIPS_KEPT]:
            path.unlink()
