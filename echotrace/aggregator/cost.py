"""What the run's requests cost at list prices, and what that leaves out.

A price or a quantity that is not known is never 0: its item has no value, and the total says that
it lacks it. That holds for an address on this machine too, where a router to a vendor may listen;
only what was never sent anywhere is known to be charged by nobody. Only requests that were answered
are counted, because a vendor does not charge for one that it refused; where one failed, the total
says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

from echotrace.aggregator.sent_audio import heard_by
from echotrace.model.cost import Cost, CostItem
from echotrace.model.measure import Measurement, Status
from echotrace.model.probes import RequestSample
from echotrace.pricing import Price, PriceTable, built_in_prices
from echotrace.providers.address import stays_here
from echotrace.stats.percentiles import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.aggregator.parts import Parts
    from echotrace.aggregator.sent_audio import Engine
    from echotrace.model.probes import LlmProbe, TtsProbe

__all__ = ["LOCAL", "cost"]

LOCAL: Final = "runs on this machine: no provider charges for it; its hardware is not counted"
_S = TypeVar("_S", bound=RequestSample)
_USD: Final = "USD"
_METHOD: Final = "list prices"
_DIGITS: Final = 12
"""Decimals of an amount in USD: enough for one token of the cheapest model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """A service that was used; ``sent_to`` is None when nothing left this machine."""

    stage: str
    provider: str
    model: str | None
    sent_to: str | None

    @property
    def name(self) -> str:
        return f"{self.provider}:{self.model}" if self.model else self.provider

    @property
    def is_local(self) -> bool:
        """Whether it was asked at an address that can only mean this machine."""
        return self.sent_to is not None and stays_here(self.sent_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Amount:
    """How much of a unit was used; ``lacks`` says what of it could not be counted."""

    unit: str
    quantity: float | None
    lacks: str | None = None


@dataclass(slots=True)
class _Bill:
    table: PriceTable
    items: list[CostItem]
    left: list[str]
    """What the total leaves out, in words."""

    def add(self, use: _Use, amount: _Amount) -> None:
        """Add the item of one amount, and what it leaves out."""
        price = self.table.find(use.provider, use.model, amount.unit, sent_to=use.sent_to)
        usd = _usd(use, amount, price)
        self.items.append(
            CostItem(
                stage=use.stage,
                provider=use.provider,
                model=use.model,
                unit=amount.unit,
                quantity=amount.quantity,
                usd=usd,
                usd_per_unit=price.usd_per_unit if price else None,
                price_source=str(price) if price else None,
            )
        )
        of = f"the {amount.unit} of {use.name}"
        if usd.value is None and usd.status is not Status.NOT_RUN:
            where = ", at an address on this machine" if use.is_local else ""
            self.left.append(f"{of} ({amount.lacks if price else f'price not known{where}'})")
        elif amount.lacks and usd.value is not None:
            self.left.append(f"a part of {of} ({amount.lacks})")
        elif usd.value is not None and usd.reason:
            self.left.append(f"what {use.name} charges beyond its {amount.unit} ({usd.reason})")


def cost(parts: Parts) -> Cost | None:
    """Return what the run cost, or None where nothing of it can be charged.

    That is so when no service was asked: a mock, an engine of this machine and a transcript that
    was brought along have no price. Beside a service that was asked, mock and engine are named.
    """
    engines = heard_by(parts)
    asked_llm = parts.llm is not None and not parts.llm.simulated and parts.llm.samples
    asked_tts = parts.tts is not None and parts.tts.samples
    if not (asked_llm or asked_tts or any(engine.is_service for engine in engines)):
        return None
    bill = _Bill(parts.prices or built_in_prices(), [], [])
    for engine in engines:
        _bill_engine(bill, engine)
    if parts.llm is not None:
        _bill_llm(bill, parts.llm)
    if parts.tts is not None:
        _bill_tts(bill, parts.tts)
    return Cost(
        total_usd=_total(bill.items, bill.left),
        items=tuple(bill.items),
        leaves_out=tuple(bill.left),
    )


def _bill_engine(bill: _Bill, engine: Engine) -> None:
    use = _Use(
        stage=engine.stage, provider=engine.provider, model=engine.model, sent_to=engine.sent_to
    )
    if engine.from_cache:
        why = f"nothing was sent: the transcript is in the cache since {engine.cached_at}"
        bill.items.append(_without_price(use, "audio seconds", why))
    elif engine.sent_to is None:
        bill.items.append(_without_price(use, "audio seconds", LOCAL))
    else:
        bill.add(use, _Amount(unit="audio seconds", quantity=round(engine.audio_s, 3)))


def _bill_llm(bill: _Bill, probe: LlmProbe) -> None:
    if probe.simulated:
        bill.left.append("the language model: [MOCK], nobody was asked")
        return
    use = _Use(stage="llm", provider=probe.provider, model=probe.model, sent_to=probe.sent_to)
    answered = _answered(bill, use, probe.samples)
    if not answered:
        return
    prompts = [sample.prompt_tokens for sample in answered]
    answers = [sample.tokens if sample.tokens_counted else None for sample in answered]
    bill.add(use, _tokens("input tokens", prompts))
    bill.add(use, _tokens("output tokens", answers))


def _tokens(unit: str, counts: Sequence[int | None]) -> _Amount:
    known = [count for count in counts if count is not None]
    if not known:
        return _Amount(unit=unit, quantity=None, lacks="not counted by the server")
    missing = len(counts) - len(known)
    lacks = f"not counted by the server in {missing} of {counted(len(counts), 'answer')}"
    return _Amount(unit=unit, quantity=float(sum(known)), lacks=lacks if missing else None)


def _bill_tts(bill: _Bill, probe: TtsProbe) -> None:
    use = _Use(stage="tts", provider=probe.provider, model=probe.model, sent_to=probe.sent_to)
    answered = _answered(bill, use, probe.samples)
    if not answered:
        return
    characters = sum(len(sample.text) for sample in answered)
    bill.add(use, _Amount(unit="characters", quantity=float(characters)))


def _answered(bill: _Bill, use: _Use, samples: Sequence[_S]) -> list[_S]:
    """Return the answered requests, the cold one too, and name those that failed."""
    failed = sum(sample.status == "failed" for sample in samples)
    if failed and use.sent_to is not None:
        bill.left.append(f"{counted(failed, 'request')} to {use.name} that failed")
    return [sample for sample in samples if sample.status != "failed"]


def _usd(use: _Use, amount: _Amount, price: Price | None) -> Measurement:
    if price is None and use.sent_to is None:
        return Measurement.not_run(_USD, LOCAL)
    if price is None:
        why = f"no price is known for it at {use.sent_to}; name one in a file as cost.prices_file"
        if use.is_local:
            why = (
                f"{use.sent_to} is on this machine: no price is known for it, and a router to a "
                "vendor may charge; name one, or 0, in a file as cost.prices_file"
            )
        return Measurement.not_measurable(_USD, why)
    if amount.quantity is None:
        return Measurement.not_measurable(_USD, amount.lacks or "not counted")
    charged, doubt = amount.quantity, amount.lacks
    if price.minimum_s is not None and charged > 0.0:
        charged = max(charged, price.minimum_s)
        doubt = f"each request is charged for at least {price.minimum_s:g} s"
    usd = round(charged * price.usd_per_unit, _DIGITS)
    if doubt:
        return Measurement.estimated(usd, _USD, reason=doubt, method=_METHOD)
    return Measurement.measured(usd, _USD, method=_METHOD)


def _without_price(use: _Use, unit: str, why: str) -> CostItem:
    return CostItem(
        stage=use.stage,
        provider=use.provider,
        model=use.model,
        unit=unit,
        quantity=None,
        usd=Measurement.not_run(_USD, why),
    )


def _total(items: Sequence[CostItem], left: Sequence[str]) -> Measurement:
    """Return the sum of what is known; a sum of nothing has no value."""
    known = [item.usd.value for item in items if item.usd.value is not None]
    if not known:
        if left:
            return Measurement.not_measurable(_USD, "not known: " + "; ".join(left))
        return Measurement.not_run(_USD, "no provider charges for this run")
    total = round(sum(known), _DIGITS)
    if left:
        return Measurement.estimated(
            total, _USD, reason="leaves out " + "; ".join(left), method=_METHOD
        )
    return Measurement.measured(total, _USD, method=_METHOD)
