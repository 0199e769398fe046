"""Reading a transcription server's JSON: what is right is kept, what is not is left out.

Servers differ in what they send beside the text, and some send times that cannot be: a word whose
place is impossible keeps its text and loses its place. A reply without a text is no transcript.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Final

from echotrace.model.report import TranscriptSegment, Word
from echotrace.providers.scrub import one_line, scrub
from echotrace.providers.stt.failures import bad_reply
from echotrace.providers.stt.languages import language_code

if TYPE_CHECKING:
    from echotrace.providers.failures import Target
    from echotrace.providers.stt.pieces import Joined

__all__ = ["Heard", "read_reply"]

_SPILL_S: Final = 1.0
"""A time may lie this far behind the audio's end, for models round; it is moved to the end."""
_MOST_WORDS_PER_S: Final = 20
_MOST_CHARACTERS_PER_S: Final = 200.0
"""Several times what the fastest loop of a recogniser writes: 448 tokens for 30 s."""
_SPARE_CHARACTERS: Final = 4_000
_SPARE_WORDS: Final = 50
_SHORTEST_SECRET_PART: Final = 8
_MOST_COMPARED: Final = 4_000_000
"""Pairs of words; five minutes of fast speech have half of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One reply; times are seconds on the recording's clock.

    ``left_out`` counts the words and places that could not be right.
    """

    text: str
    words: tuple[Word, ...] = ()
    segments: tuple[TranscriptSegment, ...] = ()
    language: str | None = None
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class _Placed:
    """A word with its place on the piece's own clock, None where it has none."""

    word: Word
    place: tuple[float, float] | None


def read_reply(body: bytes, joined: Joined, target: Target) -> Heard:
    """Read a transcript of the piece ``joined``.

    Raises:
        ProviderError: the body is empty, no JSON, cut off, or holds no text.
    """
    document = _document(body, target)
    text = document.get("text")
    if not isinstance(text, str):
        error = document.get("error")
        if error is not None:
            said = error.get("message", error) if isinstance(error, dict) else error
            plain = one_line(scrub(said if isinstance(said, str) else "", target.secrets))
            raise bad_reply(target, f"the server says: {plain}" if plain else "it is an error")
        raise bad_reply(target, "the JSON has no text")
    most = _SPARE_CHARACTERS + _MOST_CHARACTERS_PER_S * joined.duration_s
    if len(text) > most:
        why = f"{len(text):,} characters for {joined.duration_s:.1f} s of audio"
        raise bad_reply(target, why, code="STT_IMPLAUSIBLE")
    text = _clean(text, target)
    words, unplaced = _words(document.get("words"), text, joined, target)
    segments, lost = _segments(document.get("segments"), words, joined, target)
    return Heard(
        text=text,
        words=tuple(item.word for item in words),
        segments=segments,
        language=language_code(document.get("language")),
        left_out=unplaced + lost,
    )


def _document(body: bytes, target: Target) -> dict[str, Any]:
    if not body.strip():
        raise bad_reply(target, "the body is empty", code="STT_EMPTY")
    document, problem = None, ""
    code = "STT_MALFORMED"
    try:
        document = json.loads(body)
    except json.JSONDecodeError as error:
        problem = f"the JSON ends or breaks at character {error.pos} of {len(body)}"
        if body.lstrip()[:1] not in (b"{", b"["):
            problem, code = "the body is no JSON document", "STT_NOT_JSON"
    except (ValueError, RecursionError) as error:
        problem = f"the JSON cannot be read ({type(error).__name__})"
    if problem:  # outside the handler: the exception holds the body, which may hold the key
        raise bad_reply(target, problem, code=code)
    if not isinstance(document, dict):
        raise bad_reply(target, "the JSON is no object")
    return document


