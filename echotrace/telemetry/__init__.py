"""Where a run's time went: spans, the collector that keeps them, and ``@timed``.

Only the standard library is loaded here; ``echotrace.telemetry.waterfall`` is for those who draw.
``PipelineTracker``, which writes a live agent's spans to a file, is loaded when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from echotrace.telemetry.ambient import current_collector, use_collector
from echotrace.telemetry.collector import ActiveSpan, TelemetryCollector
from echotrace.telemetry.span import Span, SpanEvent, SpanStatus
from echotrace.telemetry.timed import timed

if TYPE_CHECKING:
    from echotrace.telemetry.pipeline_tracker import PipelineTracker

__all__ = [
    "ActiveSpan",
    "PipelineTracker",
    "Span",
    "SpanEvent",
    "SpanStatus",
    "TelemetryCollector",
    "current_collector",
    "timed",
    "use_collector",
]


def __getattr__(name: str) -> Any:
    if name == "PipelineTracker":
        from echotrace.telemetry.pipeline_tracker import PipelineTracker

        return PipelineTracker
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
