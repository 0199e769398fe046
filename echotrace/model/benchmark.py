"""A benchmark run: what each engine made of each clip, and the figures over them.

A run is stored as a file of lines (one :class:`RunHeader`, then one :class:`RunItem` for each clip
and engine), and told as one :class:`BenchmarkRun`, which every renderer reads and computes nothing
of itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from echotrace.model.conversation import Percentiles
from echotrace.model.measure import Finding, JsonValue, Measurement, RunStatus
from echotrace.model.report import GateResult, Tool
from echotrace.model.transcription import DiffOp, Normalizer, WordCounts

__all__ = [
    "RUN_SCHEMA",
    "BenchmarkRun",
    "Cell",
    "ClipCondition",
    "EngineInfo",
    "FigureComparison",
    "Frontier",
    "FrontierPoint",
    "ItemError",
    "LlmCell",
    "MovedClip",
    "RunComparison",
    "RunHeader",
    "RunItem",
    "SkippedFile",
    "WorstClip",
]

RUN_SCHEMA = "echotrace.run/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipCondition:
    """What was done to a clip: everything None is a clip as it came.

    ``snr_db`` is the target over the active speech level (ITU-T P.56), ``reverb_s`` the RT60.
    ``codec`` is such as ``mulaw`` or ``opus:16k``.
    """

    noise: str | None = None
    snr_db: float | None = None
    codec: str | None = None
    packet_loss_percent: float | None = None
    reverb_s: float | None = None

    @property
    def label(self) -> str:
        """Such as ``white 10 dB, mulaw, 5 % loss, RT60 0.3 s``; ``clean`` for a clip as it came."""
        parts = []
        if self.noise is not None:
            level = "" if self.snr_db is None else f" {self.snr_db:g} dB"
            parts.append(f"{self.noise}{level}")
        elif self.snr_db is not None:
            parts.append(f"{self.snr_db:g} dB")
        if self.codec is not None:
            parts.append(self.codec)
        if self.packet_loss_percent:
            parts.append(f"{self.packet_loss_percent:g} % loss")
        if self.reverb_s:
            parts.append(f"RT60 {self.reverb_s:g} s")
        return ", ".join(parts) or "clean"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """One column of the matrix; ``kind`` is stt or llm.

    ``identity`` is the engine's own account of what changes its answers, ``doubt`` why its error
    rates are only estimates.
    """

    name: str
    kind: str = "stt"
    note: str | None = None
    doubt: str | None = None
    identity: dict[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedFile:
    """A file that was found and could not be taken, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeader:
    """The first line of a run file: what was asked for.

    ``plan_sha256`` is a hash of everything that decides which items there are and what they mean
    (clips with their contents and references, engines, repeats, settings); a run is only resumed
    under the same one. ``items`` is how many lines a whole run has.
    """

    run_id: str
    created_at: str
    plan_sha256: str
    items: int
    clips: int
    repeat: int = 1
    engines: tuple[EngineInfo, ...] = ()
    manifest: str | None = None
    manifest_sha256: str | None = None
    settings: dict[str, JsonValue] = field(default_factory=dict)
    skipped: tuple[SkippedFile, ...] = ()
    schema: str = RUN_SCHEMA
    tool: Tool = field(default_factory=Tool)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemError:
    """Why an item has no result; ``code`` is stable and in capitals."""

    code: str
    message: str
    why: str | None = None
    exit_code: int = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class RunItem:
    """What one engine made of one clip, once; a line of the run file.

    ``kind`` is ``clip``, or ``llm`` for the probes of a language model (``clip`` is then empty).
    ``status`` is ok or failed (then ``error`` says why). ``counts`` and ``diff`` are None and empty
    where there was nothing to compare with; ``why_no_wer`` says so. ``doubt`` is why the error
    rates are only estimates. ``heard_gaps_ms`` are those of the turns that could be measured,
    ``turns_unmeasured`` counts the others; both belong to calls of two channels. ``true_snr_db`` is
    what the clip was made with. ``inference_ms`` over ``audio_s`` is the real-time factor.
    ``cached`` marks what an earlier run had heard: its times are not those of this run.
    ``wall_ms`` and ``made_at`` (UTC, ISO 8601) are all that differs between two equal runs, beside
    ``inference_ms`` and the times of probes.
    """

    clip: str
    engine: str
    repeat: int = 1
    kind: str = "clip"
    status: str = "ok"
    error: ItemError | None = None
    audio: str | None = None
    sha256: str | None = None
    duration_s: float | None = None
    condition: ClipCondition = field(default_factory=ClipCondition)
    true_snr_db: float | None = None
    snr_db: Measurement | None = None
    counts: WordCounts | None = None
    why_no_wer: str | None = None
    doubt: str | None = None
    normalizer: Normalizer | None = None
    diff: tuple[DiffOp, ...] = ()
    hallucinated_words: int | None = None
    entities_said: int | None = None
    entities_found: int | None = None
    is_call: bool = False
    heard_gaps_ms: tuple[float, ...] = ()
    turns_unmeasured: int = 0
    missed_responses: int | None = None
    worst_yield_ms: float | None = None
    audio_s: float | None = None
    inference_ms: float | None = None
    cached: bool = False
    ttft_ms: tuple[float, ...] = ()
    ttft_not_measured: int = 0
    simulated: bool = False
    cost_usd: float | None = None
    cost_leaves_out: tuple[str, ...] = ()
    wall_ms: float | None = None
    made_at: str | None = None

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What makes an item one of its run: kind, clip, engine, repeat."""
        return self.kind, self.clip, self.engine, self.repeat


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One engine under one condition; ``condition`` of None is over all clips together.

    ``snr_error_db`` is the mean absolute difference between measured and true SNR,
    ``snr_bias_db`` its mean. ``hallucinated_words`` is a sum. ``rtf`` leaves out what came from the
    cache. Figures without evidence are not measurable and say why.
    """

    engine: str
    condition: ClipCondition | None
    clips: int
    failed: int
    wer: Measurement
    entity_recall: Measurement
    hallucinated_words: Measurement
    snr_error_db: Measurement
    snr_bias_db: Measurement
    heard_gap_ms: Percentiles
    missed_responses: Measurement
    rtf: Measurement
    cost_usd: Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmCell:
    """One language model: its times to the first token over all repeats."""

    engine: str
    ttft_ms: Percentiles
    failed: int
    simulated: bool
    cost_usd: Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierPoint:
    """One step of a degradation; ``value`` is on the frontier's axis, None for the clean clips."""

    label: str
    value: float | None
    wer: Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontier:
    """How an engine's WER grows as clips get worse along one axis.

    ``axis`` is ``snr_db``, ``packet_loss_percent``, ``reverb_s`` or ``codec``; ``series`` is what
    else is the same for its points, such as the noise. Points go from clean to worst.
    ``breakpoint`` is where WER has doubled from that of the best point, interpolated between
    points; not measurable, with the reason, where it never does (a codec has none but a label in
    ``method``).
    """

    engine: str
    axis: str
    unit: str
    series: str
    points: tuple[FrontierPoint, ...]
    breakpoint: Measurement

    @property
    def is_bound(self) -> bool:
        """Whether WER has doubled at the first noise already: clean clips have no SNR."""
        if self.axis != "snr_db" or self.breakpoint.value is None:
            return False
        known = [point.value for point in self.points if point.wer.value is not None]
        return known[:1] == [None] and known[1:2] == [self.breakpoint.value]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstClip:
    """A clip that an engine got most wrong; ``why`` names the figure that put it here."""

    clip: str
    engine: str
    condition: ClipCondition
    why: str
    wer: float | None = None
    edits: int | None = None
    words: int | None = None
    worst_heard_gap_ms: float | None = None
    audio: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureComparison:
    """One figure in two runs; ``difference`` is B less A with its 95 % interval.

    ``subject`` is the engine, or the pair of engines. ``n`` counts the clips behind it (texts,
    where each stands under several conditions; calls; requests), the smaller side's where it is not
    ``paired``. ``improvement_probability`` is the share of
    resamples in which B is better. ``minimum_detectable_effect`` is the difference that a
    comparison of this size would find in 80 of 100 cases. ``outcome`` is pass, regression or
    not_enough_evidence, and ``reason`` says what decided it. ``decides`` is False for figures that
    have no share in the outcome as a whole.
    """

    metric: str
    label: str
    unit: str
    subject: str
    paired: bool
    n: int
    a: Measurement
    b: Measurement
    difference: Measurement
    improvement_probability: float | None
    minimum_detectable_effect: float | None
    outcome: str
    reason: str
    more_is_better: bool = False
    decides: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedClip:
    """A clip whose errors changed most; edits of A and of B and both diffs against one text."""

    clip: str
    subject: str
    condition: ClipCondition
    edits_a: int
    edits_b: int
    words: int
    diff_a: tuple[DiffOp, ...] = ()
    diff_b: tuple[DiffOp, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunComparison:
    """Run B beside run A.

    ``outcome`` is the comparison's as a whole: regression where a figure got worse beyond chance
    (allowing for how many were looked at), pass where none can have got worse by more than the
    tolerance, else not_enough_evidence. ``moved`` begins with the clip that got worst.
    """

    a: str
    b: str
    outcome: str
    reason: str
    figures: tuple[FigureComparison, ...]
    moved: tuple[MovedClip, ...] = ()
    clips_in_both: int = 0
    only_in_a: int = 0
    only_in_b: int = 0
    warnings: tuple[Finding, ...] = ()
    schema: str = "echotrace.comparison/1"
    tool: Tool = field(default_factory=Tool)


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkRun:
    """A run, whole: what was asked, every item, and the figures over them.

    ``status`` is complete, partial (items failed or are missing) or failed (none has a result).
    ``cells`` hold for each engine first the one over all clips, then one for each condition.
    """

    header: RunHeader
    status: RunStatus
    cells: tuple[Cell, ...]
    llm_cells: tuple[LlmCell, ...]
    frontiers: tuple[Frontier, ...]
    worst: tuple[WorstClip, ...]
    items: tuple[RunItem, ...]
    missing: int = 0
    comparison: RunComparison | None = None
    gates: tuple[GateResult, ...] = ()
    warnings: tuple[Finding, ...] = ()
    schema: str = "echotrace.benchmark/1"
    tool: Tool = field(default_factory=Tool)
