"""How long a caller would wait for an answer, put together from the probes of the services.

One sum per sample: an answer of the language model goes with the speech that was made of it, so
that the percentiles are those of the sums; a sum of percentiles is none. A pipeline that overlaps
its parts waits less than their sum.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from echotrace.aggregator.after_speech import after_speech
from echotrace.aggregator.pairs import pair
from echotrace.model.measure import Measurement, Status
from echotrace.model.pipeline import Pipeline, PipelinePart, PipelineSample
from echotrace.model.probes import LlmProbe
from echotrace.stats.percentiles import percentiles
from echotrace.stats.quantiles import quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.aggregator.pairs import Pairs
    from echotrace.aggregator.parts import Parts
    from echotrace.model.probes import TtsProbe, TtsSample

__all__ = ["pipeline"]

_NAMES: Final = {
    "endpointing_wait": "the endpointing wait",
    "transcription": "transcription",
    "llm_inference": "the language model",
    "sentence_aggregation": "the wait for a whole sentence",
    "speech_synthesis": "speech synthesis",
    "tts_leading_silence": "the silence that its sound begins with",
}
"""The parts in their order, as a sentence names them."""
_WAIT_KEY: Final = "pipeline.endpointing_wait_ms"
_METHOD: Final = "one sum of the parts per sample"
_APART: Final = (
    "no request was answered by both, the language model and the synthesiser of its text"
)
_GOLDEN: Final = (5**0.5 - 1) / 2
"""The fraction whose multiples fill 0 to 1 most evenly, however many of them are taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A part with its value in each sample in ms; it has none where ``ms`` has none."""

    key: str
    owner: str
    ms: Measurement
    owner_kind: str = "service"
    values_ms: tuple[float, ...] = ()


def pipeline(parts: Parts) -> Pipeline | None:
    """Return the estimate, or None where neither a language model nor a synthesiser was probed.

    A part that nothing measured is left out, and the total is a lower bound that says so. With a
    simulated part in it the total is simulated.
    """
    if not any(_was_asked(parts, stage) for stage in ("llm", "tts")):
        return None
    pairs = pair(parts.llm, parts.tts)
    n = pairs.count
    made = (
        _endpointing(parts, n),
        _transcription(parts, n),
        *_llm_parts(parts, pairs),
        *_tts_parts(parts, pairs),
    )
    there = [part for part in made if part.ms.value is not None]
    samples = tuple(_sample(index, there) for index in range(n))
    totals = [sample.total_ms for sample in samples]
    simulated = tuple(part.key for part in there if part.ms.status is Status.SIMULATED)
    status = Status.SIMULATED if simulated else Status.ESTIMATED
    reason = _reason(made, simulated)
    why = _APART if pairs.apart else "no request of a probe was answered"
    nothing = Measurement.unavailable("ms", why)
    total = nothing
    if totals:
        total = Measurement(
            unit="ms",
            status=status,
            value=round(quantile(totals, 0.5), 1),
            reason=reason,
            method=f"{_METHOD}; median",
            n=n,
        )
    return Pipeline(
        total_ms=total,
        percentiles=percentiles(
            totals,
            "ms",
            not_measured=max(0, _wanted(parts) - n),
            status=status,
            reason=reason,
            method=_METHOD,
            none=nothing,
        ),
        parts=tuple(
            PipelinePart(key=part.key, owner=part.owner, owner_kind=part.owner_kind, ms=part.ms)
            for part in made
        ),
        samples=samples,
        missing=tuple(part.key for part in made if part.ms.value is None),
        simulated=simulated,
    )


def _was_asked(parts: Parts, stage: str) -> bool:
    """A probe that was made, or one that failed before its first request."""
    probe = parts.llm if stage == "llm" else parts.tts
    entry = parts.analyzers.get(stage)
    return probe is not None or (entry is not None and entry.status == "unavailable")


def _wanted(parts: Parts) -> int:
    return max((probe.asked for probe in (parts.llm, parts.tts) if probe is not None), default=0)


def _endpointing(parts: Parts, n: int) -> _Part:
    wait_ms = parts.settings.pipeline.endpointing_wait_ms
    return _Part(
        key="endpointing_wait",
        owner=_WAIT_KEY,
        owner_kind="setting",
        ms=Measurement.estimated(wait_ms, "ms", reason="a setting, not measured"),
        values_ms=(wait_ms,) * n,
    )


def _transcription(parts: Parts, n: int) -> _Part:
    """Give every sample the time of an utterance.

    The golden ratio picks from the rising times, so that a few samples already have short and long
    ones, in an order that has nothing to do with that of the requests. The part counts the
    utterances that were picked, however often.
    """
    found = after_speech(parts)
    key = "transcription"
    if found.engine is None:
        return _Part(key=key, owner="stt.engine", owner_kind="setting", ms=found.ms)
    if not found.values_ms or not n:
        return _Part(key=key, owner=found.engine, ms=found.ms)
    count = len(found.values_ms)
    picked = [int((index + 0.5) * _GOLDEN % 1.0 * count) for index in range(n)]
    chosen = [found.values_ms[at] for at in picked]
    part = _of_samples(key, found.engine, chosen, like=found.ms)
    return replace(part, ms=replace(part.ms, n=len(set(picked))))


def _llm_parts(parts: Parts, pairs: Pairs) -> tuple[_Part, _Part]:
    keys = ("llm_inference", "sentence_aggregation")
    probe, samples = parts.llm, pairs.answers
    if probe is None or not samples:
        why = _APART if pairs.apart else "the language model gave no answer"
        return _missing(parts, "llm", keys, why, apart=pairs.apart)
    owner = _named(probe)
    like = _like(probe.ttft_ms, simulated=probe.simulated)
    starts = [item.ttfat_ms or 0.0 for item in samples]
    first = _of_samples(keys[0], owner, starts, like=like)
    wholes = [item.first_sentence_ms for item in samples if item.first_sentence_ms is not None]
    if not wholes:
        none = Measurement.not_measurable("ms", "no answer had a whole sentence")
        return first, _Part(key=keys[1], owner=owner, ms=none)
    waits = [max(0.0, whole - start) for start, whole in zip(starts, wholes, strict=True)]
    return first, _of_samples(keys[1], owner, waits, like=like)


def _tts_parts(parts: Parts, pairs: Pairs) -> tuple[_Part, _Part]:
    """Return two parts whose sum is the time to the first audible sound, however it came."""
    keys = ("speech_synthesis", "tts_leading_silence")
    probe, samples = parts.tts, pairs.sounds
    if probe is None or not samples:
        why = _APART if pairs.apart else "the speech service returned no sound"
        return _missing(parts, "tts", keys, why, apart=pairs.apart)
    owner, like = _named(probe), _like(probe.ttfb_ms, simulated=False)
    first = _of_samples(keys[0], owner, [_synthesis_ms(item) for item in samples], like=like)
    silences = [item.leading_silence_ms for item in samples if item.leading_silence_ms is not None]
    if not silences:
        why = probe.leading_silence_ms.reason or "the sound could not be read"
        return first, _Part(key=keys[1], owner=owner, ms=Measurement.not_measurable("ms", why))
    return first, _of_samples(keys[1], owner, silences, like=like)


def _synthesis_ms(sample: TtsSample) -> float:
    """Return the time to the first audible sound less its leading silence.

    That is the time to the first byte, and longer where sound that can be heard came later than the
    silence before it would have been played.
    """
    first_ms = sample.ttfb_ms or 0.0
    if sample.ttfa_ms is None or sample.leading_silence_ms is None:
        return first_ms
    return max(first_ms, sample.ttfa_ms - sample.leading_silence_ms)


def _missing(
    parts: Parts, stage: str, keys: tuple[str, str], why: str, *, apart: bool
) -> tuple[_Part, _Part]:
    probe = parts.llm if stage == "llm" else parts.tts
    entry = parts.analyzers.get(stage)
    if apart:
        nothing = Measurement.unavailable("ms", why)
    elif probe is not None:
        figure = probe.ttft_ms if isinstance(probe, LlmProbe) else probe.ttfb_ms
        nothing = Measurement.unavailable("ms", figure.reason or why)
    elif entry is not None and entry.status == "unavailable":
        nothing = Measurement.unavailable("ms", entry.reason or why)
    else:
        said = "no TTS was named" if stage == "tts" else "no language model was probed"
        nothing = Measurement.not_run("ms", said)
    owner = f"{stage}.provider" if probe is None else _named(probe)
    kind = "setting" if probe is None else "service"
    first, second = (_Part(key=key, owner=owner, owner_kind=kind, ms=nothing) for key in keys)
    return first, second


def _named(probe: LlmProbe | TtsProbe) -> str:
    return f"{probe.provider}:{probe.model}" if probe.model else probe.provider


def _like(figure: Measurement, *, simulated: bool) -> Measurement:
    """Return a figure with the status and the reason that those of the samples have."""
    if simulated or figure.status is Status.SIMULATED:
        return Measurement.simulated(0.0, "ms", reason=figure.reason or "[MOCK] figures")
    return Measurement.measured(0.0, "ms")


def _of_samples(key: str, owner: str, values_ms: Sequence[float], *, like: Measurement) -> _Part:
    ms = Measurement(
        unit="ms",
        status=like.status,
        value=round(quantile(values_ms, 0.5), 1),
        reason=like.reason,
        method=like.method,
        n=len(values_ms),
    )
    return _Part(key=key, owner=owner, ms=ms, values_ms=tuple(values_ms))


def _sample(index: int, parts: Sequence[_Part]) -> PipelineSample:
    values = {part.key: round(part.values_ms[index], 3) for part in parts}
    return PipelineSample(index=index + 1, parts_ms=values, total_ms=round(sum(values.values()), 3))


def _reason(parts: Sequence[_Part], simulated: Sequence[str]) -> str:
    """Say what makes the total no measurement: what is made up, left out, estimated and set."""
    said = []
    if simulated:
        said.append(f"simulated: {', '.join(_NAMES[key] for key in simulated)}")
    lacking = [part for part in parts if part.ms.value is None]
    if lacking:
        reasons: dict[str, list[str]] = {}
        for part in lacking:
            reasons.setdefault(str(part.ms.reason), []).append(_NAMES[part.key])
        left = "; ".join(f"{' and '.join(names)} ({why})" for why, names in reasons.items())
        said.append(f"a lower bound: leaves out {left}")
    said += [
        f"{_NAMES[part.key]} is an estimate ({part.ms.reason})"
        for part in parts
        if part.owner_kind == "service" and part.ms.status is Status.ESTIMATED
    ]
    said.append("the endpointing wait is a setting")
    return "; ".join(said)
