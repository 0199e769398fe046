"""What would have been heard, had parts of the pipeline taken another time.

Nothing in here was measured: every figure of the change is computed from the parts of the turns of
one report, so its status is estimated, or simulated where a mock is among them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from echotrace.model.conversation import Percentiles
from echotrace.model.measure import Finding, Measurement
from echotrace.model.report import Tool

__all__ = [
    "SCHEMA",
    "EndpointingPrice",
    "GapChange",
    "PartChange",
    "TargetShare",
    "WaitPoint",
    "WhatIf",
    "WhatIfSource",
    "WhatIfTurn",
]

SCHEMA = "echotrace.whatif/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfSource:
    """The report that was asked; the figures stand on it alone."""

    path: str
    job_id: str
    created_at: str
    recording: str
    recording_sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartChange:
    """One part that was changed: ``how`` is set (``value`` in ms) or scale (a factor).

    ``before_ms`` and ``after_ms`` are medians over the ``turns`` that have the part. ``inside``
    counts those of them in which it runs beside a longer part that the answer waits for anyway.
    ``lacking`` turns have no such part, ``negative`` ones a part that began before the caller
    ended; both are left as they were.
    """

    key: str
    how: str
    value: float
    before_ms: Measurement
    after_ms: Measurement
    turns: int
    inside: int = 0
    lacking: int = 0
    negative: int = 0
    owners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIfTurn:
    """One turn (or one sample of an estimate) before and after.

    ``held_ms`` is how much of a saving parallel work took back, and ``held_by`` which part that
    was. ``is_bound`` says that what ran beside the shortened part is not known, so that the real
    figure can only be larger.
    """

    turn_id: int | None
    trace_turn_id: int | None
    before_ms: float
    after_ms: float
    held_ms: float = 0.0
    held_by: str | None = None
    is_bound: bool = False
    lacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GapChange:
    """The distribution before and after; a difference is after less before, paired by turn."""

    before: Percentiles
    after: Percentiles
    p50_ms: Measurement
    p95_ms: Measurement
    worst_ms: Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetShare:
    """The share of turns whose gap is at most ``target_ms``; ``difference`` is after less before.

    ``gained`` turns come within the target, ``lost`` ones leave it.
    """

    target_ms: float
    before: Measurement
    after: Measurement
    difference: Measurement
    gained: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitPoint:
    """One endpointing wait: what a caller waits for and how often he would be cut off.

    ``gap_p50_ms`` has no interval; ``gap_worst_ms`` is the largest. ``turns_cut`` turns hold at
    least one pause longer than the wait, ``pauses`` counts all of those. ``mark`` is present,
    asked, or both where they are the same wait.
    """

    wait_ms: float
    gap_p50_ms: Measurement
    gap_worst_ms: float
    cut_offs_per_100: Measurement
    turns_cut: int
    pauses: int
    mark: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointingPrice:
    """What a shorter endpointing wait costs: the caller's recorded pauses replayed against it.

    ``status`` is estimated or not_measurable, with a ``reason``. ``more_per_100`` is how many more
    turns in a hundred the asked wait cuts off than the present one. ``shortest_pause_ms`` is the
    shortest pause that the segments of a report can show.
    """

    status: str
    reason: str | None = None
    turns: int = 0
    not_replayed: int = 0
    pauses: int = 0
    longest_pause_ms: float | None = None
    shortest_pause_ms: float | None = None
    present_ms: float | None = None
    asked_ms: float | None = None
    more_per_100: Measurement | None = None
    frontier: tuple[WaitPoint, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """The answer to one question put to one report.

    ``status`` is complete or failed; a failed one has no figures, and the error among its
    ``warnings``. ``basis`` is heard (gaps of the recording), claimed (the pipeline's own figures)
    or estimate (sums of probed parts). ``left_out`` counts the turns that do not take part, by
    reason.
    """

    schema: str = SCHEMA
    tool: Tool = field(default_factory=Tool)
    status: str = "complete"
    source: WhatIfSource | None = None
    basis: str | None = None
    changes: tuple[PartChange, ...] = ()
    gap_ms: GapChange | None = None
    targets: tuple[TargetShare, ...] = ()
    endpointing: EndpointingPrice | None = None
    turns: tuple[WhatIfTurn, ...] = ()
    left_out: dict[str, int] = field(default_factory=dict)
    warnings: tuple[Finding, ...] = ()

    def to_json(self, *, indent: int | None = 2) -> str:
        """Write it as one JSON document, without a trailing newline and without NaN."""
        import json

        from echotrace.model.codec import to_plain

        return json.dumps(to_plain(self), indent=indent, ensure_ascii=False, allow_nan=False)
