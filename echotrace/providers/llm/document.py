"""A reply that is one document where a stream was asked for: an error, or an answer all at once."""

from __future__ import annotations

import json
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Final

import anyio
import httpx

from echotrace.providers.llm.chunks import error_in
from echotrace.providers.llm.failures import error_instead, not_a_stream
from echotrace.providers.wire import ReplyStoppedError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from echotrace.errors import ProviderError
    from echotrace.providers.failures import Target

__all__ = ["document_error"]

_MAX_BYTES: Final = 64 << 10
_LIMIT_S: Final = 1.0


async def document_error(
    pieces: AsyncGenerator[bytes, None], target: Target, why: str, begun: bytes = b""
) -> ProviderError:
    """Return what is wrong with a reply that is one document, with the error that it reports.

    Some servers and routers send an error with the status 200. Its words are worth more than that
    it was no stream. The document gets a second and 64 KiB, for it can only explain a failure.

    Args:
        pieces: the rest of the reply; it is closed.
        target: who was asked.
        why: what to say of a document that reports no error.
        begun: what of it was read already.
    """
    document = bytearray(begun)
    with suppress(httpx.HTTPError, httpx.StreamError, ReplyStoppedError):
        with anyio.move_on_after(_LIMIT_S):
            async with aclosing(pieces):
                async for piece in pieces:
                    document += piece
                    if len(document) > _MAX_BYTES:
                        break
    said = None
    with suppress(ValueError, RecursionError):
        said = error_in(json.loads(document))
    return not_a_stream(target, why) if said is None else error_instead(target, said)
