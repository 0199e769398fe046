"""What runs in a process of its own: plays what comes through its standard input.

Apart from the app, because a sound system may hang, crash, or write to the terminal, and because
what plays has to stop at once. Without numpy it is ready in a tenth of a second.
"""

from __future__ import annotations

import struct
import sys
from typing import Any

__all__ = ["HEADER", "main"]

HEADER = struct.Struct("<IHH")
"""Frames per second, channels, frames in a block; 32-bit floats follow, channel by channel."""


def main() -> int:
    """Play until the input ends; one line on stdout says why not, and ``ready`` once it can."""
    try:
        import sounddevice
    except ImportError:
        return _tell("package")
    except OSError:
        return _tell("library")
    source = sys.stdin.buffer
    rate_hz, channels, frames = HEADER.unpack(source.read(HEADER.size))
    try:
        stream, mixes = _opened(sounddevice, rate_hz, channels, frames)
    except (sounddevice.PortAudioError, ValueError) as error:
        return _tell("device " + " ".join(str(error).split()))
    _tell("ready")
    try:
        with stream:
            while block := source.read(4 * channels * frames):
                stream.write(_mixed(block, channels) if mixes else block)
    except sounddevice.PortAudioError as error:
        return _tell("device " + " ".join(str(error).split()))
    _tell("played")
    return 0


def _opened(sounddevice: Any, rate_hz: int, channels: int, frames: int) -> tuple[Any, bool]:
    """Return a stream on the default device, and whether it takes fewer channels than there are."""
    device = sounddevice.query_devices(kind="output")
    mixes = int(device["max_output_channels"]) < channels
    stream = sounddevice.RawOutputStream(
        samplerate=rate_hz, channels=1 if mixes else channels, dtype="float32", blocksize=frames
    )
    return stream, mixes


def _mixed(block: bytes, channels: int) -> bytes:
    values = struct.unpack(f"<{len(block) // 4}f", block)
    means = [
        sum(values[at : at + channels]) / channels
        for at in range(0, len(values) - channels + 1, channels)
    ]
    return struct.pack(f"<{len(means)}f", *means)


def _tell(line: str) -> int:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    return 1
