"""Addresses of providers: what a base URL means, and whether it stays on this machine."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from echotrace.config.values import address_problem
from echotrace.errors import ConfigError

__all__ = ["Address", "is_loopback", "parse_address", "stays_here"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A provider's base URL without user name, password and trailing slash."""

    url: str
    host: str
    shown: str
    loopback: bool


def is_loopback(host: str) -> bool:
    """Whether ``host`` (a name or a literal address) can only mean this machine."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)  # ::ffff:127.0.0.1, before Python 3.13
    return address.is_loopback if mapped is None else bool(mapped.is_loopback)


def stays_here(sent_to: str | None) -> bool:
    """Whether ``host`` or ``host:port`` can only mean this machine; None is nothing sent at all."""
    if sent_to is None:
        return True
    try:
        host = urlsplit(f"//{sent_to}").hostname
    except ValueError:  # not a host at all
        host = None
    return is_loopback(host or sent_to)


def parse_address(text: str, *, origin: str, default_port: int | None = None) -> Address:
    """Read a base URL; ``host:port`` and ``:port`` are understood as http.

    An unspecified address (``0.0.0.0``), which servers listen on, is taken as loopback.

    Args:
        text: what the user wrote.
        origin: the setting or variable it came from, for the message.
        default_port: port when neither scheme nor port is given.

    Raises:
        ConfigError: it is no http or https address, or has a query.
    """
    scheme, mark, rest = text.strip().partition("://")
    if not mark:
        scheme, rest = "http", scheme
    if rest.startswith(":"):
        rest = f"127.0.0.1{rest}"
    whole = f"{scheme.lower()}://{rest}"
    problem = address_problem(whole) if text.strip() else "it is empty"
    if problem:
        raise _bad(origin, problem)
    parts = urlsplit(whole)
    if parts.query:
        raise _bad(
            origin,
            "it has a query (what follows the question mark), which would not be sent",
            hint="leave the query out; a server that needs one, such as Azure's api-version, "
            "cannot be asked",
        )
    port, host = parts.port, parts.hostname or ""
    if port is None and not mark:
        port = default_port
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - replaced, not bound
    literal = f"[{host}]" if ":" in host else host
    shown = literal if port is None else f"{literal}:{port}"
    return Address(
        url=f"{parts.scheme}://{shown}{parts.path.rstrip('/')}",
        host=host,
        shown=shown,
        loopback=is_loopback(host),
    )


def _bad(
    origin: str, why: str, hint: str = "write it as http://127.0.0.1:8000 or https://host"
) -> ConfigError:
    return ConfigError(
        f"{origin} is not the address of a server", why=why, hint=hint, code="BAD_BASE_URL"
    )
