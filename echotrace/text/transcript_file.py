"""What the user's own pipeline heard: a text file, or JSON with word times, read with suspicion.

JSON may be ``{"text": ..., "words": [{"word" or "text", "start" or "start_s", "end" or "end_s",
"probability"}]}`` or ``{"segments": [...]}`` as Whisper writes it; times are seconds on the
recording's clock. ``{"partials": [{"at", "text", "final", "utterance"}]}``, alone or beside those,
is a log of partial results, ``at`` the time when each reached the pipeline; a file of JSON Lines
holds one such result per line.
"""

from __future__ import annotations

import codecs
import json
import os
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from echotrace.errors import InputError
from echotrace.files import read_regular
from echotrace.model.measure import Finding, Severity
from echotrace.printable import printable
from echotrace.text.partials import is_result
from echotrace.text.transcript_reader import SHAPE, TranscriptFile, TranscriptReader

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_BYTES", "TranscriptFile", "read_transcript", "within"]

MAX_BYTES: Final = 16 * 2**20
_LINES_SUFFIXES: Final = (".jsonl", ".ndjson")
_CUE: Final = re.compile(r"^(?:\d+:)?\d\d:\d\d[.,]\d{3} +--> ", re.MULTILINE)
"""The line of times above each subtitle, as SRT and WebVTT write it."""
_LATE_RESULT_S: Final = 5.0
_SLACK_S: Final = 1.0
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_transcript(path: str) -> TranscriptFile:
    """Read a transcript.

    Raises:
        InputError: the file cannot be read, is too large, is no text, or its JSON has another
            shape; the message names the place.
    """
    name = printable(os.path.basename(path))  # noqa: PTH119 - Path would refuse a NUL byte
    text = _decode(_read(path, name), name)
    reader = TranscriptReader(name)
    suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122 - Path would refuse a NUL byte
    if suffix in _LINES_SUFFIXES:
        return reader.read_log(_parse_lines(text, name))
    if text.lstrip()[:1] in ("{", "[") or suffix == ".json":
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            if _is_log(text):
                return reader.read_log(_parse_lines(text, name))
            if suffix == ".json":
                document = _parse(text, name)
            else:
                return TranscriptFile(name=name, text=text.strip())
        return reader.read(document)
    if _CUE.search(text):
        raise InputError(
            f"the transcript {name} holds subtitles",
            why="their numbers and times would be compared as words",
            hint=f"write them as JSON: {SHAPE}",
            code="TRANSCRIPT_SUBTITLES",
        )
    return TranscriptFile(name=name, text=text.strip())


def within(file: TranscriptFile, *, begin_s: float, end_s: float, is_cut: bool) -> TranscriptFile:
    """Fit a transcript to the part of the recording that is analysed.

    Where the recording was cut, words outside the cut are left out; without times that cannot be,
    and a finding says so. Times of words or segments beyond the end of an uncut recording are a
    finding too. Results of a log may come a little after the speech that they are of.
    """
    if is_cut and file.partials:
        kept = (item for item in file.partials if begin_s <= item.at_s <= end_s + _LATE_RESULT_S)
        file = replace(file, partials=tuple(kept))
    times = [word.start_s for word in file.words if word.start_s is not None]
    if is_cut and file.words and len(times) == len(file.words):
        words = tuple(w for w in file.words if _is_in(w.start_s, w.end_s, begin_s, end_s))
        return replace(
            file,
            text=" ".join(word.text for word in words),
            words=words,
            segments=tuple(
                item for item in file.segments if _is_in(item.start_s, item.end_s, begin_s, end_s)
            ),
        )
    finding = None
    if is_cut:
        finding = Finding(
            code="TRANSCRIPT_NOT_CUT",
            severity=Severity.WARNING,
            message=f"{file.name} has no times for its words, so it is compared whole "
            "with a part of the recording",
            hint="give JSON with word times, or a transcript of this part",
        )
    elif (latest := _latest_beyond(file, end_s)) is not None:
        finding = Finding(
            code="TRANSCRIPT_BEYOND_AUDIO",
            severity=Severity.WARNING,
            message=f"{file.name} goes on to {latest:.1f} s, "
            f"but the recording ends at {end_s:.1f} s",
            hint="check that it belongs to this recording and counts in seconds",
        )
    return replace(file, findings=(*file.findings, finding)) if finding else file


def _latest_beyond(file: TranscriptFile, end_s: float) -> float | None:
    """Return the latest time, None when it fits a recording that ends at ``end_s``."""
    pairs = [(word.start_s, word.end_s) for word in file.words]
    pairs += [(segment.start_s, segment.end_s) for segment in file.segments]
    spoken = max((time for pair in pairs for time in pair if time is not None), default=0.0)
    logged = max((result.at_s for result in file.partials), default=0.0)
    if spoken > end_s + _SLACK_S or logged > end_s + _LATE_RESULT_S + _SLACK_S:
        return max(spoken, logged)
    return None


def _is_in(start_s: float | None, end_s: float | None, begin: float, end: float) -> bool:
    if start_s is None:
        return False
    return begin <= (start_s if end_s is None else (start_s + end_s) / 2) < end


def _read(path: str, name: str) -> bytes:
    try:
        data = read_regular(path, limit=MAX_BYTES)
    except OSError as error:
        raise _unusable(name, error.strerror or str(error)) from None
    if len(data) > MAX_BYTES:
        raise InputError(
            f"the transcript {name} is larger than {MAX_BYTES >> 20} MiB",
            hint="pass the transcript of this recording alone",
            code="TRANSCRIPT_TOO_LARGE",
        )
    return data


def _decode(data: bytes, name: str) -> str:
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"the transcript {name} is not UTF-8 text",
            why=f"byte {error.start}, in line {line}, does not fit",
            hint="save it as UTF-8",
            code="TRANSCRIPT_ENCODING",
        ) from None
    if "\0" in text:
        raise InputError(
            f"the transcript {name} is not text",
            why=f"character {text.index(chr(0))} is a NUL",
            hint="pass a text file or JSON",
            code="TRANSCRIPT_ENCODING",
        )
    return text


def _parse(text: str, name: str, *, line: int = 1) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        why = f"line {line + error.lineno - 1}, column {error.colno}: {error.msg}"
    except ValueError as error:
        why = str(error)  # a number with more digits than Python converts
    except RecursionError:
        why = "it is nested too deeply"
    raise InputError(
        f"the transcript {name} is not valid JSON", why=why, hint=SHAPE, code="TRANSCRIPT_JSON"
    )


def _is_log(text: str) -> bool:
    """Whether a text is JSON Lines, judged by its first line that is not empty."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    try:
        document = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and is_result(document)


def _parse_lines(text: str, name: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield f"line {number}", _parse(line, name, line=number)


def _unusable(name: str, why: str) -> InputError:
    return InputError(
        f"the transcript {name} cannot be read",
        why=why,
        hint="--transcript takes a text file or JSON with word times",
        code="TRANSCRIPT_UNREADABLE",
    )
