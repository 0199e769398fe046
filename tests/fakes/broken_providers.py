"""Providers that break one rule of ``echotrace.testing`` each; the class's docstring names it."""

import asyncio
import socket
from contextlib import aclosing, suppress
from time import perf_counter_ns, time_ns

import httpx

from echotrace.config.secrets import Secret
from echotrace.errors import ProviderError
from echotrace.providers.llm.base import TokenEvent
from echotrace.providers.tts.base import AudioEvent
from tests.fakes.acme_voice.acme_voice.speech import spoken
from tests.fakes.llm_key import KEY


def event(kind, text="", **more):
    return TokenEvent(kind=kind, at_ns=perf_counter_ns(), text=text, **more)


class Good:
    """Breaks none."""

    breaks_more = False  # whether other rules cannot hold either
    name = "good"
    model = None
    simulated = False
    sent_to = None
    exchange = None
    requests_sent = 0

    @classmethod
    def create(cls, model, settings):
        made = cls()
        made.settings = settings
        made.name = cls.__name__.lower()
        return made

    def check(self):
        pass

    async def prepare(self):
        pass

    async def close(self):
        pass

    async def stream(self, prompt, *, max_tokens):
        if self.settings.llm.base_url:
            await self.fail()
        self.requests_sent += 1
        async with aclosing(self.answer(prompt)) as events:
            async for made in events:
                yield made

    async def answer(self, prompt):
        for made in self.events():
            yield made
            await asyncio.sleep(0)

    def events(self):
        yield event("sent")
        yield event("role")
        yield event("reasoning", "Hm. ")
        yield event("answer", "Yes.")
        yield event("done", tokens=2)

    async def fail(self):
        raise ProviderError("the model did not answer", why="it refused")


class OpensInCreate(Good):
    """create() and check() open nothing"""

    @classmethod
    def create(cls, model, settings):
        socket.getaddrinfo("localhost", 80)
        return super().create(model, settings)


class ChecksByAsking(Good):
    """create() and check() open nothing"""

    def check(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
            plug.connect(("127.0.0.1", 9))


class BareCheck(Good):
    """check() refuses with an error of EchoTrace"""

    breaks_more = True

    def check(self):
        raise ValueError("no key")


class OtherName(Good):
    """the member name"""

    @classmethod
    def create(cls, model, settings):
        made = super().create(model, settings)
        made.name = "somebody else"
        return made


class NoSimulated(Good):
    """the member simulated"""

    simulated = None


class NoPrepare(Good):
    """the member prepare"""

    breaks_more = True

    prepare = None


class Hosts(Good):
    """the member sent_to"""

    sent_to = ("h", 80)


class NoSent(Good):
    """events come in order"""

    def events(self):
        yield from list(super().events())[1:]


class SentTwice(Good):
    """events come in order"""

    def events(self):
        yield event("sent")
        yield from super().events()


class NoDone(Good):
    """events come in order"""

    def events(self):
        yield from list(super().events())[:-1]


class TokenAfterDone(Good):
    """events come in order"""

    def events(self):
        yield from super().events()
        yield event("answer", "No.")


class NoToken(Good):
    """events come in order"""

    def events(self):
        yield event("sent")
        yield event("done")


class OtherKind(Good):
    """events come in order"""

    def events(self):
        yield event("sent")
        yield event("token", "Yes.")
        yield event("done")


class WallClock(Good):
    """at_ns is time.perf_counter_ns() of the bytes"""

    def events(self):
        for made in super().events():
            yield TokenEvent(kind=made.kind, at_ns=time_ns(), text=made.text)


class BackInTime(Good):
    """at_ns is time.perf_counter_ns() of the bytes"""

    def events(self):
        for made in super().events():
            earlier = 10**9 if made.kind == "answer" else 0
            yield TokenEvent(kind=made.kind, at_ns=made.at_ns - earlier, text=made.text)


class Milliseconds(Good):
    """at_ns is time.perf_counter_ns() of the bytes"""

    def events(self):
        for made in super().events():
            yield TokenEvent(kind=made.kind, at_ns=made.at_ns / 1, text=made.text)


class EmptyToken(Good):
    """tokens carry text"""

    def events(self):
        yield event("sent")
        yield event("answer")
        yield event("answer", "Yes.")
        yield event("done")


class CountsAsText(Good):
    """tokens carry text"""

    def events(self):
        yield from list(super().events())[:-1]
        yield event("done", tokens="2")


class OnceOnly(Good):
    """a provider answers requests one after the other"""

    breaks_more = True

    def events(self):
        if self.requests_sent > 1:
            raise RuntimeError("the connection is used up")
        yield from super().events()


class AsciiOnly(Good):
    """a provider answers requests one after the other"""

    async def answer(self, prompt):
        prompt.turns[0].text.encode("ascii")
        async for made in super().answer(prompt):
            yield made


class NeverCounts(Good):
    """requests_sent counts what went out"""

    sent_to = "h:80"
    requests_sent = property(lambda self: 0, lambda self, value: None)


class CountsTwice(Good):
    """requests_sent counts what went out"""

    def events(self):
        self.requests_sent += 1
        yield from super().events()


class ClosesOnce(Good):
    """close() may be called twice"""

    closed = False

    async def close(self):
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True


class Prints(Good):
    """nothing is printed on stdout"""

    def events(self):
        print("asking")  # noqa: T201 - the fault itself
        yield from super().events()


class LeavesATask(Good):
    """a cancelled request leaves nothing behind"""

    async def answer(self, prompt):
        self.task = asyncio.create_task(asyncio.Event().wait())
        async for made in super().answer(prompt):
            yield made
        self.task.cancel()


class SwallowsCancel(Good):
    """a cancelled request leaves nothing behind"""

    async def answer(self, prompt):
        yield event("sent")
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0.01)
        yield event("answer", "Yes.")
        yield event("done")


