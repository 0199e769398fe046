"""What a provider's failure means, in one readable line, a hint and a stable code.

The verdict rests on the exchange and on the chain of exceptions, not on the SDKs' own messages,
which differ between them and may quote what the server sent. Each kind of service adds what only
it can meet.
"""

from __future__ import annotations

import json
import socket
import ssl
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from echotrace.config.secrets import Secret
from echotrace.errors import ProviderError
from echotrace.providers.scrub import one_line, scrub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.providers.exchange import Exchange

__all__ = ["Kind", "Target", "by_status", "by_wire", "chain_of", "said_by", "unknown_model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of service, for the wording of failures.

    ``prefix`` begins the codes, ``reply`` is what a server sends back, ``fewer`` ends the hint on
    a rate limit.
    """

    prefix: str
    reply: str
    fewer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Who was asked, and for what.

    ``key_name`` is the variable that a key is read from, None when there is none; ``secrets`` is
    empty when no key was sent; ``pull`` says that models are fetched with ``ollama pull``.
    """

    kind: Kind
    provider: str
    model: str
    host: str
    timeout_s: float
    key_name: str | None = None
    secrets: tuple[Secret, ...] = ()
    pull: bool = False


def unknown_model(target: Target, known: tuple[str, ...]) -> ProviderError:
    """The server does not have the model; the nearest of its own names are given."""
    near = get_close_matches(target.model, known, n=3, cutoff=0.4) or sorted(known)[:3]
    names = ", ".join(one_line(scrub(name, target.secrets), 60) for name in near)
    model = scrub(target.model, target.secrets)  # it may be the first of the server's own list
    hint = f"ollama pull {model}" if target.pull else "pass a model that the server lists"
    return ProviderError(
        f"{target.provider} does not know the model {model!r}",
        why=f"it has {names}" if names else f"{target.host} says so (404)",
        hint=hint if not names else f"{hint}; nearest there: {names}",
        code=f"{target.kind.prefix}_MODEL_UNKNOWN",
    )


def by_status(exchange: Exchange, target: Target) -> ProviderError:
    """Name the failure behind a status of 300 and more."""
    prefix = target.kind.prefix
    status = exchange.status or 0
    who, said = target.provider, said_by(exchange, target.secrets)
    key = target.key_name or "the key"
    quote = f"the server says: {said}" if said else f"{target.host} gave no reason"
    if status == 401:
        return ProviderError(
            f"{who} refused the key (401)" if target.secrets else f"{who} wants a key (401)",
            why=f"{target.host} does not accept {key}" if target.secrets else "none was sent",
            hint=f"set {key} to a valid key",
            code=f"{prefix}_KEY_REFUSED",
        )
    if status == 403:
        return ProviderError(
            f"{who} forbids this request (403)",
            why=quote,
            hint=f"check what {key} may use, and whether this network or country is allowed",
            code=f"{prefix}_KEY_REFUSED",
        )
    if _names_no_model(exchange, said):
        return unknown_model(target, ())
    if status == 404:
        return ProviderError(
            f"{target.host} has no such address (404)",
            why="the base URL does not lead to this provider's API",
            hint="check the base URL",
            code=f"{prefix}_NOT_FOUND",
        )
    if status == 429:
        wait = exchange.retry_after
        wait = (
            f"retry after {wait} s" if wait and wait.isdigit() else wait and f"retry after {wait}"
        )
        return ProviderError(
            f"{who} refused the request for its rate limit (429)",
            why="; ".join(part for part in (wait, said and f"the server says: {said}") if part)
            or "the server does not say for how long",
            hint=f"wait and run again{target.kind.fewer}",
            code=f"{prefix}_RATE_LIMIT",
        )
    if status < 400:
        return ProviderError(
            f"{who}'s address redirects ({status})",
            why=f"to {one_line(exchange.location or 'nowhere')}; redirects are not followed",
            hint="set the base URL to the final address",
            code=f"{prefix}_REDIRECT",
        )
    if status >= 500:
        return ProviderError(
            f"{who} failed ({status})",
            why=quote,
            hint="try again later; the provider's status page may say more",
            code=f"{prefix}_SERVER_ERROR",
        )
    return ProviderError(
        f"{who} refused the request ({status})",
        why=quote,
        hint="check the model's name and the base URL",
        code=f"{prefix}_REQUEST_REFUSED",
    )


def by_wire(
    chain: tuple[BaseException, ...], target: Target, *, stalled: ProviderError
) -> ProviderError | None:
    """Name the failure of a connection, None when the chain holds none.

    Args:
        chain: the exception and what led to it, see ``chain_of``.
        target: who was asked.
        stalled: the error for a server that went silent.
    """
    import httpx

    from echotrace.providers.wire import ReplyStoppedError

    def has(*kinds: type[BaseException]) -> BaseException | None:
        return next((item for item in chain if isinstance(item, kinds)), None)

    who, host, prefix = target.provider, target.host, target.kind.prefix
    start = "start it with `ollama serve`" if target.pull else "check the base URL and the network"
    proxy = f"{start}; proxies of the environment are not used"
    fault = has(ReplyStoppedError)
    if isinstance(fault, ReplyStoppedError):
        what = {"OFFLINE": f"{who} was not asked", "MALFORMED": f"{who}'s reply cannot be read"}
        return ProviderError(
            what.get(fault.code, f"{who}'s reply was stopped"),
            why=one_line(scrub(str(fault), target.secrets)),
            code=f"{prefix}_{fault.code}",
        )
    if has(socket.gaierror):
        return ProviderError(
            f"the name {host} could not be resolved",
            why="DNS gave no address",
            hint=proxy,
            code=f"{prefix}_DNS",
        )
    tls = has(ssl.SSLError)
    if isinstance(tls, ssl.SSLError):
        why = getattr(tls, "verify_message", "") or (tls.reason or "handshake failed")
        return ProviderError(
            f"no secure connection to {host}",
            why=one_line(f"TLS: {why.replace('_', ' ').lower()}"),
            hint="check the address and the clock; SSL_CERT_FILE names a private authority",
            code=f"{prefix}_TLS",
        )
    if has(ConnectionRefusedError):
        return ProviderError(
            f"nothing listens at {host}",
            why="the connection was refused",
            hint=proxy,
            code=f"{prefix}_CONNECTION_REFUSED",
        )
    if has(httpx.ConnectTimeout):
        return ProviderError(
            f"{host} did not accept a connection in time",
            why="the connection timed out",
            hint=proxy,
            code=f"{prefix}_CONNECT_TIMEOUT",
        )
    if has(httpx.ConnectError):
        return ProviderError(
            f"no connection to {host}",
            why="the network or the server is unreachable",
            hint=proxy,
            code=f"{prefix}_CONNECTION_FAILED",
        )
    if has(httpx.TimeoutException):
        return stalled
    if has(httpx.UnsupportedProtocol, httpx.LocalProtocolError):
        return ProviderError(
            f"no valid request to {host} could be made", code=f"{prefix}_BAD_REQUEST"
        )
    if has(httpx.RemoteProtocolError, httpx.NetworkError, OSError):
        return ProviderError(
            f"{who}'s {target.kind.reply} broke off",
            why=f"{host} closed the connection before the reply was complete, or spoke no HTTP",
            hint="try again; if it stays so, look at the server's log or a proxy in between",
            code=f"{prefix}_BROKEN_{target.kind.reply.upper()}",
        )
    return None


def said_by(exchange: Exchange, secrets: tuple[Secret, ...]) -> str:
    """Return what an error's body says, as one line without ``secrets``.

    They are taken out of what is returned, not only of the body: JSON can spell a key in ways that
    nobody would recognise before it is read.
    """
    body = exchange.body
    if "html" in exchange.content_type or body.lstrip()[:1] == "<":
        return "an HTML page"
    try:
        plain = json.loads(body)
    except (ValueError, RecursionError):
        return one_line(scrub(body, secrets))
    error = plain.get("error", plain) if isinstance(plain, dict) else plain
    message = error.get("message", error) if isinstance(error, dict) else error
    said = message if isinstance(message, str) else json.dumps(message)
    return one_line(scrub(said, secrets))


def _names_no_model(exchange: Exchange, said: str) -> bool:
    if exchange.status not in (400, 404):
        return False
    if "model_not_found" in exchange.body or "model_decommissioned" in exchange.body:
        return True
    return exchange.status == 404 and "model" in said.lower()


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception, those in its groups, its cause and its context, each once."""
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting:
        item = waiting.pop(0)
        if id(item) in seen:
            continue
        seen.add(id(item))
        yield item
        waiting += [
            *getattr(item, "exceptions", ()),
            *(other for other in (item.__cause__, item.__context__) if other is not None),
        ]
