"""Any server that speaks OpenAI's ``/v1/audio/speech``: the vendor's, or one's own.

The request is made here, by httpx: the vendor's SDK would be a dependency for one JSON document.
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from echotrace.errors import UsageError
from echotrace.providers.openai_api import (
    OPENAI_KEY,
    base_of,
    is_vendor,
    openai_address,
    openai_key,
)
from echotrace.providers.tts.base import PcmFormat
from echotrace.providers.tts.http import HttpSpeech, SpeechClient, SpeechServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from typing_extensions import Self

    from echotrace.config.settings import Settings

__all__ = ["OPENAI_MODEL", "OWN_MODEL", "OpenAiSpeech"]

OPENAI_MODEL: Final = "gpt-4o-mini-tts"
OWN_MODEL: Final = "tts-1"
"""What servers of one's own take for their only model, whatever it is."""
OPENAI_VOICE: Final = "alloy"
OPENAI_PCM: Final = PcmFormat(sample_rate_hz=24_000)
"""The vendor's ``pcm``: 24 kHz, 16 bits, little-endian, one channel, no header."""
_PATH: Final = "/audio/speech"


class OpenAiSpeech(HttpSpeech):
    """A model behind an OpenAI-compatible address.

    The address is ``tts.base_url``, else ``OPENAI_BASE_URL``, else the vendor's; a server of this
    machine needs no key.
    """

    @classmethod
    def create(cls, model: str | None, settings: Settings) -> Self:
        """Make the provider from settings, environment and secrets; nothing is opened."""
        if model == "":
            raise UsageError(
                "'openai:' names no model",
                hint=f"--tts openai:{OPENAI_MODEL}",
                code="UNKNOWN_MODEL",
            )
        address = openai_address(settings.tts.base_url, origin="tts.base_url", environ=os.environ)
        return cls(
            SpeechServer(
                provider="openai",
                model=model or (OPENAI_MODEL if is_vendor(address) else OWN_MODEL),
                voice=settings.tts.voice or OPENAI_VOICE,
                format=settings.tts.format,
                pcm=OPENAI_PCM if settings.tts.format == "pcm" else None,
                address=address,
                key=openai_key(os.environ),
                key_name=OPENAI_KEY,
                key_needed=not address.loopback,
                key_hint="set OPENAI_API_KEY, or tts.base_url to a server that needs none",
                timeout_s=settings.tts.timeout_s,
                offline=settings.offline,
            )
        )

    def _connect(self) -> SpeechClient:
        return _Client(self._server)


class _Client(SpeechClient):
    def open(self) -> None:
        import httpx

        self._base = base_of(self.server.address.url, _PATH)
        self._headers = {"accept": "audio/*, application/json"}
        if self.server.key is not None:
            self._headers["authorization"] = f"Bearer {self.server.key.reveal()}"
        self._http = httpx.AsyncClient(**self.wire.client_options())
        httpx.URL(self._base)

    @asynccontextmanager
    async def speak(self, text: str) -> AsyncIterator[AsyncIterator[bytes]]:
        server = self.server
        document = {
            "model": server.model,
            "input": text,
            "voice": server.voice,
            "response_format": server.format,
        }
        async with self._http.stream(
            "POST", self._base + _PATH, json=document, headers=self._headers
        ) as reply:
            reply.raise_for_status()
            yield reply.aiter_bytes()

    async def model_names(self) -> tuple[str, ...]:
        reply = await self._http.get(self._base + "/models", headers=self._headers)
        reply.raise_for_status()
        return tuple(str(item["id"]) for item in reply.json()["data"])

    async def aclose(self) -> None:
        await self._http.aclose()
