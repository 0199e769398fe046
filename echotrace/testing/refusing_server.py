"""A server of this machine that refuses every request and repeats all that it was sent.

Servers echo keys in their errors, whole and in part. With this one a test sees whether a plug-in
lets them through.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["RefusingServer"]

_MOST_BYTES = 1 << 20


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._refuse()

    def do_POST(self) -> None:
        self._refuse()

    def do_PUT(self) -> None:
        self._refuse()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name of the base
        """Print nothing."""

    def _refuse(self) -> None:
        self.server.asked += 1
        length = self.headers.get("content-length", "0")
        body = self.rfile.read(min(int(length), _MOST_BYTES) if length.isdigit() else 0)
        headers = dict(self.headers.items())
        halves = [value[: len(value) // 2 + 8] for value in headers.values()]
        said = f"refused: {json.dumps([self.path, headers, halves])} {body[:2000]!r}"
        reply = json.dumps({"error": {"message": said, "type": "refused"}}).encode()
        self.send_response(401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(reply)))
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(reply)
        self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    asked = 0


class RefusingServer:
    """A context manager; ``url`` is its address, ``asked`` counts the requests.

    It answers every request with 401 and a JSON error whose message holds the path, every header
    whole and its first half, and the body.
    """

    def __init__(self) -> None:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    @property
    def url(self) -> str:
        """Such as ``http://127.0.0.1:41234``."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def asked(self) -> int:
        """How many requests came."""
        return self._server.asked

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
