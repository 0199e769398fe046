"""What a provider's failure means, in one readable line, a hint and a stable code.

The verdict rests on the exchange and on the chain of exceptions, not on the SDKs' own messages,
which differ between them and may quote what the server sent.
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
from echotrace.providers.llm.scrub import one_line, scrub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.providers.llm.base import Exchange

__all__ = [
    "Target",
    "broken_off",
    "empty_answer",
    "explain",
    "not_a_stream",
    "stalled",
    "unknown_model",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Who was asked: for the wording of failures.

    ``key_name`` is the variable that holds the key, None when there is no key; ``pull`` says that
    models are fetched with ``ollama pull``.
    """

    provider: str
    model: str
    host: str
    timeout_s: float
    key_name: str | None = None
    secrets: tuple[Secret, ...] = ()
    pull: bool = False


def explain(error: Exception, exchange: Exchange | None, target: Target) -> ProviderError:
    """Name the failure behind an exception of an SDK, of httpx, or of the wire."""
    if exchange is not None and exchange.status is not None and exchange.status >= 300:
        return _by_status(exchange, target)
    chain = tuple(_chain(error))
    if found := next((item for item in chain if isinstance(item, ProviderError)), None):
        return found
    return _by_wire(chain, target) or _by_stream(error, exchange, target)


def stalled(
    provider: str, host: str, *, limit_s: float, tokens: int = 0, first_ms: float | None = None
) -> ProviderError:
    """The provider went silent for longer than the limit."""
    if tokens and first_ms is not None:
        what = f"{provider} went silent after {tokens} {_tokens(tokens)}"
        why = f"the first came after {first_ms:.0f} ms; then none within {limit_s:g} s"
    else:
        what = f"{provider} sent no token within {limit_s:g} s"
        why = f"the request went to {host}, nothing usable came back in time"
    hint = "raise llm.timeout_s, or choose a smaller model; a cold model may need longer to load"
    return ProviderError(what, why=why, hint=hint, code="LLM_STALL")


def broken_off(target: Target, tokens: int) -> ProviderError:
    """The stream ended before the model had finished."""
    return ProviderError(
        f"{target.provider}'s stream broke off after {tokens} {_tokens(tokens)}",
        why=f"{target.host} ended the reply without saying that the answer is complete",
        hint="try again; if it stays so, look at the server's log or a proxy in between",
        code="LLM_BROKEN_STREAM",
    )


def empty_answer(provider: str, model: str) -> ProviderError:
    """The stream was complete and held no token."""
    return ProviderError(
        f"{provider} answered without a single token",
        why=f"the stream of model {model} ended at once",
        hint="try another model, or raise llm.max_tokens",
        code="LLM_EMPTY",
    )


def not_a_stream(target: Target, why: str) -> ProviderError:
    """The reply came in one piece, so there is no first token to time."""
    return ProviderError(
        f"{target.provider} did not stream",
        why=why,
        hint="check the base URL, and for a proxy that buffers replies or asks for a login",
        code="LLM_NOT_A_STREAM",
    )


def unknown_model(target: Target, known: tuple[str, ...]) -> ProviderError:
    """The server does not have the model; the nearest of its own names are given."""
    near = get_close_matches(target.model, known, n=3, cutoff=0.4) or sorted(known)[:3]
    names = ", ".join(one_line(name, 60) for name in near)
    hint = f"ollama pull {target.model}" if target.pull else "pass a model that the server lists"
    return ProviderError(
        f"{target.provider} does not know the model {target.model!r}",
        why=f"it has {names}" if names else f"{target.host} says so (404)",
        hint=hint if not names else f"{hint}; nearest there: {names}",
        code="LLM_MODEL_UNKNOWN",
    )


def _by_status(exchange: Exchange, target: Target) -> ProviderError:
    status = exchange.status or 0
    who, said = target.provider, _said(exchange)
    key = target.key_name or "the key"
    quote = f"the server says: {said}" if said else f"{target.host} gave no reason"
    if status == 401:
        return ProviderError(
            f"{who} refused the key (401)",
            why=f"{target.host} does not accept {key}" if target.key_name else "it wants a key",
            hint=f"set {target.key_name or 'the key'} to a valid key",
            code="LLM_KEY_REFUSED",
        )
    if status == 403:
        return ProviderError(
            f"{who} forbids this request (403)",
            why=quote,
            hint=f"check what {key} may use, and whether this network or country is allowed",
            code="LLM_KEY_REFUSED",
        )
    if _names_no_model(exchange, said):
        return unknown_model(target, ())
    if status == 404:
        return ProviderError(
            f"{target.host} has no such address (404)",
            why="the base URL does not lead to this provider's API",
            hint="check the base URL",
            code="LLM_NOT_FOUND",
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
            hint="wait and run again, or lower llm.probes",
            code="LLM_RATE_LIMIT",
        )
    if status < 400:
        return ProviderError(
            f"{who}'s address redirects ({status})",
            why=f"to {one_line(exchange.location or 'nowhere')}; redirects are not followed",
            hint="set the base URL to the final address",
            code="LLM_REDIRECT",
        )
    if status >= 500:
        return ProviderError(
            f"{who} failed ({status})",
            why=quote,
            hint="try again later; the provider's status page may say more",
            code="LLM_SERVER_ERROR",
        )
    return ProviderError(
        f"{who} refused the request ({status})",
        why=quote,
        hint="check the model's name and the base URL",
        code="LLM_REQUEST_REFUSED",
    )


