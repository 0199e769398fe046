"""Groq's transcription through its official SDK; the reply is read here, as every server's is."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from echotrace.config.paths import secrets_file
from echotrace.config.secrets import get_secret
from echotrace.errors import UsageError
from echotrace.providers.address import parse_address
from echotrace.providers.stt.openai import language_of
from echotrace.providers.stt.remote import MAX_REPLY_BYTES, Remote, RemoteClient, RemoteEngine

if TYPE_CHECKING:
    from typing_extensions import Self

    from echotrace.config.settings import Settings
    from echotrace.providers.address import Address
    from echotrace.providers.stt.upload import Upload

__all__ = ["GROQ_MODEL", "GROQ_URL", "GroqEngine"]

GROQ_URL: Final = "https://api.groq.com"
GROQ_MODEL: Final = "whisper-large-v3-turbo"


class GroqEngine(RemoteEngine):
    """One of Groq's Whisper models, or of a server that speaks as Groq does."""

    @classmethod
    def create(cls, model: str | None, settings: Settings) -> Self:
        """Make the engine from settings, environment and secrets; nothing is opened."""
        if model == "":
            raise UsageError(
                "'groq:' names no model", hint=f"--stt groq:{GROQ_MODEL}", code="UNKNOWN_MODEL"
            )
        environ = os.environ
        return cls(
            Remote(
                provider="groq",
                model=model or GROQ_MODEL,
                address=_address(settings),
                key=get_secret("GROQ_API_KEY", environ, secrets_file(environ).path),
                key_name="GROQ_API_KEY",
                key_needed=True,
                key_hint="set GROQ_API_KEY; https://console.groq.com/keys gives one",
                language=language_of(settings),
                timeout_s=settings.stt.timeout_s,
                offline=settings.offline,
            )
        )

    def _connect(self) -> RemoteClient:
        return _Client(self._remote)


class _Client(RemoteClient):
    def __init__(self, remote: Remote) -> None:
        import groq
        import httpx

        from echotrace.providers.wire import Wire, refused_address

        if remote.key is None:
            raise RuntimeError("the engine was not checked")
        self._remote = remote
        with refused_address("groq", remote.address):
            self.wire = Wire(
                timeout_s=remote.timeout_s,
                offline=remote.offline,
                tls=remote.address.url.startswith("https:"),
                secrets=(remote.key,),
                max_reply_bytes=MAX_REPLY_BYTES,
            )
            self._client = groq.AsyncGroq(
                api_key=remote.key.reveal(),
                # the SDK appends this path itself
                base_url=remote.address.url.removesuffix("/openai/v1"),
                max_retries=0,
                timeout=self.wire.timeout,
                http_client=httpx.AsyncClient(**self.wire.client_options()),
            )
        self.wire.guard_logs()
        # loads the SDK's part before any timing
        self._transcriptions = self._client.audio.transcriptions.with_raw_response

    async def transcribe(self, upload: Upload, *, plain: bool) -> bytes:
        options: dict[str, Any] = {}
        if self._remote.language is not None:
            options["language"] = self._remote.language
        if not plain:
            options["timestamp_granularities"] = ["word", "segment"]
        reply = await self._transcriptions.create(
            file=(upload.name, upload.body, "audio/flac"),
            model=self._remote.model,
            response_format="json" if plain else "verbose_json",
            temperature=0,
            **options,
        )
        return await reply.read()

    async def model_names(self) -> tuple[str, ...]:
        listed = await self._client.models.list()
        return tuple(str(item.id) for item in listed.data)

    async def close(self) -> None:
        await self._client.close()


def _address(settings: Settings) -> Address:
    """Return where Groq is.

    ``stt.base_url`` is Groq's only while no OpenAI-compatible engine is named beside it: that
    engine's server must not be sent Groq's key.
    """
    named = (settings.stt.engine, settings.stt.gold or "")
    if settings.stt.base_url and not any(name.partition(":")[0] == "openai" for name in named):
        return parse_address(settings.stt.base_url, origin="stt.base_url")
    if variable := os.environ.get("GROQ_BASE_URL", "").strip():
        return parse_address(variable, origin="GROQ_BASE_URL")
    return parse_address(GROQ_URL, origin="the default")
