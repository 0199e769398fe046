"""Is an Ollama running, and which models does it have: one short question to its address."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from echotrace.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echotrace.config.settings import Settings

__all__ = ["OllamaFound", "look_for_ollama"]

_LIMIT_S = 1.0
_MOST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class OllamaFound:
    """``problem`` is why there is nothing to choose, in a few words; empty when there is."""

    address: str
    running: bool = False
    models: tuple[str, ...] = ()
    problem: str = ""
    hint: str = ""


def look_for_ollama(settings: Settings, environ: Mapping[str, str]) -> OllamaFound:
    """Ask the address that a run would use for its list of models.

    Never raises: whatever is wrong is the ``problem``. Offline, only this machine is asked.
    """
    from dataclasses import replace

    from echotrace.providers.llm.access import access

    chosen = (settings.llm.provider or "").partition(":")[0]
    if chosen not in ("", "ollama"):  # the address is of another provider
        settings = replace(settings, llm=replace(settings.llm, base_url=None))
    try:
        found = access("ollama", settings, None, environ)
    except ConfigError as error:
        return OllamaFound(address="", problem=error.what, hint=error.hint)
    address, blocked = found.address, found.blocked
    if blocked is not None:
        return OllamaFound(address=address.shown, problem=f"not asked: {blocked.why}")
    headers = {} if found.key is None else {"authorization": f"Bearer {found.key.reveal()}"}
    problem, body = _get(f"{address.url}/api/tags", headers, loopback=address.loopback)
    if problem:
        hint = "ollama serve" if address.loopback else "check OLLAMA_HOST"
        return OllamaFound(address=address.shown, problem=problem, hint=hint)
    models = _models(body)
    if models is None:
        return OllamaFound(
            address=address.shown,
            problem="something answers there, but not like Ollama",
            hint="check OLLAMA_HOST and llm.base_url",
        )
    return OllamaFound(
        address=address.shown,
        running=True,
        models=models,
        problem="" if models else "running, without a model",
        hint="" if models else "ollama pull llama3.2:1b",
    )


def _get(url: str, headers: dict[str, str], *, loopback: bool) -> tuple[str, bytes]:
    """Return what is wrong or nothing, and the body."""
    import httpx

    body = bytearray()
    try:
        with (
            httpx.Client(timeout=_LIMIT_S, trust_env=not loopback) as client,
            client.stream("GET", url, headers=headers) as reply,
        ):
            for part in reply.iter_bytes():
                body += part
                if len(body) > _MOST_BYTES:
                    return "its list of models is too long", b""
            if reply.status_code != 200:
                return f"it answers with status {reply.status_code}", b""
    except httpx.TimeoutException:
        return f"no answer within {_LIMIT_S:g} s", b""
    except httpx.ConnectError:
        return "not running", b""
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
        return f"not reachable ({type(error).__name__})", b""
    return "", bytes(body)


def _models(body: bytes) -> tuple[str, ...] | None:
    try:
        listed = json.loads(body)["models"]
        names = [item.get("model") or item.get("name") for item in listed]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    usable = (name for name in names if isinstance(name, str) and 0 < len(name) <= 200)
    return tuple(dict.fromkeys(name for name in usable if name.isprintable() and name.strip()))
