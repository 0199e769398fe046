"""Which collector and which span the running code is in.

One context variable answers both, so that a timed call pays for one look-up, and asyncio tasks,
``asyncio.to_thread`` and ``contextvars.copy_context`` carry the answer where the work goes.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.telemetry.collector import TelemetryCollector

__all__ = [
    "CURRENT",
    "Scope",
    "current_collector",
    "innermost",
    "parent_id_in",
    "use_collector",
]


class Scope:
    """A stretch of code that belongs to a collector: a ``use_collector`` block or an open span.

    ``open_for`` is the collector, None once the scope has ended; ``id`` is that of the span that
    spans in it are children of; ``outer`` is the scope around it. A timed call in the usual place
    finds all it needs with one look-up and one comparison.
    """

    __slots__ = ("id", "open_for", "outer")

    id: int | None
    open_for: TelemetryCollector | None
    outer: Scope | None


CURRENT: ContextVar[Scope | None] = ContextVar("echotrace_scope", default=None)


def innermost(scope: Scope | None) -> Scope | None:
    """Return the nearest scope, from ``scope`` outwards, that has not ended."""
    while scope is not None and scope.open_for is None:
        scope = scope.outer
    return scope


def parent_id_in(scope: Scope | None, collector: TelemetryCollector) -> int | None:
    """Return the id of the innermost open span of ``collector``, from ``scope`` outwards."""
    while scope is not None and scope.open_for is not collector:
        scope = scope.outer
    return None if scope is None else scope.id


def current_collector() -> TelemetryCollector | None:
    """Return the ambient collector, or None where nobody records.

    It is the collector of the innermost ``use_collector`` block or open span, whichever is nearer.
    """
    scope = CURRENT.get()
    if scope is None:
        return None
    if scope.open_for is not None:
        return scope.open_for
    scope = innermost(scope)
    return None if scope is None else scope.open_for


@contextmanager
def use_collector(collector: TelemetryCollector) -> Iterator[TelemetryCollector]:
    """Make ``collector`` the ambient one inside the block, for this task, thread or context."""
    scope = Scope()
    scope.outer = innermost(CURRENT.get())
    scope.id = parent_id_in(scope.outer, collector)
    scope.open_for = collector
    CURRENT.set(scope)
    try:
        yield collector
    finally:
        scope.open_for = None
        if CURRENT.get() is scope:
            CURRENT.set(scope.outer)
