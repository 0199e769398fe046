"""What the caller heard: turns, incidents and their summary, on the recording's clock.

Keys and formulas are those of the project's metrics page, "Hearing the call". Negative gaps are
kept. Times named ``*_s`` are seconds on the recording's clock; ``low`` and ``high`` bound a 95 %
interval.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from echotrace.model.measure import Measurement, Severity

__all__ = [
    "Bleed",
    "ChannelTalk",
    "Conversation",
    "ConversationSummary",
    "Incident",
    "Percentiles",
    "Turn",
    "TurnSide",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSide:
    """What one side said in a turn, from its first to its last audible sample."""

    start_s: float
    end_s: float
    start_low_s: float | None = None
    start_high_s: float | None = None
    end_low_s: float | None = None
    end_high_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One caller turn and the agent's answer; a greeting has no ``user``.

    ``kind`` is greeting, response, early_start (the agent began before the caller's end), barge_in
    (the caller began while the agent was audible), missed_response, unanswered (the recording ends
    first), or follow_up (the agent speaks again by itself: no ``user``). ``yield_ms`` is None where
    nobody barged in. ``snr_db`` is the lowest SNR of the stretches of speech in it, None where none
    has one.
    """

    id: int
    kind: str
    user: TurnSide | None
    agent: TurnSide | None
    heard_gap_ms: Measurement
    yield_ms: Measurement | None = None
    snr_db: float | None = None
    first: bool = False

    @property
    def span_s(self) -> tuple[float, float] | None:
        """From the first to the last audible sample of either side; None where it has no side."""
        sides = [side for side in (self.user, self.agent) if side]
        if not sides:
            return None
        return min(side.start_s for side in sides), max(side.end_s for side in sides)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Something that a caller would notice.

    ``type`` is barge_in, backchannel, talk_over, dead_air, missed_response or early_start. The
    duration of a barge-in is the yield; that of a missed response the silence until something
    else was heard. ``turn_id`` names the turn it belongs to, when there is one.
    """

    type: str
    at_s: float
    duration_ms: Measurement
    severity: Severity
    turn_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """A distribution over turns; ``n`` were measured, ``not_measured`` could not be.

    p50 needs 5 values, p95 20, p99 100; below that they are not measurable and say so. Each has a
    bootstrap 95 % interval. ``worst`` is the largest of those measured.
    """

    n: int
    not_measured: int
    p50: Measurement
    p95: Measurement
    p99: Measurement
    worst: Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelTalk:
    """How one side talked; a pause lies inside one of its own turns."""

    index: int
    role: str
    talk_s: Measurement
    talk_ratio: Measurement
    words_per_minute: Measurement
    pauses: int
    pause_p50_ms: Measurement
    longest_pause_ms: Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationSummary:
    """The call in figures; counts are of incidents."""

    heard_gap_ms: Percentiles
    yield_ms: Percentiles
    greeting_ms: Measurement
    first_heard_gap_ms: Measurement
    dead_air_s: Measurement
    """The longest."""
    dead_air_total_s: Measurement
    talk_over_ms: Measurement
    overlap_ratio: Measurement
    barge_ins: int = 0
    backchannels: int = 0
    early_starts: int = 0
    missed_responses: int = 0
    dead_airs: int = 0
    channels: tuple[ChannelTalk, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bleed:
    """One side's sound leaking into the other's channel, and how far below itself it is there.

    ``removed`` is False where it is too faint to be heard beside the channel's own speech.
    """

    from_channel: int
    into_channel: int
    attenuation_db: Measurement
    delay_ms: float | None = None
    removed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """The conversation on a two-channel recording; turns are empty where it has one voice track.

    ``status`` is measured or not_measurable; then ``reason`` says why there are no turns and
    ``hint`` how to get a better recording. ``method`` names how edges were found.
    """

    status: str
    summary: ConversationSummary
    reason: str | None = None
    hint: str | None = None
    method: str | None = None
    turns: tuple[Turn, ...] = ()
    incidents: tuple[Incident, ...] = ()
    bleed: tuple[Bleed, ...] = field(default=())