def _by_wire(chain: tuple[BaseException, ...], target: Target) -> ProviderError | None:
    import httpx

    from echotrace.providers.llm.wire import ReplyStoppedError

    def has(*kinds: type[BaseException]) -> BaseException | None:
        return next((item for item in chain if isinstance(item, kinds)), None)

    who, host = target.provider, target.host
    start = "start it with `ollama serve`" if target.pull else "check the base URL and the network"
    proxy = f"{start}; proxies of the environment are not used"
    fault = has(ReplyStoppedError)
    if isinstance(fault, ReplyStoppedError):
        if fault.code == "LLM_NOT_A_STREAM":
            return not_a_stream(target, str(fault))
        return ProviderError(f"{who}'s reply was stopped", why=str(fault), code=fault.code)
    if has(socket.gaierror):
        return ProviderError(
            f"the name {host} could not be resolved",
            why="DNS gave no address",
            hint=proxy,
            code="LLM_DNS",
        )
    tls = has(ssl.SSLError)
    if isinstance(tls, ssl.SSLError):
        why = getattr(tls, "verify_message", "") or (tls.reason or "handshake failed")
        return ProviderError(
            f"no secure connection to {host}",
            why=one_line(f"TLS: {why.replace('_', ' ').lower()}"),
            hint="check the address and the clock; SSL_CERT_FILE names a private authority",
            code="LLM_TLS",
        )
    if has(ConnectionRefusedError):
        return ProviderError(
            f"nothing listens at {host}",
            why="the connection was refused",
            hint=proxy,
            code="LLM_CONNECTION_REFUSED",
        )
    if has(httpx.ConnectTimeout):
        return ProviderError(
            f"{host} did not accept a connection in time",
            why="the connection timed out",
            hint=proxy,
            code="LLM_CONNECT_TIMEOUT",
        )
    if has(httpx.ConnectError):
        return ProviderError(
            f"no connection to {host}",
            why="the network or the server is unreachable",
            hint=proxy,
            code="LLM_CONNECTION_FAILED",
        )
    if has(httpx.TimeoutException):
        return stalled(who, host, limit_s=target.timeout_s)
    if has(httpx.UnsupportedProtocol, httpx.LocalProtocolError):
        return ProviderError(f"no valid request to {host} could be made", code="LLM_BAD_REQUEST")
    if has(httpx.RemoteProtocolError, httpx.NetworkError, OSError):
        return ProviderError(
            f"{who}'s stream broke off",
            why=f"{host} closed the connection before the reply was complete, or spoke no HTTP",
            hint="try again; if it stays so, look at the server's log or a proxy in between",
            code="LLM_BROKEN_STREAM",
        )
    return None


def _by_stream(error: Exception, exchange: Exchange | None, target: Target) -> ProviderError:
    if exchange is None or exchange.sent_ns is None:
        return ProviderError(
            f"no connection to {target.host}",
            why=f"the request could not be sent ({type(error).__name__})",
            hint="check the base URL",
            code="LLM_CONNECTION_FAILED",
        )
    kind = exchange.content_type
    if kind == "application/json" and isinstance(error, ValueError) and target.pull:
        return not_a_stream(target, "the server answered with one JSON document")
    if type(error).__name__ in ("APIError", "GroqError", "ResponseError"):
        said = one_line(scrub(str(error), target.secrets))
        return ProviderError(
            f"{target.provider} reported an error inside the stream",
            why=f"the server says: {said}" if said else "",
            hint="try again, or another model",
            code="LLM_STREAM_ERROR",
        )
    return ProviderError(
        f"{target.provider}'s stream cannot be read",
        why=f"{target.host} sent what is no valid event ({type(error).__name__})",
        hint="check that the base URL leads to this provider's API",
        code="LLM_MALFORMED",
    )


def _tokens(count: int) -> str:
    return "token" if count == 1 else "tokens"


def _said(exchange: Exchange) -> str:
    body = exchange.body
    if "html" in exchange.content_type or body.lstrip()[:1] == "<":
        return "an HTML page"
    try:
        plain = json.loads(body)
    except (ValueError, RecursionError):
        return one_line(body)
    error = plain.get("error", plain) if isinstance(plain, dict) else plain
    message = error.get("message", error) if isinstance(error, dict) else error
    return one_line(message if isinstance(message, str) else json.dumps(message))


def _names_no_model(exchange: Exchange, said: str) -> bool:
    if exchange.status not in (400, 404):
        return False
    if "model_not_found" in exchange.body or "model_decommissioned" in exchange.body:
        return True
    return exchange.status == 404 and "model" in said.lower()


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception, those in its groups, its cause and its context, each once."""
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
