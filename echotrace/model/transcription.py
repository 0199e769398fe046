"""What was heard, what should have been heard, and the evidence for why they differ.

Times named ``*_s`` and ``at_s`` are seconds on the recording's clock. Words of ``diff``, ``gold``
and ``actual`` in errors and the counts are on normalised text; ``words`` are as the engine wrote
them.
"""

from __future__ import annotations

from dataclasses import dataclass

from echotrace.model.measure import Measurement

__all__ = [
    "Cause",
    "CauseCount",
    "ChannelTranscript",
    "DiffOp",
    "Entities",
    "Entity",
    "EntityScore",
    "Hallucination",
    "Normalizer",
    "SegmentFlag",
    "SentAudio",
    "StreamedUtterance",
    "Streaming",
    "SttTiming",
    "TranscriptSegment",
    "Transcription",
    "Utterance",
    "Word",
    "WordCounts",
    "WordError",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A recognised word; times are None where nothing gives its place.

    ``snr_db`` is the SNR under the word, None where it cannot be told. ``time_source`` is None
    where the transcript itself has the times, ``aligned`` for a forced alignment and ``segment``
    where only the segment's times are known.
    """

    text: str
    start_s: float | None = None
    end_s: float | None = None
    probability: float | None = None
    snr_db: float | None = None
    time_source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptSegment:
    """A stretch of recognised text with what the engine says of its own confidence."""

    text: str
    start_s: float | None = None
    end_s: float | None = None
    avg_logprob: float | None = None
    no_speech_prob: float | None = None
    compression_ratio: float | None = None
    temperature: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffOp:
    """One run of the word alignment: op is equal, substitute, delete or insert."""

    op: str
    gold: tuple[str, ...] = ()
    actual: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WordCounts:
    """Counts of the word alignment on normalised text."""

    reference_words: int
    hypothesis_words: int
    hits: int
    substitutions: int
    deletions: int
    insertions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalizer:
    """The text normaliser that both sides went through, and our repairs of its known faults."""

    name: str
    version: str
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A hypothesis about an error, with its evidence.

    ``kind`` is low_snr, clipped, dropout, talk_over, no_speech, low_confidence, model (nothing
    measured in the signal explains it) or unknown (its place is not known); ``strength`` strong,
    moderate or weak. ``evidence`` says in words what was found, ``value`` and ``unit`` give its
    figure.
    """

    kind: str
    strength: str
    evidence: str
    value: float | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WordError:
    """One wrong, missed or added word, in its place, with what may explain it.

    ``op`` is substitute, delete or insert. ``word`` is the index into ``words`` of the word that
    was heard, None for a missed one. ``place`` says where the times come from: ``word``,
    ``aligned``, ``segment``, ``between`` (a missed word, between its neighbours) or None.
    ``causes`` is never empty and begins with the best supported; ``message`` is the whole in a
    sentence.
    """

    op: str
    gold: str | None
    actual: str | None
    message: str
    causes: tuple[Cause, ...]
    word: int | None = None
    start_s: float | None = None
    end_s: float | None = None
    place: str | None = None
    probability: float | None = None
    snr_db: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseCount:
    """How many errors have this cause first, and whether words exposed to it fail more often.

    ``words_exposed`` words stood under the condition, right ones too, and ``wrong_exposed`` of them
    are wrong; ``words_other`` and ``wrong_other`` are the rest with a known place. They are None
    for causes that are no condition of the signal (model, unknown).
    """

    kind: str
    errors: int
    words_exposed: int | None = None
    wrong_exposed: int | None = None
    words_other: int | None = None
    wrong_other: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A number, a date, a negation or another word that must not be misheard.

    ``type`` is number, money, date, time, email, phone, order_number, negation or key_term.
    ``outcome`` is found, wrong (another one in its place), missed, added, or heard where there is
    no reference. ``gold`` and ``actual`` are as each side wrote it; ``value`` is the compared form,
    digits as one string.
    """

    type: str
    outcome: str
    value: str
    gold: str | None = None
    actual: str | None = None
    at_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityScore:
    """One type of entity: how many were said, heard, and heard rightly."""

    type: str
    reference: int
    transcript: int
    found: int
    recall: Measurement
    precision: Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Entities:
    """Recall and precision over all entities, by type, and each entity.

    ``key_terms`` counts the user's own terms that were looked for.
    """

    recall: Measurement
    precision: Measurement
    types: tuple[EntityScore, ...] = ()
    items: tuple[Entity, ...] = ()
    key_terms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFlag:
    """Why a stretch of text is suspected of being made up.

    ``kind`` is no_speech (both detectors hear no speech there), repetition, compression_ratio,
    fallback_temperature, no_speech_prob or log_probability; ``value`` is the figure and ``limit``
    what it is compared with.
    """

    kind: str
    text: str
    words: int
    start_s: float | None = None
    end_s: float | None = None
    value: float | None = None
    limit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hallucination:
    """Words where nobody spoke, and segments that look made up.

    ``words`` counts the words where both detectors hear no speech, all words when the reference is
    empty; ``per_silent_minute`` is taken over the time without speech.
    """

    words: Measurement
    per_silent_minute: Measurement
    flags: tuple[SegmentFlag, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SttTiming:
    """Where the recogniser's time went; ``rtf`` is inference time over audio time.

    ``decode_ms`` and ``vad_ms`` are those of the recording; ``window_s`` is the window that the
    engine always computes whole, ``windows`` how many it did, and ``rtf_window`` the inference time
    over their length, which does not depend on how much of them was padding.
    """

    model_load_ms: Measurement | None = None
    warm_up_ms: Measurement | None = None
    inference_ms: Measurement | None = None
    rtf: Measurement | None = None
    decode_ms: Measurement | None = None
    vad_ms: Measurement | None = None
    rtf_window: Measurement | None = None
    windows: int | None = None
    window_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamedUtterance:
    """How one utterance came in: its partial results, and how much of them was taken back.

    ``first_partial_ms`` is counted from the start of speech, ``final_ms`` from its end; of that
    ``endpoint_wait_ms`` is the silence that was waited for before the final text was asked for,
    None where it is not known (a log). ``words_shown`` counts the words that ever stood in a
    partial result, ``words_rewritten`` those that changed or vanished later;
    ``characters_rewritten`` likewise.
    """

    start_s: float | None
    end_s: float | None
    text: str
    partials: int
    first_partial_ms: float | None
    final_ms: float | None
    words_shown: int
    words_rewritten: int
    characters_rewritten: int
    endpoint_wait_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Streaming:
    """Behaviour of partial results; figures are simulated where the engine does not stream.

    ``source`` is the engine's name or the user's log; ``chunk_ms`` the audio per step, None for a
    log. ``rewritten_ratio`` is words rewritten over words shown; ``rewritten_per_character``
    characters rewritten over characters of the final text. The times are medians over utterances.
    """

    source: str
    method: str
    chunk_ms: float | None
    first_partial_ms: Measurement
    final_ms: Measurement
    rewritten_ratio: Measurement
    rewritten_per_character: Measurement
    utterances: tuple[StreamedUtterance, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SentAudio:
    """What left this machine: seconds and bytes of audio of a channel, and the host it went to."""

    to: str
    channel_index: int
    audio_s: float
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelTranscript:
    """The transcript of a channel that is not the scored one."""

    channel_index: int
    actual: str
    words: tuple[Word, ...] = ()
    role: str = "unknown"
    segments: tuple[TranscriptSegment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """One side's words until the other side speaks: a line of the dialogue."""

    channel_index: int
    role: str
    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcription:
    """What was heard, what should have been heard, and the difference.

    ``engine`` names whose transcript ``actual`` is; ``gold_source`` says where ``gold`` came from
    (``reference`` or ``engine:...``), None when there was none. ``rate`` is ``wer``, or ``cer`` for
    languages that are written without spaces: which of the two error rates leads. ``errors`` holds
    the first of them in order, ``errors_left_out`` counts the rest. ``cached_at`` is
    when a transcript that came from the cache was made (UTC, ISO 8601), with its timing.
    """

    engine: str
    engine_note: str | None
    channel_index: int
    actual: str
    gold_source: str | None
    gold: str | None
    gold_engine_transcript: str | None
    wer: Measurement
    cer: Measurement
    mer: Measurement
    wil: Measurement
    wer_raw: Measurement
    normalizer: Normalizer | None
    counts: WordCounts | None
    hallucinated_words: int | None
    rate: str = "wer"
    diff: tuple[DiffOp, ...] = ()
    words: tuple[Word, ...] = ()
    segments: tuple[TranscriptSegment, ...] = ()
    errors: tuple[WordError, ...] = ()
    errors_left_out: int = 0
    causes: tuple[CauseCount, ...] = ()
    entities: Entities | None = None
    hallucination: Hallucination | None = None
    streaming: Streaming | None = None
    timing: SttTiming | None = None
    gold_timing: SttTiming | None = None
    other_channels: tuple[ChannelTranscript, ...] = ()
    dialogue: tuple[Utterance, ...] = ()
    sent: tuple[SentAudio, ...] = ()
    cached_at: str | None = None
    gold_cached_at: str | None = None