class EndsWhenCancelled(Good):
    """a cancelled request leaves nothing behind"""

    async def answer(self, prompt):
        yield event("sent")
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            return
        yield event("answer", "Yes.")
        yield event("done")


class RaisesWhenCancelled(Good):
    """a cancelled request leaves nothing behind"""

    async def answer(self, prompt):
        yield event("sent")
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            raise ProviderError("broken off") from None
        yield event("answer", "Yes.")
        yield event("done")


class SpoiltByCancel(Good):
    """a cancelled request leaves nothing behind"""

    busy = False

    async def answer(self, prompt):
        if self.busy:
            raise ProviderError("a request is going on already")
        self.busy = True
        async for made in super().answer(prompt):
            yield made
        self.busy = False


class BareError(Good):
    """a failed request raises an EchoTraceError without secrets"""

    async def fail(self):
        raise OSError("connection refused")


class AnswersAnyway(Good):
    """a failed request raises an EchoTraceError without secrets"""

    async def fail(self):
        pass


class ShowsTheKey(Good):
    """a failed request raises an EchoTraceError without secrets"""

    secret = KEY

    async def fail(self):
        async with httpx.AsyncClient() as client:
            headers = {"authorization": f"Bearer {self.secret}"}
            reply = await client.post(self.settings.llm.base_url, headers=headers, json={})
            message = reply.json()["error"]["message"]
        raise ProviderError("refused", why=self.clean(message)) from None

    def clean(self, message):
        return message


class ShowsHalfTheKey(ShowsTheKey):
    """a failed request raises an EchoTraceError without secrets"""

    def clean(self, message):
        return message.replace(KEY, "***")


class KeyInTheChain(Good):
    """a failed request raises an EchoTraceError without secrets"""

    async def fail(self):
        try:
            raise ValueError(f"bad header {KEY}")
        except ValueError as error:
            raise ProviderError("refused") from error


class LogsTheKey(Good):
    """a failed request raises an EchoTraceError without secrets"""

    async def fail(self):
        import logging

        logging.getLogger("acme.client").debug("asking with %s", KEY)
        await super().fail()


class MasksTheKey(Good):
    """Breaks none."""

    async def fail(self):
        raise ProviderError("refused", why=str(Secret("KEY", KEY)))


class Coroutine(Good):
    """a request gives an asynchronous generator"""

    breaks_more = True

    async def stream(self, prompt, *, max_tokens):
        return list(self.events())


class Raises(Good):
    """a request is answered"""

    breaks_more = True

    def events(self):
        yield event("sent")
        raise ProviderError("no such model")


class RaisesInPrepare(Good):
    """a request is answered"""

    breaks_more = True

    async def prepare(self):
        raise ProviderError("nobody there")


class CannotBeMade(Good):
    """create(model, settings) makes it"""

    breaks_more = True

    @classmethod
    def create(cls, model):
        return cls()


class Endless(Good):
    """a request is answered"""

    breaks_more = True

    async def answer(self, prompt):
        yield event("sent")
        await asyncio.Event().wait()


class DeafToCancel(Good):
    """a cancelled request leaves nothing behind"""

    async def answer(self, prompt):
        yield event("sent")
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        yield event("answer", "Yes.")
        yield event("done")


class GoodSpeech(Good):
    """Breaks none."""

    voice = "anna"
    pcm = None
    sound = spoken(0.3)

    async def synthesize(self, text):
        if self.settings.tts.base_url:
            await self.fail()
        self.requests_sent += 1
        for kind, data in self.parts():
            yield AudioEvent(kind=kind, at_ns=perf_counter_ns(), data=data)
            await asyncio.sleep(0)

    def parts(self):
        yield "sent", b""
        yield "audio", self.sound[:2000]
        yield "audio", self.sound[2000:]
        yield "done", b""


class SpeechWithoutSound(GoodSpeech):
    """audio carries sound"""

    sound = b"<html>" * 1000


class SpeechCutShort(GoodSpeech):
    """audio carries sound"""

    sound = spoken(0.3)[:44]


class SpeechOfZeroes(GoodSpeech):
    """audio carries sound"""

    sound = spoken(0.0, 0.4)


class SpeechInTheEnd(GoodSpeech):
    """audio carries sound"""

    def parts(self):
        yield from list(super().parts())[:-1]
        yield "done", self.sound


class SpeechAsText(GoodSpeech):
    """audio carries sound"""

    def parts(self):
        yield "sent", b""
        yield "audio", "UklGRg=="
        yield "done", b""


class SpeechPcm(GoodSpeech):
    """the member pcm"""

    pcm = 16_000


class SpeechVoice(GoodSpeech):
    """the member voice"""

    voice = ""


class SpeechUnordered(GoodSpeech):
    """events come in order"""

    def parts(self):
        sent, *others = super().parts()
        first, *others = others
        yield from (first, sent, *others)
