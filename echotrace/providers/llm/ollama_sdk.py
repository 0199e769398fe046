"""The Ollama SDK, loaded out of reach of variables that it reads at import and we do not use.

It makes a client of its own when it is imported, from the proxies, certificates and host of the
environment: a SOCKS proxy without its package, or a host that is none, would end the run before our
own client, which uses none of them, is made.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ollama"]

_READ_AT_IMPORT: Final = frozenset(
    (
        "all_proxy",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "ssl_cert_file",
        "ssl_cert_dir",
        "ollama_host",
        "ollama_api_key",
    )
)


@contextmanager
def _without_variables() -> Iterator[None]:
    kept = {name: os.environ[name] for name in os.environ if name.lower() in _READ_AT_IMPORT}
    for name in kept:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(kept)


with _without_variables():
    import ollama
