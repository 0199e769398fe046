"""From a parsed document to a transcript, with the place of whatever does not fit."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from echotrace.errors import InputError
from echotrace.model.measure import Finding, Severity
from echotrace.model.report import TranscriptSegment, Word
from echotrace.text.partials import FINAL_KEYS, TIME_KEYS, Partial, is_result, last_results

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["SHAPE", "TranscriptFile", "TranscriptReader"]

SHAPE: Final = '{"text": "...", "words": [{"word": "...", "start": 0.5, "end": 0.9}]}'
"""What is offered as an example to whoever gave something else."""

_RESULT: Final = '{"at": 1.2, "text": "...", "final": false}'
_LISTS: Final = frozenset({"words", "segments", "partials"})
_LONGEST_NAME: Final = 200
_ROUNDING: Final = 1e-6
"""What float32 may add to a probability of 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptFile:
    """A transcript that was read; ``name`` is the file's name without its folder, printable.

    ``partials`` are the results of a log in the order of their times.
    """

    name: str
    text: str
    words: tuple[Word, ...] = ()
    segments: tuple[TranscriptSegment, ...] = ()
    findings: tuple[Finding, ...] = ()
    partials: tuple[Partial, ...] = ()


@dataclass(slots=True)
class TranscriptReader:
    """Turns a parsed document into a transcript, remembering where it is for messages."""

    name: str
    reversed_times: list[str] = field(default_factory=list)

    def read(self, document: Any) -> TranscriptFile:
        """Read what a JSON document holds: words, segments, results of a log, or a text alone."""
        if isinstance(document, list):
            is_log = document and isinstance(document[0], dict) and is_result(document[0])
            document = {"partials" if is_log else "words": document}
        if not isinstance(document, dict):
            raise self._wrong("", "an object")
        if is_result(document) and not _LISTS & document.keys():
            return self.read_log([("the document", document)])
        if not {"text", *_LISTS} & document.keys():
            raise self._wrong("", 'an object with "text", "words", "segments" or "partials"')
        words = list(self._words(document.get("words"), "words"))
        segments: list[TranscriptSegment] = []
        for place, item in self._items(document.get("segments"), "segments"):
            inner = list(self._words(item.get("words"), f"{place}.words"))
            if document.get("words") is None:
                words += inner
            segments.append(self._segment(item, place, inner))
        partials = self._partials(self._items(document.get("partials"), "partials"))
        not_final: tuple[Finding, ...] = ()
        if document.get("text") is not None:
            text = self._text(document["text"], "text")
        elif segments:
            text = " ".join(segment.text for segment in segments)
        elif words:
            text = " ".join(word.text for word in words)
        else:
            text, not_final = self._logged_text(partials)
        return TranscriptFile(
            name=self.name,
            text=text.strip(),
            words=tuple(words),
            segments=tuple(segments),
            findings=(*self._findings(), *not_final),
            partials=partials,
        )

    def read_log(self, items: Iterable[tuple[str, Any]]) -> TranscriptFile:
        """Read results that are a file of their own; its text is what each utterance ended with.

        Args:
            items: each with its place for messages, such as ``line 3``.
        """
        partials = self._partials(self._objects(items))
        text, findings = self._logged_text(partials)
        return TranscriptFile(name=self.name, text=text, partials=partials, findings=findings)

    def _logged_text(self, partials: Sequence[Partial]) -> tuple[str, tuple[Finding, ...]]:
        """Return the text of a log, and what is to be said where it never became final."""
        ends = last_results(partials)
        text = " ".join(end.text for end in ends)
        waiting = sum(not end.is_final for end in ends)
        if not waiting:
            return text, ()
        message = f"no result of {self.name} was final; its last partial results are compared"
        if any(result.is_final for result in partials):
            some = "1 utterance" if waiting == 1 else f"{waiting} utterances"
            message = f"{some} of {self.name} had no final result; the last partial one is compared"
        return text, (
            Finding(
                code="TRANSCRIPT_NOT_FINAL",
                severity=Severity.WARNING,
                message=message,
                hint='mark the last result of each utterance with "final": true',
            ),
        )

    def _objects(self, items: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
        for place, item in items:
            if not isinstance(item, dict):
                raise self._wrong(place, f"an object such as {_RESULT}")
            yield place, item

    def _partials(self, items: Iterable[tuple[str, dict[str, Any]]]) -> tuple[Partial, ...]:
        found: list[Partial] = []
        latest = 0.0
        for place, item in items:
            result = self._partial(item, place)
            if result.at_s < latest:
                key = next(key for key in TIME_KEYS if key in item)
                wanted = f"{latest:g}, the time of the result before it, or later"
                raise self._wrong(_inside(place, key), wanted)
            latest = result.at_s
            found.append(result)
        return tuple(found)

    def _partial(self, item: dict[str, Any], place: str) -> Partial:
        key = next((key for key in TIME_KEYS if key in item), None)
        if key is None or "text" not in item:
            raise self._wrong(place, f"an object such as {_RESULT}")
        at_s = self._number(item[key], _inside(place, key))
        if at_s is None or at_s < 0:
            raise self._wrong(_inside(place, key), "0 or more seconds")
        mark = next((key for key in FINAL_KEYS if key in item), None)
        is_final = item[mark] if mark else False
        if not isinstance(is_final, bool):
            raise self._wrong(_inside(place, mark or ""), "true or false")
        name = item.get("utterance")
        if isinstance(name, bool) or not isinstance(name, (str, int, type(None))):
            raise self._wrong(_inside(place, "utterance"), "text or a whole number")
        return Partial(
            at_s=at_s,
            text=self._text(item["text"], _inside(place, "text")).strip(),
            is_final=is_final,
            utterance=None if name is None else str(name)[:_LONGEST_NAME],
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
            hint=SHAPE,
            code="TRANSCRIPT_SHAPE",
        )


def _inside(place: str, key: str) -> str:
    """Name a key of an object in the way of its place: by path in a document, in words in a log."""
    return f"{place}.{key}" if place.endswith("]") else f"{key} in {place}"
