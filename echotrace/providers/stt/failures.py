"""What the failure of a transcription server means; see ``echotrace.providers.failures``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from echotrace.errors import ProviderError
from echotrace.providers.failures import Kind, Target, by_status, by_wire, chain_of, said_by

if TYPE_CHECKING:
    from echotrace.providers.exchange import Exchange

__all__ = ["STT", "bad_reply", "explain", "stalled"]

STT: Final = Kind(prefix="STT", reply="reply")


def explain(
    error: Exception, exchange: Exchange | None, target: Target, *, sent_bytes: int
) -> ProviderError:
    """Name the failure behind an exception of an SDK, of httpx, or of the wire.

    Args:
        error: what was raised.
        exchange: the latest exchange, None when none was begun.
        target: who was asked.
        sent_bytes: how large the audio was, for a server that finds it too large.
    """
    if exchange is not None and exchange.status == 413:
        return _too_large(exchange, target, sent_bytes)
    if exchange is not None and exchange.status is not None and exchange.status >= 300:
        return by_status(exchange, target)
    chain = tuple(chain_of(error))
    known = next((item for item in chain if isinstance(item, ProviderError)), None)
    if known is not None:
        return known
    found = by_wire(chain, target, stalled=stalled(target))
    if found is None:
        return _unreadable(error, exchange, target)
    if found.code == "STT_HTML":
        return bad_reply(target, found.why, code="STT_NOT_JSON")
    return found


def stalled(target: Target) -> ProviderError:
    """The server did not finish its reply in time."""
    return ProviderError(
        f"{target.provider} gave no transcript within {target.timeout_s:g} s",
        why=f"the audio went to {target.host}, no whole reply came back in time",
        hint="raise stt.timeout_s; a cold server may need longer to load its model",
        code="STT_STALL",
    )


def bad_reply(target: Target, why: str, *, code: str = "STT_MALFORMED") -> ProviderError:
    """The reply came whole and holds no transcript that can be trusted."""
    return ProviderError(
        f"{target.provider}'s reply holds no transcript",
        why=why,
        hint="check that the base URL leads to a server with /v1/audio/transcriptions, "
        "and for a proxy that asks for a login",
        code=code,
    )


def _too_large(exchange: Exchange, target: Target, sent_bytes: int) -> ProviderError:
    said = said_by(exchange, target.secrets)
    return ProviderError(
        f"{target.provider} finds {sent_bytes / 1e6:.2f} MB of audio too large (413)",
        why=f"the server says: {said}" if said else f"{target.host} does not tell its limit",
        hint="raise the limit of the server or of a proxy before it",
        code="STT_TOO_LARGE",
    )


def _unreadable(error: Exception, exchange: Exchange | None, target: Target) -> ProviderError:
    if exchange is None or exchange.sent_ns is None:
        return ProviderError(
            f"no connection to {target.host}",
            why=f"the request could not be sent ({type(error).__name__})",
            hint="check the base URL",
            code="STT_CONNECTION_FAILED",
        )
    return bad_reply(target, f"{target.host} sent what cannot be read ({type(error).__name__})")
