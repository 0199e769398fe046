"""What a server says in a header of its reply about the time that it took.

Such a header leaves with the first byte. Of a reply that is streamed it can therefore tell only the
time until then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["processing_time"]

_IN_MILLISECONDS = (
    "openai-processing-ms",  # OpenAI's API reference, "Debugging requests"
    "x-envoy-upstream-service-time",  # Envoy's documentation of its HTTP router
)
_MOST_MS = 1e9


def processing_time(headers: Mapping[str, str]) -> tuple[str | None, float | None]:
    """Return the name of the first header that tells the server's time, and the time in ms.

    Of ``Server-Timing`` (a W3C specification, in ms) the entry ``total`` counts, else the first one
    with a duration. Headers whose unit differs from server to server are left alone.

    Args:
        headers: the reply's headers, found by their names in small letters.

    Returns:
        ``(None, None)`` when no header says it.
    """
    for name in _IN_MILLISECONDS:
        ms = _milliseconds(headers.get(name, ""))
        if ms is not None:
            return name, ms
    ms = _server_timing(headers.get("server-timing", ""))
    return (None, None) if ms is None else ("server-timing", ms)


def _server_timing(text: str) -> float | None:
    found: dict[str, float] = {}
    for entry in text.split(","):
        name, *parameters = entry.split(";")
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            ms = _milliseconds(value.strip().strip('"'))
            if key.strip().lower() == "dur" and ms is not None:
                found.setdefault(name.strip().lower(), ms)
    return found.get("total", next(iter(found.values()), None))


def _milliseconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < _MOST_MS else None
