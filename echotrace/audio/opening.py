"""One recording on its way through the door: hashed, decoded by the best of its decoders, checked.

Apart from the handle, because two recordings can also become the two sides of one call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from echotrace.audio.choose import Plan, no_decoder, plan
from echotrace.audio.decoder import Decoder, Rejected
from echotrace.audio.door import Recording
from echotrace.audio.ingest import Laps, Limits, MakeExtractor, Pass, run_pass, too_long
from echotrace.audio.spool import Spool
from echotrace.errors import EchoTraceError, InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from echotrace.audio.cut import Cut
    from echotrace.audio.features import ChannelFeatures
    from echotrace.audio.stop import ShouldStop

__all__ = ["NoExtractor", "Opened", "Opening", "discard", "no_audio"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A decoded recording; ``again`` decodes the same cut once more and keeps its samples."""

    recording: Recording
    how: Plan
    found: Pass
    sha256: str
    again: Callable[[], Spool]


class Opening:
    """Hashes and decodes one open recording, step by step.

    Args:
        recording: the open file; it stays open whatever happens.
        cut: what to decode of it, on its own clock; its end may equal its beginning.
        max_duration_s: the cap on the cut's length.
        max_decoded_mib: the cap on what comes out of the file.
        keep_samples: whether the pass keeps them.
        make_extractor: what computes the features.
        laps: the clock of the steps.
        should_stop: asked once per block.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        cut: Cut,
        max_duration_s: float,
        max_decoded_mib: int,
        keep_samples: bool,
        make_extractor: MakeExtractor,
        laps: Laps,
        should_stop: ShouldStop,
    ) -> None:
        self._recording = recording
        self._cut = cut
        self._max_duration_s = max_duration_s
        self._max_decoded_mib = max_decoded_mib
        self._keep_samples = keep_samples
        self._make_extractor = make_extractor
        self._laps = laps
        self._should_stop = should_stop

    def run(self) -> Opened:
        """Look, hash and decode; the samples that were kept are the caller's to close.

        Raises:
            InputError: the file cannot be used.
            StorageError: there is no room for temporary data.
            Stopped: ``should_stop`` said so.
        """
        recording = self._recording
        how = plan(recording)
        self._laps.lap("decode")
        digest = recording.sha256(self._should_stop)
        self._laps.lap("hash")
        found, opener = self._decode(how)

        def again() -> Spool:
            spool = self._pass(opener, keep=True, make_extractor=NoExtractor).spool
            assert spool is not None
            return spool

        return Opened(recording=recording, how=how, found=found, sha256=digest, again=again)

    def _decode(self, how: Plan) -> _Attempt:
        """Try the decoders in order: when one breaks off the next follows, the best counts."""
        best: _Attempt | None = None
        reasons: list[str] = []
        for opener in how.openers:
            try:
                found = self._pass(
                    opener, keep=self._keep_samples, make_extractor=self._make_extractor
                )
            except Rejected as error:
                reasons.append(str(error))
                continue
            except EchoTraceError:
                if best is None:
                    raise
                if not best[0].frames:
                    discard(best[0])
                    raise
                break
            except BaseException:
                if best is not None:
                    discard(best[0])
                raise
            if found.failure:
                reasons.append(found.failure)
            if best is None:
                best = found, opener
            elif found.frames > best[0].frames:
                discard(best[0])
                best = found, opener
            else:
                discard(found)
            if not found.failure and (found.frames or not found.reached_end):
                break
        if best is None:
            raise no_decoder(self._recording, how.looks, reasons)
        if reasons and best[0].failure is None:
            best[0].failure = reasons[0]
        return best

    def _pass(
        self, opener: Callable[[], Decoder], *, keep: bool, make_extractor: MakeExtractor
    ) -> Pass:
        decoder = opener()
        form, cut = decoder.format, self._cut
        first = round(cut.start_s * form.rate_hz)
        end = None if cut.end_s is None else round(cut.end_s * form.rate_hz)
        if form.trusted and form.declared_frames is not None:
            last = form.declared_frames if end is None else min(end, form.declared_frames)
            if last - first > self._max_duration_s * form.rate_hz:
                decoder.close()
                length_s = (last - first) / form.rate_hz
                raise too_long(self._recording.shown, length_s, self._max_duration_s)
        waiting = [decoder]
        return run_pass(
            lambda: waiting.pop() if waiting else opener(),
            limits=Limits(
                first_frame=first,
                end_frame=end,
                max_duration_s=self._max_duration_s,
                max_decoded_mib=self._max_decoded_mib,
            ),
            keep_samples=keep,
            make_extractor=make_extractor,
            start_s=cut.start_s,
            laps=self._laps,
            shown=self._recording.shown,
            should_stop=self._should_stop,
        )


_Attempt = tuple[Pass, Callable[[], Decoder]]


def discard(found: Pass) -> None:
    """Give back the samples that a pass kept."""
    if found.spool is not None:
        found.spool.close()


def no_audio(recording: Recording, found: Pass, cut: Cut) -> InputError:
    """The error for a pass that gave not one sample."""
    shown = recording.shown
    declared = found.decoder.format.declared_frames
    if cut.start_s > 0 and declared != 0:
        length = ""
        if declared is not None:
            length = f"it is {declared / found.decoder.format.rate_hz:.2f} s long"
        return InputError(
            f"{shown} ends before {cut.start_s:g} s",
            why=length,
            hint="choose a smaller --start",
            code="CUT_OUTSIDE",
        )
    return InputError(
        f"{shown} holds no audio",
        why=found.failure or "not one sample can be decoded",
        hint="check the program that recorded it: it may have been stopped too early",
        code="NO_AUDIO",
    )


class NoExtractor:
    """Extracts nothing: for a pass that only fills the spool."""

    def __init__(self, channels: int, *, start_s: float = 0.0) -> None:
        del channels, start_s

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take nothing from it."""

    def finish(self) -> tuple[ChannelFeatures, ...]:
        """Return no features."""
        return ()
