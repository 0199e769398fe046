"""The prices that are known, and which of them holds for a request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

__all__ = ["UNITS", "VENDOR_HOSTS", "Price", "PriceTable", "host_of"]

UNITS: Final = ("input tokens", "output tokens", "characters", "audio seconds")
"""What services charge for; the names are those of ``CostItem.unit``."""
VENDOR_HOSTS: Final = {"groq": "api.groq.com", "openai": "api.openai.com"}
"""The one host at which the prices of a provider hold; other servers speak the same protocol."""
_SNAPSHOT: Final = re.compile(r"-\d{4}-\d{2}-\d{2}$")
"""What a dated snapshot of a model adds to its family's name: ``gpt-4o-mini-2024-07-18``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The price of one unit in USD, and where it is from.

    ``table`` names the file and line, or the built-in table. ``as_of`` is a year, a month or a day,
    None where the user's file gives none. ``minimum_s`` is the least audio that one request is
    charged for.
    """

    usd_per_unit: float
    table: str
    as_of: str | None = None
    source: str | None = None
    minimum_s: float | None = None

    def __str__(self) -> str:
        dated = f"{self.table} as of {self.as_of}" if self.as_of else self.table
        return f"{dated} ({self.source})" if self.source else dated


Prices = Mapping[str, Price]
"""The prices of one model by unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """Prices by provider or host, then by model, then by unit."""

    providers: Mapping[str, Mapping[str, Prices]] = field(default_factory=dict)
    hosts: Mapping[str, Mapping[str, Prices]] = field(default_factory=dict)

    def find(
        self, provider: str, model: str | None, unit: str, *, sent_to: str | None
    ) -> Price | None:
        """Return what one unit costs there, or None where it is not known.

        An entry for the host that the requests go to comes first. A provider's entries hold at its
        vendor's own address only (``VENDOR_HOSTS``; for any other provider, wherever it is): a
        compatible server elsewhere never gets the vendor's prices. A model that is not listed has
        the prices of the name before its date, where it ends with one (``-YYYY-MM-DD``).

        Args:
            provider: such as ``groq``.
            model: the model's name at that provider.
            unit: one of ``UNITS``.
            sent_to: host and perhaps port that the requests went to, None when they stayed here.
        """
        if model is None or sent_to is None:
            return None
        host = host_of(sent_to)
        for models in (self.hosts.get(sent_to.lower()), self.hosts.get(host)):
            if models and (found := _of_model(models, model)) is not None:
                return found.get(unit)
        if VENDOR_HOSTS.get(provider, host) != host:
            return None
        found = _of_model(self.providers.get(provider, {}), model)
        return None if found is None else found.get(unit)

    def over(self, below: PriceTable) -> PriceTable:
        """Return the two tables as one, in which an entry of this one replaces that of ``below``.

        A model is one entry: its prices are replaced together, so that old and new never mix.
        """
        return PriceTable(
            providers=_merged(below.providers, self.providers),
            hosts=_merged(below.hosts, self.hosts),
        )


def host_of(sent_to: str) -> str:
    """Return the host of ``host:port`` in small letters, without the brackets of an address."""
    try:
        return (urlsplit(f"//{sent_to}").hostname or sent_to).lower()
    except ValueError:  # not a host at all
        return sent_to.lower()


def _of_model(models: Mapping[str, Prices], model: str) -> Prices | None:
    exact = models.get(model)
    return models.get(_SNAPSHOT.sub("", model)) if exact is None else exact


def _merged(
    below: Mapping[str, Mapping[str, Prices]], above: Mapping[str, Mapping[str, Prices]]
) -> dict[str, dict[str, Prices]]:
    names = [*below, *(name for name in above if name not in below)]
    return {name: {**below.get(name, {}), **above.get(name, {})} for name in names}
