"""Which recogniser sent how much sound where.

A report keeps what was sent by channel and host, for the engine under audit and for the gold engine
in one list; what each is charged for has to be told apart again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from echotrace.pricing import VENDOR_HOSTS, host_of

if TYPE_CHECKING:
    from echotrace.aggregator.parts import Parts
    from echotrace.model.transcription import SentAudio

__all__ = ["Engine", "heard_by"]

_HERE: Final = ("faster-whisper", "sphinx")
"""Engines that never send anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A recogniser of the run; ``sent_to`` is None when it sent nothing, ``audio_s`` what it sent.

    ``stage`` is transcription or gold.
    """

    stage: str
    provider: str
    model: str | None
    cached_at: str | None = None
    sent_to: str | None = None
    audio_s: float = 0.0

    @property
    def from_cache(self) -> bool:
        """Whether a service made the transcript in an earlier run."""
        return self.sent_to is None and self.cached_at is not None and self.provider in VENDOR_HOSTS

    @property
    def is_service(self) -> bool:
        """Whether anything of it was or would have been charged."""
        return self.sent_to is not None or self.from_cache


def heard_by(parts: Parts) -> tuple[Engine, ...]:
    """Return the engines that made this run's transcripts; one that was brought along has none."""
    text = parts.transcription
    if text is None:
        return ()
    engines = []
    if text.timing is not None:
        engines.append(_engine("transcription", text.engine, text.cached_at))
    gold = parts.settings.stt.gold
    if text.gold_source and text.gold_source.startswith("engine:"):
        gold = text.gold_source.removeprefix("engine:")
    if text.gold_timing is not None and gold:
        engines.append(_engine("gold", gold, text.gold_cached_at))
    taken: set[tuple[int, int]] = set()
    for sent in text.sent:
        owner = _owner(sent, engines, taken, text.channel_index)
        if owner is not None:
            taken.add((owner, sent.channel_index))
            engine = engines[owner]
            engines[owner] = replace(engine, sent_to=sent.to, audio_s=engine.audio_s + sent.audio_s)
    return tuple(engines)


def _engine(stage: str, name: str, cached_at: str | None) -> Engine:
    provider, _, model = name.partition(":")
    return Engine(stage=stage, provider=provider, model=model or None, cached_at=cached_at)


def _owner(
    sent: SentAudio, engines: list[Engine], taken: set[tuple[int, int]], scored: int
) -> int | None:
    """Return whose it is: the vendor's own engine, else the first that can have sent it.

    Each engine sends a channel once, and the scored one not when it is in the cache.
    """
    host = host_of(sent.to)
    vendors = [
        index for index, engine in enumerate(engines) if VENDOR_HOSTS.get(engine.provider) == host
    ]
    if len(vendors) == 1:
        return vendors[0]
    for index, engine in enumerate(engines):
        kept = engine.cached_at is not None and sent.channel_index == scored
        if engine.provider not in _HERE and not kept and (index, sent.channel_index) not in taken:
            return index
    return None
