"""A plug-in of a model and of a voice whose model's name says where it fails, and how.

``evil:stream-cancel`` raises CancelledError while it is asked. Its key is in ``ACME_KEY``.
"""

from tests.fakes.distribution import install

SOURCE = """
import asyncio
import os
import sys
import time

from echotrace.errors import ProviderError
from echotrace.providers.llm.base import TokenEvent
from echotrace.providers.tts.base import AudioEvent

KEY = os.environ.get("ACME_KEY", "")


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no words " + KEY)


RAISED = {
    "error": lambda: RuntimeError("401 for " + KEY + "\\nsecond line"),
    "base": lambda: BaseException("no Exception " + KEY),
    "generator": lambda: GeneratorExit("over"),
    "exit": lambda: SystemExit("gives up"),
    "cancel": lambda: asyncio.CancelledError("not asked for"),
    "keyboard": lambda: KeyboardInterrupt(),
    "mute": Mute,
    "strange": lambda: ProviderError(5, why=None, hint=Mute()),
    "refused": lambda: ProviderError("no", why=KEY, hint=KEY, code="ACME_" + KEY),
    "licence": lambda: ProviderError("no licence", code="ACME_LICENCE"),
}


def fault(where, model):
    place, _, how = (model or "").partition("-")
    if place != where:
        return
    if how in RAISED:
        raise RAISED[how]()
    if how == "block":
        print("now blocking", file=sys.stderr, flush=True)
        time.sleep(600)


class Provider:
    name = "evil"
    simulated = False
    sent_to = exchange = voice = pcm = None
    requests_sent = 0

    def __init__(self, model):
        self.model = model

    @classmethod
    def create(cls, model, settings):
        fault("create", model)
        return cls(model)

    def check(self):
        fault("check", self.model)

    async def prepare(self):
        fault("prepare", self.model)

    async def close(self):
        fault("close", self.model)

    def stamp(self):
        now_ns = time.perf_counter_ns()
        stamps = {
            "time-none": None,
            "time-true": True,
            "time-early": -5,
            "time-late": 10**30,
            "time-back": now_ns - 10**9,
        }
        return stamps.get(self.model, now_ns)


class Model(Provider):
    async def stream(self, prompt, *, max_tokens):
        self.requests_sent += 1
        remark = KEY if self.model == "remark" else ""
        yield TokenEvent(kind="sent", at_ns=time.perf_counter_ns(), text=remark)
        fault("stream", self.model)
        if self.model == "cancels":
            asyncio.current_task().cancel()
            await asyncio.sleep(0)
        yield TokenEvent(kind="answer", at_ns=self.stamp(), text="Yes. ")
        yield TokenEvent(
            kind="done",
            at_ns=time.perf_counter_ns(),
            tokens=10**30 if self.model == "count" else 2,
            server={"total_ms": 1.0} if self.model == "server" else None,
        )


class Voice(Provider):
    async def synthesize(self, text):
        self.requests_sent += 1
        yield AudioEvent(kind="sent", at_ns=time.perf_counter_ns())
        fault("stream", self.model)
        data = "RIFF" if self.model == "text" else bytes(4000)
        yield AudioEvent(kind="audio", at_ns=self.stamp(), data=data)
        yield AudioEvent(kind="done", at_ns=time.perf_counter_ns())
"""


def install_faulty(folder):
    """Install it as ``evil`` among the models and among the voices."""
    install(folder, "evil_model", "llm", {"evil": "Model"}, SOURCE)
    install(folder, "evil_voice", "tts", {"evil": "Voice"}, SOURCE)
    return folder
