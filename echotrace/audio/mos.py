"""Predicted opinion scores by DNSMOS P.835, on request only: 9 s of sound cost 0.1 s and more.

The model comes with the optional package speechmos, whose own code wants four libraries that it
does not declare; its ONNX file is run directly, as the speech detector's is.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from echotrace.audio.vad import SAMPLE_RATE_HZ
from echotrace.config.privacy import forbid_telemetry
from echotrace.errors import MissingDependencyError
from echotrace.model.measure import Measurement
from echotrace.model.signal import Mos

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from echotrace.audio.vad import SpeechSpan

__all__ = ["MosModel", "missing_mos", "mos_windows"]

WINDOW_S: Final = 9.01
"""What the model takes; a shorter recording is repeated, as its authors do."""
HOP_S: Final = 3.0
MOST_WINDOWS: Final = 20
MIN_SPEECH_S: Final = 2.0
"""A window with less speech is judged by its silence."""
HINT: Final = 'pip install "echotrace[mos]"'
METHOD: Final = "DNSMOS P.835, mean of 9 s windows"
WIDEBAND: Final = "the model was trained on wideband speech, and this is telephone audio"

_CALIBRATION: Final = np.array(
    [
        [-0.08397278, 1.22083953, 0.0052439],
        [-0.13166888, 1.60915514, -0.39604546],
        [-0.06766283, 1.11546468, 0.04602535],
    ]
)
"""Second-order polynomials from the model's output to opinion scores: signal, background, overall
(the DNS Challenge's, published with the model)."""


class MosModel:
    """The model, loaded once and run on one thread.

    Raises:
        MissingDependencyError: speechmos or onnxruntime is not installed, or the model inside is
            another one.
    """

    def __init__(self) -> None:
        path = _model_path()
        forbid_telemetry()
        try:
            import onnxruntime
        except ImportError as error:
            raise _missing(str(error)) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 4
        self._session: Any = onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def rate(
        self,
        read: Callable[[float, float], NDArray[np.float32]],
        windows: tuple[float, ...],
        *,
        is_telephone: bool = False,
    ) -> Mos:
        """Score the windows that begin at ``windows`` and average them.

        ``read(start_s, end_s)`` returns samples at 16 kHz, fewer at the recording's end.
        """
        rows = [self._score(read(at_s, at_s + WINDOW_S)) for at_s in windows]
        if not rows:
            return _all(Measurement.not_measurable("MOS", "there is no speech to judge"))
        mean = np.mean(rows, axis=0)
        figures = [
            Measurement.estimated(value, "MOS", reason=WIDEBAND, method=METHOD, n=len(rows))
            if is_telephone
            else Measurement.measured(value, "MOS", method=METHOD, n=len(rows))
            for value in mean.tolist()
        ]
        return Mos(sig=figures[0], bak=figures[1], ovrl=figures[2])

    def _score(self, samples: NDArray[np.float32]) -> NDArray[np.float64]:
        size = int(WINDOW_S * SAMPLE_RATE_HZ)
        whole = np.resize(np.clip(samples, -1.0, 1.0), size).astype(np.float32)
        raw = np.asarray(self._session.run(None, {self._input: whole[None]})[0][0], np.float64)
        second, first, constant = _CALIBRATION.T
        return np.asarray(second * raw**2 + first * raw + constant, np.float64)


def mos_windows(spans: tuple[SpeechSpan, ...], *, end_s: float) -> tuple[float, ...]:
    """Return where windows begin: at most 20, spread over what holds speech, 3 s apart or more.

    A recording with too little speech for that gets one window where its speech begins.
    """
    if not spans:
        return ()
    first_s = spans[0].start_s
    last_s = max(first_s, min(spans[-1].end_s, end_s - WINDOW_S))
    starts = first_s + HOP_S * np.arange(int((last_s - first_s) / HOP_S) + 1)
    begins = np.array([span.start_s for span in spans])
    ends = np.array([span.end_s for span in spans])
    speech = [
        float(np.clip(np.minimum(ends, at + WINDOW_S) - np.maximum(begins, at), 0, None).sum())
        for at in starts
    ]
    worth = starts[np.array(speech) >= MIN_SPEECH_S]
    if not len(worth):
        worth = starts[[int(np.argmax(speech))]]
    chosen = np.unique(np.linspace(0, len(worth) - 1, min(MOST_WINDOWS, len(worth))).round())
    return tuple(worth[chosen.astype(np.int64)].tolist())


def missing_mos(error: MissingDependencyError) -> Mos:
    """The scores of a run whose model is not there."""
    return _all(Measurement.unavailable("MOS", f"{error.what}: {error.hint}"))


def _all(figure: Measurement) -> Mos:
    return Mos(sig=figure, bak=figure, ovrl=figure)


def _model_path() -> Path:
    from importlib.util import find_spec

    spec = find_spec("speechmos")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, "dnsmos_models", "sig_bak_ovr.onnx")
        if path.is_file():
            return path
    raise _missing(
        "speechmos is not installed" if spec is None else "the speechmos here holds no such model"
    )


def _missing(why: str) -> MissingDependencyError:
    return MissingDependencyError(
        "predicted opinion scores need speechmos", why=why, hint=HINT, code="SPEECHMOS_MISSING"
    )
