"""``echotrace probe``: time a language model, a speech synthesiser or both, without a recording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from echotrace.cli.document import DOCUMENT
from echotrace.cli.idle_flags import ProbeFlags, refuse_idle_probe_flags
from echotrace.cli.option_groups import grouped
from echotrace.cli.options import FLAG_OF
from echotrace.cli.probe_options import (
    EndpointingWait,
    Format,
    LlmBaseUrl,
    MaxTokens,
    MaxTtft,
    PromptFile,
    Requests,
    Show,
    SystemPrompt,
    Text,
    TtsBaseUrl,
    TtsVoice,
    probe_settings,
    read_prompt,
)
from echotrace.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echotrace.cli.execute import Presentation
    from echotrace.config.settings import Settings
    from echotrace.expressions import Expression
    from echotrace.model.outcome import Inputs

__all__ = ["app"]

app = typer.Typer(
    rich_markup_mode=None,
    help="Time a language model, a speech synthesiser, or a whole answer; needs no recording.",
    short_help="Time a language model or a speech synthesiser.",
)

_LLM_FLAGS = {
    **FLAG_OF,
    "llm.provider": "--provider",
    "llm.model": "--model",
    "llm.base_url": "--base-url",
}
_TTS_FLAGS = {
    **FLAG_OF,
    "tts.provider": "--provider",
    "tts.base_url": "--base-url",
    "tts.voice": "--voice",
}
_Model = Annotated[str | None, typer.Option("--model", help="The model to ask.")]


@app.callback(invoke_without_command=True)
def _probe(context: typer.Context) -> None:
    from echotrace.model.report import NO_RECORDING

    DOCUMENT.path = NO_RECORDING
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("llm", short_help="Time a language model, part by part.")
@grouped
def probe_llm(
    *,
    provider: Annotated[
        str | None,
        typer.Option(
            "--provider", help="groq, ollama, openai (any compatible server), mock, or a plug-in's."
        ),
    ] = None,
    model: _Model = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            "--base-url",
            "--llm-base-url",
            help="The address of the server, such as http://127.0.0.1:8000/v1.",
        ),
    ] = None,
    requests: Requests,
    max_tokens: MaxTokens = None,
    system_prompt: SystemPrompt = None,
    prompt_file: PromptFile = None,
    max_ttft_ms: MaxTtft = None,
    show: Show,
) -> int:
    """Time a language model: each part of a request, and how the requests spread."""
    from echotrace.model.outcome import Inputs

    flags = probe_settings(
        llm=_joined(provider, model, "--provider groq, ollama or openai"),
        llm_base_url=base_url,
        probes=requests.probes,
        concurrency=requests.concurrency,
        system_prompt=system_prompt,
        names=_LLM_FLAGS,
    )
    if provider is None:
        flags["llm.model"] = model
    flags["llm.max_tokens"] = max_tokens
    settings = _load(flags, requests, show, _LLM_FLAGS)
    given = ProbeFlags(llm={"--base-url": base_url is not None})
    inputs = Inputs(prompt=read_prompt(prompt_file))
    bounds = {"--max-ttft-ms": max_ttft_ms}
    return _run(("llm",), settings, inputs, given, show.gates(bounds), show.how(prompt_file))


@app.command("tts", short_help="Time a speech synthesiser.")
@grouped
def probe_tts(
    *,
    provider: Annotated[
        str | None,
        typer.Option(
            "--provider",
            help='openai (any compatible server), groq, "command:PROGRAM ARGS", or a plug-in\'s.',
        ),
    ] = None,
    model: _Model = None,
    voice: Annotated[str | None, typer.Option("--voice", help="The voice to ask for.")] = None,
    base_url: Annotated[
        str | None,
        typer.Option("--base-url", "--tts-base-url", help="The address of the speech server."),
    ] = None,
    form: Format = None,
    text: Text = None,
    requests: Requests,
    show: Show,
) -> int:
    """Time a speech synthesiser: the first byte, the silence in front, the first audible sound."""
    hint = "--provider openai, groq or command"
    if provider is None and model is not None:
        raise UsageError("--model needs --provider", hint=hint)
    flags = probe_settings(
        tts=_joined(provider, model, hint),
        tts_base_url=base_url,
        tts_voice=voice,
        probes=requests.probes,
        concurrency=requests.concurrency,
        names=_TTS_FLAGS,
    )
    flags["tts.format"] = form
    settings = _load(flags, requests, show, _TTS_FLAGS)
    speech = {"--base-url": base_url, "--voice": voice, "--format": form}
    given = ProbeFlags(tts={flag: value is not None for flag, value in speech.items()})
    return _run(("tts",), settings, _spoken(text), given, show.gates({}), show.how())


@app.command("pipeline", short_help="Estimate a whole answer of both.")
@grouped
def probe_pipeline(
    *,
    llm: Annotated[
        str | None,
        typer.Option(
            "--llm",
            help="The language model: groq:MODEL, ollama:MODEL, openai:MODEL, or a plug-in's.",
        ),
    ] = None,
    llm_base_url: LlmBaseUrl = None,
    tts: Annotated[
        str | None,
        typer.Option(
            "--tts",
            help='The speech: openai:MODEL, groq:MODEL, "command:PROGRAM ARGS", or a plug-in\'s.',
        ),
    ] = None,
    tts_base_url: TtsBaseUrl = None,
    tts_voice: TtsVoice = None,
    form: Format = None,
    text: Annotated[
        str | None,
        typer.Option("--text", help="What to speak, instead of the model's first sentence."),
    ] = None,
    endpointing_wait_ms: EndpointingWait = None,
    requests: Requests,
    max_tokens: MaxTokens = None,
    system_prompt: SystemPrompt = None,
    prompt_file: PromptFile = None,
    max_ttft_ms: MaxTtft = None,
    show: Show,
) -> int:
    """Estimate a whole answer: the model's first sentence, spoken, after the wait for the end."""
    from dataclasses import replace

    flags = probe_settings(
        llm=llm,
        llm_base_url=llm_base_url,
        tts=tts,
        tts_base_url=tts_base_url,
        tts_voice=tts_voice,
        probes=requests.probes,
        concurrency=requests.concurrency,
        system_prompt=system_prompt,
        endpointing_wait_ms=endpointing_wait_ms,
    )
    flags |= {"llm.max_tokens": max_tokens, "tts.format": form}
    settings = _load(flags, requests, show, FLAG_OF)
    speech = {
        "--tts-base-url": tts_base_url,
        "--tts-voice": tts_voice,
        "--format": form,
        "--text": text,
    }
    given = ProbeFlags(
        llm={"--llm-base-url": llm_base_url is not None},
        tts={flag: value is not None for flag, value in speech.items()},
    )
    inputs = replace(_spoken(text), prompt=read_prompt(prompt_file))
    gates = show.gates({"--max-ttft-ms": max_ttft_ms})
    return _run(("llm", "tts"), settings, inputs, given, gates, show.how(prompt_file))


