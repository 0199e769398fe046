"""What the requests of a run cost at list prices."""

from __future__ import annotations

from dataclasses import dataclass

from echotrace.model.measure import Measurement

__all__ = ["Cost", "CostItem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostItem:
    """One quantity that a service charges for.

    ``stage`` is transcription, gold, llm or tts; ``unit`` is ``input tokens``, ``output tokens``,
    ``characters`` or ``audio seconds``. ``usd_per_unit`` is the price of one unit. ``usd`` has no
    value, and says why, where the price or the quantity is not known, or where no provider charges.
    ``price_source`` names the table and the date of the price.
    """

    stage: str
    provider: str
    model: str | None
    unit: str
    quantity: float | None
    usd: Measurement
    usd_per_unit: float | None = None
    price_source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The run's cost: the sum of what is known, and in words what it leaves out."""

    total_usd: Measurement
    items: tuple[CostItem, ...] = ()
    leaves_out: tuple[str, ...] = ()
