"""Hand-built reports of a whole STT audit: causes, entities, hallucinations; figures invented."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from echotrace.model.measure import Measurement
from echotrace.model.report import (
    Cause,
    CauseCount,
    DiffOp,
    Entities,
    Entity,
    EntityScore,
    Hallucination,
    Normalizer,
    Report,
    SegmentFlag,
    SentAudio,
    StreamedUtterance,
    Streaming,
    SttTiming,
    Transcription,
    TranscriptSegment,
    Utterance,
    Word,
    WordCounts,
    WordError,
)
from tests.fakes.reports import HOSTILE, call_report, complete_report, no_speech_report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_START = ("i", "am", "going", "to", "cancel", "my")
_RENEWAL = ("want", "the", "renewal", "of", "thirty")
_END = ("to", "go", "through", "thank", "you")
_SAID = (
    *(*_START, "comprehensive", "credit", "card", "insurance", "please", "and", "i", "do", "not"),
    *(*_RENEWAL, "six", "dollars", "on", "may", "third", *_END),
)
_HEARD = (
    *(*_START, "compassion", "credit", "card", "uh", "insurance", "and", "i", "do"),
    *(*_RENEWAL, "sick", "dollars", "on", "may", "bird", *_END, "for", "watching"),
)
_DIFF = (
    ("equal", 0, 6, 0, 6),
    ("substitute", 6, 7, 6, 7),
    ("equal", 7, 9, 7, 9),
    ("insert", 9, 9, 9, 10),
    ("equal", 9, 10, 10, 11),
    ("delete", 10, 11, 11, 11),
    ("equal", 11, 14, 11, 14),
    ("delete", 14, 15, 14, 14),
    ("equal", 15, 20, 14, 19),
    ("substitute", 20, 21, 19, 20),
    ("equal", 21, 24, 20, 23),
    ("substitute", 24, 25, 23, 24),
    ("equal", 25, 30, 24, 29),
    ("insert", 30, 30, 29, 31),
)
_STEP_S = 0.42


def audited_report() -> Report:
    """One channel with an error of every cause, a wrong amount, a lost "not", a made-up ending."""
    whole = complete_report()
    assert whole.transcription is not None
    return replace(whole, job_id="a0d17", transcription=_audited(whole.transcription))


def audited_call_report() -> Report:
    """The same on a call of two channels, as a dialogue, from a cloud engine and the cache."""
    whole = call_report()
    assert whole.transcription is not None
    audited = _audited(whole.transcription)
    said = (
        (1, "agent", 1.1, 4.6, "Thank you for calling Northern Mutual, how can I help you today?"),
        (0, "caller", 5.6, 11.2, "I am going to cancel my compassion credit card uh insurance."),
        (1, "agent", 11.4, 11.7, "Mhm."),
        (0, "caller", 11.9, 14.0, "And I do want the renewal of thirty sick dollars."),
        (1, "agent", 14.6, 32.0, "I see a policy here. " * 30),
    )
    return replace(
        whole,
        transcription=replace(
            audited,
            engine="groq:whisper-large-v3",
            cached_at="2025-01-01T09:08:07Z",
            sent=(SentAudio(to="api.groq.com", channel_index=0, audio_s=41.5, bytes=1_328_044),),
            dialogue=tuple(
                Utterance(channel_index=channel, role=role, start_s=start_s, end_s=end_s, text=text)
                for channel, role, start_s, end_s, text in said
            ),
        ),
    )


def faultless_report() -> Report:
    """Every word heard rightly; both detectors and all entities agree."""
    whole = audited_report()
    assert whole.transcription is not None
    said = _SAID
    return replace(
        whole,
        transcription=replace(
            whole.transcription,
            actual=" ".join(said),
            gold=" ".join(said),
            wer=_ratio(0.0, band="good"),
            cer=_ratio(0.0),
            mer=_ratio(0.0),
            wil=_ratio(0.0),
            counts=_counts(len(said), len(said)),
            diff=(DiffOp(op="equal", gold=said, actual=said),),
            words=_words(said),
            errors=(),
            causes=(),
            entities=Entities(
                recall=_ratio(1.0, n=4),
                precision=_ratio(1.0, n=4),
                types=(_score("money", 1, 1), _score("date", 1, 1), _score("negation", 2, 2)),
                items=(
                    _entity("money", "found", "36", "thirty six dollars", "thirty six dollars"),
                ),
            ),
            hallucination=_no_hallucination(),
        ),
    )


def unreferenced_report() -> Report:
    """No gold: nothing to be compared, but entities and made-up words can still be told."""
    whole = audited_report()
    assert whole.transcription is not None
    why = "no reference was given and no gold engine asked for"
    lost = Measurement.not_measurable("ratio", why)
    return replace(
        whole,
        transcription=replace(
            whole.transcription,
            gold_source=None,
            gold=None,
            normalizer=None,
            wer=lost,
            cer=lost,
            mer=lost,
            wil=lost,
            wer_raw=lost,
            counts=None,
            diff=(),
            errors=(),
            causes=(),
            entities=Entities(
                recall=lost,
                precision=lost,
                types=(_score("money", 0, 1),),
                items=(
                    _entity("money", "heard", "36", None, "thirty sick dollars"),
                    _entity("date", "heard", "05-03", None, "May bird"),
                ),
            ),
        ),
    )


def silent_report() -> Report:
    """A recording without speech out of which the engine made words."""
    whole = no_speech_report()
    assert whole.transcription is not None
    text = "Thank you for watching. Please subscribe."
    return replace(
        whole,
        transcription=replace(
            whole.transcription,
            actual=text,
            hallucinated_words=6,
            errors=(*(_made_up(word, at) for at, word in enumerate(text.lower().split())),),
            causes=(CauseCount(kind="no_speech", errors=6, words_exposed=6, wrong_exposed=6),),
            diff=(DiffOp(op="insert", actual=tuple(text.lower().split())),),
            words=_words(tuple(text.split())),
            hallucination=Hallucination(
                words=_measured(6.0, "words"),
                per_silent_minute=_measured(14.4, "words/min"),
                flags=(
                    _flag("no_speech", text, 6, 0.0, 2.5),
                    _flag("no_speech_prob", text, 6, 0.0, 2.5, 0.93, 0.6),
                    _flag("repetition", "you you you you you you", 6, 8.0, 9.5, 6.0, 4.0),
                ),
            ),
        ),
    )


def many_errors_report(errors: int = 500) -> Report:
    """As many errors as this, of four causes, over an hour."""
    whole = audited_report()
    assert whole.transcription is not None
    kinds = ("low_snr", "model", "talk_over", "low_confidence")
    strengths = ("strong", "moderate", "weak")
    found = tuple(
        _error(
            "substitute",
            f"word{number}",
            f"ward{number}",
            7.0 * number,
            Cause(
                kind=kinds[number % 7 % 4],
                strength=strengths[number % 3],
                evidence=f"local SNR {number % 23} dB (clip 14 dB)",
            ),
            snr_db=float(number % 23),
            word=number,
        )
        for number in range(errors)
    )
    words = tuple(f"ward{number}" for number in range(errors))
    said = tuple(f"word{number}" for number in range(errors))
    return replace(
        whole,
        transcription=replace(
            whole.transcription,
            wer=_ratio(1.0, band="critical"),
            counts=_counts(errors, 0, substitutions=errors),
            diff=(DiffOp(op="substitute", gold=said, actual=words),),
            words=_words(words),
            errors=found,
            causes=(CauseCount(kind="low_snr", errors=errors // 2),),
        ),
    )


def wide_report() -> Report:
    """Japanese and Hebrew, where the character error rate leads."""
    whole = audited_report()
    assert whole.transcription is not None
    pairs = (("解約したい", "買い約したい"), ("保険", "冒険"), ("ביטול", "בישול"), ("שלום", "שלוש"))
    errors = tuple(
        _error(
            "substitute",
            gold,
            actual,
            3.0 + at,
            Cause(kind="low_snr", strength="strong", evidence="local SNR 4 dB (clip 14 dB)"),
            snr_db=4.0,
            word=at,
        )
        for at, (gold, actual) in enumerate(pairs)
    )
    return replace(
        whole,
        transcription=replace(
            whole.transcription,
            rate="cer",
            actual="".join(actual for _, actual in pairs),
            gold="".join(gold for gold, _ in pairs),
            diff=tuple(
                DiffOp(op="substitute", gold=(gold,), actual=(actual,)) for gold, actual in pairs
            ),
            words=_words(tuple(actual for _, actual in pairs)),
            errors=errors,
            causes=(CauseCount(kind="low_snr", errors=4),),
            entities=None,
            dialogue=(
                Utterance(
                    channel_index=0, role="caller", start_s=0.5, end_s=3.0, text="解約したい" * 40
                ),
                Utterance(channel_index=1, role="agent", start_s=3.4, end_s=5.0, text="שלום לך"),
            ),
        ),
    )


def hostile_audit_report() -> Report:
    """Every text of the audit is :data:`HOSTILE`, one word is ten thousand characters long."""
    whole = audited_report()
    assert whole.transcription is not None
    bad, huge = HOSTILE, "x" * 10_000
    return replace(
        whole,
        transcription=replace(
            whole.transcription,
            cached_at=bad,
            rate=bad,
            sent=(SentAudio(to=bad, channel_index=0, audio_s=1.0, bytes=1),),
            words=(Word(text=bad, start_s=1.0), Word(text=huge), Word(text="中" * 5_000)),
            errors=(
                *(
                    WordError(
                        op=bad,
                        gold=gold,
                        actual=actual,
                        message=bad,
                        causes=(Cause(kind=bad, strength=bad, evidence=bad),) * 2,
                        word=1,
                        start_s=1.0,
                        place=bad,
                    )
                    for gold, actual in ((bad, huge), (huge, bad), (bad, None), (None, bad))
                ),
                WordError(op=bad, gold=None, actual=None, message=bad, causes=(), word=-7),
            ),
            causes=(CauseCount(kind=bad, errors=4, words_exposed=3, wrong_exposed=1),),
            entities=Entities(
                recall=Measurement.unavailable(bad, bad),
                precision=Measurement.estimated(1.0, bad, reason=bad),
                types=(_score(bad, 1, 0),),
                items=tuple(
                    _entity(bad, outcome, bad, bad, huge) for outcome in ("wrong", "heard", bad)
                ),
                key_terms=1,
            ),
            hallucination=Hallucination(
                words=Measurement.estimated(2.0, bad, reason=bad),
                per_silent_minute=Measurement.unavailable(bad, bad),
                flags=(_flag(bad, bad, 2, None, None, 1.0, 2.0), _flag(bad, huge, 2, 1.0, 2.0)),
            ),
            streaming=Streaming(
                source=bad,
                method=bad,
                chunk_ms=None,
                first_partial_ms=Measurement.unavailable(bad, bad),
                final_ms=Measurement.simulated(1.0, bad, reason=bad),
                rewritten_ratio=Measurement.measured(0.1, "ratio"),
                rewritten_per_character=Measurement.not_run("ratio", bad),
            ),
            dialogue=tuple(
                Utterance(channel_index=at, role=bad, start_s=1.0, end_s=2.0, text=text)
                for at, text in enumerate((bad, huge))
            ),
        ),
    )


AUDITS: Mapping[str, Callable[[], Report]] = MappingProxyType(
    {
        "audited": audited_report,
        "audited_call": audited_call_report,
        "faultless": faultless_report,
        "unreferenced": unreferenced_report,
        "silent": silent_report,
        "many_errors": many_errors_report,
        "wide": wide_report,
        "hostile_audit": hostile_audit_report,
    }
)
"""Every audit by name."""


def _audited(plain: Transcription) -> Transcription:
    return replace(
        plain,
        actual=" ".join(_HEARD),
        gold=" ".join(_SAID),
        wer=_ratio(0.267, band="critical", low=0.141, high=0.402, n=12),
        cer=_ratio(0.148),
        normalizer=Normalizer(
            name="whisper-en", version="0.1.12", repairs=("o'clock", "cannot", "hyphens")
        ),
        counts=_counts(len(_SAID), 25, substitutions=3, deletions=2, insertions=3),
        hallucinated_words=2,
        diff=tuple(DiffOp(op=op, gold=_SAID[a:b], actual=_HEARD[c:d]) for op, a, b, c, d in _DIFF),
        words=_words(_HEARD),
        segments=(TranscriptSegment(text=" ".join(_HEARD), start_s=0.4, end_s=13.0),),
        errors=_errors(),
        causes=(
            CauseCount(
                kind="low_snr",
                errors=3,
                words_exposed=9,
                wrong_exposed=3,
                words_other=22,
                wrong_other=5,
            ),
            CauseCount(
                kind="no_speech",
                errors=2,
                words_exposed=2,
                wrong_exposed=2,
                words_other=29,
                wrong_other=6,
            ),
            CauseCount(
                kind="talk_over",
                errors=1,
                words_exposed=2,
                wrong_exposed=1,
                words_other=29,
                wrong_other=7,
            ),
            CauseCount(kind="model", errors=1),
            CauseCount(kind="unknown", errors=1),
        ),
        entities=Entities(
            recall=_ratio(0.5, n=4),
            precision=_ratio(2 / 3, n=3),
            types=(
                _score("money", 1, 0),
                _score("date", 1, 0),
                _score("negation", 1, 0),
                _score("key_term", 2, 2),
            ),
            items=(
                _entity("money", "wrong", "36", "thirty six dollars", "thirty sick dollars", 7.6),
                _entity("date", "wrong", "05-03", "May third", "May bird", 9.2),
                _entity("negation", "missed", "not", "not", None, 6.0),
                _entity("key_term", "found", "renewal", "renewal", "renewal", 6.8),
            ),
            key_terms=2,
        ),
        hallucination=Hallucination(
            words=_measured(2.0, "words"),
            per_silent_minute=_measured(4.3, "words/min"),
            flags=(
                _flag("no_speech", "for watching", 2, 12.2, 13.0),
                _flag("no_speech_prob", "for watching", 2, 12.2, 13.0, 0.81, 0.6),
            ),
        ),
        streaming=_streaming(),
        timing=SttTiming(
            model_load_ms=_measured(402.0, "ms"),
            warm_up_ms=_measured(120.0, "ms"),
            inference_ms=_measured(911.0, "ms"),
            rtf=_measured(0.389, "ratio"),
            decode_ms=_measured(46.0, "ms"),
            vad_ms=_measured(31.0, "ms"),
            rtf_window=_measured(0.101, "ratio"),
            windows=3,
            window_s=30.0,
        ),
    )


def _errors() -> tuple[WordError, ...]:
    def low(evidence: str, strength: str = "strong") -> Cause:
        return Cause(kind="low_snr", strength=strength, evidence=evidence, value=4.0, unit="dB")

    model = Cause(
        kind="model", strength="moderate", evidence="local SNR 24 dB: nothing in the signal"
    )
    over = Cause(
        kind="talk_over", strength="moderate", evidence="the other side speaks over 62 % of it"
    )
    sure = Cause(kind="low_confidence", strength="weak", evidence="the engine gives it 0.41")
    lost = Cause(kind="unknown", strength="weak", evidence="its place is not known")
    made = Cause(
        kind="no_speech", strength="strong", evidence="no speech there, both detectors agree"
    )
    return (
        _error(
            *("substitute", "comprehensive", "compassion", 2.82),
            *(low("local SNR 4 dB (clip 14 dB)"), sure),
            snr_db=4.1,
            word=6,
            probability=0.41,
        ),
        _error("insert", None, "uh", 4.08, over, snr_db=13.0, word=9, probability=0.52),
        _error("delete", "please", None, None, lost),
        _error(
            "delete",
            "not",
            None,
            6.0,
            low("local SNR 7 dB (clip 14 dB)", "moderate"),
            snr_db=7.2,
            place="between",
        ),
        _error("substitute", "six", "sick", 8.28, model, snr_db=24.0, word=19, probability=0.88),
        _error(
            "substitute",
            "third",
            "bird",
            9.96,
            low("local SNR 9 dB (clip 14 dB)", "weak"),
            snr_db=9.4,
            word=23,
            probability=0.63,
        ),
        _error("insert", None, "for", 12.48, made, word=29, probability=0.31),
        _error("insert", None, "watching", 12.9, made, word=30, probability=0.28),
    )


def _error(
    op: str,
    gold: str | None,
    actual: str | None,
    start_s: float | None,
    *causes: Cause,
    **extra: object,
) -> WordError:
    shown = f'"{gold}" -> "{actual}"' if gold and actual else f'"{gold or actual}"'
    kept = {"place": None if start_s is None else "word"} | extra
    return WordError(
        op=op,
        gold=gold,
        actual=actual,
        message=f"{shown} at {start_s} s: {causes[0].evidence}",
        causes=causes,
        start_s=start_s,
        end_s=None if start_s is None else start_s + 0.4,
        **kept,
    )


def _made_up(word: str, at: int) -> WordError:
    cause = Cause(
        kind="no_speech", strength="strong", evidence="no speech there, both detectors agree"
    )
    return _error("insert", None, word, _STEP_S * at, cause, word=at)


def _words(texts: tuple[str, ...]) -> tuple[Word, ...]:
    return tuple(
        Word(
            text=text,
            start_s=0.3 + _STEP_S * at,
            end_s=0.7 + _STEP_S * at,
            probability=0.9,
            snr_db=15.0,
        )
        for at, text in enumerate(texts)
    )


def _streaming() -> Streaming:
    why = "the engine does not stream: the audio so far is decoded anew at each step"
    return Streaming(
        source="faster-whisper:base",
        method="chunked re-decode",
        chunk_ms=500.0,
        first_partial_ms=Measurement.simulated(820.0, "ms", reason=why, n=3),
        final_ms=Measurement.simulated(640.0, "ms", reason=why, n=3),
        rewritten_ratio=Measurement.simulated(0.214, "ratio", reason=why, n=3),
        rewritten_per_character=Measurement.simulated(0.31, "ratio", reason=why, n=3),
        utterances=(
            StreamedUtterance(
                start_s=0.4,
                end_s=4.2,
                text="i am going to cancel",
                partials=6,
                first_partial_ms=820.0,
                final_ms=640.0,
                words_shown=14,
                words_rewritten=3,
                characters_rewritten=17,
            ),
        ),
    )


def _no_hallucination() -> Hallucination:
    return Hallucination(
        words=_measured(0.0, "words"), per_silent_minute=_measured(0.0, "words/min")
    )


def _counts(
    said: int, hits: int, substitutions: int = 0, deletions: int = 0, insertions: int = 0
) -> WordCounts:
    return WordCounts(
        reference_words=said,
        hypothesis_words=hits + substitutions + insertions,
        hits=hits,
        substitutions=substitutions,
        deletions=deletions,
        insertions=insertions,
    )


def _score(kind: str, reference: int, found: int) -> EntityScore:
    return EntityScore(
        type=kind,
        reference=reference,
        transcript=reference,
        found=found,
        recall=_ratio(found / reference)
        if reference
        else Measurement.not_measurable("ratio", "none was said"),
        precision=Measurement.not_measurable("ratio", "too few"),
    )


def _entity(
    kind: str,
    outcome: str,
    value: str,
    gold: str | None,
    actual: str | None,
    at_s: float | None = None,
) -> Entity:
    return Entity(type=kind, outcome=outcome, value=value, gold=gold, actual=actual, at_s=at_s)


def _flag(
    kind: str,
    text: str,
    words: int,
    start_s: float | None,
    end_s: float | None,
    value: float | None = None,
    limit: float | None = None,
) -> SegmentFlag:
    return SegmentFlag(
        kind=kind, text=text, words=words, start_s=start_s, end_s=end_s, value=value, limit=limit
    )


def _measured(value: float, unit: str, **extra: object) -> Measurement:
    return Measurement.measured(value, unit, **extra)


def _ratio(value: float, **extra: object) -> Measurement:
    return _measured(value, "ratio", **extra)
