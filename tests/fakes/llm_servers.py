"""Local servers that speak Groq's, OpenAI's and Ollama's streaming protocols byte by byte.

A reply is a list of steps that the test writes, so that every fault a real server or a proxy can
have is sent over a real socket. Each step is stamped with CLOCK_MONOTONIC before it is sent.
"""

from __future__ import annotations

import contextlib
import functools
import json
import socket
import threading
import time
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


CHATS = ("/openai/v1/chat/completions", "/v1/chat/completions", "/api/chat")
LISTINGS = ("/openai/v1/models", "/v1/models", "/api/tags")


@dataclass(frozen=True)
class Pause:
    """Wait before the next step; the server's closing ends it early."""

    seconds: float


@dataclass(frozen=True)
class Stall:
    """Send nothing more until the server is closed."""


@dataclass(frozen=True)
class Drop:
    """Close the connection at once."""


Step = bytes | Pause | Stall | Drop


@dataclass(frozen=True, kw_only=True)
class Reply:
    steps: tuple[Step, ...] = ()
    status: int = 200
    reason: str = "OK"
    content_type: str | None = "text/event-stream"
    headers: tuple[tuple[str, str], ...] = ()
    framing: str = "chunked"  # chunked | length | close
    http: str = "HTTP/1.1"
    gzip: bool = False
    raw: bytes | None = None  # sent instead of an HTTP reply
    before_headers: tuple[Step, ...] = ()


@dataclass
class Seen:
    """One chat request as the server saw it; all ``*_ns`` are ``time.monotonic_ns()``."""

    index: int
    path: str
    headers: dict[str, str]
    body: Any
    connection: int
    received_ns: int
    first_byte_ns: int = 0
    step_ns: list[int] = field(default_factory=list)


