"""Any server that speaks OpenAI's ``/v1/audio/transcriptions``: the vendor's, or one's own.

The request is made here, by httpx: the vendor's SDK would be a dependency for one multipart form.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from echotrace.errors import UsageError
from echotrace.providers.openai_api import (
    OPENAI_KEY,
    base_of,
    named_in_refusal,
    openai_address,
    openai_key,
)
from echotrace.providers.stt.remote import MAX_REPLY_BYTES, Remote, RemoteClient, RemoteEngine

if TYPE_CHECKING:
    from typing_extensions import Self

    from echotrace.config.settings import Settings
    from echotrace.providers.exchange import Exchange
    from echotrace.providers.stt.upload import Upload

__all__ = ["OPENAI_MODEL", "OpenAiEngine", "language_of"]

OPENAI_MODEL: Final = "whisper-1"
_TIMES: Final = ("response_format", "timestamp_granularities", "verbose_json")
_PATH: Final = "/audio/transcriptions"


class OpenAiEngine(RemoteEngine):
    """A model behind an OpenAI-compatible address.

    The address is ``stt.base_url``, else ``OPENAI_BASE_URL``, else the vendor's; a server of this
    machine needs no key.
    """

    @classmethod
    def create(cls, model: str | None, settings: Settings) -> Self:
        """Make the engine from settings, environment and secrets; nothing is opened."""
        if model == "":
            raise UsageError(
                "'openai:' names no model", hint="--stt openai:whisper-1", code="UNKNOWN_MODEL"
            )
        environ = os.environ
        address = openai_address(settings.stt.base_url, origin="stt.base_url", environ=environ)
        return cls(
            Remote(
                provider="openai",
                model=model or OPENAI_MODEL,
                address=address,
                key=openai_key(environ),
                key_name=OPENAI_KEY,
                key_needed=not address.loopback,
                key_hint="set OPENAI_API_KEY, or stt.base_url to a server that needs none",
                language=language_of(settings),
                timeout_s=settings.stt.timeout_s,
                offline=settings.offline,
            )
        )

    @property
    def times_expected(self) -> bool:  # type: ignore[override]  # depends on the model here
        """Whether the model can give times; the gpt-4o family gives the text alone."""
        name = self._remote.model.lower()
        return not (name.startswith("gpt-4o") and "transcribe" in name)

    def _connect(self) -> RemoteClient:
        return _Client(self._remote)


class _Client(RemoteClient):
    def __init__(self, remote: Remote) -> None:
        import httpx

        from echotrace.providers.wire import Wire, refused_address

        self._remote = remote
        self._base = base_of(remote.address.url, _PATH)
        self._headers = {"accept": "application/json"}
        if remote.key is not None:
            self._headers["authorization"] = f"Bearer {remote.key.reveal()}"
        with refused_address("openai", remote.address):
            self.wire = Wire(
                timeout_s=remote.timeout_s,
                offline=remote.offline,
                tls=remote.address.url.startswith("https:"),
                secrets=(remote.key,) if remote.key else (),
                max_reply_bytes=MAX_REPLY_BYTES,
            )
            self._client = httpx.AsyncClient(**self.wire.client_options())
            httpx.URL(self._base)

    async def transcribe(self, upload: Upload, *, plain: bool) -> bytes:
        fields: dict[str, Any] = {
            "model": self._remote.model,
            "temperature": "0",
            "response_format": "json" if plain else "verbose_json",
        }
        if self._remote.language is not None:
            fields["language"] = self._remote.language
        if not plain:
            fields["timestamp_granularities[]"] = ["word", "segment"]
        reply = await self._client.post(
            self._base + _PATH,
            data=fields,
            files={"file": (upload.name, upload.body, "audio/flac")},
            headers=self._headers,
        )
        reply.raise_for_status()
        return bytes(reply.content)

    async def model_names(self) -> tuple[str, ...]:
        reply = await self._client.get(self._base + "/models", headers=self._headers)
        reply.raise_for_status()
        return tuple(str(item["id"]) for item in reply.json()["data"])

    async def close(self) -> None:
        await self._client.aclose()

    def refuses_times(self, exchange: Exchange) -> bool:
        return bool(named_in_refusal(exchange, _TIMES))


def language_of(settings: Settings) -> str | None:
    """Return the code that a server is told, None to let it guess."""
    language = settings.stt.language.replace("_", "-").partition("-")[0].lower()
    return None if language == "auto" else language
