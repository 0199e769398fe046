"""Cutting a channel into pieces of speech for an engine, and the way back to the recording's clock.

An engine gets the stretches of speech joined into pieces of bounded length, so that memory does not
grow with the recording and silence costs nothing. A cut falls into a pause; where there is none for
too long, at the quietest tenth of a second.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from echotrace.audio.vad import SAMPLE_RATE_HZ, SpeechSpan
from echotrace.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Joined", "Piece", "PieceLimits", "Reader", "cut_pieces"]

_QUIET_SAMPLES: Final = SAMPLE_RATE_HZ // 10
_SLACK_S: Final = 0.1
"""How much earlier than a detector hears the end of speech a word may begin in the silence."""


class Reader(Protocol):
    """The part of ``Audio`` that is needed here."""

    def read(self, channel: int, start_s: float, end_s: float) -> NDArray[np.float32]:
        """Return 16 kHz mono samples; times are on the recording's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceLimits:
    """How an engine wants its audio.

    ``pad_s`` is added on both sides of each stretch of speech, for a detector's edges are late;
    ``max_s`` is the longest piece; where nothing else will do it is cut up to ``search_s`` earlier.
    """

    max_s: float
    pad_s: float = 0.3
    search_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Stretches of one channel that go to the engine as one array.

    ``speech_bounded`` says that the spans come from a speech detector; else the engine has to find
    the speech itself.
    """

    reader: Reader
    channel: int
    spans: tuple[SpeechSpan, ...]
    speech_bounded: bool

    def read(self) -> Joined:
        """Read and join the stretches.

        Raises:
            InternalError: the reader gave something else than finite float32 mono samples.
        """
        parts = [_valid(self.reader.read(self.channel, s.start_s, s.end_s)) for s in self.spans]
        return Joined(
            samples=np.concatenate(parts) if parts else np.zeros(0, np.float32),
            spans=self.spans,
            lengths=tuple(len(part) for part in parts),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The samples of a piece, and where each of them comes from.

    ``lengths`` are the samples of each span, in the order of ``spans``.
    """

    samples: NDArray[np.float32]
    spans: tuple[SpeechSpan, ...]
    lengths: tuple[int, ...]

    @property
    def duration_s(self) -> float:
        """Seconds of joined audio."""
        return len(self.samples) / SAMPLE_RATE_HZ

    def span_at(self, start_s: float, end_s: float) -> int:
        """Return the index of the span that holds the middle of a joined interval."""
        ends = list(accumulate(self.lengths))
        middle = (start_s + end_s) / 2 * SAMPLE_RATE_HZ
        return min(bisect_right(ends, middle), len(ends) - 1)

    def on_recording(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Map an interval of the joined audio to the recording's clock.

        Its middle decides to which span it belongs, and it is kept inside that span: a word never
        lasts through the silence that was left out.
        """
        index = self.span_at(start_s, end_s)
        joined_s = sum(self.lengths[:index]) / SAMPLE_RATE_HZ
        first = self.spans[index].start_s
        last = first + self.lengths[index] / SAMPLE_RATE_HZ
        begin = min(max(first, first + start_s - joined_s), last)
        end = min(max(begin, first + end_s - joined_s), last)
        return round(begin, 3), round(end, 3)

    def words_on_recording(
        self, places: Sequence[tuple[float, float]], *, pad_s: float
    ) -> list[tuple[float, float]]:
        """Map the words of one segment, whose times come from a model's attention.

        Attention spreads the first words of a stretch over the pause before it. Words that begin in
        the padding behind one span, in a segment that goes on in a later span, open that one.
        """
        found = [self.on_recording(*place) for place in places]
        indices = [self.span_at(*place) for place in places]
        first = next((at for at, index in enumerate(indices) if index > indices[0]), 0)
        if not first:
            return found
        silent_from = sum(self.lengths[: indices[0] + 1]) / SAMPLE_RATE_HZ - pad_s - _SLACK_S
        if any(begin < silent_from for begin, _ in places[:first]):
            return found
        next_begin, latest = found[first]
        opening = min(self.spans[indices[first]].start_s + pad_s, latest)
        for at, (begin, end) in enumerate(places[:first]):
            start_s = min(opening + begin - places[0][0], latest)
            found[at] = (round(start_s, 3), round(min(start_s + end - begin, latest), 3))
        found[first] = (max(next_begin, found[first - 1][0]), latest)
        return found


def cut_pieces(
    reader: Reader,
    channel: int,
    *,
    begin_s: float,
    end_s: float,
    limits: PieceLimits,
    spans: Sequence[SpeechSpan] | None,
) -> Iterator[Piece]:
    """Cut ``[begin_s, end_s]`` of a channel into pieces, lazily.

    Args:
        reader: where the samples come from.
        channel: which channel.
        begin_s: where the analysed part begins, on the recording's clock.
        end_s: where it ends.
        limits: the engine's.
        spans: stretches of speech in order; None when nobody looked for speech, so that the whole
            channel goes to the engine.
    """
    bounded = spans is not None
    wide = _padded(spans, begin_s, end_s, limits.pad_s) if spans is not None else [(begin_s, end_s)]
    waiting: list[SpeechSpan] = []
    total = 0.0
    for start, end in _split(reader, channel, wide, limits):
        if waiting and total + end - start > limits.max_s:
            yield Piece(
                reader=reader, channel=channel, spans=tuple(waiting), speech_bounded=bounded
            )
            waiting, total = [], 0.0
        waiting.append(SpeechSpan(start, end))
        total += end - start
    if waiting:
        yield Piece(reader=reader, channel=channel, spans=tuple(waiting), speech_bounded=bounded)


def _padded(
    spans: Iterable[SpeechSpan], begin_s: float, end_s: float, pad_s: float
) -> list[tuple[float, float]]:
    """Widen each span on both sides and merge those that meet."""
    merged: list[tuple[float, float]] = []
    for span in spans:
        start, end = max(begin_s, span.start_s - pad_s), min(end_s, span.end_s + pad_s)
        if merged and start <= merged[-1][1]:
            start, end = merged[-1][0], max(end, merged[-1][1])
            merged.pop()
        if end > start:
            merged.append((start, end))
    return merged


def _split(
    reader: Reader, channel: int, stretches: Iterable[tuple[float, float]], limits: PieceLimits
) -> Iterator[tuple[float, float]]:
    for begin, end in stretches:
        start = begin
        while end - start > limits.max_s:
            latest = start + limits.max_s
            cut = _quietest(reader, channel, latest - limits.search_s, latest)
            yield start, cut
            start = cut
        if end > start:
            yield start, end


def _quietest(reader: Reader, channel: int, start_s: float, end_s: float) -> float:
    """Return the middle of the quietest tenth of a second between two times."""
    samples = _valid(reader.read(channel, start_s, end_s))
    frames = samples[: len(samples) // _QUIET_SAMPLES * _QUIET_SAMPLES].reshape(-1, _QUIET_SAMPLES)
    if not len(frames):
        return end_s
    quietest = int(np.argmin(frames.var(axis=1)))
    return start_s + (quietest + 0.5) * _QUIET_SAMPLES / SAMPLE_RATE_HZ


def _valid(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Refuse what engines take without a word and read wrongly: integers, two axes, NaN."""
    if samples.ndim != 1 or samples.dtype != np.float32:
        raise InternalError(f"samples of {samples.dtype} and shape {samples.shape} for an engine")
    if not np.isfinite(samples).all():
        raise InternalError("samples for an engine hold NaN or infinity")
    return samples
