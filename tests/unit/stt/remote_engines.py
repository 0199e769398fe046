"""What the tests of both cloud engines share: a recording, and an engine that is pointed at it."""

import functools
from dataclasses import dataclass

import numpy as np

from echotrace.audio.vad import SpeechSpan
from echotrace.config.settings import Settings, SttSettings
from echotrace.providers.stt.base import SttEngine, Transcript, never_stopped
from echotrace.providers.stt.choose import named_engine
from echotrace.providers.stt.pieces import Piece
from echotrace.telemetry import Span, TelemetryCollector
from tests.fakes.array_reader import ArrayReader
from tests.fakes.llm_key import KEY

PROVIDERS = ("groq", "openai")
MODELS = {"groq": "whisper-large-v3-turbo", "openai": "whisper-1"}


@functools.cache
def recording(seconds=60.0, seed=1):
    """Faint noise, so that the FLAC has something to hold."""
    frames = round(seconds * 16_000)
    return ArrayReader(np.random.default_rng(seed).normal(0, 0.1, frames).astype(np.float32))


def piece(*pairs, reader=None):
    spans = tuple(SpeechSpan(start, end) for start, end in pairs)
    return Piece(reader=reader or recording(), channel=0, spans=spans, speech_bounded=True)


@dataclass(frozen=True)
class Ran:
    transcript: Transcript
    spans: tuple[Span, ...]

    def named(self, name):
        return [span for span in self.spans if span.name == name]

    @property
    def codes(self):
        return [finding.code for finding in self.transcript.findings]


def make(environment, provider, url, *, model=None, key=KEY, offline=False, **stt) -> SttEngine:
    if key:
        environment.setenv(f"{provider.upper()}_API_KEY", key)
    name = provider if model is None else f"{provider}:{model}"
    values = {"engine": name, "base_url": url, "timeout_s": 10.0, **stt}
    return named_engine(name, Settings(offline=offline, stt=SttSettings(**values)))


def transcribe(engine, *pieces, warm_up=False, is_stopped=never_stopped) -> Ran:
    collector = TelemetryCollector()
    try:
        assert engine.load(collector) == 0.0
        if warm_up:
            engine.warm_up(collector)
        heard = engine.transcribe(pieces or (piece((0.0, 2.0)),), collector, is_stopped=is_stopped)
        return Ran(heard, collector.spans)
    finally:
        engine.close()
        transcribe.spans = collector.spans  # for tests of what was kept of a failure
