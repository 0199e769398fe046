"""A voice that runs in the process: 100 ms of silence, then a hum that swells like syllables."""

import asyncio
import io
import math
import wave
from array import array
from time import perf_counter_ns

from echotrace.providers.tts.base import AudioEvent

RATE_HZ = 16_000


def spoken(seconds=0.8, silence_s=0.1):
    samples = array("h", [0] * round(silence_s * RATE_HZ))
    for index in range(round(seconds * RATE_HZ)):
        at_s = index / RATE_HZ
        swell = 0.6 + 0.4 * math.cos(2 * math.pi * 4 * at_s)
        samples.append(round(9000 * swell * math.sin(2 * math.pi * 220 * at_s)))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.tobytes())
    return out.getvalue()


class AcmeSpeech:
    name = "acme"
    sent_to = None
    exchange = None
    voice = "anna"
    pcm = None

    def __init__(self, model):
        self.model = model or "acme-voice"
        self.requests_sent = 0

    @classmethod
    def create(cls, model, settings):
        return cls(model)

    def check(self):
        pass

    async def synthesize(self, text):
        self.requests_sent += 1
        yield AudioEvent(kind="sent", at_ns=perf_counter_ns())
        await asyncio.sleep(0.01)
        data = spoken()
        for start in range(0, len(data), 8000):
            yield AudioEvent(kind="audio", at_ns=perf_counter_ns(), data=data[start : start + 8000])
        yield AudioEvent(kind="done", at_ns=perf_counter_ns())

    async def close(self):
        pass
