"""What every part that speaks OpenAI's HTTP API has in common: the address, the key, the path.

An address is the user's, else that of ``OPENAI_BASE_URL``, else the vendor's. A server of this
machine needs no key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from echotrace.config.paths import secrets_file
from echotrace.config.secrets import get_secret
from echotrace.providers.address import parse_address
from echotrace.providers.failures import said_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from echotrace.config.secrets import Secret
    from echotrace.providers.address import Address
    from echotrace.providers.exchange import Exchange

__all__ = [
    "OPENAI_KEY",
    "OPENAI_URL",
    "base_of",
    "is_vendor",
    "named_in_refusal",
    "openai_address",
    "openai_key",
]

OPENAI_URL: Final = "https://api.openai.com/v1"
OPENAI_KEY: Final = "OPENAI_API_KEY"
_HOST: Final = "api.openai.com"
_REFUSALS: Final = (400, 422)


def openai_address(base_url: str | None, *, origin: str, environ: Mapping[str, str]) -> Address:
    """Return where the server is.

    Args:
        base_url: the user's setting, None when there is none.
        origin: the setting's name, for the message.
        environ: may hold ``OPENAI_BASE_URL``.

    Raises:
        ConfigError: what was given is no address.
    """
    if base_url:
        return parse_address(base_url, origin=origin)
    if variable := environ.get("OPENAI_BASE_URL", "").strip():
        return parse_address(variable, origin="OPENAI_BASE_URL")
    return parse_address(OPENAI_URL, origin="the default")


def openai_key(environ: Mapping[str, str]) -> Secret | None:
    """Return ``OPENAI_API_KEY`` of the environment, else of the stored secrets.

    Raises:
        ConfigError: the file of secrets cannot be used.
    """
    return get_secret(OPENAI_KEY, environ, secrets_file(environ).path)


def is_vendor(address: Address) -> bool:
    """Whether this is OpenAI itself, whose models and limits are known by name."""
    return address.host == _HOST


def base_of(url: str, path: str) -> str:
    """Return what precedes ``path`` (such as ``/chat/completions``); a bare host gets ``/v1``."""
    url = url.removesuffix(path)
    return url if urlsplit(url).path else f"{url}/v1"


def named_in_refusal(exchange: Exchange, names: Iterable[str]) -> tuple[str, ...]:
    """Return which of the ``names`` a server names in a refusal (400 or 422) of a request."""
    if exchange.status not in _REFUSALS:
        return ()
    text = said_by(exchange, ()) + exchange.body  # only compared, and shown to nobody
    return tuple(name for name in names if name in text)