class LlmServer:
    """One server on 127.0.0.1; ``answer`` gets each chat request and says what to send."""

    def __init__(
        self,
        answer: Callable[[Seen], Reply],
        *,
        models: tuple[str, ...] = (),
        tls: Any = None,
    ) -> None:
        self._answer = answer
        self._models = models
        self._tls = tls
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self.connections = 0
        self.chats: list[Seen] = []
        self.listings = 0
        self.listing_connections: list[int] = []
        self.strays: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"

    def __enter__(self) -> LlmServer:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for item in list(self._sockets):
            with contextlib.suppress(OSError):
                item.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(10)
            assert not thread.is_alive()

    def _start(self, work: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._sockets.append(client)
            self._start(self._serve, client, self.connections)

    def _serve(self, client: socket.socket, number: int) -> None:
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.suppress(OSError))
            stack.enter_context(client)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                client = stack.enter_context(self._tls.wrap_socket(client, server_side=True))
            reader = stack.enter_context(client.makefile("rb"))
            while not self._closing.is_set() and self._one(client, reader, number):
                pass

    def _one(self, client: socket.socket, reader: Any, number: int) -> bool:
        if reader.peek(1)[:1] == b"\x16":  # a TLS greeting; answered as nginx does
            client.sendall(_head(Reply(status=400, reason="Bad Request", framing="close")))
            return False
        line = reader.readline().decode("latin-1").split()
        if len(line) < 2:
            return False
        headers = {}
        while (text := reader.readline().decode("latin-1").strip()) != "":
            key, _, value = text.partition(":")
            headers[key.strip().lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", "0")))
        received_ns = time.monotonic_ns()
        method, path = line[0], line[1]
        if method == "GET" and path in LISTINGS:
            self.listings += 1
            self.listing_connections.append(number)
            return self._send(client, _listing(path, self._models), None)
        if method != "POST" or path not in CHATS:
            self.strays.append(f"{method} {path}")
            return self._send(client, error(404, "<html>no such page</html>", "text/html"), None)
        seen = Seen(len(self.chats), path, headers, json.loads(body), number, received_ns)
        self.chats.append(seen)
        return self._send(client, self._answer(seen), seen)

    def _send(self, client: socket.socket, reply: Reply, seen: Seen | None) -> bool:
        for step in reply.before_headers:
            if not self._step(client, step, None, lambda data: data):
                return False
        if seen is not None:
            seen.first_byte_ns = time.monotonic_ns()
        if reply.raw is not None:
            client.sendall(reply.raw)
            return False
        pack = zlib.compressobj(wbits=31) if reply.gzip else None
        client.sendall(_head(reply))

        def frame(data: bytes) -> bytes:
            if pack is not None:
                data = pack.compress(data) + pack.flush(zlib.Z_SYNC_FLUSH)
            if reply.framing != "chunked":
                return data
            return b"%x\r\n%s\r\n" % (len(data), data)

        for step in reply.steps:
            if not self._step(client, step, seen, frame):
                return False
        if reply.framing == "chunked":
            client.sendall(b"0\r\n\r\n")
        return reply.framing != "close"

    def _step(
        self,
        client: socket.socket,
        step: Step,
        seen: Seen | None,
        frame: Callable[[bytes], bytes],
    ) -> bool:
        if isinstance(step, Pause):
            return not self._closing.wait(step.seconds)
        if isinstance(step, Stall):
            self._closing.wait()
            return False
        if isinstance(step, Drop):
            return False
        data = frame(step)
        if seen is not None:
            seen.step_ns.append(time.monotonic_ns())
        client.sendall(data)
        return True


def _head(reply: Reply) -> bytes:
    lines = [f"{reply.http} {reply.status} {reply.reason}"]
    if reply.content_type is not None:
        lines.append(f"Content-Type: {reply.content_type}")
    if reply.gzip:
        lines.append("Content-Encoding: gzip")
    if reply.framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
    elif reply.framing == "length":
        size = sum(len(step) for step in reply.steps if isinstance(step, bytes))
        lines.append(f"Content-Length: {size}")
    lines += [f"{key}: {value}" for key, value in reply.headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def _listing(path: str, models: tuple[str, ...]) -> Reply:
    if path == "/api/tags":
        document: Any = {"models": [{"name": name, "model": name} for name in models]}
    else:
        document = {"object": "list", "data": [{"id": name, "object": "model"} for name in models]}
    return document_reply(document)


def document_reply(document: Any, *, status: int = 200, **more: Any) -> Reply:
    """One JSON document in one piece, as a server that does not stream sends it."""
    return Reply(
        steps=(json.dumps(document).encode(),),
        status=status,
        content_type="application/json",
        framing="length",
        **more,
    )


def error(status: int, body: Any, content_type: str = "application/json", **more: Any) -> Reply:
    text = body if isinstance(body, str) else json.dumps(body)
    return Reply(
        steps=(text.encode(),),
        status=status,
        reason="No",
        content_type=content_type,
        framing="length",
        **more,
    )


def sse(document: Any) -> bytes:
    text = document if isinstance(document, str) else json.dumps(document, ensure_ascii=False)
    return f"data: {text}\n\n".encode()


def groq_chunk(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> bytes:
    """One chunk; a delta of None gives empty ``choices``."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return sse(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "test",
            "choices": choices,
            **more,
        }
    )


GROQ_FIRST = groq_chunk({"role": "assistant", "content": ""}, x_groq={"id": "req_1"})
DONE = sse("[DONE]")


def groq_end(tokens: int, finish: str = "stop") -> bytes:
    usage = {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": 9 + tokens}
    return groq_chunk({}, finish, x_groq={"id": "req_1", "usage": usage})


def groq_answer(*words: str, first_s: float = 0.0, gap_s: float = 0.0, **more: Any) -> Reply:
    """Groq's ordinary stream: a role-only chunk, one chunk per word, usage, [DONE]."""
    steps: list[Step] = [GROQ_FIRST, Pause(first_s)]
    for word in words:
        steps += [groq_chunk({"content": word}), Pause(gap_s)]
    return Reply(steps=(*steps, groq_end(len(words)), DONE), **more)


def openai_answer(*words: str, first_s: float = 0.0, gap_s: float = 0.0, **more: Any) -> Reply:
    """OpenAI's ordinary stream: as Groq's, but usage comes in a chunk of its own at the end."""
    steps: list[Step] = [groq_chunk({"role": "assistant", "content": ""}), Pause(first_s)]
    for word in words:
        steps += [groq_chunk({"content": word}), Pause(gap_s)]
    usage = {"prompt_tokens": 9, "completion_tokens": len(words), "total_tokens": 9 + len(words)}
    end = (groq_chunk({}, "stop"), groq_chunk(None, usage=usage), DONE)
    return Reply(steps=(*steps, *end), **more)


def ollama_part(content: str = "", *, done: bool = False, **more: Any) -> bytes:
    message = {"role": "assistant", "content": content, **more.pop("message", {})}
    document = {"model": "test", "created_at": "2026-01-01T00:00:00Z", "message": message}
    return json.dumps({**document, "done": done, **more}, ensure_ascii=False).encode() + b"\n"


def ollama_end(tokens: int) -> bytes:
    return ollama_part(done=True, done_reason="stop", eval_count=tokens, eval_duration=1)


def ollama_answer(*words: str, first_s: float = 0.0, gap_s: float = 0.0, **more: Any) -> Reply:
    """Ollama's ordinary stream: one line per word, then a line that says done."""
    steps: list[Step] = [Pause(first_s)]
    for word in words:
        steps += [ollama_part(word), Pause(gap_s)]
    kind = {"content_type": "application/x-ndjson", **more}
    return Reply(steps=(*steps, ollama_end(len(words))), **kind)


def split_everywhere(data: bytes) -> tuple[bytes, ...]:
    """Every byte in a piece of its own."""
    return tuple(data[at : at + 1] for at in range(len(data)))


@functools.cache
def gzip_bomb(unpacked_mib: int) -> bytes:
    """A gzip stream of zeros that unpacks to much more than it weighs."""
    packer = zlib.compressobj(1, wbits=31)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(unpacked_mib)) + packer.flush()


def after_warm_up(good: Reply, bad: Reply | Callable[[], Reply]) -> Callable[[Seen], Reply]:
    """The first request is answered well, the others badly; a dear reply is made when sent."""
    return lambda seen: good if seen.index == 0 else bad() if callable(bad) else bad
