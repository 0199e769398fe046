"""EchoTrace: the reliability profiler for voice AI."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from echotrace._version import __version__

_LAZY = {
    "Report": "echotrace.model.report",
    "TelemetryCollector": "echotrace.telemetry",
    "analyze": "echotrace.api",
    "analyze_async": "echotrace.api",
    "timed": "echotrace.telemetry",
}

__all__ = ["Report", "TelemetryCollector", "__version__", "analyze", "analyze_async", "timed"]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used (PEP 562)."""
    if name not in _LAZY:
        raise AttributeError(f"module 'echotrace' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
