"""Speech probabilities by the Silero model, and the speech segments made from them.

The ONNX file inside faster-whisper's wheel is run directly: its package need not be imported, and
the model's state is carried from block to block, so that memory stays bounded and the block size
never changes a result. The wrapper in faster-whisper zeroes the tail of its caller's array; here
the windows are always a copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from echotrace.config.privacy import forbid_telemetry
from echotrace.errors import MissingDependencyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "ENTER_PROBABILITY",
    "FRAME_S",
    "FRAME_SAMPLES",
    "LEAVE_PROBABILITY",
    "MIN_SILENCE_S",
    "MIN_SPEECH_S",
    "SAMPLE_RATE_HZ",
    "SileroVad",
    "SpeechSpan",
    "runs",
    "silero_model_path",
    "speech_mask",
    "speech_spans",
]

SAMPLE_RATE_HZ: Final = 16_000
FRAME_SAMPLES: Final = 512
FRAME_S: Final = FRAME_SAMPLES / SAMPLE_RATE_HZ
CONTEXT_SAMPLES: Final = 64
STATE_SIZE: Final = 128
WINDOWS_PER_RUN: Final = 125
"""As fast as larger batches and bounded in memory: the model's activations grow with the batch."""

ENTER_PROBABILITY: Final = 0.5
LEAVE_PROBABILITY: Final = 0.35
MIN_SPEECH_S: Final = 0.128
"""A shorter stretch is a click or a breath; a short "yes" is about 0.2 s."""
MIN_SILENCE_S: Final = 0.128
"""A shorter pause is the closure of a plosive, inside a word."""


@dataclass(frozen=True, slots=True)
class SpeechSpan:
    """A stretch of speech in seconds on the recording's clock."""

    start_s: float
    end_s: float


def silero_model_path() -> Path:
    """Find the Silero file of the installed faster-whisper without importing that package.

    Raises:
        MissingDependencyError: faster-whisper is not installed, or carries no such file.
    """
    from importlib.util import find_spec

    spec = find_spec("faster_whisper")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        found = sorted(Path(folder, "assets").glob("silero_vad*.onnx"))
        if found:
            return found[-1]
    raise MissingDependencyError(
        "the speech detector's model is missing",
        why="faster-whisper is not installed" if spec is None else "its wheel holds no Silero file",
        hint='pip install "faster-whisper>=1.2.1,<2"',
        code="VAD_MODEL_MISSING",
    )


@cache
def _session() -> Any:
    """Load the model once per process; a session may be run from several threads."""
    forbid_telemetry()
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError(
            "the speech detector needs onnxruntime",
            why=str(error),
            hint="pip install onnxruntime",
            code="ONNXRUNTIME_MISSING",
        ) from None
    path = silero_model_path()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        str(path), sess_options=options, providers=["CPUExecutionProvider"]
    )
    if {item.name for item in session.get_inputs()} != {"input", "h", "c"}:
        raise MissingDependencyError(
            f"the speech detector's model {path.name} has another interface than is known",
            why="this version of faster-whisper carries a newer Silero model",
            hint='pip install "faster-whisper>=1.2.1,<2"',
            code="VAD_MODEL_UNKNOWN",
        )
    return session


class SileroVad:
    """Speech probability per 32 ms frame of one channel, streaming.

    Many windows go through the model in one run; the recurrent state and the last 64 samples stay
    here for the next.
    """

    def __init__(self) -> None:
        self._session = _session()
        self._h = np.zeros((1, 1, STATE_SIZE), np.float32)
        self._c = np.zeros((1, 1, STATE_SIZE), np.float32)
        self._context = np.zeros(CONTEXT_SAMPLES, np.float32)

    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return one probability per row of ``frames`` (n, 512), samples at 16 kHz."""
        if not len(frames):
            return np.zeros(0, np.float32)
        windows = np.empty((len(frames), CONTEXT_SAMPLES + FRAME_SAMPLES), np.float32)
        windows[:, CONTEXT_SAMPLES:] = frames
        windows[0, :CONTEXT_SAMPLES] = self._context
        windows[1:, :CONTEXT_SAMPLES] = frames[:-1, -CONTEXT_SAMPLES:]
        self._context = frames[-1, -CONTEXT_SAMPLES:].copy()
        parts = []
        for at in range(0, len(windows), WINDOWS_PER_RUN):
            batch = {"input": windows[at : at + WINDOWS_PER_RUN], "h": self._h, "c": self._c}
            output, self._h, self._c = self._session.run(None, batch)
            parts.append(np.asarray(output, np.float32).reshape(-1))
        return np.concatenate(parts)


def speech_mask(
    probability: NDArray[np.float32],
    *,
    enter: float = ENTER_PROBABILITY,
    leave: float = LEAVE_PROBABILITY,
    min_speech_s: float = MIN_SPEECH_S,
    min_silence_s: float = MIN_SILENCE_S,
) -> NDArray[np.bool_]:
    """Mark the frames of speech by hysteresis: begin above ``enter``, last while above ``leave``.

    Pauses shorter than ``min_silence_s`` are filled first, then stretches shorter than
    ``min_speech_s`` are dropped. Shape (frames,), one bool per 32 ms.
    """
    mask = np.zeros(len(probability), np.bool_)
    for first, last in runs(probability > leave):
        above = np.flatnonzero(probability[first:last] > enter)
        if len(above):
            mask[first + above[0] : last] = True
    shortest_pause = round(min_silence_s / FRAME_S)
    shortest_speech = round(min_speech_s / FRAME_S)
    for first, last in runs(~mask):
        if first > 0 and last < len(mask) and last - first < shortest_pause:
            mask[first:last] = True
    for first, last in runs(mask):
        if last - first < shortest_speech:
            mask[first:last] = False
    return mask


def speech_spans(
    mask: NDArray[np.bool_], *, start_s: float = 0.0, end_s: float = float("inf")
) -> tuple[SpeechSpan, ...]:
    """Turn a mask of 32 ms frames into spans; ``start_s`` is where frame 0 begins."""
    return tuple(
        SpeechSpan(start_s + first * FRAME_S, min(start_s + last * FRAME_S, end_s))
        for first, last in runs(mask)
    )


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return [first, last) of every run of True in a mask."""
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
