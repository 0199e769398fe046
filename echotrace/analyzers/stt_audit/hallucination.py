"""Words that nobody said: where both detectors hear no speech, loops, and the engine's own doubts.

A recogniser fills silence with what it often heard in training. Its own confidence does not tell:
a loop is often sure of itself. So the signal is asked first.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from echotrace.analyzers.stt_audit.evidence import Evidence
from echotrace.model.measure import Finding, Measurement, Severity
from echotrace.model.report import Hallucination, SegmentFlag
from echotrace.text.repetition import find_loops, least_times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from echotrace.audio.handle import Audio
    from echotrace.model.report import TranscriptSegment, Word

__all__ = ["find_hallucinations"]

MAX_COMPRESSION: Final = 2.4
MIN_LOG_PROBABILITY: Final = -1.0
MAX_NO_SPEECH: Final = 0.6
"""These three are the limits at which Whisper's own decoder gives an attempt up."""
MIN_SILENT_S: Final = 1.0
MOST_QUOTES: Final = 5
QUOTED: Final = 60
SHOWN: Final = 200
"""Characters of a flag's text."""
_UNIT: Final = "words"
_RATE_UNIT: Final = "words/min"
_NO_TIMES: Final = "the transcript has no times of its own, so its words cannot be placed"
_METHOD: Final = "words of which neither detector calls a quarter speech"
_DOUBTS: Final = {
    "compression_ratio": f"repetitive text (compression ratio over {MAX_COMPRESSION})",
    "log_probability": f"log probability below {MIN_LOG_PROBABILITY:.0f}",
    "no_speech_prob": f"no-speech probability over {MAX_NO_SPEECH}",
    "fallback_temperature": "fallback temperature",
}


def find_hallucinations(
    *,
    audio: Audio,
    channel: int,
    words: Sequence[Word],
    segments: Sequence[TranscriptSegment],
    empty_reference: bool,
) -> tuple[Hallucination, tuple[Finding, ...]]:
    """Count the words where nobody spoke, and flag what looks made up.

    Args:
        audio: the opened recording.
        channel: the channel's row in ``audio.features``.
        words: its transcript, in order.
        segments: with what the engine says of its own confidence.
        empty_reference: the reference says that nothing was said: then every word is made up.
    """
    evidence = Evidence(audio, channel)
    spoken = [index for index, word in enumerate(words) if _is_word(word.text)]
    if empty_reference or evidence.holds_speech is False:
        silent = spoken
        why = "the reference holds no words" if empty_reference else "the channel holds no speech"
        count = Measurement.measured(
            float(len(spoken)), _UNIT, method=f"all words: {why}", n=len(spoken)
        )
        silent_s: float | None = audio.duration_s
    else:
        silent, count = _in_silence(words, spoken, evidence)
        silent_s = evidence.silent_s
    made_up = [_flag("no_speech", words, run) for run in _runs(silent)]
    loops = [*_loops(words)]
    doubts = [flag for segment in segments for flag in _doubts(segment)]
    found = Hallucination(
        words=count,
        per_silent_minute=_per_minute(count, silent_s),
        flags=(*made_up, *loops, *doubts),
    )
    findings = (
        *_hallucinated(made_up, len(silent)),
        *_looped(loops),
        *_unsure(doubts, len(segments)),
    )
    return found, findings


def _is_word(text: str) -> bool:
    return any(letter.isalnum() for letter in text)


def _in_silence(
    words: Sequence[Word], spoken: Sequence[int], evidence: Evidence
) -> tuple[list[int], Measurement]:
    """Return the words where both detectors hear no speech, and their number.

    An alignment puts every word into speech, so that its times say nothing here; nor do times that
    lie beyond the recording.
    """
    silent: list[int] = []
    placed = 0
    if evidence.holds_speech is None and spoken:
        return [], Measurement.not_measurable(_UNIT, "nobody listened to this channel")
    for index in spoken:
        word = words[index]
        if word.start_s is None or word.end_s is None or word.time_source == "aligned":
            continue
        if word.start_s >= evidence.end_s or word.end_s <= evidence.begin_s:
            continue
        placed += 1
        if evidence.is_silent(word.start_s, word.end_s):
            silent.append(index)
    if spoken and not placed:
        return [], Measurement.not_measurable(_UNIT, _NO_TIMES)
    missing = len(spoken) - placed
    if missing:
        reason = f"{missing:,} of {len(spoken):,} words have no times of their own"
        return silent, Measurement.estimated(
            float(len(silent)), _UNIT, reason=reason, method=_METHOD, n=placed
        )
    return silent, Measurement.measured(float(len(silent)), _UNIT, method=_METHOD, n=placed)