def _words(found: Any, text: str, joined: Joined, target: Target) -> tuple[list[_Placed], int]:
    if not isinstance(found, list):
        return [], 0
    most = _SPARE_WORDS + _MOST_WORDS_PER_S * joined.duration_s
    if len(found) > most:
        return [], len(found)
    words, left_out = [], 0
    for item in found:
        heard = _clean(item["word"], target) if _has_text(item, "word") else ""
        if not heard:
            left_out += 1
            continue
        place = _place(item, joined)
        left_out += place is None
        start_s, end_s = (None, None) if place is None else joined.on_recording(*place)
        probability = _finite(item.get("probability"))
        if probability is not None and not 0 <= probability <= 1:
            probability = None
        word = Word(text=heard, start_s=start_s, end_s=end_s, probability=probability)
        words.append(_Placed(word, place))
    kept = _of_text(words, text)
    return kept, left_out + len(words) - len(kept)


def _of_text(words: list[_Placed], text: str) -> list[_Placed]:
    """Return the words that stand in the text, in its order: the text is what is audited.

    Servers cut words elsewhere than at blanks (``o'``, ``clock``), so that characters are compared
    first, and words only when those differ.
    """
    parts = [_letters(item.word.text) for item in words]
    if "".join(parts) == _letters(text):
        return words
    tokens = [_letters(token) for token in text.split()]
    if len(parts) * len(tokens) > _MOST_COMPARED:
        return []
    kept = []
    for block in SequenceMatcher(None, parts, tokens, autojunk=False).get_matching_blocks():
        kept += words[block.a : block.a + block.size]
    return kept


def _segments(
    found: Any, words: list[_Placed], joined: Joined, target: Target
) -> tuple[tuple[TranscriptSegment, ...], int]:
    if not isinstance(found, list):
        return (), 0
    segments, left_out = [], 0
    for item in found[: int(_SPARE_WORDS + _MOST_WORDS_PER_S * joined.duration_s)]:
        text = _clean(item["text"], target) if _has_text(item, "text") else ""
        if not text:
            left_out += 1
            continue
        place = _place(item, joined)
        left_out += place is None
        start_s, end_s = (None, None) if place is None else _stretch(place, words, joined)
        segments.append(
            TranscriptSegment(
                text=text,
                start_s=start_s,
                end_s=end_s,
                avg_logprob=_finite(item.get("avg_logprob")),
                no_speech_prob=_finite(item.get("no_speech_prob")),
                compression_ratio=_finite(item.get("compression_ratio")),
                temperature=_finite(item.get("temperature")),
            )
        )
    return tuple(segments), left_out


def _stretch(
    place: tuple[float, float], words: list[_Placed], joined: Joined
) -> tuple[float | None, float | None]:
    """Map a segment by its words; without words by its two ends, for it may cover several spans."""
    begin, end = place
    inside = [
        item.word
        for item in words
        if item.place is not None and begin <= sum(item.place) / 2 <= end
    ]
    if inside:
        return inside[0].start_s, inside[-1].end_s
    first, _ = joined.on_recording(begin, begin)
    nearly = max(begin, end - 0.0001)  # the end of a span is the beginning of the next
    _, last = joined.on_recording(nearly, nearly)
    return first, last


def _place(item: dict[str, Any], joined: Joined) -> tuple[float, float] | None:
    start, end = _finite(item.get("start")), _finite(item.get("end"))
    last = joined.duration_s
    if start is None or end is None or not 0 <= start <= end <= last + _SPILL_S or start > last:
        return None
    return start, min(end, last)


def _has_text(item: Any, key: str) -> bool:
    return isinstance(item, dict) and isinstance(item.get(key), str)


def _clean(text: str, target: Target) -> str:
    """Return text without what no report may hold: lone surrogates, NUL, and the key."""
    plain = text.encode("utf-8", "replace").decode("utf-8").replace("\x00", "").strip()
    return scrub(plain, target.secrets) if len(plain) >= _SHORTEST_SECRET_PART else plain


def _letters(text: str) -> str:
    return "".join(sign for sign in text.casefold() if sign.isalnum())


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
