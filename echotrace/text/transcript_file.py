"""What the user's own pipeline heard: a text file, or JSON with word times, read with suspicion.

JSON may be ``{"text": ..., "words": [{"word" or "text", "start" or "start_s", "end" or "end_s",
"probability"}]}`` or ``{"segments": [...]}`` as Whisper writes it; times are seconds on the
recording's clock.
"""

from __future__ import annotations

import codecs
import json
import math
import os
import stat
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from echotrace.errors import InputError
from echotrace.model.measure import Finding, Severity
from echotrace.model.report import TranscriptSegment, Word
from echotrace.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MAX_BYTES", "TranscriptFile", "read_transcript", "within"]

MAX_BYTES: Final = 16 * 2**20
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ROUNDING = 1e-6
"""What float32 may add to a probability of 1."""
_SHAPE = '{"text": "...", "words": [{"word": "...", "start": 0.5, "end": 0.9}]}'


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptFile:
    """A transcript that was read; ``name`` is the file's name without its folder, printable."""

    name: str
    text: str
    words: tuple[Word, ...] = ()
    segments: tuple[TranscriptSegment, ...] = ()
    findings: tuple[Finding, ...] = ()


def read_transcript(path: str) -> TranscriptFile:
    """Read a transcript.

    Raises:
        InputError: the file cannot be read, is too large, is no text, or its JSON has another
            shape; the message names the place.
    """
    name = printable(os.path.basename(path))  # noqa: PTH119 - Path would refuse a NUL byte
    text = _decode(_read(path, name), name)
    looks_like_json = text.lstrip()[:1] in ("{", "[")
    if not path.lower().endswith(".json"):
        if not looks_like_json:
            return TranscriptFile(name=name, text=text.strip())
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            return TranscriptFile(name=name, text=text.strip())
    else:
        document = _parse(text, name)
    return _Reader(name).read(document)


def within(file: TranscriptFile, *, begin_s: float, end_s: float, is_cut: bool) -> TranscriptFile:
    """Fit a transcript to the part of the recording that is analysed.

    Where the recording was cut, words outside the cut are left out; without times that cannot be,
    and a finding says so. Times of words or segments beyond the end of an uncut recording are a
    finding too.
    """
    times = [word.start_s for word in file.words if word.start_s is not None]
    latest = max(_times_of(file), default=0.0)
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
    elif latest > end_s + 1.0:
        finding = Finding(
            code="TRANSCRIPT_BEYOND_AUDIO",
            severity=Severity.WARNING,
            message=f"{file.name} goes on to {latest:.1f} s, "
            f"but the recording ends at {end_s:.1f} s",
            hint="check that it belongs to this recording and counts in seconds",
        )
    return replace(file, findings=(*file.findings, finding)) if finding else file


def _times_of(file: TranscriptFile) -> Iterator[float]:
    pairs = [(word.start_s, word.end_s) for word in file.words]
    pairs += [(segment.start_s, segment.end_s) for segment in file.segments]
    for pair in pairs:
        yield from (time for time in pair if time is not None)


def _is_in(start_s: float | None, end_s: float | None, begin: float, end: float) -> bool:
    if start_s is None:
        return False
    return begin <= (start_s if end_s is None else (start_s + end_s) / 2) < end


