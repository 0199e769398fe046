"""Groq's speech synthesis through its official SDK, streamed.

Retries are off, because a repeated request would hide the failure and distort the time.
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from echotrace.config.paths import secrets_file
from echotrace.config.secrets import get_secret
from echotrace.errors import UsageError
from echotrace.providers.address import parse_address
from echotrace.providers.tts.http import HttpSpeech, SpeechClient, SpeechServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from typing_extensions import Self

    from echotrace.config.settings import Settings

__all__ = ["GROQ_MODEL", "GROQ_URL", "GroqSpeech"]

GROQ_URL: Final = "https://api.groq.com"
GROQ_MODEL: Final = "canopylabs/orpheus-v1-english"
GROQ_VOICE: Final = "hannah"
"""One of autumn, diana, hannah, austin, daniel and troy."""
ARABIC_VOICE: Final = "noura"
"""One of those of ``canopylabs/orpheus-arabic-saudi``."""
_FORMAT: Final = "wav"


class GroqSpeech(HttpSpeech):
    """One of Groq's speech models, or of a server that speaks as Groq does."""

    @classmethod
    def create(cls, model: str | None, settings: Settings) -> Self:
        """Make the provider from settings, environment and secrets; nothing is opened."""
        if model == "":
            raise UsageError(
                "'groq:' names no model", hint=f"--tts groq:{GROQ_MODEL}", code="UNKNOWN_MODEL"
            )
        if settings.tts.format != _FORMAT:
            raise UsageError(
                f"groq makes no {settings.tts.format}",
                why="its speech models give WAV alone",
                hint="set tts.format to wav, or leave it out",
                code="TTS_FORMAT",
            )
        environ = os.environ
        if settings.tts.base_url:
            address = parse_address(settings.tts.base_url, origin="tts.base_url")
        elif variable := environ.get("GROQ_BASE_URL", "").strip():
            address = parse_address(variable, origin="GROQ_BASE_URL")
        else:
            address = parse_address(GROQ_URL, origin="the default")
        model = model or GROQ_MODEL
        return cls(
            SpeechServer(
                provider="groq",
                model=model,
                voice=settings.tts.voice or (ARABIC_VOICE if "arabic" in model else GROQ_VOICE),
                format=_FORMAT,
                pcm=None,
                address=address,
                key=get_secret("GROQ_API_KEY", environ, secrets_file(environ).path),
                key_name="GROQ_API_KEY",
                key_needed=True,
                key_hint="set GROQ_API_KEY; https://console.groq.com/keys gives one",
                timeout_s=settings.tts.timeout_s,
                offline=settings.offline,
            )
        )

    def _connect(self) -> SpeechClient:
        return _Client(self._server)


class _Client(SpeechClient):
    def open(self) -> None:
        import groq
        import httpx

        server = self.server
        if server.key is None:
            raise RuntimeError("the provider was not checked")
        self._sdk = groq.AsyncGroq(
            api_key=server.key.reveal(),
            # the SDK appends this path itself
            base_url=server.address.url.removesuffix("/openai/v1"),
            max_retries=0,
            timeout=self.wire.timeout,
            http_client=httpx.AsyncClient(**self.wire.client_options()),
        )
        # loads the SDK's part before any timing
        self._speech = self._sdk.audio.speech.with_streaming_response

    @asynccontextmanager
    async def speak(self, text: str) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self._speech.create(
            model=self.server.model,
            voice=self.server.voice,
            input=text,
            response_format=_FORMAT,
        ) as reply:
            yield reply.iter_bytes()

    async def model_names(self) -> tuple[str, ...]:
        listed = await self._sdk.models.list()
        return tuple(str(item.id) for item in listed.data)

    async def aclose(self) -> None:
        await self._sdk.close()
