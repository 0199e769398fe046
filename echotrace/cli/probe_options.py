"""The options of the probes, which ``analyze`` and ``probe`` share, and what they set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from echotrace.cli.options import server_address, split_provider
from echotrace.errors import InputError, UsageError
from echotrace.printable import printable

__all__ = [
    "Concurrency",
    "EndpointingWait",
    "LlmBaseUrl",
    "Probes",
    "PromptFile",
    "SystemPrompt",
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
) -> dict[str, Any]:
    """Return the flags as settings; None leaves a setting to the files and the environment.

    Raises:
        UsageError: a provider has no name, or the system prompt is empty.
        ConfigError: an address is none.
    """
    provider, model = split_provider("--llm", llm)
    split_provider("--tts", tts)
    if system_prompt is not None and not system_prompt.strip():
        raise UsageError("--system-prompt is empty", hint="leave it out for the built-in one")
    return {
        "llm.provider": provider,
        "llm.model": model,
        "llm.base_url": server_address("--llm-base-url", llm_base_url),
        "llm.probes": probes,
        "llm.concurrency": concurrency,
        "llm.system_prompt": system_prompt,
        "tts.provider": tts,
        "tts.base_url": server_address("--tts-base-url", tts_base_url),
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
