"""Trying each choice for real: one timed request, or loading the engine and running it once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from echotrace.errors import EchoTraceError, ExitCode, InternalError
from echotrace.setup.providers import facts_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echotrace.config.settings import Settings
    from echotrace.providers.llm.base import LlmProvider
    from echotrace.setup.ollama import OllamaFound

__all__ = ["CheckName", "CheckResult", "check_llm", "check_ollama", "check_stt"]

CheckName = Literal["ollama", "llm", "stt", "gold"]
_FETCHABLE = ("MODEL_MISSING", "MODEL_INCOMPLETE")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What came out: ``text`` says it in a few words, ``why``, ``hint`` and ``code`` when not ok.

    ``exit_code`` is what a run without questions leaves with.
    """

    ok: bool
    text: str
    why: str = ""
    hint: str = ""
    code: str = ""
    exit_code: ExitCode = ExitCode.PASS


def check_ollama(found: OllamaFound) -> CheckResult:
    """Judge what a look for Ollama found: without a model there is nothing to choose."""
    if found.models:
        return CheckResult(ok=True, text=f"ollama at {found.address} is running")
    where = f"ollama at {found.address}" if found.address else "ollama"
    return CheckResult(
        ok=False,
        text=f"{where}: {found.problem}",
        hint=found.hint,
        code="OLLAMA_EMPTY" if found.running else "OLLAMA_DOWN",
        exit_code=ExitCode.PROVIDER,
    )


async def check_llm(settings: Settings, environ: Mapping[str, str]) -> CheckResult:
    """Send a cold and a warm request to the provider of ``settings``; the warm one is told.

    Args:
        settings: with the provider to check; None lets the choice of a run decide.
        environ: holds the keys, also those that are not stored yet.
    """
    from echotrace.providers.llm.choose import build, choose

    try:
        choice = choose(settings, environ=environ)
        if choice.simulated:
            return CheckResult(ok=True, text="[MOCK] simulated times, never scored")
        provider = build(choice, settings)
        try:
            ttft_ms = await _ask(provider, settings)
        finally:
            await provider.close()
    except EchoTraceError as error:
        return _failed(error, settings)
    where = f" at {provider.sent_to}" if provider.sent_to else ""
    name = provider.model or provider.name
    return CheckResult(ok=True, text=f"{name}{where}: first token after {ttft_ms:.0f} ms")


async def _ask(provider: LlmProvider, settings: Settings) -> float:
    """Return the time to the first token of a warm request.

    Raises:
        EchoTraceError: it cannot be asked, or a request failed.
    """
    from time import perf_counter_ns

    from echotrace.providers.llm.base import BUILT_IN_PROMPT
    from echotrace.providers.llm.measure import take_sample
    from echotrace.providers.taken import Due

    provider.check()
    await provider.prepare()
    origin_ns = perf_counter_ns()
    ttft_ms = None
    for index in range(2):
        taken = await take_sample(
            provider,
            prompt=BUILT_IN_PROMPT,
            max_tokens=settings.llm.max_tokens,
            limit_s=settings.llm.timeout_s,
            due=Due(index=index, cold=index == 0, due_ns=perf_counter_ns(), origin_ns=origin_ns),
        )
        if taken.error is not None:
            raise taken.error
        ttft_ms = taken.sample.ttft_ms
    if ttft_ms is None:
        raise InternalError("a request that was answered has no time to its first token")
    return ttft_ms


def check_stt(name: str, settings: Settings) -> CheckResult:
    """Load an engine and let it hear half a second of silence; nothing is downloaded.

    A server is only asked for its list of models: no audio is sent.
    """
    from echotrace.providers.stt.choose import choose_engine
    from echotrace.telemetry import TelemetryCollector

    here = replace(settings, stt=replace(settings.stt, engine=name, allow_download=False))
    collector = TelemetryCollector()
    try:
        choice = choose_engine(here, collector)
        engine = choice.engine
        try:
            load_ms = engine.load(collector)
            engine.warm_up(collector)
        finally:
            engine.close()
    except EchoTraceError as error:
        may_fetch = settings.stt.allow_download and not settings.offline
        if may_fetch and error.code in _FETCHABLE:
            return CheckResult(ok=True, text=f"{name} is fetched when it is first used")
        return _failed(error, settings)
    except (RuntimeError, ValueError, MemoryError) as error:  # CTranslate2 raises bare ones
        lines = str(error).splitlines()
        return CheckResult(
            ok=False,
            text=f"{name} loads but does not run",
            why=lines[0] if lines else type(error).__name__,
            hint="take a smaller model, or stt.device = cpu",
            code="STT_FAILED",
            exit_code=ExitCode.MISSING,
        )
    text = f"{engine.name} loads in {load_ms / 1000:.1f} s and runs"
    if engine.sent_to is not None:
        text = f"{engine.sent_to} answers; whether {engine.name} takes the key, a run will show"
    if choice.doubt:
        text = f"{engine.name} stands in: tiny is not on this machine; error rates are estimates"
    return CheckResult(ok=True, text=text)


def _failed(error: EchoTraceError, settings: Settings) -> CheckResult:
    hint = error.hint
    if error.code in _FETCHABLE:
        hint = "echotrace setup --allow-download lets it be fetched when it is first used"
    if error.code == "LLM_CONNECTION_REFUSED" and (settings.llm.provider or "") == "ollama":
        hint = "start it with: ollama serve"
    facts = facts_of((settings.llm.provider or "").partition(":")[0])
    of_vendor = facts.vendor_address is None or settings.llm.base_url is None
    if error.code == "LLM_KEY_REFUSED" and facts.key_from and of_vendor:
        hint = f"copy the key again from {facts.key_from}"
    return CheckResult(
        ok=False,
        text=error.what,
        why=error.why,
        hint=hint,
        code=error.code,
        exit_code=error.exit_code,
    )
