"""``echotrace probe``: time a language model, a speech synthesiser or both, without a recording."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from echotrace.cli.document import DOCUMENT
from echotrace.cli.probe_options import (
    Concurrency,
    EndpointingWait,
    LlmBaseUrl,
    Probes,
    PromptFile,
    SystemPrompt,
    TtsBaseUrl,
    TtsVoice,
    probe_settings,
    read_prompt,
)
from echotrace.errors import UsageError

if TYPE_CHECKING:
    from echotrace.config.settings import Settings
    from echotrace.model.outcome import Inputs

__all__ = ["app"]

app = typer.Typer(
    rich_markup_mode=None,
    help="Time a language model, a speech synthesiser, or a whole answer; needs no recording.",
)

_LlmAddress = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        "--llm-base-url",
        help="The address of the server, such as http://127.0.0.1:8000/v1.",
    ),
]
_TtsAddress = Annotated[
    str | None,
    typer.Option("--base-url", "--tts-base-url", help="The address of the speech server."),
]
_Json = Annotated[
    bool,
    typer.Option(
        "--json", "--export-only", help="Print exactly one JSON document and nothing else."
    ),
]
_Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write the report's JSON to this file.")
]
_Force = Annotated[bool, typer.Option("--force", help="Let --output replace a file that exists.")]
_FailOn = Annotated[
    list[str] | None,
    typer.Option("--fail-on", help='Gate: an expression that must not hold: "ttft.p95 > 900".'),
]
_Timeout = Annotated[
    float | None,
    typer.Option("--timeout", help="How long a service may be silent, in seconds. Default: 20."),
]
_Spacing = Annotated[
    float | None,
    typer.Option("--spacing", help="Pause between two requests, in seconds. Default: 0.2."),
]
_MaxTokens = Annotated[
    int | None, typer.Option("--max-tokens", help="The longest answer to ask for. Default: 64.")
]
_Format = Annotated[
    str | None, typer.Option("--format", help="Form of the sound to ask for: wav, pcm, mp3, flac.")
]
_Text = Annotated[
    str | None, typer.Option("--text", help="What to speak, instead of the built-in sentence.")
]
_Offline = Annotated[
    bool, typer.Option("--offline", help="Forbid every connection but to this machine.")
]
_Config = Annotated[
    Path | None, typer.Option("--config", help="Use this file as the user's configuration.")
]
_Color = Annotated[bool | None, typer.Option("--color/--no-color", help="Force colour on or off.")]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Tell no progress.")]
_Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Show:
    as_json: bool
    output: Path | None
    force: bool
    quiet: bool
    debug: bool
    color: bool | None
    config: Path | None


@app.callback(invoke_without_command=True)
def _probe(context: typer.Context) -> None:
    from echotrace.model.report import NO_RECORDING

    DOCUMENT.path = NO_RECORDING
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command("llm")
def probe_llm(
    provider: Annotated[
        str | None,
        typer.Option("--provider", help="groq, ollama, openai (any compatible server), or mock."),
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="The model to ask.")] = None,
    base_url: _LlmAddress = None,
    probes: Probes = None,
    concurrency: Concurrency = None,
    spacing: _Spacing = None,
    timeout: _Timeout = None,
    max_tokens: _MaxTokens = None,
    system_prompt: SystemPrompt = None,
    prompt_file: PromptFile = None,
    max_ttft_ms: Annotated[
        float | None, typer.Option("--max-ttft-ms", help="Gate: the longest time to first token.")
    ] = None,
    fail_on: _FailOn = None,
    as_json: _Json = False,
    output: _Output = None,
    force: _Force = False,
    offline: _Offline = False,
    config: _Config = None,
    color: _Color = None,
    quiet: _Quiet = False,
    debug: _Debug = False,
) -> int:
    """Time a language model: each part of a request, and how the requests spread."""
    from echotrace.model.outcome import Inputs

    flags = probe_settings(
        llm=_joined(provider, model, "--provider groq, ollama or openai"),
        llm_base_url=base_url,
        probes=probes,
        concurrency=concurrency,
        system_prompt=system_prompt,
    )
    flags |= {
        "llm.model": model if provider is None else flags["llm.model"],
        "llm.spacing_s": spacing,
        "llm.timeout_s": timeout,
        "llm.max_tokens": max_tokens,
        "offline": offline or None,
    }
    show = _Show(
        as_json=as_json,
        output=output,
        force=force,
        quiet=quiet,
        debug=debug,
        color=color,
        config=config,
    )
    inputs = Inputs(prompt=read_prompt(prompt_file))
    gates = ({"--max-ttft-ms": max_ttft_ms}, fail_on or [])
    return _run(("llm",), flags, inputs, gates, show)


@app.command("tts")
def probe_tts(
    provider: Annotated[
        str | None,
        typer.Option(
            "--provider", help='openai (any compatible server), groq, or "command:PROGRAM ARGS".'
        ),
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="The model to ask.")] = None,
    voice: Annotated[str | None, typer.Option("--voice", help="The voice to ask for.")] = None,
    base_url: _TtsAddress = None,
    form: _Format = None,
    text: _Text = None,
    probes: Probes = None,
    concurrency: Concurrency = None,
    spacing: _Spacing = None,
    timeout: _Timeout = None,
    fail_on: _FailOn = None,
    as_json: _Json = False,
    output: _Output = None,
    force: _Force = False,
    offline: _Offline = False,
    config: _Config = None,
    color: _Color = None,
    quiet: _Quiet = False,
    debug: _Debug = False,
) -> int:
    """Time a speech synthesiser: the first byte, the silence in front, the first audible sound."""
    flags = probe_settings(
        tts=_joined(provider, model, "--provider openai, groq or command"),
        tts_base_url=base_url,
        tts_voice=voice,
        probes=probes,
        concurrency=concurrency,
    )
    flags |= {
        "tts.format": form,
        "tts.spacing_s": spacing,
        "tts.timeout_s": timeout,
        "offline": offline or None,
    }
    show = _Show(
        as_json=as_json,
        output=output,
        force=force,
        quiet=quiet,
        debug=debug,
        color=color,
        config=config,
    )
    return _run(("tts",), flags, _spoken(text), ({}, fail_on or []), show)


@app.command("pipeline")
def probe_pipeline(
    llm: Annotated[
        str | None,
        typer.Option("--llm", help="The language model: groq:MODEL, ollama:MODEL, openai:MODEL."),
    ] = None,
    llm_base_url: LlmBaseUrl = None,
    tts: Annotated[
        str | None,
        typer.Option(
            "--tts", help='The speech: openai:MODEL, groq:MODEL or "command:PROGRAM ARGS".'
        ),
    ] = None,
    tts_base_url: TtsBaseUrl = None,
    tts_voice: TtsVoice = None,
    endpointing_wait_ms: EndpointingWait = None,
    probes: Probes = None,
    concurrency: Concurrency = None,
    timeout: _Timeout = None,
    max_tokens: _MaxTokens = None,
    system_prompt: SystemPrompt = None,
    prompt_file: PromptFile = None,
    max_ttft_ms: Annotated[
        float | None, typer.Option("--max-ttft-ms", help="Gate: the longest time to first token.")
    ] = None,
    fail_on: _FailOn = None,
    as_json: _Json = False,
    output: _Output = None,
    force: _Force = False,
    offline: _Offline = False,
    config: _Config = None,
    color: _Color = None,
    quiet: _Quiet = False,
    debug: _Debug = False,
) -> int:
    """Estimate a whole answer: the model's first sentence, spoken, after the wait for the end."""
    from echotrace.model.outcome import Inputs

    flags = probe_settings(
        llm=llm,
        llm_base_url=llm_base_url,
        tts=tts,
        tts_base_url=tts_base_url,
        tts_voice=tts_voice,
        probes=probes,
        concurrency=concurrency,
        system_prompt=system_prompt,
        endpointing_wait_ms=endpointing_wait_ms,
    )
    flags |= {
        "llm.timeout_s": timeout,
        "tts.timeout_s": timeout,
        "llm.max_tokens": max_tokens,
        "offline": offline or None,
    }
    show = _Show(
        as_json=as_json,
        output=output,
        force=force,
        quiet=quiet,
        debug=debug,
        color=color,
        config=config,
    )
    inputs = Inputs(prompt=read_prompt(prompt_file))
    gates = ({"--max-ttft-ms": max_ttft_ms}, fail_on or [])
    return _run(("llm", "tts"), flags, inputs, gates, show)