def _joined(provider: str | None, model: str | None, hint: str) -> str | None:
    if model is not None and not model.strip():
        raise UsageError("--model is empty", hint="name a model, or leave it out")
    if provider is None or model is None:
        return provider
    if ":" in provider:
        raise UsageError(
            f"--provider {provider!r} and --model {model!r} both name a model", hint=hint
        )
    return f"{provider}:{model}"


def _spoken(text: str | None) -> Inputs:
    from echotrace.model.outcome import Inputs

    if text is not None and not text.strip():
        raise UsageError("--text is empty", hint="leave it out for the built-in sentence")
    return Inputs(speech=text)


def _load(
    flags: dict[str, Any], requests: Requests, show: Show, names: Mapping[str, str]
) -> Settings:
    """Add what holds for every service, and load the settings."""
    from echotrace.cli.options import load

    for service in ("llm", "tts"):
        flags[f"{service}.spacing_s"] = requests.spacing
        flags[f"{service}.timeout_s"] = requests.timeout
    flags["offline"] = show.offline or None
    return load(flags, show.config, quiet=show.quiet, names=names)


def _run(
    stages: tuple[str, ...],
    settings: Settings,
    inputs: Inputs,
    given: ProbeFlags,
    gates: tuple[Expression, ...],
    how: Presentation,
) -> int:
    from echotrace.cli.execute import execute
    from echotrace.model.report import NO_RECORDING
    from echotrace.model.run import RunRequest

    _refuse_nothing(stages, settings)
    refuse_idle_probe_flags(given, settings)
    if settings.tts.provider is None:  # a pipeline without speech is told as such
        stages = tuple(stage for stage in stages if stage != "tts")
    request = RunRequest(
        path=NO_RECORDING,
        has_recording=False,
        stages=stages,
        inputs=inputs,
        required=stages,
    )
    return execute(request, settings, gates, how)


def _refuse_nothing(stages: tuple[str, ...], settings: Settings) -> None:
    """Refuse to probe a stand-in: who asks for a probe wants a real one, or names the mock."""
    from echotrace.providers.llm.choose import choose

    if "llm" in stages and choose(settings).stand_in:
        raise UsageError(
            "there is no language model to probe",
            why="none is named, and the environment holds neither a key nor an address",
            hint="--provider groq, ollama or openai (--llm NAME:MODEL for a pipeline), "
            "or set GROQ_API_KEY",
            code="NO_PROVIDER",
        )
    if stages == ("tts",) and settings.tts.provider is None:
        raise UsageError(
            "there is no speech synthesiser to probe",
            why="none is named",
            hint='--provider openai, groq or "command:espeak-ng --stdout"',
            code="NO_PROVIDER",
        )
