"""Drawing on a scale: places in per cent, so that a picture is as wide as the screen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from echotrace.render.console.axis import drawable
from echotrace.render.console.timeline import stamp
from echotrace.render.html.markup import Markup, Part, el

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Scale", "clock_ticks", "nice_ticks", "rect", "whisker"]

_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values between two ends to per cent of a width."""

    first: float
    last: float

    @classmethod
    def of(cls, first: float, last: float) -> Scale:
        """Return the scale between two values, whatever a damaged report says they are."""
        low, high = drawable(first), drawable(last)
        return cls(low, high if high > low else low + max(1e-6, abs(low) * 1e-6))

    def at(self, value: float) -> float:
        """Return where a value lies, 0 to 100."""
        share = (drawable(value) - self.first) / (self.last - self.first)
        return round(100 * max(0.0, min(1.0, share)), 3)


def rect(
    scale: Scale,
    begin: float,
    end: float,
    *,
    y: float,
    height: float,
    class_: str,
    title: str | None = None,
    **attributes: str | float | None,
) -> Markup:
    """Return a bar from one value to another, never too thin to be seen."""
    left, right = scale.at(begin), scale.at(end)
    return el(
        "rect",
        el("title", title) if title else None,
        x=f"{left:g}%",
        y=y,
        width=f"{max(0.12, right - left):g}%",
        height=height,
        class_=class_,
        **attributes,
    )


def clock_ticks(scale: Scale, wanted: int = 10) -> list[tuple[float, str]]:
    """Return round times on a clock, and what is written at each."""
    rough = (scale.last - scale.first) / max(1, wanted)
    step = next((step for step in _STEPS_S if step >= rough), None)
    if step is None:
        step = 10.0 ** math.ceil(math.log10(rough))
    first = math.ceil(scale.first / step - 1e-9)
    places = ((first + count) * step for count in range(2 * wanted))
    digits = 0 if step >= 1 else 1
    return [(at, stamp(at, digits=digits)) for at in places if at < scale.last]


def nice_ticks(first: float, last: float, wanted: int = 5) -> list[float]:
    """Return places 1, 2 or 5 times a power of ten apart."""
    rough = (last - first) / max(1, wanted)
    if not (math.isfinite(rough) and rough > 0):
        return [first]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((k * power for k in (1, 2, 5) if k * power >= rough), 10 * power)
    begin = math.ceil(first / step - 1e-9)
    places = [(begin + count) * step for count in range(4 * wanted)]
    return [place for place in places if place <= last + step * 1e-6]


def whisker(
    scale: Scale,
    value: float | None,
    low: float | None,
    high: float | None,
    *,
    class_: str = "",
    zero: float | None = None,
    label: str,
) -> Markup:
    """Return a dot with its interval on a scale, and a line at ``zero``."""
    parts: list[Part] = [el("title", label)]
    if zero is not None:
        at = f"{scale.at(zero):g}%"
        parts.append(el("line", x1=at, x2=at, y1="0", y2="18", class_="zero"))
    if low is not None and high is not None:
        ends = (f"{scale.at(low):g}%", f"{scale.at(high):g}%")
        parts.append(el("line", x1=ends[0], x2=ends[1], y1="9", y2="9"))
        parts += [el("line", x1=end, x2=end, y1="5", y2="13") for end in ends]
    if value is not None:
        parts.append(el("circle", cx=f"{scale.at(value):g}%", cy="9", r="3.5"))
    return el("svg", *parts, class_=f"whisker {class_}".strip(), role="img", aria_label=label)


def extent(values: Sequence[float | None], *, with_zero: bool = True) -> Scale:
    """Return a scale that holds all values, with a little room at its ends."""
    known = [drawable(value) for value in values if value is not None]
    known += [0.0] if with_zero or not known else []
    low, high = min(known), max(known)
    room = (high - low) * 0.05
    return Scale.of(low - room if low < 0 else low, high + room)
