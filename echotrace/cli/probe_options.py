"""The options of the probes, which ``analyze`` and ``probe`` share, and what they set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from echotrace.cli.options import FLAG_OF, read_gates, server_address, split_provider
from echotrace.errors import InputError, UsageError
from echotrace.printable import printable

if TYPE_CHECKING:
    from echotrace.cli.execute import Presentation
    from echotrace.expressions import Expression

__all__ = [
    "Concurrency",
    "EndpointingWait",
    "Format",
    "LlmBaseUrl",
    "MaxTokens",
    "MaxTtft",
    "Probes",
    "PromptFile",
    "Requests",
    "Show",
    "SystemPrompt",
    "Text",
    "TtsBaseUrl",
    "TtsVoice",
    "probe_settings",
    "read_prompt",
]

_MOST_PROMPT_BYTES = 1 << 20

LlmBaseUrl = Annotated[
    str | None,
    typer.Option(
        "--llm-base-url",
        help="The address of the language model's server, such as http://127.0.0.1:8000/v1.",
    ),
]
TtsBaseUrl = Annotated[
    str | None, typer.Option("--tts-base-url", help="The address of the speech server.")
]
TtsVoice = Annotated[str | None, typer.Option("--tts-voice", help="The voice to ask for.")]
Probes = Annotated[
    int | None,
    typer.Option(
        "--probes",
        "-n",
        help="Measured requests to each service, after a cold one that is told apart. Default: 5.",
    ),
]
Concurrency = Annotated[
    int | None,
    typer.Option("--concurrency", help="Measured requests at the same time. Default: 1."),
]
SystemPrompt = Annotated[
    str | None,
    typer.Option("--system-prompt", help="Your agent's system prompt, instead of the built-in."),
]
PromptFile = Annotated[
    Path | None,
    typer.Option("--prompt-file", help="A text file with what the caller says to the model."),
]
EndpointingWait = Annotated[
    float | None,
    typer.Option(
        "--endpointing-wait-ms",
        help="How long your pipeline waits in silence before it takes a turn as ended. "
        "Default: 500.",
    ),
]
MaxTokens = Annotated[
    int | None, typer.Option("--max-tokens", help="The longest answer to ask for. Default: 64.")
]
MaxTtft = Annotated[
    float | None, typer.Option("--max-ttft-ms", help="Gate: the longest time to first token.")
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format", help="Form of the sound to ask for: wav, pcm, mp3, flac. Default: wav."
    ),
]
Text = Annotated[
    str | None, typer.Option("--text", help="What to speak, instead of the built-in sentence.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """How the requests to a service are made: how many, how close, how long each may be silent."""

    probes: Probes = None
    concurrency: Concurrency = None
    spacing: Annotated[
        float | None,
        typer.Option("--spacing", help="Pause between two requests, in seconds. Default: 0.2."),
    ] = None
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout", help="How long a service may be silent, in seconds. Default: 20."
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """What all probes share: their gates, where they may connect, how their report is shown."""

    fail_on: Annotated[
        list[str] | None,
        typer.Option("--fail-on", help='Gate: an expression that must not hold: "ttft.p95 > 900".'),
    ] = None
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", "--export-only", help="Print exactly one JSON document and nothing else."
        ),
    ] = False
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the report's JSON to this file.")
    ] = None
    force: Annotated[
        bool, typer.Option("--force", help="Let --output replace a file that exists.")
    ] = False
    offline: Annotated[
        bool, typer.Option("--offline", help="Forbid every connection but to this machine.")
    ] = False
    config: Annotated[
        Path | None, typer.Option("--config", help="Use this file as the user's configuration.")
    ] = None
    color: Annotated[
        bool | None, typer.Option("--color/--no-color", help="Force colour on or off.")
    ] = None
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Tell no progress.")] = False
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False

    def gates(self, bounds: Mapping[str, float | None]) -> tuple[Expression, ...]:
        """Return the gates of ``--fail-on`` and of the flags in ``bounds``.

        Raises:
            UsageError: a bound is no number, or an expression cannot be read.
        """
        return read_gates(bounds, self.fail_on or [])

    def how(self, *read: Path | None) -> Presentation:
        """Return how a run shows itself; ``read`` are the files that the command line names."""
        from echotrace.cli.execute import Presentation

        return Presentation(
            as_json=self.as_json,
            output=self.output,
            force=self.force,
            quiet=self.quiet,
            debug=self.debug,
            color=self.color,
            no_tui=True,
            inputs=tuple(str(path) for path in (*read, self.config) if path is not None),
        )


def probe_settings(
    *,
    llm: str | None = None,
    llm_base_url: str | None = None,
    tts: str | None = None,
    tts_base_url: str | None = None,
    tts_voice: str | None = None,
    probes: int | None = None,
    concurrency: int | None = None,
    system_prompt: str | None = None,
    endpointing_wait_ms: float | None = None,
    names: Mapping[str, str] = FLAG_OF,
) -> dict[str, Any]:
    """Return the flags as settings; None leaves a setting to the files and the environment.

    ``names`` is the flag of each setting, for the errors.

    Raises:
        UsageError: a provider has no name, or the system prompt is empty.
        ConfigError: an address is none.
    """
    provider, model = split_provider(names["llm.provider"], llm)
    split_provider(names["tts.provider"], tts)
    if system_prompt is not None and not system_prompt.strip():
        raise UsageError("--system-prompt is empty", hint="leave it out for the built-in one")
    return {
        "llm.provider": provider,
        "llm.model": model,
        "llm.base_url": server_address(names["llm.base_url"], llm_base_url),
        "llm.probes": probes,
        "llm.concurrency": concurrency,
        "llm.system_prompt": system_prompt,
        "tts.provider": tts,
        "tts.base_url": server_address(names["tts.base_url"], tts_base_url),
        "tts.voice": tts_voice,
        "tts.probes": probes,
        "tts.concurrency": concurrency,
        "pipeline.endpointing_wait_ms": endpointing_wait_ms,
    }


def read_prompt(path: Path | None, *, from_call: bool = False) -> str | None:
    """Return the text of ``--prompt-file``.

    Raises:
        UsageError: the call is to give the prompt too.
        InputError: the file cannot be read as text, or is empty.
    """
    if path is None:
        return None
    if from_call:
        raise UsageError("--prompt-file and --prompt-from-call exclude each other")
    from echotrace.files import read_regular

    name = printable(str(path))
    try:
        data = read_regular(path, limit=_MOST_PROMPT_BYTES)
    except OSError as error:
        raise _bad_prompt(f"the prompt {name} cannot be read", error.strerror or "") from None
    if len(data) > _MOST_PROMPT_BYTES:
        raise _bad_prompt(f"the prompt {name} is too long", "it is larger than 1 MiB")
    try:
        text = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        why = f"byte {error.start} does not fit"
        raise _bad_prompt(f"the prompt {name} is not UTF-8 text", why) from None
    if not text:
        raise _bad_prompt(f"the prompt {name} is empty", "")
    return text


def _bad_prompt(what: str, why: str) -> InputError:
    hint = "pass a UTF-8 text file with what the caller says"
    return InputError(what, why=why, hint=hint, code="PROMPT")
