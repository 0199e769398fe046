"""Flags to values: what several commands read the same way."""

from __future__ import annotations

import math
import os
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from echotrace.cli.streams import tell
from echotrace.errors import ConfigError, InputError, UsageError
from echotrace.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echotrace.config.settings import Settings
    from echotrace.expressions import Expression

__all__ = [
    "FLAG_OF",
    "caller_index",
    "files_read",
    "finite",
    "load",
    "read_gates",
    "read_reference",
    "read_terms",
    "recording_path",
    "server_address",
    "split_provider",
    "split_stages",
]

_MAX_TEXT_BYTES = 16 * 2**20
_SIDES = {"left": 0, "right": 1}

FLAG_OF: Final[Mapping[str, str]] = MappingProxyType(
    {
        "audio.caller_channel": "--caller-channel",
        "audio.max_decoded_mib": "--max-decoded-mib",
        "audio.max_duration_s": "--max-duration",
        "stt.compute_type": "--stt-compute-type",
        "stt.device": "--stt-device",
        "stt.engine": "--stt",
        "stt.gold": "--gold",
        "stt.normalizer": "--normalizer",
        "llm.base_url": "--llm-base-url",
        "llm.concurrency": "--concurrency",
        "llm.max_tokens": "--max-tokens",
        "llm.model": "--llm",
        "llm.probes": "--probes",
        "llm.provider": "--llm",
        "llm.spacing_s": "--spacing",
        "llm.system_prompt": "--system-prompt",
        "llm.timeout_s": "--timeout",
        "tts.base_url": "--tts-base-url",
        "tts.concurrency": "--concurrency",
        "tts.format": "--format",
        "tts.probes": "--probes",
        "tts.provider": "--tts",
        "tts.spacing_s": "--spacing",
        "tts.timeout_s": "--timeout",
        "tts.voice": "--tts-voice",
        "pipeline.endpointing_wait_ms": "--endpointing-wait-ms",
    }
)
"""The flag of each setting: an error names what was typed, not what it is called in a file."""


def caller_index(text: str | None) -> int | None:
    """Return the channel index that ``left``, ``right`` or a number names."""
    if text is None:
        return None
    if text.lower() in _SIDES:
        return _SIDES[text.lower()]
    if text.isascii() and text.isdigit() and int(text[:3]) < 32:
        return int(text)
    raise UsageError(
        f"--caller-channel {text!r} is no channel", hint="use left, right, or a number from 0"
    )


def recording_path(
    file: str | None, caller: str | None, agent: str | None, offset_ms: float | None
) -> str:
    """Return the recording's path, or the caller's when each side has a file of its own.

    Raises:
        UsageError: there is no recording, one side of two is missing, or the offset is no number
            or belongs to nothing.
    """
    if offset_ms is not None and not math.isfinite(offset_ms):
        raise UsageError(
            f"--agent-offset-ms {offset_ms} is no number of milliseconds",
            hint="give the milliseconds from the caller's beginning to the agent's",
        )
    if file is not None:
        if offset_ms is not None and caller is None and agent is None:
            raise UsageError(
                "--agent-offset-ms needs --caller and --agent",
                why=f"{printable(file)} is one recording, and its channels share one clock",
                hint="leave the offset out, or name one mono file for each side",
            )
        if caller is not None or agent is not None:
            raise UsageError(
                "FILE and --caller/--agent exclude each other",
                hint="name one two-channel recording, or one mono file for each side",
            )
        return file
    if caller is None or agent is None:
        if caller is None and agent is None:
            raise UsageError(
                "there is no recording to analyse",
                hint="echotrace analyze call.wav, or --caller a.wav --agent b.wav",
            )
        missing = "--caller" if caller is None else "--agent"
        raise UsageError(f"{missing} is missing", hint="two mono files need --caller and --agent")
    return caller


def server_address(flag: str, text: str | None) -> str | None:
    """Return the address that a flag names; ``host:port`` is understood as http.

    Raises:
        ConfigError: it is no address of a server; the flag is named, the value is not repeated.
    """
    if text is None:
        return None
    from urllib.parse import urlsplit

    from echotrace.providers.address import parse_address

    address = parse_address(text, origin=flag)
    if "@" in urlsplit(text if "://" in text else f"http://{text}").netloc:
        raise ConfigError(
            f"{flag} may hold neither a user name nor a password",
            why="addresses are shown and kept with the transcripts",
            hint="put the key into the environment: OPENAI_API_KEY or GROQ_API_KEY",
            code="BAD_BASE_URL",
        )
    return address.url


def finite(flag: str, value: float) -> float:
    """Return a bound that a figure can be compared with; refuse nan and inf."""
    if not math.isfinite(value):
        raise UsageError(f"{flag} {value} is no bound", hint=f"give {flag} a number")
    return value


_BOUNDS = {
    "--fail-under": "score < {}",
    "--max-wer": "wer > {}",
    "--max-ttft-ms": "ttft > {}",
    "--min-snr-db": "snr < {}",
    "--max-heard-gap-ms": "heard > {}",
    "--max-heard-p50-ms": "heard.p50 > {}",
    "--max-heard-p95-ms": "heard.p95 > {}",
    "--max-yield-ms": "barge_ins > 0 and yield > {}",
    "--max-dead-air-s": "dead_air > {}",
}
"""What each gate's flag says in the expression language; a call without a barge-in has no yield
that could be too slow."""


