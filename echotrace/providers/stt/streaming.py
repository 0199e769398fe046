"""Streaming behaviour: a recording replayed to an engine as if it were being spoken now.

Nothing waits. A virtual clock says when each chunk of audio would have arrived; how long the engine
computes on it is measured, and what arrives meanwhile is handed over at once when it is done, as a
system that falls behind does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from echotrace.audio.vad import SAMPLE_RATE_HZ, SpeechSpan
from echotrace.providers.stt.base import IsStopped, SttEngine, SttStopped, never_stopped
from echotrace.providers.stt.chunked import STEP_MS, ChunkedStream
from echotrace.providers.stt.streaming_summary import not_streamed, summarise, utterance_of
from echotrace.telemetry.collector import count_steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from echotrace.model.report import StreamedUtterance, Streaming
    from echotrace.providers.stt.pieces import Reader
    from echotrace.telemetry import TelemetryCollector

__all__ = ["BUDGET_S", "MAX_UTTERANCES", "TAIL_S", "Stream", "replay"]

TAIL_S: Final = 0.5
"""Silence after which the endpointer ends an utterance; a final text cannot come earlier."""
MAX_UTTERANCES: Final = 20
MAX_UTTERANCE_S: Final = 30.0
BUDGET_S: Final = 60.0
"""Time of computing after which no further utterance is begun."""
_PAD_S: Final = 0.3


class Stream(Protocol):
    """One utterance that is being recognised; ``cpu_ns`` adds up what it cost."""

    cpu_ns: int

    def feed(self, samples: NDArray[np.float32]) -> str:
        """Take 16 kHz samples and return the text so far."""

    def finish(self) -> str:
        """Return the final text; the stream has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """How an engine is made to stream; ``simulated`` says why that is no streaming."""

    open: Callable[[IsStopped], Stream]
    method: str
    simulated: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """Speech between two pauses; audio of ``lead_s`` before and ``tail_s`` after goes with it."""

    start_s: float
    end_s: float
    lead_s: float
    tail_s: float


def replay(
    engine: SttEngine,
    audio: Reader,
    channel: int,
    spans: Sequence[SpeechSpan],
    *,
    chunk_ms: float = 100.0,
    collector: TelemetryCollector,
    is_stopped: IsStopped = never_stopped,
) -> Streaming:
    """Replay utterances of a channel to a loaded engine, in a span ``streaming_replay``.

    An utterance is speech without a pause of 0.5 s, with up to 0.3 s before it. A chunk arrives
    when its last sample has been spoken; work on it begins then, or when the work before it is
    done, and lasts as long as it really took; a result is out when the work ends. The first partial
    result counts from the start of speech. The final text is asked for 0.5 s after the end of
    speech (where the endpointer would), so its time, which counts from the end of speech, holds
    that half second, which ``endpoint_wait_ms`` names, and the computing since.

    An engine streams when it has ``open_stream(is_stopped)``, which returns a ``Stream``; of one
    with ``decode_text(samples, is_stopped=...)`` streaming is simulated; any other has none.

    At most 20 utterances of at most 30 s are replayed, spread over the channel, and none is begun
    after a minute of computing; ``method`` says how many of how many.

    Raises:
        SttStopped: ``is_stopped`` returned True between two chunks.
        MissingDependencyError: the engine failed.
    """
    way = _way_of(engine)
    if way is None:
        return not_streamed(engine.name, "this engine takes whole recordings and does not stream")
    stretches, too_long = _stretches(spans)
    if not stretches:
        reason = "every utterance is longer than 30 s" if too_long else "no speech to replay"
        return not_streamed(engine.name, reason, method=way.method)
    chunk = max(1, round(chunk_ms * SAMPLE_RATE_HZ / 1e3))
    found: list[StreamedUtterance] = []
    with collector.span("streaming_replay", engine=engine.name, chunk_ms=chunk_ms) as span:
        count_steps(span)
        begun_ns = perf_counter_ns()
        cpu_ns = 0
        for stretch in _spread(stretches):
            if found and perf_counter_ns() - begun_ns > BUDGET_S * 1e9:
                break
            stream = way.open(is_stopped)
            found.append(_replay_one(stream, stretch, audio, channel, chunk, is_stopped))
            cpu_ns += stream.cpu_ns
        span.cpu_ns = cpu_ns
        span.set(utterances=len(found))
    found.sort(key=lambda item: item.start_s or 0.0)
    total = len(stretches) + too_long
    return summarise(
        found,
        source=engine.name,
        method=f"{way.method}; {len(found)} of {total} utterances replayed in chunks of "
        f"{chunk_ms:g} ms on a virtual clock; final = text asked for {TAIL_S * 1e3:g} ms after "
        "the end of speech",
        chunk_ms=chunk_ms,
        no_partial="no partial result had any text",
        no_final="no final result had any text",
        simulated=way.simulated,
    )


