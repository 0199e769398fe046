import shutil

import httpx
import pytest

from echotrace.providers.wire import SSE_ENDS, Wire
from tests.fakes.timed_server import make_authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def trusted(authority, monkeypatch):
    """The authority's certificate is what the wires of this test trust."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    return authority


class Asker:
    """A bare client on a wire of its own."""

    def __init__(self, url, **more):
        options = {"timeout_s": 10.0, "offline": False, "secrets": (), "ends": SSE_ENDS, **more}
        self.wire = Wire(tls=url.startswith("https:"), **options)
        self.client = httpx.AsyncClient(**self.wire.client_options())
        self.url = f"{url}/v1/chat/completions"

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.client.aclose()

    async def read(self):
        """Ask once; return the exchange and each line with the moment its bytes came."""
        async with self.client.stream("POST", self.url, json={"stream": True}) as reply:
            exchange = self.wire.exchange
            lines = [(exchange.received_ns, line) async for line in reply.aiter_lines()]
        return exchange, lines


@pytest.fixture
def asker():
    return Asker