def _per_minute(count: Measurement, silent_s: float | None) -> Measurement:
    if count.value is None:
        return Measurement.not_measurable(_RATE_UNIT, count.reason or _NO_TIMES)
    if silent_s is None or silent_s < MIN_SILENT_S:
        return Measurement.not_measurable(
            _RATE_UNIT, f"less than {MIN_SILENT_S:.0f} s without speech"
        )
    value = round(60.0 * count.value / silent_s, 3)
    method = f"over {silent_s:.1f} s without speech"
    if count.reason is not None:
        return Measurement.estimated(value, _RATE_UNIT, reason=count.reason, method=method)
    return Measurement.measured(value, _RATE_UNIT, method=method)


def _runs(indices: Sequence[int]) -> Iterator[range]:
    """Yield the stretches of consecutive numbers."""
    begin = 0
    for at in range(1, len(indices) + 1):
        if at == len(indices) or indices[at] != indices[at - 1] + 1:
            yield range(indices[begin], indices[at - 1] + 1)
            begin = at


def _flag(
    kind: str,
    words: Sequence[Word],
    run: range,
    *,
    value: float | None = None,
    limit: float | None = None,
) -> SegmentFlag:
    chosen = [words[index] for index in run]
    starts = [word.start_s for word in chosen if word.start_s is not None]
    ends = [word.end_s for word in chosen if word.end_s is not None]
    return SegmentFlag(
        kind=kind,
        text=_short(" ".join(word.text for word in chosen), SHOWN),
        words=len(chosen),
        start_s=min(starts, default=None),
        end_s=max(ends, default=None),
        value=value,
        limit=limit,
    )


def _loops(words: Sequence[Word]) -> Iterator[SegmentFlag]:
    for loop in find_loops([word.text for word in words]):
        yield _flag(
            "repetition",
            words,
            range(loop.first, loop.last),
            value=float(loop.times),
            limit=float(least_times(loop.length)),
        )


def _doubts(segment: TranscriptSegment) -> Iterator[SegmentFlag]:
    """Yield what the engine's own figures say against a segment; it may have none of them."""
    figures: tuple[tuple[str, float | None, float, Callable[[float, float], bool]], ...] = (
        ("compression_ratio", segment.compression_ratio, MAX_COMPRESSION, float.__gt__),
        ("log_probability", segment.avg_logprob, MIN_LOG_PROBABILITY, float.__lt__),
        ("no_speech_prob", segment.no_speech_prob, MAX_NO_SPEECH, float.__gt__),
        ("fallback_temperature", segment.temperature, 0.0, float.__gt__),
    )
    for kind, value, limit, is_beyond in figures:
        if value is not None and is_beyond(float(value), limit):
            yield SegmentFlag(
                kind=kind,
                text=_short(segment.text, SHOWN),
                words=len(segment.text.split()),
                start_s=segment.start_s,
                end_s=segment.end_s,
                value=round(float(value), 4),
                limit=limit,
            )


def _hallucinated(flags: Sequence[SegmentFlag], count: int) -> Iterator[Finding]:
    if flags:
        words = "1 word" if count == 1 else f"{count:,} words"
        yield Finding(
            code="HALLUCINATED_WORDS",
            severity=Severity.WARNING,
            message=f"{words} where nobody speaks: {_quotes(flags)}",
            hint="keep silence from the recogniser: a speech detector (VAD) in front of it",
            at_s=flags[0].start_s,
        )


def _looped(flags: Sequence[SegmentFlag]) -> Iterator[Finding]:
    if flags:
        loops = "a repetition loop" if len(flags) == 1 else f"{len(flags):,} repetition loops"
        yield Finding(
            code="REPETITION_LOOP",
            severity=Severity.WARNING,
            message=f"{loops} in the transcript: {_quotes(flags)}",
            hint="decode without the text before (condition_on_previous_text) and with VAD",
            at_s=flags[0].start_s,
        )


def _unsure(flags: Sequence[SegmentFlag], total: int) -> Iterator[Finding]:
    if flags:
        places = {(flag.start_s, flag.end_s, flag.text) for flag in flags}
        kinds = Counter(flag.kind for flag in flags)
        reasons = ", ".join(f"{_DOUBTS[kind]} ({kinds[kind]:,})" for kind in _DOUBTS if kinds[kind])
        yield Finding(
            code="LOW_CONFIDENCE_SEGMENTS",
            severity=Severity.INFO,
            message=f"the engine doubts {len(places):,} of {total:,} segments: {reasons}",
            at_s=flags[0].start_s,
        )


def _quotes(flags: Iterable[SegmentFlag]) -> str:
    items = list(flags)
    texts = []
    for flag in items[:MOST_QUOTES]:
        at = "" if flag.start_s is None else f" at {flag.start_s:.1f} s"
        texts.append(f'"{_short(flag.text, QUOTED)}"{at}')
    more = len(items) - MOST_QUOTES
    return ", ".join(texts) + (f" and in {more:,} more places" if more > 0 else "")


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3].rstrip()}..."
