"""A language model that runs in the process and always says the same."""

import asyncio
from time import perf_counter_ns

from echotrace.errors import UsageError
from echotrace.providers.llm.base import TokenEvent

PIECES = ("Block ", "your ", "card ", "now. ", "Then ", "call ", "us.")


class AcmeModel:
    name = "acme"
    simulated = False
    sent_to = None
    exchange = None

    def __init__(self, model):
        self.model = model or "acme-small"
        self.requests_sent = 0

    @classmethod
    def create(cls, model, settings):
        if model == "":
            raise UsageError("'acme:' names no model", hint="acme:acme-small")
        return cls(model)

    def check(self):
        pass

    async def prepare(self):
        pass

    async def stream(self, prompt, *, max_tokens):
        self.requests_sent += 1
        yield TokenEvent(kind="sent", at_ns=perf_counter_ns())
        await asyncio.sleep(0.01)
        for piece in PIECES[:max_tokens]:
            yield TokenEvent(kind="answer", at_ns=perf_counter_ns(), text=piece)
            await asyncio.sleep(0.001)
        yield TokenEvent(kind="done", at_ns=perf_counter_ns(), tokens=len(PIECES[:max_tokens]))

    async def close(self):
        pass
