"""The requests of a report's probes as one list, the part of it that a screen can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from echotrace.render.console.missing import has_recording

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.model.report import LlmProbe, LlmSample, Report, TtsProbe, TtsSample

__all__ = ["LISTED", "Request", "is_probe_only", "made", "requests_of"]

LISTED = 200
"""Of one probe no more requests than this are listed; the others are in the JSON report."""


class Request(NamedTuple):
    """One request and the probe that it is of; ``service`` is LLM or TTS."""

    service: str
    sample: LlmSample | TtsSample
    probe: LlmProbe | TtsProbe

    @property
    def sentence_ms(self) -> float | None:
        """The end of the first sentence; speech has none."""
        return getattr(self.sample, "first_sentence_ms", None)


def requests_of(report: Report | None) -> list[Request]:
    """Return the requests to list, a probe's in the order in which they were made.

    Of many the cold one, those without a whole answer and the slowest are kept: those are what
    somebody looks for.
    """
    llm, tts = _probes(report)
    listed = [Request("LLM", sample, llm) for sample in _kept(llm.samples)] if llm else []
    return listed + ([Request("TTS", sample, tts) for sample in _kept(tts.samples)] if tts else [])


def made(report: Report | None) -> int:
    """Return how many requests the probes made."""
    return sum(len(probe.samples) for probe in _probes(report) if probe)


def is_probe_only(report: Report | None) -> bool:
    """Tell whether the run probed services and had no recording."""
    return report is not None and not has_recording(report)


def _probes(report: Report | None) -> tuple[LlmProbe | None, TtsProbe | None]:
    probes = report.probes if report else None
    return (probes.llm, probes.tts) if probes else (None, None)


def _kept(samples: Sequence[LlmSample] | Sequence[TtsSample]) -> Sequence[LlmSample | TtsSample]:
    if len(samples) <= LISTED:
        return samples
    odd_first = sorted(
        range(len(samples)),
        key=lambda at: (
            not samples[at].cold,
            samples[at].status == "ok",
            -(samples[at].total_ms or 0.0),
        ),
    )
    return [samples[at] for at in sorted(odd_first[:LISTED])]
