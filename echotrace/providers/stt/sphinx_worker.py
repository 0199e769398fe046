"""The process that PocketSphinx runs in; started by its path, so that it imports nothing of ours.

PocketSphinx holds the interpreter for seconds at a time (loading, the last pass over an utterance),
which would stop every other task; and its C library ends the process on some errors.

Input: per request the length of its audio in bytes (4 bytes, little endian), then 16 kHz mono
PCM16. A request of another kind than "recognise" has the highest bit of the length set; then the
number is the length of a line of JSON, which names its kind and the ``bytes`` of the audio that
follows it:

    start, feed, finish   one utterance bit by bit; answered by the text so far
    prepare               makes a recogniser of a few words: ``phones`` has them, with the sound of
                          those that the dictionary lacks, ``model`` is their language model (ARPA)
    align                 finds the places of ``words``; an empty list when they cannot be there

Output: one line of JSON when the model is loaded and one per request: ``{"error": text}``, or
start_ns, end_ns and cpu_ns, with ``words`` (text, start_s, end_s, probability) or ``text``.

With the argument ``--unprepared`` nothing is loaded before prepare, which takes 50 ms where the
whole dictionary takes seconds.
"""

from __future__ import annotations

import sys

if sys.path and sys.path[0] and sys.path[0] == __file__.rpartition("/")[0]:
    del sys.path[0]  # the folder of this file would shadow installed packages

import json
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ["serve"]

FRAME_S = 0.01
ALIGN_BEAM = 1e-120
"""Wide enough to come through a wrong word, which fits its audio far worse than a right one."""


def serve(source: BinaryIO, answer: BinaryIO, *, unprepared: bool = False) -> None:
    """Answer requests until the input ends."""
    begun = _clock()
    try:
        from pocketsphinx import Decoder

        decoder = None if unprepared else Decoder(loglevel="FATAL", samprate=16_000.0)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other side reports it
        _tell(answer, {"error": f"{type(error).__name__}: {error}"})
        return
    _tell(answer, _times(begun))
    while len(head := source.read(4)) == 4:
        size = int.from_bytes(head, "little")
        request: dict[str, Any] = {"kind": "recognise", "bytes": size}
        if size & OTHER_KIND:
            request = json.loads(source.read(size ^ OTHER_KIND))
        samples = source.read(request["bytes"])
        begun = _clock()
        try:
            found = {}
            if request["kind"] == "prepare":
                decoder = _prepare(request["phones"], request["model"])
            else:
                found = KINDS[request["kind"]](decoder, request, samples)
            reply: dict[str, Any] = {**_times(begun), **found}
        except Exception as error:  # noqa: BLE001 - whatever it is, the other side reports it
            reply = {"error": f"{type(error).__name__}: {error}"}
        _tell(answer, reply)


def _prepare(phones: dict[str, str], model: str) -> Any:
    from pocketsphinx import Decoder, get_model_path

    known = set()
    lines = []
    with Path(get_model_path("en-us/cmudict-en-us.dict")).open(encoding="utf-8") as dictionary:
        for line in dictionary:
            word = line.partition(" ")[0].partition("(")[0]
            if word in phones:
                known.add(word)
                lines.append(line)
    lines += [f"{word} {sounds}\n" for word, sounds in phones.items() if word not in known]
    with tempfile.TemporaryDirectory(prefix="echotrace-") as folder:
        words, grams = Path(folder) / "words.dict", Path(folder) / "words.lm"
        words.write_text("".join(lines), encoding="utf-8")
        grams.write_text(model, encoding="utf-8")
        return Decoder(loglevel="FATAL", samprate=16_000.0, dict=str(words), lm=str(grams))


def _recognise(decoder: Any, _: dict[str, Any], samples: bytes) -> dict[str, Any]:
    decoder.activate_search()
    return {"words": _decode(decoder, samples)}


def _start(decoder: Any, _: dict[str, Any], __: bytes) -> dict[str, Any]:
    decoder.activate_search()
    decoder.start_utt()
    return {"text": ""}


def _feed(decoder: Any, _: dict[str, Any], samples: bytes) -> dict[str, Any]:
    decoder.process_raw(samples, no_search=False, full_utt=False)
    return {"text": _text(decoder)}


def _finish(decoder: Any, _: dict[str, Any], __: bytes) -> dict[str, Any]:
    decoder.end_utt()
    return {"text": _text(decoder)}


def _align(decoder: Any, request: dict[str, Any], samples: bytes) -> dict[str, Any]:
    decoder.config["bestpath"] = False  # the best path of the lattice may end before the last word
    for beam in ("beam", "wbeam", "pbeam"):
        decoder.config[beam] = ALIGN_BEAM
    try:
        decoder.set_align_text(" ".join(request["words"]))
        words = _decode(decoder, samples)
    except RuntimeError:  # a word that cannot be sounded, or audio shorter than the words
        words = []
    return {"words": words if len(words) == len(request["words"]) else []}


def _text(decoder: Any) -> str:
    found = decoder.hyp()
    return found.hypstr if found is not None else ""


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


OTHER_KIND = 1 << 31
KINDS = {
    "recognise": _recognise,
    "start": _start,
    "feed": _feed,
    "finish": _finish,
    "align": _align,
}


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides, and closes the pipe
    with os.fdopen(os.dup(1), "wb") as pipe:
        os.dup2(2, 1)  # what the C library prints must not stand between the answers
        serve(sys.stdin.buffer, pipe, unprepared="--unprepared" in sys.argv)
