"""The record of one exchange with a provider, free of any HTTP library."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Exchange"]


@dataclass(slots=True, kw_only=True)
class Exchange:
    """What one exchange looked like from this side; filled in while it goes on.

    All ``*_ns`` are ``time.perf_counter_ns()``, None for what did not happen: DNS for an address
    that needs none, DNS, connect and TLS on a connection that was open already. ``started_ns`` is
    when the client's transport took the request over, ``sent_ns`` when its first byte went out on
    the open connection, ``uploaded_ns`` when it had gone out whole, ``first_byte_ns`` when the
    reply's first byte came, ``received_ns`` when the latest piece of it came, ``ended_ns`` when the
    last one had. ``body`` is the beginning of an error's body, without secrets. ``processing_ms``
    is the server's own figure of its work where a header gives one, named by
    ``processing_header``.
    """

    started_ns: int
    dns_start_ns: int | None = None
    dns_end_ns: int | None = None
    connect_start_ns: int | None = None
    connect_end_ns: int | None = None
    tls_start_ns: int | None = None
    tls_end_ns: int | None = None
    sent_ns: int | None = None
    uploaded_ns: int | None = None
    first_byte_ns: int | None = None
    received_ns: int = 0
    ended_ns: int | None = None
    status: int | None = None
    content_type: str = ""
    retry_after: str | None = None
    location: str | None = None
    body: str = ""
    request_id: str | None = None
    processing_ms: float | None = None
    processing_header: str | None = None

    @property
    def connect_ms(self) -> float | None:
        """DNS and TCP together; None when an open connection was used again."""
        begun_ns = self.connect_start_ns if self.dns_start_ns is None else self.dns_start_ns
        return _between_ms(begun_ns, self.connect_end_ns)

    @property
    def tls_ms(self) -> float | None:
        """The TLS handshake; None without one, or when an open connection was used again."""
        return _between_ms(self.tls_start_ns, self.tls_end_ns)

    @property
    def reused(self) -> bool:
        """Whether the request went over a connection that was open already."""
        return self.connect_end_ns is None and self.sent_ns is not None


def _between_ms(start_ns: int | None, end_ns: int | None) -> float | None:
    return None if start_ns is None or end_ns is None else (end_ns - start_ns) / 1e6