def _joined(provider: str | None, model: str | None, hint: str) -> str | None:
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


def _run(
    stages: tuple[str, ...],
    flags: dict[str, Any],
    inputs: Inputs,
    gates: tuple[dict[str, float | None], list[str]],
    show: _Show,
) -> int:
    from echotrace.cli.execute import Presentation, execute
    from echotrace.cli.options import load, read_gates
    from echotrace.model.report import NO_RECORDING
    from echotrace.model.run import RunRequest

    expressions = read_gates(*gates)
    settings = load(flags, show.config, quiet=show.quiet)
    _refuse_nothing(stages, settings)
    if settings.tts.provider is None:  # a pipeline without speech is told as such
        stages = tuple(stage for stage in stages if stage != "tts")
    request = RunRequest(
        path=NO_RECORDING,
        has_recording=False,
        stages=stages,
        inputs=inputs,
        required=stages,
    )
    presentation = Presentation(
        as_json=show.as_json,
        output=show.output,
        force=show.force,
        quiet=show.quiet,
        debug=show.debug,
        color=show.color,
        no_tui=True,
        inputs=(str(show.config),) if show.config else (),
    )
    return execute(request, settings, expressions, presentation)


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
    if "tts" in stages and settings.tts.provider is None and stages == ("tts",):
        raise UsageError(
            "there is no speech synthesiser to probe",
            why="none is named",
            hint='--provider openai, groq or "command:espeak-ng --stdout"',
            code="NO_PROVIDER",
        )