def _way_of(engine: Any) -> _Way | None:
    if hasattr(engine, "open_stream"):
        return _Way(open=engine.open_stream, method="the engine's own streaming")
    if hasattr(engine, "decode_text"):
        return _Way(
            open=partial(ChunkedStream, engine),
            method=f"the audio so far decoded again every {STEP_MS:g} ms",
            simulated=f"{engine.name} does not stream: the utterance so far is decoded again "
            f"every {STEP_MS:g} ms",
        )
    return None


def _replay_one(
    stream: Stream,
    stretch: _Stretch,
    audio: Reader,
    channel: int,
    chunk: int,
    is_stopped: IsStopped,
) -> StreamedUtterance:
    # read apart: what lies before the recording's beginning is left out, so the lead may be shorter
    lead = audio.read(channel, stretch.start_s - stretch.lead_s, stretch.start_s)
    rest = audio.read(channel, stretch.start_s, stretch.end_s + stretch.tail_s)
    samples = np.concatenate([lead, rest])
    begin_s = stretch.start_s - len(lead) / SAMPLE_RATE_HZ
    now_s = begin_s
    taken = 0
    texts: list[str] = []
    first_s = None
    while taken < len(samples):
        if is_stopped():
            raise SttStopped
        whole = min(taken + chunk, len(samples))
        now_s = max(now_s, begin_s + whole / SAMPLE_RATE_HZ)
        arrived = int((now_s - begin_s) * SAMPLE_RATE_HZ + 1e-3) // chunk * chunk
        upto = max(whole, min(arrived, len(samples)))
        begun_ns = perf_counter_ns()
        text = stream.feed(samples[taken:upto])
        now_s += (perf_counter_ns() - begun_ns) / 1e9
        taken = upto
        if text != (texts[-1] if texts else ""):
            texts.append(text)
        if first_s is None and text.strip():
            first_s = now_s
    now_s = max(now_s, stretch.end_s + stretch.tail_s)
    begun_ns = perf_counter_ns()
    final = stream.finish()
    now_s += (perf_counter_ns() - begun_ns) / 1e9
    return utterance_of(
        texts,
        final,
        start_s=stretch.start_s,
        end_s=stretch.end_s,
        first_partial_ms=None if first_s is None else (first_s - stretch.start_s) * 1e3,
        final_ms=(now_s - stretch.end_s) * 1e3 if final.strip() else None,
        endpoint_wait_ms=stretch.tail_s * 1e3,
    )


def _stretches(spans: Sequence[SpeechSpan]) -> tuple[list[_Stretch], int]:
    """Join spans across pauses below ``TAIL_S``; return them and how many are too long.

    Speech without a longer pause is parted at a short one before it exceeds the longest utterance;
    its tail is then that pause.
    """
    joined: list[SpeechSpan] = []
    for span in spans:
        if (
            joined
            and span.start_s - joined[-1].end_s < TAIL_S
            and span.end_s - joined[-1].start_s <= MAX_UTTERANCE_S
        ):
            joined[-1] = SpeechSpan(joined[-1].start_s, span.end_s)
        else:
            joined.append(span)
    found = []
    for index, span in enumerate(joined):
        before_s = joined[index - 1].end_s if index else -np.inf
        after_s = joined[index + 1].start_s if index + 1 < len(joined) else np.inf
        if span.end_s - span.start_s <= MAX_UTTERANCE_S:
            found.append(
                _Stretch(
                    start_s=span.start_s,
                    end_s=span.end_s,
                    lead_s=max(0.0, min(_PAD_S, span.start_s - before_s)),
                    tail_s=max(0.0, min(TAIL_S, after_s - span.end_s)),
                )
            )
    return found, len(joined) - len(found)


def _spread(stretches: Sequence[_Stretch]) -> Iterable[_Stretch]:
    """Return at most ``MAX_UTTERANCES``, so ordered that any first part is spread over the call.

    The order is that of the places with their binary digits reversed (van der Corput's sequence).
    """
    count = min(len(stretches), MAX_UTTERANCES)
    chosen = [stretches[place * len(stretches) // count] for place in range(count)]
    width = max(1, (count - 1).bit_length())
    order = sorted(range(count), key=lambda place: f"{place:0{width}b}"[::-1])
    return [chosen[place] for place in order]
