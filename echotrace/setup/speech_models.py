"""The Whisper sizes that the wizard offers, and how fast each would be here.

The speed is an estimate, not a measurement: it scales figures that were measured on 2 cores with
int8 weights (seconds of work per second of speech: tiny 0.018, base 0.029, small 0.073, large
0.40). medium and turbo lie between them by their number of parameters. The second core made small
and large 1.27 times faster (14.6 s to 11.4 s a window), so time goes with cores ** -0.35; beyond
4 cores the engine takes no more.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "SPHINX_SECONDS_PER_MINUTE",
    "WHISPER",
    "WHISPER_SIZES",
    "WhisperSize",
    "seconds_per_minute",
]

WHISPER = "faster-whisper:"
"""What precedes a size, or a folder, in the name of an engine."""

_MEASURED_CORES = 2
_MOST_CORES = 4
_CORES_EXPONENT = -0.35

SPHINX_SECONDS_PER_MINUTE = 60 / 5.5
"""PocketSphinx works on one core; 5.5 times real time on read speech."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhisperSize:
    """One size: what is downloaded, what it takes in memory, seconds of work a second of speech."""

    name: str
    download_mb: int
    memory_mb: int
    work_ratio: float
    words: str = ""


WHISPER_SIZES = (
    WhisperSize(name="tiny", download_mb=75, memory_mb=330, work_ratio=0.018, words="fastest"),
    WhisperSize(name="base", download_mb=140, memory_mb=405, work_ratio=0.029),
    WhisperSize(name="small", download_mb=480, memory_mb=745, work_ratio=0.073),
    WhisperSize(name="medium", download_mb=1530, memory_mb=1700, work_ratio=0.21),
    WhisperSize(name="turbo", download_mb=1620, memory_mb=1800, work_ratio=0.21),
    WhisperSize(
        name="large-v3", download_mb=3090, memory_mb=3000, work_ratio=0.40, words="most accurate"
    ),
)


def seconds_per_minute(size: WhisperSize, cores: int) -> float:
    """Estimate the seconds of work that a minute of speech takes on this many cores."""
    used = max(1, min(cores, _MOST_CORES))
    faster: float = (used / _MEASURED_CORES) ** _CORES_EXPONENT
    return 60 * size.work_ratio * faster
