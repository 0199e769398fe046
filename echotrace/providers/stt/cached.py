"""What a transcript is kept under, and how it is written: plain JSON, no pickle.

A key names everything that could change the transcript: the engine's own account of itself, this
program's version and every sample that the engine would be given. Whoever stores a transcript
answers for it being whole: one that was stopped, timed out or failed in part is never stored.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final, TypeVar

from echotrace._version import __version__
from echotrace.model.measure import Finding, Severity
from echotrace.model.transcription import TranscriptSegment, Word
from echotrace.providers.stt.base import Transcript

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.providers.stt.base import SttEngine
    from echotrace.providers.stt.pieces import Piece

__all__ = ["StoredTranscript", "dump_transcript", "load_transcript", "transcript_key"]

_FORMAT: Final = "echotrace.transcript/1"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTranscript:
    """A transcript out of the cache; ``made_at`` is UTC in ISO 8601, ``load_ms`` from that run."""

    transcript: Transcript
    load_ms: float
    made_at: str


def transcript_key(engine: SttEngine, pieces: Sequence[Piece]) -> str:
    """Return the key of what this engine makes of these pieces, read one after the other."""
    digest = hashlib.sha256()
    identity = {
        "format": _FORMAT,
        "version": __version__,
        "engine": engine.name,
        "identity": dict(engine.identity()),
    }
    _add(digest, _canonical(identity))
    for piece in pieces:
        spans = [[span.start_s, span.end_s] for span in piece.spans]
        joined = piece.read()
        described = {
            "spans": spans,
            "lengths": list(joined.lengths),
            "speech_bounded": piece.speech_bounded,
        }
        _add(digest, _canonical(described))
        _add(digest, joined.samples.astype("<f4", copy=False).tobytes())
    return digest.hexdigest()


def dump_transcript(transcript: Transcript, *, load_ms: float, made_at: str) -> bytes:
    """Write a transcript that is complete and right; nothing here can tell whether it is.

    Raises:
        ValueError: it holds NaN or infinity, which JSON has no word for.
    """
    document = {
        "format": _FORMAT,
        "load_ms": load_ms,
        "made_at": made_at,
        "transcript": asdict(transcript),
    }
    return json.dumps(document, allow_nan=False, separators=(",", ":")).encode("ascii")


def load_transcript(data: bytes) -> StoredTranscript | None:
    """Read what ``dump_transcript`` wrote; anything unexpected is None, a miss."""
    try:
        document = json.loads(data.decode("ascii"))
        if document["format"] != _FORMAT:
            return None
        written = dict(document["transcript"])
        written["words"] = tuple(_built(Word, item) for item in written["words"])
        written["segments"] = tuple(_built(TranscriptSegment, item) for item in written["segments"])
        written["findings"] = tuple(
            _built(Finding, {**item, "severity": Severity(item["severity"])})
            for item in written["findings"]
        )
        return StoredTranscript(
            transcript=_built(Transcript, written),
            load_ms=_number(document["load_ms"]),
            made_at=_text(document["made_at"]),
        )
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


def _add(digest: Any, part: bytes) -> None:
    """Add a part with its length, so that no two lists of parts look alike."""
    digest.update(len(part).to_bytes(8, "big"))
    digest.update(part)


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":")).encode("ascii")


def _built(kind: type[T], values: object) -> T:
    """Make a dataclass of exactly its own fields, each of a type that its annotation allows."""
    names = {item.name: str(item.type) for item in fields(kind)}  # type: ignore[arg-type]  # a dataclass
    if not isinstance(values, dict) or values.keys() != names.keys():
        raise ValueError(f"not the fields of a {kind.__name__}")
    return kind(**{name: _checked(names[name], value) for name, value in values.items()})


def _checked(annotation: str, value: Any) -> Any:
    options = annotation.split(" | ")
    if value is None and "None" in options:
        return None
    if "float" in options:
        return _number(value)
    if "int" in options:
        if type(value) is not int:
            raise ValueError("not a whole number")
        return value
    if "str" in options:
        return _text(value)
    return value  # tuples and enums were built before


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError("not a finite number")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value
