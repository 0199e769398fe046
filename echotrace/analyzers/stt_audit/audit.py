"""One audit: what was heard, against what was said, with the evidence for every difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from echotrace.analyzers.stt_audit.causes import count_causes
from echotrace.analyzers.stt_audit.dialogue import make_dialogue
from echotrace.analyzers.stt_audit.doubts import (
    cache_troubles,
    foreign_reference,
    odd_transcript,
    overlong_transcript,
    same_engine,
)
from echotrace.analyzers.stt_audit.errors import find_errors
from echotrace.analyzers.stt_audit.evidence import Evidence
from echotrace.analyzers.stt_audit.hallucination import find_hallucinations
from echotrace.analyzers.stt_audit.hear import Ear, Heard
from echotrace.analyzers.stt_audit.places import gold_times, in_place
from echotrace.analyzers.stt_audit.timing import with_preparation
from echotrace.model.measure import Finding, Severity
from echotrace.model.outcome import Outcome
from echotrace.model.report import (
    CauseCount,
    ChannelTranscript,
    Entities,
    Transcription,
    Word,
    WordError,
)
from echotrace.providers.stt.base import SttStopped, Transcript
from echotrace.providers.stt.choose import choose_engine, named_engine
from echotrace.text.comparison import Comparison, not_compared
from echotrace.text.entities import compare_entities, list_entities
from echotrace.text.transcript_file import TranscriptFile, read_transcript, within

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

    from echotrace.audio.handle import Audio
    from echotrace.config.settings import Settings
    from echotrace.model.outcome import Inputs
    from echotrace.model.report import (
        Streaming,
        TranscriptSegment,
        Utterance,
    )
    from echotrace.telemetry import TelemetryCollector

__all__ = ["Audit"]

_NO_REFERENCE = "no reference: pass --reference TEXT, --reference-file FILE or --gold ENGINE"
_MAX_ERRORS = 5_000
"""Errors that a report holds with their causes; beyond, it says how many it left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gold:
    """What should have been heard, where it comes from, and why figures against it are doubtful."""

    text: str | None = None
    source: str | None = None
    doubt: str | None = None


@dataclass(slots=True, kw_only=True)
class _Words:
    """The scored channel's words in place, and what their comparison showed."""

    words: tuple[Word, ...]
    compared: Comparison
    errors: tuple[WordError, ...] = ()
    errors_left_out: int = 0
    causes: tuple[CauseCount, ...] = ()
    entities: Entities | None = None


