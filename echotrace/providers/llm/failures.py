"""What the failure of a language model's provider means; see ``echotrace.providers.failures``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from echotrace.errors import ProviderError
from echotrace.providers.failures import Kind, Target, by_status, by_wire, chain_of
from echotrace.providers.scrub import one_line, scrub

if TYPE_CHECKING:
    from echotrace.providers.exchange import Exchange

__all__ = [
    "LLM",
    "broken_off",
    "empty_answer",
    "error_instead",
    "explain",
    "not_a_stream",
    "stalled",
]

LLM: Final = Kind(prefix="LLM", reply="stream", fewer=", or lower llm.probes")


def explain(error: Exception, exchange: Exchange | None, target: Target) -> ProviderError:
    """Name the failure behind an exception of an SDK, of httpx, or of the wire."""
    if exchange is not None and exchange.status is not None and exchange.status >= 300:
        return by_status(exchange, target)
    chain = tuple(chain_of(error))
    if found := next((item for item in chain if isinstance(item, ProviderError)), None):
        return found
    silent = stalled(target.provider, target.host, limit_s=target.timeout_s)
    found = by_wire(chain, target, stalled=silent)
    if found is None:
        return _by_stream(error, exchange, target)
    return not_a_stream(target, found.why) if found.code == "LLM_HTML" else found


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


def error_instead(target: Target, said: str) -> ProviderError:
    """The reply was one document that reports an error, although its status was a good one."""
    return _reported(target, said, "instead of a stream")


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
    if type(error).__name__ in ("APIError", "GroqError", "ResponseError", "StreamError"):
        return _reported(target, str(error), "inside the stream")
    return ProviderError(
        f"{target.provider}'s stream cannot be read",
        why=f"{target.host} sent what is no valid event ({type(error).__name__})",
        hint="check that the base URL leads to this provider's API",
        code="LLM_MALFORMED",
    )


def _reported(target: Target, text: str, where: str) -> ProviderError:
    said = one_line(scrub(text, target.secrets))
    return ProviderError(
        f"{target.provider} reported an error {where}",
        why=f"the server says: {said}" if said else "",
        hint="try again, or another model",
        code="LLM_STREAM_ERROR",
    )


def _tokens(count: int) -> str:
    return "token" if count == 1 else "tokens"