def read_gates(
    bounds: Mapping[str, float | None], expressions: list[str]
) -> tuple[Expression, ...]:
    """Return the gates that the flags and ``--fail-on`` ask for.

    Raises:
        UsageError: a bound is no number, or an expression cannot be read.
    """
    texts = [
        _BOUNDS[flag].format(repr(finite(flag, bound)))
        for flag, bound in bounds.items()
        if bound is not None
    ] + expressions
    if not texts:
        return ()
    from echotrace.expressions import parse
    from echotrace.gates import check_names

    return tuple(check_names(parse(text)) for text in texts)


def split_provider(flag: str, text: str | None) -> tuple[str | None, str | None]:
    """Return provider and model of ``groq:MODEL``; both None where nothing was given."""
    if text is None:
        return None, None
    provider, _, model = text.partition(":")
    if not provider.strip():
        raise UsageError(f"{flag} {text!r} names no provider", hint=f"{flag} groq:MODEL")
    return provider, model or None


def split_stages(text: str | None) -> tuple[str, ...] | None:
    """Return the names in a comma-separated list, each once, in its order."""
    if text is None:
        return None
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names:
        raise UsageError("--stages names no stage", hint="--stages signal,transcription")
    return names


def read_reference(text: str | None, path: Path | None) -> str | None:
    """Return the reference from the flag or the file.

    Raises:
        UsageError: both were given.
        InputError: the file cannot be read as text.
    """
    if path is None:
        _check_text(text or "")
        return text
    if text is not None:
        raise UsageError("--reference and --reference-file exclude each other")
    try:
        if not path.is_file():
            reason = "there is no such file" if not path.exists() else "it is not a regular file"
            raise _unreadable(path, reason)
        data = path.read_bytes()[: _MAX_TEXT_BYTES + 1]
    except OSError as error:
        reason = error.strerror or str(error)
        raise _unreadable(path, reason) from None
    if len(data) > _MAX_TEXT_BYTES:
        raise _unreadable(path, "it is larger than 16 MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            f"the reference {path} is not UTF-8 text",
            why=f"byte {error.start} does not fit",
            hint=f"iconv -t UTF-8 {path}",
            code="REFERENCE",
        ) from None


def read_terms(path: Path | None) -> tuple[str, ...]:
    """Return the key terms of a file; none were given, none are returned.

    Raises:
        InputError: the file cannot be read as a list of terms.
    """
    if path is None:
        return ()
    from echotrace.text.key_terms import read_key_terms

    return read_key_terms(str(path))


def _unreadable(path: Path, reason: str) -> InputError:
    return InputError(
        f"the reference {path} cannot be read",
        why=reason,
        hint="pass a UTF-8 text file, or the words themselves with --reference",
        code="REFERENCE",
    )


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            "the reference is not UTF-8 text",
            why=f"character {error.start} does not fit",
            hint="put it into a UTF-8 file and pass --reference-file",
            code="REFERENCE",
        ) from None


def load(
    flags: Mapping[str, Any],
    config_path: Path | None,
    *,
    quiet: bool = False,
    names: Mapping[str, str] = FLAG_OF,
) -> Settings:
    """Load the settings: flags, environment, project file, user file, defaults.

    Args:
        flags: values by dotted key; None is not given.
        config_path: the file that stands in for the user's own, or None.
        quiet: no notes are told.
        names: the flag of each setting, for the errors.

    Raises:
        ConfigError: a value does not fit.
    """
    from echotrace.config.loader import load_settings

    _check_values(flags, names)
    try:
        cwd = Path.cwd()
    except OSError:  # the folder was removed under us: there is no project file then
        cwd = None
    loaded = load_settings(flags, environ=os.environ, cwd=cwd, config_path=config_path)
    for note in () if quiet else loaded.notes:
        tell(f"echotrace: note: {note.message}")
    return loaded.settings


def _check_values(flags: Mapping[str, Any], names: Mapping[str, str]) -> None:
    from echotrace.config.describe import setting_keys
    from echotrace.config.values import BadValue, from_typed

    for setting, raw in flags.items():
        if raw is None or setting not in names:
            continue
        key = setting_keys()[tuple(setting.split("."))]
        try:
            from_typed(key, raw)
        except BadValue as error:
            problem = str(error).replace("must be text", "must be one line of printable text", 1)
        else:
            continue
        default = "" if key.default is None else f"the default is {key.default}"
        raise ConfigError(
            f"{names[setting]} {problem}",
            hint=default or "correct the flag, or leave it out",
            code="BAD_VALUE",
        )


def files_read(settings: Settings) -> tuple[str, ...]:
    """Return the files of the user that a run looks into by itself; no output may replace one.

    They are the configuration of the user and of the folder, the keys and the prices. What the
    command line names is not among them.
    """
    from echotrace.config.discover import PROJECT_FILE, PYPROJECT
    from echotrace.config.paths import config_folder, secrets_file, user_file
    from echotrace.pricing.read import PRICES_FILE

    folder = config_folder().path
    found = (user_file().path, secrets_file().path, folder and folder / PRICES_FILE)
    named = settings.cost.prices_file
    prices = () if named is None else (os.path.expanduser(named),)  # noqa: PTH111 - no home folder is no error here
    return (PROJECT_FILE, PYPROJECT, *(str(path) for path in found if path), *prices)
