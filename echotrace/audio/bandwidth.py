"""How far up a channel's sound reaches, and telephone audio that was stored at a higher rate.

A telephone leg ends below 4 kHz. Resampled afterwards, the file looks like wideband and a
recogniser is chosen for it, though there is nothing above.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from echotrace.audio.spectrum import LEVEL_STEP_DB
from echotrace.model.measure import Measurement

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from echotrace.audio.spectrum import NativeSpectrum

__all__ = ["Bandwidth", "measure_bandwidth"]

DEPTH_DB: Final = 50.0
"""What lies further below the strongest band is not counted as sound of the channel."""
TELEPHONE_DB: Final = 40.0
"""How far 4.5 to 5.5 kHz must lie below 2.5 to 3.2 kHz: 28 dB at most in voices recorded at 16 kHz,
66 dB at least in telephone audio that soxr brought to a higher rate. Linear interpolation leaves
images and is not found."""
TELEPHONE_TOP_HZ: Final = 4_500.0
LOUD_DB: Final = 15.0
"""Loud frames lie within this of the level that one frame in 20 reaches."""
_LOUD_SHARE: Final = 0.05
_INSIDE_HZ: Final = (2_500.0, 3_200.0)
_ABOVE_HZ: Final = (4_500.0, 5_500.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandwidth:
    """The highest frequency in use, and whether it is a telephone's.

    ``is_upsampled`` means telephone audio in a file that could hold more; ``is_telephone`` that,
    or a file at a telephone's rate.
    """

    bandwidth_hz: Measurement
    is_upsampled: bool
    is_telephone: bool


def measure_bandwidth(spectrum: NativeSpectrum) -> Bandwidth:
    """Return the upper edge of the highest band within 50 dB of the strongest, in loud frames.

    Bands are about 100 Hz wide, and where a loud sound ends abruptly, two more count for the
    window's own slope; the lowest is left out, where hum and rumble are. In telephone
    audio at a higher rate the depth is 40 dB, as in the rule that finds it.
    """
    loud, frames = _loud_bands(spectrum)
    narrow = spectrum.band_power.shape[1] * spectrum.band_hz <= TELEPHONE_TOP_HZ
    if not frames:
        reason = "there is no sound"
        return Bandwidth(
            bandwidth_hz=Measurement.not_measurable("Hz", reason),
            is_upsampled=False,
            is_telephone=narrow,
        )
    level = 10.0 * np.log10(np.maximum(loud, 1e-15))
    top = len(level)
    depth = DEPTH_DB
    telephone = _is_telephone(loud, spectrum.band_hz)
    if telephone:
        top, depth = round(TELEPHONE_TOP_HZ / spectrum.band_hz), TELEPHONE_DB
    used = np.flatnonzero(level[1:top] >= level[1:top].max() - depth)
    return Bandwidth(
        bandwidth_hz=Measurement.measured(
            (int(used[-1]) + 2) * spectrum.band_hz,
            "Hz",
            method=f"highest band within {depth:.0f} dB of the strongest, loud frames",
            n=frames,
        ),
        is_upsampled=telephone,
        is_telephone=telephone or narrow,
    )


def _loud_bands(spectrum: NativeSpectrum) -> tuple[NDArray[np.float64], int]:
    """Return the mean power per band of the loud frames, and their number."""
    count = spectrum.frames[1:]  # the lowest level is silence
    if not count.sum():
        return np.zeros(0), 0
    above = np.cumsum(count[::-1])[::-1]
    reached = int(np.flatnonzero(above >= max(1.0, _LOUD_SHARE * above[0]))[-1])
    first = 1 + max(0, reached - round(LOUD_DB / LEVEL_STEP_DB))
    frames = int(spectrum.frames[first:].sum())
    return spectrum.band_power[first:].sum(axis=0) / frames, frames


def _is_telephone(power: NDArray[np.float64], band_hz: float) -> bool:
    if len(power) * band_hz < _ABOVE_HZ[1]:
        return False
    inside, above = (
        float(power[round(low / band_hz) : round(high / band_hz)].mean())
        for low, high in (_INSIDE_HZ, _ABOVE_HZ)
    )
    return inside > above * 10 ** (TELEPHONE_DB / 10)
