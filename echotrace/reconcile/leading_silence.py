"""How long the agent's sound was there and silent before its first audible sample.

Synthesised speech often begins with silence. On the recording it can be told from the wait before
it only where it is another silence: no longer digital, or at another level. What it begins with
may still be like the wait before, so that the figure is the least that it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from echotrace.model.measure import Measurement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from echotrace.model.report import Channel

__all__ = ["Sound", "agent_channel", "leading_silence"]

RATE_HZ: Final = 16_000
FRAME: Final = 80
"""5 ms."""
BEFORE_S: Final = 0.3
"""What is looked at before the playout, to know the channel without the agent's sound."""
ONSET_S: Final = 0.04
"""Left out before the first audible sample: the word may rise out of silence there."""
LEAST_S: Final = 0.03
STEP_DB: Final = 6.0
STEADY: Final = 3.0
"""The step is this many times the unsteadiness on either side of it."""
DIGITAL_DBFS: Final = -120.0
_SAME: Final = "the silence before the agent's word cannot be told from the wait for its sound"


class Sound(Protocol):
    """A recording that can be read in pieces, such as :class:`echotrace.audio.handle.Audio`."""

    def read(self, channel: int, start_s: float, end_s: float) -> NDArray[np.float32]:
        """Return samples of a channel at 16 kHz."""
        ...


def agent_channel(channels: Sequence[Channel]) -> int:
    """Return the row of the agent; where nothing tells the sides apart the second."""
    caller = next((at for at, item in enumerate(channels) if item.role == "caller"), 0)
    return 1 - caller


def leading_silence(
    sound: Sound, channel: int, *, playout_s: float, audible_s: float
) -> Measurement:
    """Return for how many ms, at least, sound was there before the first audible sample.

    ``playout_s`` is when it was handed out: it cannot have been there before.
    """
    begin_s, end_s = max(0.0, playout_s - BEFORE_S), audible_s - ONSET_S
    if end_s - playout_s < LEAST_S:
        return Measurement.not_measurable("ms", "there is no room for a silence before the word")
    samples = sound.read(channel, begin_s, end_s)
    count = len(samples) // FRAME
    if count * FRAME < LEAST_S * RATE_HZ:
        return Measurement.not_measurable("ms", "the recording begins with the agent's word")
    frames = samples[len(samples) - count * FRAME :].reshape(count, FRAME).astype(np.float64)
    power = np.mean((frames - frames.mean(axis=1, keepdims=True)) ** 2, axis=1)
    levels = np.maximum(10.0 * np.log10(power + 1e-20), DIGITAL_DBFS)
    first = max(1, count - round((end_s - playout_s) * RATE_HZ / FRAME))
    at = _step(levels, first)
    if at is None:
        return Measurement.not_measurable("ms", _SAME)
    silent_s = (count - at) * FRAME / RATE_HZ + ONSET_S
    return Measurement.estimated(
        round(silent_s * 1000.0, 1),
        "ms",
        reason="at least: a beginning like the silence before it cannot be told from that",
        method="a step of the agent's channel to another silence",
    )


def _step(levels: NDArray[np.float64], first: int) -> int | None:
    """Return the frame, from ``first`` on, at which one steady level becomes another."""
    least = round(LEAST_S * RATE_HZ / FRAME)
    best: tuple[float, int] | None = None
    total, count = np.cumsum(levels), len(levels)
    for at in range(max(first, least), count - least + 1):
        before, after = total[at - 1] / at, (total[-1] - total[at - 1]) / (count - at)
        gain = (after - before) ** 2 * at * (count - at)
        if best is None or gain > best[0]:
            best = gain, at
    if best is None:
        return None
    at = best[1]
    sides = levels[:at], levels[at:]
    middles = [float(np.median(side)) for side in sides]
    loose = max(float(np.quantile(np.abs(side - np.median(side)), 0.8)) for side in sides)
    step = abs(middles[1] - middles[0])
    return at if step >= max(STEP_DB, STEADY * loose) else None