class Audit:
    """One call of the analyzer, in a worker thread."""

    def __init__(
        self,
        *,
        audio: Audio,
        settings: Settings,
        inputs: Inputs,
        collector: TelemetryCollector,
        stop: threading.Event,
        streaming: bool,
    ) -> None:
        self._audio = audio
        self._settings = settings
        self._inputs = inputs
        self._collector = collector
        self._stop = stop
        self._streaming = streaming
        self._duration_s = audio.duration_s or 0.0
        self._ear = Ear(audio, settings, collector, stop)
        self._findings: list[Finding] = []

    def run(self) -> Outcome[Transcription]:
        """Find out what is missing first, then hear, then compare.

        Raises:
            InputError: the user's transcript cannot be used.
            MissingDependencyError: an engine that was named, or every engine, is missing or fails.
            ProviderError: the server of an engine failed.
            UsageError: an engine's name or a setting does not fit.
        """
        path, gold_name = self._inputs.transcript_path, self._settings.stt.gold
        choice = None if path else choose_engine(self._settings, self._collector)
        own = self._own_transcript(path) if path else None
        gold_engine = named_engine(gold_name, self._settings) if gold_name else None
        if choice is not None:
            self._findings += choice.findings
            heard = self._ear.hear(
                choice.engine,
                self._other_rows(),
                streaming=self._streaming,
            )
            self._findings += heard.transcript.findings
        else:
            assert own is not None
            heard = own
        gold_heard = None
        if gold_engine is not None:
            gold_heard = self._ear.hear(gold_engine)
            self._findings += gold_heard.transcript.findings
        if choice is not None or gold_heard is not None:
            self._say_which_channel()
        gold = self._gold(heard, gold_heard, choice.doubt if choice else None)
        return self._conclude(heard, gold_heard, gold)

    def _own_transcript(self, path: str) -> Heard:
        file = read_transcript(path)
        source = self._audio.source
        begin_s = source.start_s
        is_cut = source.start_s > 0 or source.end_s is not None
        file = within(file, begin_s=begin_s, end_s=begin_s + self._duration_s, is_cut=is_cut)
        self._findings += (*file.findings, *odd_transcript(file))
        name = f"transcript:{file.name}"
        return Heard(
            name=name,
            transcript=Transcript(text=file.text, words=file.words, segments=file.segments),
            streaming=self._logged(file, name),
        )

    def _logged(self, file: TranscriptFile, name: str) -> Streaming | None:
        if not file.partials:
            return None
        from echotrace.providers.stt.streaming_log import streaming_of_log

        spans = self._ear.speech(self._audio.scored_channel) or []
        return streaming_of_log(file.partials, spans, name)

    def _gold(self, heard: Heard, gold: Heard | None, doubt: str | None) -> _Gold:
        if self._inputs.reference is not None:
            return _Gold(text=_storable(self._inputs.reference), source="reference", doubt=doubt)
        if gold is None:
            return _Gold(doubt=doubt)
        if gold.note is not None:
            doubt = doubt or f"the gold transcript is {gold.name}'s ({gold.note})"
        if gold.name == heard.name:
            self._findings.append(same_engine(gold.name))
        return _Gold(text=gold.transcript.text, source=f"engine:{gold.name}", doubt=doubt)

    def _conclude(
        self, heard: Heard, gold_heard: Heard | None, gold: _Gold
    ) -> Outcome[Transcription]:
        actual = _storable(heard.transcript.text)
        found = self._compare(heard, gold, actual)
        compared = found.compared
        segments = heard.transcript.segments
        hallucination, findings = find_hallucinations(
            audio=self._audio,
            channel=self._audio.scored_channel,
            words=found.words,
            segments=segments,
            empty_reference=compared.hallucinated_words is not None,
        )
        self._findings += findings
        self._findings += cache_troubles(self._ear.troubles)
        made_up = hallucination.words.value
        from_reference = gold.source != "reference" or gold_heard is None
        return Outcome(
            Transcription(
                engine=heard.name,
                engine_note=heard.note,
                channel_index=self._index(self._audio.scored_channel),
                actual=actual,
                gold_source=gold.source,
                gold=gold.text,
                gold_engine_transcript=None
                if from_reference or gold_heard is None
                else gold_heard.transcript.text,
                wer=compared.wer,
                cer=compared.cer,
                mer=compared.mer,
                wil=compared.wil,
                wer_raw=compared.wer_raw,
                rate=compared.rate,
                normalizer=compared.normalizer,
                counts=compared.counts,
                hallucinated_words=None if made_up is None else round(made_up),
                diff=compared.diff,
                words=found.words,
                segments=segments,
                errors=found.errors,
                errors_left_out=found.errors_left_out,
                causes=found.causes,
                entities=found.entities,
                hallucination=hallucination,
                streaming=heard.streaming,
                timing=with_preparation(heard.timing, self._collector.spans)
                if heard.timing
                else None,
                gold_timing=gold_heard.timing if gold_heard else None,
                other_channels=self._others(heard),
                dialogue=self._dialogue(heard, found.words),
                sent=(*heard.sent, *(gold_heard.sent if gold_heard else ())),
                cached_at=heard.cached_at,
                gold_cached_at=gold_heard.cached_at if gold_heard else None,
            ),
            tuple(self._findings),
        )

    def _compare(self, heard: Heard, gold: _Gold, actual: str) -> _Words:
        row = self._audio.scored_channel
        language = self._language(heard)
        self._stop_here()
        evidence = Evidence(self._audio, row)
        words, findings = in_place(
            heard,
            audio=self._audio,
            channel=row,
            spans=self._ear.speech(row) or [],
            language=language,
            collector=self._collector,
            is_stopped=self._stop.is_set,
        )
        self._findings += findings
        words = evidence.with_snr(words)
        terms, is_said = self._inputs.key_terms, gold.source == "reference"
        if gold.text is None:
            entities = list_entities(actual, language=language, key_terms=terms)
            compared = not_compared(_NO_REFERENCE)
            return _Words(words=words, compared=compared, entities=entities)
        # a run without a reference pays nothing for what only a comparison needs
        from echotrace.text.compare import compare
        from echotrace.text.locate import locate
        from echotrace.text.normalize import normalizer_for
        from echotrace.text.pool import with_interval

        name = self._settings.stt.normalizer
        with self._collector.span("word_alignment"):
            compared = compare(
                gold.text, actual, language=language, normalizer=name, doubt=gold.doubt
            )
        self._stop_here()
        normalizer = normalizer_for(language, name)
        ranges = locate([word.text for word in words], compared.actual_tokens, normalizer)
        compared = with_interval(compared, _blocks(words, ranges, heard.transcript.segments))
        foreign = foreign_reference(gold.text, compared, self._duration_s) if is_said else ()
        foreign += overlong_transcript(heard.name, actual, self._duration_s)
        self._findings += foreign
        errors: tuple[WordError, ...] = ()
        causes: tuple[CauseCount, ...] = ()
        if not foreign:  # what was never said here was not misheard at any place
            with self._collector.span("error_causes"):
                errors = find_errors(
                    diff=compared.diff, words=words, ranges=ranges, evidence=evidence
                )
                causes = count_causes(errors, words=words, ranges=ranges, evidence=evidence)
        self._stop_here()
        times = gold_times(gold.text, compared, words, ranges, errors, normalizer)
        entities = compare_entities(
            gold.text,
            actual,
            language=language,
            key_terms=terms,
            gold_word_place=times.get,
        )
        return _Words(
            words=words,
            compared=compared,
            errors=errors[:_MAX_ERRORS],
            errors_left_out=_errors(compared) - min(len(errors), _MAX_ERRORS),
            causes=causes,
            entities=entities,
        )

    def _stop_here(self) -> None:
        """Leave between two steps when nobody waits any more."""
        if self._stop.is_set():
            raise SttStopped

    def _language(self, heard: Heard) -> str:
        language = self._settings.stt.language
        return heard.transcript.language or "en" if language == "auto" else language

    def _others(self, heard: Heard) -> tuple[ChannelTranscript, ...]:
        return tuple(
            ChannelTranscript(
                channel_index=self._index(row),
                role=self._audio.source.channels[row].role,
                actual=transcript.text,
                words=transcript.words,
                segments=transcript.segments,
            )
            for row, transcript in heard.others.items()
        )

    def _dialogue(self, heard: Heard, words: Sequence[Word]) -> tuple[Utterance, ...]:
        if not heard.others:
            return ()
        sides: list[tuple[int, str, Sequence[Word], Sequence[TranscriptSegment]]] = []
        mine = {self._audio.scored_channel: (words, heard.transcript.segments)}
        mine |= {row: (item.words, item.segments) for row, item in heard.others.items()}
        for row, (spoken, segments) in sorted(mine.items()):
            role = self._audio.source.channels[row].role
            sides.append((self._index(row), role, spoken, segments))
        return make_dialogue(sides)

    def _index(self, row: int) -> int:
        return self._audio.source.channels[row].index

    def _caller_known(self) -> bool:
        return self._settings.audio.caller_channel is not None or self._audio.caller_known

    def _other_rows(self) -> tuple[int, ...]:
        """The other side of a call; of more channels all, while the caller's is not known."""
        if self._caller_known() and self._audio.channels > 2:
            return ()
        scored = self._audio.scored_channel
        return tuple(row for row in range(self._audio.channels) if row != scored)

    def _say_which_channel(self) -> None:
        others = [self._index(row) for row in self._other_rows()]
        if not others or self._caller_known():
            return
        scored = self._index(self._audio.scored_channel)
        self._findings.append(
            Finding(
                code="CHANNEL_DEFAULT",
                severity=Severity.INFO,
                message=f"which channel the caller is on is not known: channel {scored} is scored",
                hint=f"--caller-channel {others[0]}",
            )
        )


def _blocks(
    words: Sequence[Word],
    ranges: Sequence[tuple[int, int] | None],
    segments: Sequence[TranscriptSegment],
) -> list[int]:
    """Return the segment of each compared word: the last one that begins before it does.

    A word without a time stays in the segment of the word before it.
    """
    starts = sorted(item.start_s for item in segments if item.start_s is not None)
    blocks: list[int] = []
    at = 0
    for found in ranges:
        start_s = words[found[0]].start_s if found is not None else None
        while start_s is not None and at + 1 < len(starts) and starts[at + 1] <= start_s + 1e-6:
            at += 1
        blocks.append(at)
    return blocks


def _errors(compared: Comparison) -> int:
    counts = compared.counts
    return counts.substitutions + counts.deletions + counts.insertions if counts else 0


def _storable(text: str) -> str:
    """Return text that can be written as UTF-8, half a surrogate pair as its escape."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
