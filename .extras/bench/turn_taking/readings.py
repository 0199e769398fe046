"""What one tool read from one call, in a shape that all tools share.

Only the standard library is needed: the peers' own interpreter imports this module too.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

Span = tuple[float, float]


@dataclass
class FoundTurn:
    """One answer to the caller. ``user_start_s`` is None where a tool tells only the end.

    ``gap_ms`` is None where the tool declined or heard no answer.
    """

    user_start_s: float | None
    user_end_s: float
    gap_ms: float | None = None
    low_ms: float | None = None
    high_ms: float | None = None


@dataclass
class FoundIncident:
    """``measured`` is False where the tool itself calls the duration an estimate."""

    type: str
    at_s: float
    duration_ms: float | None = None
    critical: bool = False
    measured: bool = True


@dataclass
class Reading:
    """``tells`` names what the tool can tell at all; the rest is shown as "-", never as 0.

    ``critical_yield_ms`` is the tool's own bar for a critical barge-in.
    """

    tool: str
    turns: list[FoundTurn] = field(default_factory=list)
    incidents: list[FoundIncident] = field(default_factory=list)
    tells: tuple[str, ...] = ()
    critical_yield_ms: float = 1000.0
    refused: str | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Reading:
        fields = json.loads(text)
        fields["turns"] = [FoundTurn(**turn) for turn in fields["turns"]]
        fields["incidents"] = [FoundIncident(**incident) for incident in fields["incidents"]]
        fields["tells"] = tuple(fields["tells"])
        return cls(**fields)
