"""Plug-ins that fail, each in one way."""

import asyncio
from time import perf_counter_ns

from acme_voice.model import AcmeModel
from acme_voice.speech import AcmeSpeech
from echotrace.providers.llm.base import TokenEvent


class RaisesInCreate(AcmeModel):
    name = "acme-create"

    @classmethod
    def create(cls, model, settings):
        raise RuntimeError("the licence of acme has expired")


class RaisesInStream(AcmeModel):
    name = "acme-stream"

    async def stream(self, prompt, *, max_tokens):
        self.requests_sent += 1
        yield TokenEvent(kind="sent", at_ns=perf_counter_ns())
        raise KeyError("choices of acme")


class Prints(AcmeModel):
    name = "acme-prints"

    async def stream(self, prompt, *, max_tokens):
        print("acme: debugging\n" * 3)  # noqa: T201 - the fault itself
        async for event in super().stream(prompt, max_tokens=max_tokens):
            yield event


class NeverEnds(AcmeModel):
    name = "acme-endless"

    async def stream(self, prompt, *, max_tokens):
        self.requests_sent += 1
        yield TokenEvent(kind="sent", at_ns=perf_counter_ns())
        await asyncio.Event().wait()


class Exits(AcmeModel):
    name = "acme-exits"

    async def stream(self, prompt, *, max_tokens):
        self.requests_sent += 1
        yield TokenEvent(kind="sent", at_ns=perf_counter_ns())
        raise SystemExit("acme gives up")


class SpeechRaises(AcmeSpeech):
    name = "acme-stream"

    async def synthesize(self, text):
        async for event in super().synthesize(text):
            yield event
            raise OSError("the voice of acme is hoarse")


class SpeechExits(AcmeSpeech):
    name = "acme-exits"

    async def synthesize(self, text):
        async for event in super().synthesize(text):
            yield event
            raise SystemExit("the voice of acme gives up")


class Remote(AcmeModel):
    """Says that it asks another machine, and forgets --offline."""

    name = "acme-remote"
    sent_to = "acme.example:443"


class RemoteSpeech(AcmeSpeech):
    """As above."""

    name = "acme-remote"
    sent_to = "acme.example:443"
