"""Where a recogniser's time went, split so that each part can be compared with another run's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from echotrace.model.measure import Measurement
from echotrace.model.report import SttTiming

if TYPE_CHECKING:
    from collections.abc import Iterable

    from echotrace.providers.stt.base import Transcript
    from echotrace.telemetry.span import Span

__all__ = ["NOT_RUN", "engine_timing", "with_preparation"]

NOT_RUN: Final = "no speech was found, so the engine was not run"
_DECODING: Final = ("decode", "resample")
_DETECTION: Final = "features"


def engine_timing(
    transcript: Transcript,
    *,
    load_ms: float | None,
    warm_up_ms: float | None,
    duration_s: float,
    cached_at: str | None = None,
    sent_to: str | None = None,
) -> SttTiming:
    """Split an engine's time; of None for ``load_ms`` the engine did not run at all.

    With ``cached_at`` the figures are those of the run that made the transcript; with ``sent_to``
    the engine is a server, whose inference holds the way there and back, and which loads nothing
    here.
    """
    if not transcript.audio_s or not duration_s:
        return SttTiming(
            model_load_ms=Measurement.not_run("ms", NOT_RUN)
            if load_ms is None or sent_to
            else Measurement.measured(load_ms, "ms", n=1),
            inference_ms=Measurement.not_run("ms", NOT_RUN),
            rtf=Measurement.not_run("ratio", NOT_RUN),
        )
    when = f"in the run of {cached_at}" if cached_at else "in this run"
    taken_s = transcript.inference_ms / 1e3
    windows_s = (transcript.windows or 0) * (transcript.window_s or 0.0)
    return SttTiming(
        model_load_ms=Measurement.not_run("ms", f"the model is at {sent_to}")
        if sent_to
        else Measurement.measured(load_ms or 0.0, "ms", method=f"cold, {when}", n=1),
        warm_up_ms=None if warm_up_ms is None else Measurement.measured(warm_up_ms, "ms", n=1),
        inference_ms=Measurement.measured(
            transcript.inference_ms,
            "ms",
            method=f"{transcript.audio_s:.1f} s of speech, {when}; reading the recording left out",
            n=1,
        ),
        rtf=Measurement.measured(
            taken_s / duration_s, "ratio", method="inference time / time of the recording", n=1
        ),
        rtf_window=Measurement.measured(
            taken_s / windows_s,
            "ratio",
            method=f"inference time / {transcript.windows} windows of {transcript.window_s:g} s",
            n=transcript.windows,
        )
        if windows_s
        else None,
        windows=transcript.windows,
        window_s=transcript.window_s,
    )


def with_preparation(timing: SttTiming, spans: Iterable[Span]) -> SttTiming:
    """Add what the run spent on decoding the recording and on looking for speech in it.

    Both are done once for all stages, before the engine; they are read from the run's own spans and
    left out where it has none.
    """
    taken: dict[str, float] = {}
    for span in spans:
        if span.name in (*_DECODING, _DETECTION):
            taken[span.name] = taken.get(span.name, 0.0) + span.duration_ms
    decoding = [taken[name] for name in _DECODING if name in taken]
    return replace(
        timing,
        decode_ms=Measurement.measured(
            sum(decoding), "ms", method="decoding and resampling, shared by all stages", n=1
        )
        if decoding
        else None,
        vad_ms=Measurement.measured(
            taken[_DETECTION],
            "ms",
            method="both speech detectors and the frame features, shared by all stages",
            n=1,
        )
        if _DETECTION in taken
        else None,
    )
