"""The parts of one request in their order, as a browser's network panel draws them.

A figure such as the time to the first token cannot be acted on before it is known whether DNS, the
handshake, the network or the model took it. The parts come from the stamps of the exchange and from
what its reader saw, and they never leave a gap, so that their sum is the whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.model.probes import Phase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.providers.exchange import Exchange

__all__ = ["phases_of"]


def phases_of(
    exchange: Exchange | None,
    *,
    due_ns: int,
    sent_ns: int | None = None,
    marks: Sequence[tuple[str, int | None]] = (),
    end_ns: int | None = None,
) -> tuple[Phase, ...]:
    """Return the parts of a request from the moment it was due.

    Each part begins where the one before it ended, so that none is negative and their sum is the
    whole. A stamp that lies before an earlier part's end, or after ``end_ns``, is moved to it.

    Args:
        exchange: the stamps of the request; None for a provider that has none.
        due_ns: when the request was to be made; ``perf_counter_ns`` like all others.
        sent_ns: when it began to go out, where the exchange does not know it.
        marks: name and end of each part that follows the reply's first byte, in order. One without
            an end is left out. Leave out the mark of a part that the request cannot have had, such
            as ``reasoning`` when no token of it came: with ``end_ns`` it would be taken as the one
            that was going on.
        end_ns: when a request that failed was given up. The part that was going on then is closed
            there: the first one without an end after the last one with an end. None for a request
            that came to its end.

    Returns:
        The parts in the order of ``echotrace.model.probes.PHASES``; none when nothing is known.
    """
    steps = [*_before_the_reply(exchange, sent_ns), *marks]
    ends = [(name, at_ns) for name, at_ns in steps if at_ns is not None]
    if end_ns is not None:
        going_on = _going_on(exchange, steps, marks, sent_ns)
        if going_on is not None:
            ends.append((going_on, end_ns))
    phases = []
    start_ns = due_ns
    for name, at_ns in ends:
        stop_ns = max(start_ns, at_ns if end_ns is None else min(at_ns, end_ns))
        phases.append(
            Phase(
                name=name,
                start_ms=(start_ns - due_ns) / 1e6,
                duration_ms=(stop_ns - start_ns) / 1e6,
            )
        )
        start_ns = stop_ns
    return tuple(phases)


def _before_the_reply(
    exchange: Exchange | None, sent_ns: int | None
) -> list[tuple[str, int | None]]:
    """Name the parts up to the reply's first byte, each with its end."""
    if exchange is None:
        return [("queued", sent_ns)]
    begun = (exchange.dns_start_ns, exchange.connect_start_ns, exchange.tls_start_ns)
    sent_ns = exchange.sent_ns if exchange.sent_ns is not None else sent_ns
    return [
        ("queued", next((at_ns for at_ns in (*begun, sent_ns) if at_ns is not None), None)),
        ("dns", exchange.dns_end_ns),
        ("connect", exchange.connect_end_ns),
        ("tls", exchange.tls_end_ns),
        ("request_sent", exchange.uploaded_ns),
        ("waiting", exchange.first_byte_ns),
    ]


def _going_on(
    exchange: Exchange | None,
    steps: Sequence[tuple[str, int | None]],
    marks: Sequence[tuple[str, int | None]],
    sent_ns: int | None,
) -> str | None:
    """Name the part that had begun and had not ended; None when all had."""
    last = max((at for at, (_, at_ns) in enumerate(steps) if at_ns is not None), default=-1)
    following = last + 1
    if exchange is not None:
        marked = any(at_ns is not None for _, at_ns in marks)
        if exchange.first_byte_ns is None and not marked:
            following = max(following, _begun(exchange, sent_ns))
            if steps[following][0] == "tls" and exchange.tls_start_ns is None:
                following += 1
        elif exchange.status is not None and exchange.status >= 300:
            following = len(steps)  # what came was no answer, and no part of one was going on
    if following < len(steps):
        return steps[following][0]
    return None if steps[last][0] == "done" else "done"


def _begun(exchange: Exchange, sent_ns: int | None) -> int:
    """Return the place of the part before the reply that began last."""
    begins = (
        exchange.dns_start_ns,
        exchange.connect_start_ns,
        exchange.tls_start_ns,
        exchange.sent_ns if exchange.sent_ns is not None else sent_ns,
        exchange.uploaded_ns,
    )
    return max((at for at, at_ns in enumerate(begins, 1) if at_ns is not None), default=0)
