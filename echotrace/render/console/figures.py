"""Figures and times as a person reads them; only units and digits change here, never values."""

from __future__ import annotations

import math

from echotrace.model.measure import Measurement, Status

__all__ = [
    "MEDIAN_NEEDS",
    "MOCK",
    "P95_NEEDS",
    "P99_NEEDS",
    "clock",
    "dollars",
    "figure",
    "interval",
    "milliseconds",
    "note",
    "number",
    "percent",
    "quantity",
    "words",
]

MOCK = "[MOCK]"
MEDIAN_NEEDS, P95_NEEDS, P99_NEEDS = 5, 20, 100
"""Fewest values of a percentile (the metrics page)."""


def number(value: float, digits: int = 0) -> str:
    """Return a number with thousands separators; one that is not finite reads n/a, never 0."""
    if not math.isfinite(value):
        return "n/a"
    if abs(value) >= 1e12:
        return f"{value:.3g}"
    text = f"{value:,.{digits}f}"
    return text.lstrip("-") if not text.strip("-0.,") else text


def percent(ratio: float) -> str:
    """Return a ratio as a percentage: 0.083 is ``8.3 %``; a small one keeps its first digits."""
    value = ratio * 100
    if 0 < abs(value) < 0.1:
        return f"{value:.2g} %"
    return f"{number(value, 1)} %"


def milliseconds(value: float) -> str:
    """Return a duration in ms, with a decimal where whole ms would hide it."""
    if abs(value) >= 1e8:
        return f"{value:.3g} ms" if math.isfinite(value) else "n/a"
    if 0 < abs(value) < 0.1:
        return f"{value:.1g} ms"
    return f"{number(value, 1 if 0 < abs(value) < 10 else 0)} ms"


def dollars(value: float) -> str:
    """Return an amount in US dollars with three digits that count: ``$0.000012``, ``$1.25``."""
    if not math.isfinite(value) or abs(value) >= 1e12:
        return f"${value:.3g}" if math.isfinite(value) else "n/a"
    if value == 0 or abs(value) >= 0.995:
        return f"${number(value, 2)}" if value else "$0"
    if abs(value) < 1e-9:
        return f"${value:.1g}"
    digits = 2 - math.floor(math.log10(abs(value)))
    whole, _, rest = f"{value:.{digits}f}".partition(".")
    return f"${whole}.{rest.rstrip('0').ljust(2, '0')}"


def clock(seconds: float) -> str:
    """Return a time on the recording's clock: ``2.34 s``, ``1:02.30``, ``1:02:03.40``."""
    if not math.isfinite(seconds):
        return "n/a"
    if not 0 <= seconds < 360_000:
        return f"{number(seconds, 2)} s"
    hundredths = round(seconds * 100)
    if hundredths < 6_000:
        return f"{hundredths / 100:.2f} s"
    minutes, rest = divmod(hundredths, 6_000)
    tail = f"{rest // 100:02d}.{rest % 100:02d}"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"


def quantity(value: float, unit: str, *, metric: str = "") -> str:
    """Return a value with its unit: a ratio as ``8.3 %``, a real-time factor as ``0.12 x``."""
    if not math.isfinite(value):
        return "n/a"
    if metric.rpartition(".")[2] in ("rtf", "slow_stt"):
        return f"{number(value, 2)} x"
    if unit == "ratio":
        return percent(value)
    if unit == "ms":
        return milliseconds(value)
    if unit == "USD":
        return dollars(value)
    digits = _DIGITS.get(unit)
    text = f"{value:,.4g}" if digits is None and abs(value) < 1e4 else number(value, digits or 0)
    return f"{text} {unit}".rstrip()


_DIGITS = {"dB": 1, "dBFS": 1, "LUFS": 1, "s": 2, "Hz": 0, "tokens/s": 1, "1/s": 1, "FS": 4}


def figure(item: Measurement | None, *, metric: str = "") -> str:
    """Return the value, with [MOCK] before a simulated one, and ``n/a`` where there is none."""
    if item is None or item.value is None:
        return "n/a"
    shown = quantity(item.value, item.unit, metric=metric)
    return f"{MOCK} {shown}" if item.status is Status.SIMULATED else shown


def interval(item: Measurement, *, metric: str = "") -> str:
    """Return the 95 % interval without its unit, as ``[302, 1,692]``; empty where there is none."""
    if item.low is None or item.high is None:
        return ""
    low, high = (quantity(value, item.unit, metric=metric) for value in (item.low, item.high))
    unit = high[high.rfind(" ") :] if " " in high else ""
    return f"[{low.removesuffix(unit)}, {high.removesuffix(unit)}]"


def note(item: Measurement, *, told: set[str] | None = None) -> str:
    """Return what stands beside a value: how sure it is, of how many, and why; empty if plain.

    A reason that is already in ``told`` is not told again; a new one is added to it.
    """
    parts = []
    if item.low is not None and item.high is not None:
        low, high = quantity(item.low, item.unit), quantity(item.high, item.unit)
        unit = high[high.rfind(" ") :] if " " in high else ""
        parts.append(f"95 % interval {low.removesuffix(unit)} to {high}")
    if item.n is not None:
        parts.append(f"n={item.n:,}")
    if item.status is not Status.MEASURED:
        parts.append(words(item.status.value))
    reason = item.reason or ""
    if told is not None and reason:
        reason, seen = ("" if reason in told else reason), reason
        told.add(seen)
    return ": ".join(part for part in (", ".join(parts), reason) if part)


def words(key: str) -> str:
    """Return a key as words: ``not_measurable`` reads ``not measurable``."""
    return key.replace("_", " ")
