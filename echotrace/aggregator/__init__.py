"""Results to Report: bands, a score that explains itself, and the run's own latency."""

from echotrace.aggregator.failed import failed_report
from echotrace.aggregator.parts import Parts
from echotrace.aggregator.report import aggregate

__all__ = ["Parts", "aggregate", "failed_report"]
