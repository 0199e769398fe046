"""The probe against a bare httpx stream loop, interleaved on one server; exits 1 beyond 3 ms.

A server in a process of its own answers with a first token after 20 ms, then 20 tokens 2 ms apart.
Each round asks it once by a bare httpx loop that only reads the lines, once by the groq SDK under
our transport and once by our plain client, each over its open connection. The time is that of the
whole request as the caller of the code sees it.

python .extras/bench/probe.py [ROUNDS]
"""

import asyncio
import json
import multiprocessing
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import httpx

from echotrace.config.settings import LlmSettings, Settings
from echotrace.providers.llm.base import BUILT_IN_PROMPT
from echotrace.providers.llm.groq import GroqProvider
from echotrace.providers.llm.measure import take_sample
from echotrace.providers.llm.openai import OpenAiProvider
from echotrace.providers.taken import Due
from tests.fakes.llm_servers import LlmServer, groq_answer

BOUND_MS = 3.0
WORDS = tuple(f"word{number} " for number in range(20))
KEYS = {"GROQ_API_KEY": "gsk_bench", "OPENAI_API_KEY": "sk-bench"}


def serve(pipe):
    with LlmServer(lambda seen: groq_answer(*WORDS, first_s=0.02, gap_s=0.002)) as server:
        pipe.send(server.url)
        pipe.recv()


async def bare(client, url):
    body = {"model": "test", "messages": BUILT_IN_PROMPT.messages(), "stream": True}
    begun = time.perf_counter()
    tokens = 0
    async with client.stream("POST", url, json=body) as reply:
        async for line in reply.aiter_lines():
            if line.startswith("data: {"):
                tokens += bool(json.loads(line[6:])["choices"][0]["delta"].get("content"))
    assert tokens == len(WORDS)
    return (time.perf_counter() - begun) * 1e3


async def probed(provider):
    begun_ns = time.perf_counter_ns()
    due = Due(index=1, cold=False, due_ns=begun_ns, origin_ns=begun_ns)
    taken = await take_sample(
        provider, prompt=BUILT_IN_PROMPT, max_tokens=64, limit_s=10.0, due=due
    )
    assert taken.error is None, taken.error
    assert taken.sample.tokens == len(WORDS)
    return (time.perf_counter_ns() - begun_ns) / 1e6


async def measure(url, rounds):
    settings = Settings(llm=replace(LlmSettings(), base_url=url))
    sdk = GroqProvider.create("test", settings, environ=KEYS)
    at = replace(settings, llm=replace(settings.llm, base_url=f"{url}/openai/v1"))
    plain = OpenAiProvider.create("test", at, environ=KEYS)
    taken = {"bare httpx stream loop": [], "groq SDK, probed": [], "plain client, probed": []}
    async with httpx.AsyncClient(timeout=10.0, trust_env=False) as client:
        for number in range(rounds + 3):
            found = (
                await bare(client, f"{url}/openai/v1/chat/completions"),
                await probed(sdk),
                await probed(plain),
            )
            if number >= 3:  # the first ones open the connections
                for values, value in zip(taken.values(), found, strict=True):
                    values.append(value)
    await sdk.close()
    await plain.close()
    return taken


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,))
    server.start()
    taken = asyncio.run(measure(ours.recv(), rounds))
    ours.send("stop")
    server.join()
    base = statistics.median(taken["bare httpx stream loop"])
    worst = 0.0
    for name, values in taken.items():
        middle = statistics.median(values)
        worst = max(worst, middle - base)
        print(f"{name:24} median {middle:7.2f} ms   over the bare loop {middle - base:+5.2f} ms")
    return worst > BOUND_MS


if __name__ == "__main__":
    sys.exit(main())
