"""A chat server over TLS (or without) whose every delay is set, and which stamps what it did.

It speaks the OpenAI protocol of streamed chat completions. All stamps are ``time.monotonic_ns()``,
which on Linux is the clock of ``time.perf_counter_ns()``; each is taken just before the bytes go
out or just after they have come.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import ssl
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ANSWER = ("Please ", "block ", "the ", "card. ", "Then ", "call ", "us.")
THOUGHT = ("The ", "caller ", "lost ", "it.")


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Delays in ms. ``tls_ms`` is waited before the handshake; the others count from the moment
    the request had come whole, except ``token_ms``, which is from one token to the next."""

    tls_ms: float = 50.0
    first_byte_ms: float = 200.0
    reasoning_ms: float | None = 300.0
    answer_ms: float = 500.0
    token_ms: float = 20.0
    end_ms: float = 0.0  # after the last token
    thought: tuple[str, ...] = THOUGHT
    answer: tuple[str, ...] = ANSWER
    reasoning_field: str = "reasoning"  # or reasoning_content
    close: bool = False  # the connection, after each reply, without saying so
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class Asked:
    """One request, and when what happened to it did; the reply's ``X-Request-Id`` is ``index``.

    ``accepted_ns`` and ``tls_ns`` are of its connection.
    """

    index: int
    connection: int
    accepted_ns: int
    tls_ns: int | None
    request_ns: int
    body: Any
    headers: dict[str, str]
    first_byte_ns: int = 0
    reasoning_ns: list[int] = field(default_factory=list)
    answer_ns: list[int] = field(default_factory=list)
    end_ns: int = 0


class TimedServer:
    """One server on 127.0.0.1; ``tls`` is the context of ``Authority.server_context``."""

    def __init__(self, timing: Timing | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self.timing = timing or Timing()
        self.asked: list[Asked] = []
        self.closed = threading.Semaphore(0)  # released once a connection has been closed here
        self._tls = tls
        self._stop = threading.Event()
        self._count = itertools.count()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> TimedServer:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for item in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                item.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in list(self._threads):
            thread.join(10)
            assert not thread.is_alive()

    def _start(self, work: Any, *args: Any) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        number = 0
        while not self._stop.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            number += 1
            self._sockets.append(client)
            self._start(self._serve, client, number, time.monotonic_ns())

    def _serve(self, raw: socket.socket, number: int, accepted_ns: int) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(self.closed.release)
            stack.enter_context(contextlib.suppress(OSError))
            client = stack.enter_context(raw)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            tls_ns = None
            if self._tls is not None:
                self._wait_until(accepted_ns, self.timing.tls_ms)
                client = stack.enter_context(self._tls.wrap_socket(client, server_side=True))
                tls_ns = time.monotonic_ns()
            reader = stack.enter_context(client.makefile("rb"))
            while not self._stop.is_set():
                head = _read(reader)
                if head is None:
                    return
                headers, body, request_ns = head
                asked = Asked(
                    index=next(self._count),
                    connection=number,
                    accepted_ns=accepted_ns,
                    tls_ns=tls_ns,
                    request_ns=request_ns,
                    body=body,
                    headers=headers,
                )
                self.asked.append(asked)
                self._answer(client, asked)
                if self.timing.close:
                    return

    def _answer(self, client: socket.socket, asked: Asked) -> None:
        timing, begun_ns = self.timing, asked.request_ns

        def send(stamps: list[int], data: bytes) -> None:
            stamps.append(time.monotonic_ns())
            client.sendall(_chunked(data))

        self._wait_until(begun_ns, timing.first_byte_ms)
        asked.first_byte_ns = time.monotonic_ns()
        head = _head((*timing.headers, ("X-Request-Id", str(asked.index))))
        client.sendall(head + _chunked(delta(role="assistant", content="")))
        if timing.reasoning_ms is not None:
            for at, word in enumerate(timing.thought):
                self._wait_until(begun_ns, timing.reasoning_ms + at * timing.token_ms)
                send(asked.reasoning_ns, delta(**{timing.reasoning_field: word}))
        last_ms = timing.answer_ms
        for at, word in enumerate(timing.answer):
            last_ms = timing.answer_ms + at * timing.token_ms
            self._wait_until(begun_ns, last_ms)
            send(asked.answer_ns, delta(content=word))
        self._wait_until(begun_ns, last_ms + timing.end_ms)
        tokens = len(asked.reasoning_ns) + len(asked.answer_ns)
        usage = {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": 9 + tokens}
        asked.end_ns = time.monotonic_ns()
        rest = chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}]) + chunk([], usage=usage)
        client.sendall(_chunked(rest + b"data: [DONE]\n\n") + b"0\r\n\r\n")

    def _wait_until(self, begun_ns: int, after_ms: float) -> None:
        left_s = (begun_ns - time.monotonic_ns()) / 1e9 + after_ms / 1e3
        if left_s > 0 and self._stop.wait(left_s):
            raise OSError("the server is being closed")


def _read(reader: Any) -> tuple[dict[str, str], Any, int] | None:
    """Return a request's headers, its JSON and the moment it was whole; None at the end."""
    if not reader.readline():
        return None
    headers = {}
    while text := reader.readline().decode("latin-1").strip():
        key, _, value = text.partition(":")
        headers[key.lower()] = value.strip()
    body = reader.read(int(headers.get("content-length", "0")))
    request_ns = time.monotonic_ns()
    return headers, json.loads(body) if body else None, request_ns


def _head(more: tuple[tuple[str, str], ...]) -> bytes:
    lines = ["HTTP/1.1 200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked"]
    lines += [f"{key}: {value}" for key, value in more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _chunked(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def delta(**fields: str) -> bytes:
    return chunk([{"index": 0, "delta": fields, "finish_reason": None}])


def chunk(choices: list[dict[str, Any]], **more: Any) -> bytes:
    document = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "test"}
    text = json.dumps({**document, "choices": choices, **more})
    return f"data: {text}\n\n".encode()


@dataclass(frozen=True)
class Authority:
    """A certificate authority of its own, and a certificate of it for this machine's loopback."""

    folder: Path

    @property
    def certificate(self) -> Path:
        """What ``SSL_CERT_FILE`` is to name."""
        return self.folder / "authority.pem"

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        return context


def make_authority(folder: Path) -> Authority:
    """Make the files with the program ``openssl``.

    They have the extensions that the strict checks of Python 3.13 and later want.
    """
    (folder / "authority.cnf").write_text(
        "[req]\ndistinguished_name = name\nx509_extensions = ca\nprompt = no\n"
        "[name]\nCN = A test's authority\n"
        "[ca]\nbasicConstraints = critical, CA:true\nkeyUsage = critical, keyCertSign\n"
        "subjectKeyIdentifier = hash\n"
        "[leaf]\nbasicConstraints = CA:false\nsubjectAltName = IP:127.0.0.1, DNS:localhost\n"
        "subjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n"
    )
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    signed = ("x509", "-req", "-in", "server.csr", "-days", "2", "-out", "server.pem")
    signed += ("-CA", "authority.pem", "-CAkey", "authority.key")
    request = ("req", "-config", "authority.cnf", *curve)
    for command in (
        (*request, "-x509", "-days", "2", "-keyout", "authority.key", "-out", "authority.pem"),
        (*request, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"),
        (*signed, "-extfile", "authority.cnf", "-extensions", "leaf", "-CAcreateserial"),
    ):
        subprocess.run(("openssl", *command), cwd=folder, check=True, capture_output=True)
    return Authority(folder)
