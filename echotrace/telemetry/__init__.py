"""Where a run's time went: spans, the collector that keeps them, and ``@timed``.

Only the standard library is loaded here; ``echotrace.telemetry.waterfall`` is for those who draw.
"""

from echotrace.telemetry.ambient import current_collector, use_collector
from echotrace.telemetry.collector import ActiveSpan, TelemetryCollector
from echotrace.telemetry.span import Span, SpanEvent, SpanStatus
from echotrace.telemetry.timed import timed

__all__ = [
    "ActiveSpan",
    "Span",
    "SpanEvent",
    "SpanStatus",
    "TelemetryCollector",
    "current_collector",
    "timed",
    "use_collector",
]