def _read(path: str, name: str) -> bytes:
    """Read a regular file of bounded size; a pipe or a device is refused, not waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else ""
        raise _unusable(name, reason or "the name cannot be opened") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _unusable(name, "it is not a regular file")
    with os.fdopen(descriptor, "rb") as file:
        try:
            data = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise _unusable(name, str(error.strerror)) from None
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


def _parse(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        why = f"line {error.lineno}, column {error.colno}: {error.msg}"
    except ValueError as error:
        why = str(error)  # a number with more digits than Python converts
    except RecursionError:
        why = "it is nested too deeply"
    raise InputError(
        f"the transcript {name} is not valid JSON", why=why, hint=_SHAPE, code="TRANSCRIPT_JSON"
    )


def _unusable(name: str, why: str) -> InputError:
    return InputError(
        f"the transcript {name} cannot be read",
        why=why,
        hint="--transcript takes a text file or JSON with word times",
        code="TRANSCRIPT_UNREADABLE",
    )


@dataclass(slots=True)
class _Reader:
    """Turns a parsed document into a transcript, remembering where it is for messages."""

    name: str
    reversed_times: list[str] = field(default_factory=list)

    def read(self, document: Any) -> TranscriptFile:
        if isinstance(document, list):
            document = {"words": document}
        if not isinstance(document, dict):
            raise self._wrong("", "an object")
        if not {"text", "words", "segments"} & document.keys():
            raise self._wrong("", 'an object with "text", "words" or "segments"')
        words = list(self._words(document.get("words"), "words"))
        segments: list[TranscriptSegment] = []
        for place, item in self._items(document.get("segments"), "segments"):
            inner = list(self._words(item.get("words"), f"{place}.words"))
            if document.get("words") is None:
                words += inner
            segments.append(self._segment(item, place, inner))
        if document.get("text") is not None:
            text = self._text(document["text"], "text")
        elif segments:
            text = " ".join(segment.text for segment in segments)
        else:
            text = " ".join(word.text for word in words)
        return TranscriptFile(
            name=self.name,
            text=text.strip(),
            words=tuple(words),
            segments=tuple(segments),
            findings=self._findings(),
        )

    def _segment(self, item: dict[str, Any], place: str, words: list[Word]) -> TranscriptSegment:
        spoken = " ".join(word.text for word in words)
        text = self._text(item["text"], f"{place}.text") if "text" in item else spoken
        start_s, end_s = self._times(item, place)
        if start_s is not None and end_s is not None and end_s < start_s:
            self.reversed_times.append(place)
            start_s = end_s = None
        return TranscriptSegment(
            text=text.strip(),
            start_s=start_s,
            end_s=end_s,
            avg_logprob=self._number(item.get("avg_logprob"), f"{place}.avg_logprob"),
            no_speech_prob=self._share(item.get("no_speech_prob"), f"{place}.no_speech_prob"),
            compression_ratio=self._number(
                item.get("compression_ratio"), f"{place}.compression_ratio"
            ),
            temperature=self._number(item.get("temperature"), f"{place}.temperature"),
        )

    def _words(self, value: Any, place: str) -> Iterator[Word]:
        for where, item in self._items(value, place):
            key = next((key for key in ("word", "text") if key in item), None)
            if key is None:
                raise self._wrong(where, 'an object with "word"')
            start_s, end_s = self._times(item, where)
            if start_s is not None and end_s is not None and end_s < start_s:
                raise self._wrong(f"{where}.end", f"{start_s:g}, its start, or later")
            probability = next(
                (key for key in ("probability", "confidence", "score") if key in item), None
            )
            yield Word(
                text=self._text(item[key], f"{where}.{key}").strip(),
                start_s=start_s,
                end_s=end_s,
                probability=self._share(item[probability], f"{where}.{probability}")
                if probability
                else None,
            )

    def _items(self, value: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
        if value is None:
            return
        if not isinstance(value, list):
            raise self._wrong(place, "a list")
        for index, item in enumerate(value):
            if not isinstance(item, dict):
                raise self._wrong(f"{place}[{index}]", "an object")
            yield f"{place}[{index}]", item

    def _times(self, item: dict[str, Any], place: str) -> tuple[float | None, float | None]:
        found = []
        for keys in (("start", "start_s"), ("end", "end_s")):
            key = next((key for key in keys if key in item), keys[0])
            value = self._number(item.get(key), f"{place}.{key}")
            if value is not None and value < 0:
                raise self._wrong(f"{place}.{key}", "0 or more seconds")
            found.append(value)
        start, end = found
        return start, end

    def _share(self, value: Any, place: str) -> float | None:
        number = self._number(value, place)
        if number is None:
            return None
        if not -_ROUNDING <= number <= 1 + _ROUNDING:
            raise self._wrong(place, "a probability from 0 to 1")
        return min(1.0, max(0.0, number))

    def _number(self, value: Any, place: str) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self._wrong(place, "a number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self._wrong(place, "a finite number")
        return number

    def _text(self, value: Any, place: str) -> str:
        if not isinstance(value, str):
            raise self._wrong(place, "text")
        return value.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair is no text

    def _findings(self) -> tuple[Finding, ...]:
        places = list(dict.fromkeys(self.reversed_times))
        if not places:
            return ()
        return (
            Finding(
                code="TRANSCRIPT_TIMES",
                severity=Severity.WARNING,
                message=f"{len(places)} segments of {self.name} end before they start "
                f"(first: {places[0]}); their times are left out",
                hint="times are seconds on the recording's clock",
            ),
        )

    def _wrong(self, place: str, wanted: str) -> InputError:
        return InputError(
            f"the transcript {self.name} has another shape than is known",
            why=f"{place or 'the document'} should be {wanted}",
            hint=_SHAPE,
            code="TRANSCRIPT_SHAPE",
        )
