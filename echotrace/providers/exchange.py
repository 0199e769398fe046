"""The record of one HTTP exchange with a provider, free of any HTTP library."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Exchange"]


@dataclass(slots=True, kw_only=True)
class Exchange:
    """What one HTTP exchange looked like from this side; filled in while it goes on.

    All ``*_ns`` are ``time.perf_counter_ns()``. ``connect_ms`` holds DNS and TCP, ``tls_ms`` the
    handshake; both stay None when an open connection was used again. ``body`` is the beginning of
    an error's body, without secrets. ``uploaded_ns`` is when the request had gone out whole, and
    ``processing_ms`` the server's own figure of its work, where it gives one.
    """

    started_ns: int
    sent_ns: int | None = None
    uploaded_ns: int | None = None
    received_ns: int = 0
    connect_ms: float | None = None
    tls_ms: float | None = None
    status: int | None = None
    content_type: str = ""
    retry_after: str | None = None
    location: str | None = None
    body: str = ""
    request_id: str | None = None
    processing_ms: float | None = None

    @property
    def reused(self) -> bool:
        """Whether the request went over a connection that was open already."""
        return self.connect_ms is None and self.sent_ns is not None
