"""The rules of a speech synthesiser, of the group ``echotrace.tts``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from echotrace.providers.tts.base import BUILT_IN_TEXT, PcmFormat
from echotrace.testing.provider import ProviderConformance
from echotrace.testing.rule import BrokenRuleError, require, said

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TtsConformance"]

_ANY_SCRIPT = "Zoë says \N{WAVING HAND SIGN}: \u05e9\u05dc\u05d5\u05dd, 'tea & \"cake\"' for $4.20."


class TtsConformance(ProviderConformance):
    """Subclass it as ``TestSomething`` and set ``name``; see :mod:`echotrace.testing`."""

    group: ClassVar[str] = "tts"
    kinds: ClassVar[tuple[str, ...]] = ("sent", "audio", "done")
    payloads: ClassVar[tuple[str, ...]] = ("audio",)
    asks: ClassVar[tuple[str, ...]] = ("synthesize",)

    def test_its_members_have_their_types(self) -> None:
        """The members of the Protocol are there before anything was asked."""
        super().test_its_members_have_their_types()
        provider = self._make()
        voice = "a text or None"
        self._member(provider, "voice", lambda value: value is None or bool(value), voice)
        pcm = "a PcmFormat, or None when the sound has a header"
        self._member(
            provider, "pcm", lambda value: value is None or isinstance(value, PcmFormat), pcm
        )

    def test_audio_carries_sound(self) -> None:
        """``audio`` carries bytes, the others none; all of them together decode to sound."""
        rule = "audio carries sound"
        for asked in self._whole():
            for event, _ in asked.events:
                data, kind = event.data, event.kind
                got = f"{kind} with {said(data)}"
                require(isinstance(data, bytes), rule, expected="bytes", got=got)
                if kind == "audio":
                    require(data, rule, expected="bytes that are not empty", got=got)
                else:
                    require(not data, rule, expected=f"no bytes in {kind!r}", got=got)

            data = b"".join(event.data for event, _ in asked.events)
            _audible(rule, data, self._course().provider.pcm)

    def _asks(self) -> tuple[Callable[[Any], Any], ...]:
        def asking(text: str) -> Callable[[Any], Any]:
            return lambda provider: provider.synthesize(text)

        return (asking(BUILT_IN_TEXT), asking(BUILT_IN_TEXT), asking(_ANY_SCRIPT))


def _audible(rule: str, data: bytes, pcm: PcmFormat | None) -> None:
    from echotrace.providers.tts.silence import leading_silence_ms
    from echotrace.providers.tts.sound import NotSoundError, read_sound

    expected = "bytes that decode to audible sound"
    try:
        sound = read_sound(data, pcm)
    except NotSoundError as error:
        got = f"{len(data):,} bytes: {error}"
        raise BrokenRuleError(rule, expected=expected, got=got) from None
    silence = leading_silence_ms(sound)
    got = f"{sound.duration_s:.2f} s of silence"
    require(silence is not None, rule, expected=expected, got=got)
