"""A small convolutional net that tells near speech from what is around it, run by numpy.

It was trained offline (the recipe is in the project's extras); only matrix products are left to
do here, so that no engine has to be installed or started.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final
from zipfile import BadZipFile

import numpy as np

from echotrace.audio.edge_features import INPUTS
from echotrace.errors import MissingDependencyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

__all__ = ["ENDS", "NEAR", "OUTPUTS", "SIDE_FRAMES", "STARTS", "logits"]

NEAR: Final = 0
STARTS: Final = 1
ENDS: Final = 2
OUTPUTS: Final = 3
SIDE_FRAMES: Final = 110
"""Frames on each side that an output depends on."""
VERSION: Final = 1
_FILE: Final = "edge_net.npz"


@dataclass(frozen=True, slots=True)
class _Weights:
    """Layers as (taps, from, to) and (to,); the blocks have a dilation each."""

    first: tuple[Array, Array]
    blocks: tuple[tuple[int, Array, Array], ...]
    mix: tuple[Array, Array]
    heads: tuple[Array, Array]


def logits(inputs: Array) -> Array:
    """Return (frames, OUTPUTS) float32: near speech in the frame, a start or an end before it.

    ``inputs`` is (frames + 2 SIDE_FRAMES, INPUTS); frames outside the recording are zeros.
    """
    weights = _weights()
    x = np.maximum(inputs @ weights.first[0][0] + weights.first[1], 0.0)
    for dilation, weight, bias in weights.blocks:
        taps = len(weight)
        size = len(x) - (taps - 1) * dilation
        y = x[:size] @ weight[0]
        for tap in range(1, taps):
            y += x[tap * dilation : tap * dilation + size] @ weight[tap]
        y += bias
        np.maximum(y, 0.0, out=y)
        side = (taps - 1) // 2 * dilation
        y += x[side : side + size]
        x = y
    x = np.maximum(x @ weights.mix[0][0] + weights.mix[1], 0.0)
    return np.asarray(x @ weights.heads[0][0] + weights.heads[1], np.float32)


@cache
def _weights() -> _Weights:
    """Load the weights once per process.

    Raises:
        MissingDependencyError: the file is missing, damaged or of another version.
    """
    source = files("echotrace.audio").joinpath(_FILE)
    try:
        with source.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {name: np.asarray(stored[name]) for name in stored.files}
        return _checked(arrays)
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise MissingDependencyError(
            "the weights of the edge finder cannot be read",
            why=f"{_FILE}: {error}",
            hint="install EchoTrace again",
            code="EDGE_NET_BROKEN",
        ) from None


def _checked(arrays: dict[str, NDArray[np.generic]]) -> _Weights:
    """Check version, shapes and values, and widen the float16 weights."""
    if int(arrays["version"]) != VERSION:
        raise ValueError(f"version {arrays['version']}, expected {VERSION}")
    dilations = [int(d) for d in arrays["dilations"]]
    channels = arrays["first_bias"].shape[0]

    def layer(name: str, taps: int, source: int, target: int) -> tuple[Array, Array]:
        weight, bias = arrays[f"{name}_weight"], arrays[f"{name}_bias"]
        if weight.shape != (taps, source, target) or bias.shape != (target,):
            raise ValueError(f"{name} is {weight.shape}, expected {(taps, source, target)}")
        wide = weight.astype(np.float32), bias.astype(np.float32)
        if not all(np.isfinite(part).all() for part in wide):
            raise ValueError(f"{name} holds values that are no numbers")
        return wide

    taps = arrays["block0_weight"].shape[0]
    if sum(dilations) * (taps - 1) // 2 != SIDE_FRAMES:
        raise ValueError(f"dilations {dilations} do not reach {SIDE_FRAMES} frames")
    return _Weights(
        first=layer("first", 1, INPUTS, channels),
        blocks=tuple(
            (dilation, *layer(f"block{i}", taps, channels, channels))
            for i, dilation in enumerate(dilations)
        ),
        mix=layer("mix", 1, channels, channels),
        heads=layer("heads", 1, channels, OUTPUTS),
    )
