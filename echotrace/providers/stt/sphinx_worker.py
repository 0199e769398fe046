"""The process that PocketSphinx runs in; started by its path, so that it imports nothing of ours.

PocketSphinx holds the interpreter for seconds at a time (loading, the last pass over an utterance),
which would stop every other task; and its C library ends the process on some errors.

Input: per utterance its length in bytes (4 bytes, little endian), then 16 kHz mono PCM16. Output:
one line of JSON when the model is loaded and one per utterance: ``{"error": text}``, or start_ns,
end_ns and cpu_ns, with words (text, start_s, end_s, probability) for an utterance.
"""

from __future__ import annotations

import sys

if sys.path and sys.path[0] and sys.path[0] == __file__.rpartition("/")[0]:
    del sys.path[0]  # the folder of this file would shadow installed packages

import json
import os
import signal
import time
from typing import Any, BinaryIO

__all__ = ["serve"]

FRAME_S = 0.01


def serve(source: BinaryIO, answer: BinaryIO) -> None:
    """Answer utterances until the input ends."""
    begun = _clock()
    try:
        from pocketsphinx import Decoder

        decoder = Decoder(loglevel="FATAL", samprate=16_000.0)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other side reports it
        _tell(answer, {"error": f"{type(error).__name__}: {error}"})
        return
    _tell(answer, _times(begun))
    while len(head := source.read(4)) == 4:
        samples = source.read(int.from_bytes(head, "little"))
        begun = _clock()
        try:
            words = _decode(decoder, samples)
            reply: dict[str, Any] = {**_times(begun), "words": words}
        except Exception as error:  # noqa: BLE001 - whatever it is, the other side reports it
            reply = {"error": f"{type(error).__name__}: {error}"}
        _tell(answer, reply)


def _decode(decoder: Any, samples: bytes) -> list[tuple[str, float, float, float]]:
    decoder.start_utt()
    decoder.process_raw(samples, no_search=False, full_utt=True)
    decoder.end_utt()
    found = []
    for item in decoder.seg() or ():
        word = item.word.partition("(")[0]
        if word and word[0] not in "<[+":
            found.append(
                (
                    word,
                    item.start_frame * FRAME_S,
                    (item.end_frame + 1) * FRAME_S,
                    _probability(decoder, item.prob),
                )
            )
    return found


def _probability(decoder: Any, value: float) -> float:
    """Return a posterior as a ratio; older versions give it as an integer logarithm."""
    ratio = decoder.get_logmath().exp(value) if isinstance(value, int) else value
    return min(1.0, max(0.0, float(ratio)))


def _clock() -> tuple[int, int]:
    return time.perf_counter_ns(), time.process_time_ns()


def _times(begun: tuple[int, int]) -> dict[str, int]:
    end_ns, cpu_ns = _clock()
    return {"start_ns": begun[0], "end_ns": end_ns, "cpu_ns": cpu_ns - begun[1]}


def _tell(answer: BinaryIO, reply: dict[str, Any]) -> None:
    answer.write(json.dumps(reply).encode() + b"\n")
    answer.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides, and closes the pipe
    with os.fdopen(os.dup(1), "wb") as pipe:
        os.dup2(2, 1)  # what the C library prints must not stand between the answers
        serve(sys.stdin.buffer, pipe)
