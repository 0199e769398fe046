"""A local server that speaks ``/audio/speech`` as OpenAI and Groq do, and the sound that it sends.

What it answers is written by the test, with the steps of ``llm_servers``; each request is stamped
with CLOCK_MONOTONIC when it was received whole, when its reply began and at each piece.
"""

from __future__ import annotations

import json
import struct
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.fakes.llm_servers import LlmServer, Pause, Reply, Step, document_reply, error

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

PATHS = ("/v1/audio/speech", "/openai/v1/audio/speech")
LISTINGS = ("/v1/models", "/openai/v1/models")
STREAMED = 0xFFFFFFFF


@dataclass
class Asked:
    """One request for speech as the server saw it; all ``*_ns`` are ``time.monotonic_ns()``."""

    index: int
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    connection: int
    received_ns: int
    first_byte_ns: int = 0
    step_ns: list[int] = field(default_factory=list)
    written_ns: int = 0


class SpeechServer(LlmServer):
    """One server on 127.0.0.1; ``answer`` gets each request and says what to send."""

    def __init__(
        self,
        answer: Callable[[Asked], Reply],
        *,
        models: tuple[str, ...] = (),
        tls: Any = None,
    ) -> None:
        super().__init__(lambda seen: error(500, "not this one"), models=models, tls=tls)
        self._speak = answer
        self.asked: list[Asked] = []

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
        body = reader.read(int(headers.get("content-length", "0")))
        received_ns = time.monotonic_ns()
        method, path = line[0], line[1]
        if method == "GET" and path in LISTINGS:
            self.listings += 1
            data = [{"id": name, "object": "model"} for name in self._models]
            return self._send(client, document_reply({"object": "list", "data": data}), None)
        if method != "POST" or path not in PATHS:
            self.strays.append(f"{method} {path}")
            return self._send(client, error(404, "<html>no such page</html>", "text/html"), None)
        seen = Asked(len(self.asked), path, headers, json.loads(body), number, received_ns)
        self.asked.append(seen)
        goes_on = self._send(client, self._speak(seen), seen)  # type: ignore[arg-type]
        seen.written_ns = time.monotonic_ns()
        return goes_on


def spoken(body: bytes, *, kind: str = "audio/wav", **more: Any) -> Reply:
    """A whole sound in one piece."""
    return Reply(steps=(body,), content_type=kind, **{"framing": "length", **more})


def streamed(
    body: bytes,
    *,
    head: int = 44,
    first_s: float = 0.0,
    header_s: float = 0.0,
    gap_s: float = 0.0,
    pieces: int = 4,
    **more: Any,
) -> Reply:
    """A sound whose header comes alone after ``first_s``; its samples follow, spaced by ``gap_s``.

    ``header_s`` is the wait between the header and the first piece of sound.
    """
    steps: list[Step] = [body[:head], Pause(header_s)]
    size = -(-(len(body) - head) // pieces)
    for at in range(head, len(body), size):
        steps += [body[at : at + size], Pause(gap_s)]
    return Reply(
        before_headers=(Pause(first_s),),
        steps=tuple(steps),
        **{"content_type": "audio/wav", **more},
    )


def refusal(status: int, message: str, *, code: str | None = None, **more: Any) -> Reply:
    """An error in the shape that both vendors use."""
    document = {"error": {"message": message, "type": "invalid_request_error", "code": code}}
    return error(status, json.dumps(document), **more)


def voice(
    rate_hz: int, *, lead_s: float = 0.0, speech_s: float = 1.0, floor_dbfs: float | None = None
) -> np.ndarray:
    """Speech-like float samples: silence, then syllables of a voice that begins at full strength.

    ``floor_dbfs`` is the level of white noise under all of it.
    """
    count = round(speech_s * rate_hz)
    at = np.arange(count) / rate_hz
    tones = [k for k in range(1, 20) if 140 * k < 0.45 * rate_hz]
    sound = sum(np.sin(2 * np.pi * 140 * k * at + k * k) / k for k in tones)
    syllables = 0.55 + 0.45 * np.cos(2 * np.pi * 4 * at)
    sound = 0.08 * sound * syllables
    samples = np.concatenate([np.zeros(round(lead_s * rate_hz)), sound])
    if floor_dbfs is not None:
        noise = np.random.default_rng(7).standard_normal(len(samples))
        samples = samples + 10 ** (floor_dbfs / 20) * noise
    return samples


def pcm16(samples: np.ndarray) -> bytes:
    """16-bit little-endian integers; two rows are interleaved."""
    values = np.clip(np.round(samples * 32767), -32768, 32767).astype("<i2")
    return np.ascontiguousarray(values.T).tobytes()


def wav(samples: np.ndarray, rate_hz: int, *, size: int | None = None) -> bytes:
    """A WAV file; ``size`` is what its header says in place of the true sizes."""
    data = pcm16(samples)
    channels = 1 if samples.ndim == 1 else len(samples)
    whole = len(data) if size is None else size
    riff = len(data) + 36 if size is None else size
    form = struct.pack("<HHIIHH", 1, channels, rate_hz, 2 * channels * rate_hz, 2 * channels, 16)
    head = b"RIFF" + struct.pack("<I", riff) + b"WAVEfmt " + struct.pack("<I", 16) + form
    return head + b"data" + struct.pack("<I", whole) + data
