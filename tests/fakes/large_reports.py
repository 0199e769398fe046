"""A report of a call of three hours, for tests and benches of what a screen can hold."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from echotrace.model.conversation import Incident, Turn, TurnSide
from echotrace.model.measure import Measurement, Severity
from echotrace.model.report import (
    Cause,
    DiffOp,
    Envelope,
    EnvelopeChannel,
    Report,
    SpeechSegment,
    Word,
    WordCounts,
    WordError,
)
from tests.fakes.reports import call_report

HOURS_S = 3 * 3600.0
COLUMNS = 4_000
_STRIDE = 20
"""Every so many words one is wrong."""


@cache
def three_hour_report(turns: int = 2_000, words: int = 20_000) -> Report:
    """A call of three hours: so many turns and words, an incident in every tenth turn."""
    whole = call_report()
    assert whole.conversation
    assert whole.transcription
    assert whole.signal
    made = tuple(_turn(number, HOURS_S / turns) for number in range(1, turns + 1))
    incidents = tuple(_incident(turn) for turn in made if turn.id % 10 == 0)
    said = tuple(f"word{number}" for number in range(words))
    step_s = HOURS_S / words
    heard = tuple(
        Word(
            text=f"ward{at}" if at % _STRIDE == 7 else text,
            start_s=at * step_s,
            end_s=at * step_s + 0.3,
            probability=0.5 + at % 50 / 100,
            snr_db=10.0 + at % 17,
        )
        for at, text in enumerate(said)
    )
    errors = tuple(_error(at, said[at], heard[at]) for at in range(7, words, _STRIDE))
    return replace(
        whole,
        job_id="3-hours",
        source=replace(whole.source, duration_s=HOURS_S),
        conversation=replace(whole.conversation, turns=made, incidents=incidents),
        signal=replace(
            whole.signal,
            channels=tuple(
                replace(channel, segments=_segments(made, channel.role))
                for channel in whole.signal.channels
            ),
            envelope=Envelope(
                column_s=HOURS_S / COLUMNS,
                channels=tuple(_envelope(channel.index) for channel in whole.signal.channels),
            ),
        ),
        transcription=replace(
            whole.transcription,
            actual=" ".join(word.text for word in heard),
            gold=" ".join(said),
            gold_engine_transcript=None,
            diff=_diff(said, heard),
            words=heard,
            errors=errors,
            counts=WordCounts(
                reference_words=words,
                hypothesis_words=words,
                hits=words - len(errors),
                substitutions=len(errors),
                deletions=0,
                insertions=0,
            ),
        ),
    )


def _turn(number: int, step_s: float) -> Turn:
    begin_s = (number - 1) * step_s
    gap_ms = 300.0 + number * 37 % 1_900
    band = "good" if gap_ms <= 800 else "warning" if gap_ms <= 1_500 else "critical"
    agent_s = begin_s + 1.8 + gap_ms / 1e3
    gap = Measurement.measured(gap_ms, "ms", low=gap_ms - 15, high=gap_ms + 15, band=band)
    return Turn(
        id=number,
        kind="barge_in" if number % 10 == 0 else "response",
        user=TurnSide(start_s=begin_s, end_s=begin_s + 1.8),
        agent=TurnSide(start_s=agent_s, end_s=min(agent_s + 2.0, begin_s + step_s)),
        heard_gap_ms=gap,
        yield_ms=Measurement.measured(300.0 + number % 400, "ms") if number % 10 == 0 else None,
        snr_db=8.0 + number % 20,
    )


def _incident(turn: Turn) -> Incident:
    assert turn.user
    return Incident(
        type="barge_in",
        at_s=turn.user.start_s,
        duration_ms=Measurement.measured(400.0, "ms"),
        severity=Severity.WARNING if turn.id % 30 else Severity.CRITICAL,
        turn_id=turn.id,
    )


def _error(at: int, gold: str, word: Word) -> WordError:
    return WordError(
        op="substitute",
        gold=gold,
        actual=word.text,
        message=f'"{gold}" was heard as "{word.text}"',
        causes=(Cause(kind="low_snr", strength="moderate", evidence="local SNR 9 dB"),),
        word=at,
        start_s=word.start_s,
        end_s=word.end_s,
        place="word",
        probability=word.probability,
        snr_db=word.snr_db,
    )


def _diff(said: tuple[str, ...], heard: tuple[Word, ...]) -> tuple[DiffOp, ...]:
    ops = []
    for begin in range(0, len(said), _STRIDE):
        wrong = min(begin + 7, len(said))
        after = min(begin + _STRIDE, len(said))
        ops.append(DiffOp(op="equal", gold=said[begin:wrong], actual=said[begin:wrong]))
        if wrong < len(said):
            ops.append(DiffOp(op="substitute", gold=(said[wrong],), actual=(heard[wrong].text,)))
            rest = said[wrong + 1 : after]
            if rest:
                ops.append(DiffOp(op="equal", gold=rest, actual=rest))
    return tuple(ops)


def _segments(turns: tuple[Turn, ...], role: str) -> tuple[SpeechSegment, ...]:
    sides = (turn.agent if role == "agent" else turn.user for turn in turns)
    return tuple(
        SpeechSegment(
            start_s=side.start_s,
            end_s=side.end_s,
            snr_db=Measurement.measured(8.0 + at % 25, "dB"),
        )
        for at, side in enumerate(sides)
        if side
    )


def _envelope(index: int) -> EnvelopeChannel:
    peaks = tuple(0.05 + 0.9 * (((at * 7919 + index * 31) % 101) / 101) for at in range(COLUMNS))
    return EnvelopeChannel(
        index=index,
        min=tuple(-peak for peak in peaks),
        max=peaks,
        speech_probability=tuple(min(1.0, peak * 1.1) for peak in peaks),
    )
