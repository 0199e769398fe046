"""One request of a probe, taken: its record, and the error that ended it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from echotrace.errors import ProviderError
from echotrace.model.probes import RequestSample

__all__ = ["Due", "Taken"]

S = TypeVar("S", bound=RequestSample)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """When a probe is due, and which one it is; ``*_ns`` are ``time.perf_counter_ns()``.

    ``due_ns`` is when the request is to be made, ``origin_ns`` when the first one was.
    """

    index: int
    cold: bool
    due_ns: int
    origin_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken(Generic[S]):
    """A sample, failed or not, and the error of a failed one."""

    sample: S
    error: ProviderError | None = None
