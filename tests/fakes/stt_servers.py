"""A local server that speaks ``/audio/transcriptions`` as OpenAI and Groq do, faults included.

It takes the upload apart as a real server would: the multipart form is parsed, the FLAC decoded,
the key read. What it answers is written by the test, with the steps of ``llm_servers``; each
request is stamped with CLOCK_MONOTONIC when it was received whole and when its reply was written.
"""

from __future__ import annotations

import email
import email.policy
import io
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import soundfile

from tests.fakes.llm_servers import LlmServer, Reply, document_reply, error

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    import numpy as np

PATHS = ("/v1/audio/transcriptions", "/openai/v1/audio/transcriptions")
LISTINGS = ("/v1/models", "/openai/v1/models")


@dataclass
class Uploaded:
    """One transcription request as the server saw it; all ``*_ns`` are ``time.monotonic_ns()``."""

    index: int
    path: str
    headers: dict[str, str]
    fields: dict[str, list[str]]
    file_name: str
    file_type: str
    file: bytes
    connection: int
    received_ns: int
    first_byte_ns: int = 0
    step_ns: list[int] = field(default_factory=list)
    written_ns: int = 0

    @property
    def format(self) -> str:
        (found,) = self.fields["response_format"]
        return found

    def decoded(self) -> tuple[np.ndarray, int]:
        """Samples and rate of the file; the shape has one axis when it is mono."""
        return soundfile.read(io.BytesIO(self.file), dtype="int16")

    @property
    def duration_s(self) -> float:
        samples, rate = self.decoded()
        return len(samples) / rate


class SttServer(LlmServer):
    """One server on 127.0.0.1; ``answer`` gets each request and says what to send.

    Args:
        answer: called with each upload, after it was received whole.
        early: sent instead, as soon as the headers are there and without reading the upload.
        models: what the list of models holds; None has no such page.
        tls: an SSL context.
    """

    def __init__(
        self,
        answer: Callable[[Uploaded], Reply],
        *,
        early: Reply | None = None,
        models: tuple[str, ...] | None = (),
        tls: Any = None,
    ) -> None:
        super().__init__(lambda seen: error(500, "not this one"), models=models or (), tls=tls)
        self._transcribe = answer
        self._early = early
        self._has_list = models is not None
        self.uploads: list[Uploaded] = []
        self.list_headers: list[dict[str, str]] = []

    def _one(self, client: socket.socket, reader: Any, number: int) -> bool:
        if reader.peek(1)[:1] == b"\x16":  # a TLS greeting; answered as nginx does
            return self._send(client, error(400, "", "text/html", http="HTTP/1.0"), None) and False
        line = reader.readline().decode("latin-1").split()
        if len(line) < 2:
            return False
        headers = {}
        while (text := reader.readline().decode("latin-1").strip()) != "":
            key, _, value = text.partition(":")
            headers[key.strip().lower()] = value.strip()
        method, path = line[0], line[1]
        if (method, path) in {("GET", page) for page in LISTINGS} and self._has_list:
            self.listings += 1
            self.list_headers.append(headers)
            data = [{"id": name, "object": "model"} for name in self._models]
            return self._send(client, document_reply({"object": "list", "data": data}), None)
        if (method, path) not in {("POST", page) for page in PATHS}:
            reader.read(int(headers.get("content-length", "0")))
            self.strays.append(f"{method} {path}")
            return self._send(client, error(404, "<html>no such page</html>", "text/html"), None)
        if self._early is not None:
            self._send(client, self._early, None)
            self._closing.wait(0.2)  # let the reply arrive before the connection is reset
            return False
        body = reader.read(int(headers["content-length"]))
        seen = _parsed(len(self.uploads), path, headers, body, number, time.monotonic_ns())
        self.uploads.append(seen)
        goes_on = self._send(client, self._transcribe(seen), seen)  # type: ignore[arg-type]
        seen.written_ns = time.monotonic_ns()
        return goes_on


def _parsed(
    index: int, path: str, headers: dict[str, str], body: bytes, connection: int, received_ns: int
) -> Uploaded:
    head = f"Content-Type: {headers['content-type']}\r\n\r\n".encode()
    form = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    fields: dict[str, list[str]] = {}
    file = (b"", "", "")
    for part in form.iter_parts():
        name = part.get_param("name", header="content-disposition")
        payload = part.get_payload(decode=True)
        if part.get_filename() is not None:
            assert name == "file"
            file = (payload, part.get_filename(), part.get_content_type())
        else:
            fields.setdefault(str(name), []).append(payload.decode())
    data, file_name, file_type = file
    return Uploaded(
        index, path, headers, fields, file_name, file_type, data, connection, received_ns
    )


def verbose(
    text: str,
    words: list[tuple[str, Any, Any]] | None = None,
    segments: list[dict[str, Any]] | None = None,
    *,
    language: str = "english",
    **more: Any,
) -> dict[str, Any]:
    """A verbose_json document; words are (word, start, end)."""
    document: dict[str, Any] = {"task": "transcribe", "language": language, "duration": 1.0}
    document["text"] = text
    if words is not None:
        document["words"] = [{"word": w, "start": s, "end": e} for w, s, e in words]
    if segments is not None:
        document["segments"] = segments
    return {**document, **more}


def segment(text: str, start: float, end: float, **more: Any) -> dict[str, Any]:
    return {
        "id": 0,
        "seek": 0,
        "start": start,
        "end": end,
        "text": text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": -0.25,
        "compression_ratio": 1.1,
        "no_speech_prob": 0.01,
        **more,
    }


def answers(document: Any, **more: Any) -> Callable[[Uploaded], Reply]:
    """Always the same JSON."""
    return lambda seen: document_reply(document, **more)


def raw_json(body: bytes | str, **more: Any) -> Reply:
    """A body as it is, which need not be JSON."""
    data = body if isinstance(body, bytes) else body.encode()
    values = {"content_type": "application/json", "framing": "length", **more}
    return Reply(steps=(data,), **values)


def refusal(status: int, message: str, *, code: str | None = None, **more: Any) -> Reply:
    """An error in the shape that both vendors use."""
    body = {"error": {"message": message, "type": "invalid_request_error", "code": code}}
    return error(status, json.dumps(body), **more)
