"""What the failure of a speech synthesiser means; see ``echotrace.providers.failures``."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final

from echotrace.errors import ProviderError
from echotrace.providers.failures import Kind, Target, by_status, by_wire, chain_of

if TYPE_CHECKING:
    from echotrace.providers.exchange import Exchange

__all__ = [
    "MAX_BYTES",
    "MAX_SOUND_S",
    "TTS",
    "broken_plugin",
    "command_failed",
    "cut_short",
    "empty",
    "explain",
    "no_program",
    "not_audio",
    "not_started",
    "offline_error",
    "silent",
    "stalled",
    "too_large",
    "too_long",
]

TTS: Final = Kind(prefix="TTS", reply="audio", fewer=", or lower tts.probes")
MAX_BYTES: Final = 64 << 20
"""How much one synthesis may send: a sentence has a few hundred KiB."""
MAX_SOUND_S: Final = 60.0
"""How much of it is decoded: a sentence lasts 5 to 15 s."""


def explain(error: Exception, exchange: Exchange | None, target: Target) -> ProviderError:
    """Name the failure behind an exception of an SDK, of httpx, or of the wire."""
    if exchange is not None and exchange.status is not None and exchange.status >= 300:
        return by_status(exchange, target)
    chain = tuple(chain_of(error))
    if known := next((item for item in chain if isinstance(item, ProviderError)), None):
        return known
    silence = stalled(target.provider, target.host, limit_s=target.timeout_s)
    found = by_wire(chain, target, stalled=silence)
    if found is not None:
        return not_audio(target.provider, found.why) if found.code == "TTS_HTML" else found
    if exchange is None or exchange.sent_ns is None:
        return ProviderError(
            f"no connection to {target.host}",
            why=f"the request could not be sent ({type(error).__name__})",
            hint="check the base URL",
            code="TTS_CONNECTION_FAILED",
        )
    return ProviderError(
        f"{target.provider}'s reply cannot be read",
        why=f"{target.host} sent what is no valid reply ({type(error).__name__})",
        hint="check that the base URL leads to a server with /v1/audio/speech",
        code="TTS_MALFORMED",
    )


def stalled(
    provider: str,
    host: str | None,
    *,
    limit_s: float,
    received: int = 0,
    first_ms: float | None = None,
) -> ProviderError:
    """The synthesiser went silent for longer than the limit."""
    if received:
        what = f"{provider} went silent after {received:,} bytes"
        first = "" if first_ms is None else f"the first came after {first_ms:.0f} ms; "
        why = f"{first}then none within {limit_s:g} s"
    else:
        what = f"{provider} sent no sound within {limit_s:g} s"
        why = f"the text went to {host or 'the program'}, nothing came back in time"
    hint = "raise tts.timeout_s; a cold model may need longer to load"
    return ProviderError(what, why=why, hint=hint, code="TTS_STALL")


def empty(provider: str, why: str = "the reply was complete and had no byte") -> ProviderError:
    """The reply came whole and holds no sound."""
    return ProviderError(
        f"{provider} sent no sound",
        why=why,
        hint="try another model or voice; a program must write its sound to standard output",
        code="TTS_EMPTY",
    )


def not_audio(provider: str, why: str) -> ProviderError:
    """What came is no sound that can be read."""
    return ProviderError(
        f"{provider} sent what is no sound",
        why=why,
        hint="check the address or the command, and for a proxy that asks for a login",
        code="TTS_NOT_AUDIO",
    )


def silent(provider: str, audio_s: float) -> ProviderError:
    """The sound has nothing to hear in it, so no figure of when it begins."""
    return ProviderError(
        f"{provider} sent {audio_s:.2f} s of silence",
        why="nothing in the returned sound is loud and lasting enough to be heard",
        hint="try another voice or text",
        code="TTS_SILENT",
    )


def too_large(provider: str) -> ProviderError:
    """The sound does not end."""
    return ProviderError(
        f"{provider} was stopped",
        why=f"it sent more than {MAX_BYTES >> 20} MiB for one sentence",
        hint="look why it does not end",
        code="TTS_REPLY_TOO_LARGE",
    )


def cut_short(provider: str, after_s: float) -> ProviderError:
    """Sound still came when nobody waited any longer; what came before stands."""
    return ProviderError(
        f"{provider} was cut after {after_s:g} s",
        why="sound still came, slower or longer than one sentence needs",
        hint="raise tts.timeout_s: a synthesis may take three times that",
        code="TTS_CUT",
    )


def too_long(provider: str) -> ProviderError:
    """The sound is far longer than a sentence, so its length is not read to its end."""
    return ProviderError(
        f"{provider} made more than {MAX_SOUND_S:g} s of sound of one sentence",
        why="it may repeat itself; how long it is was not looked at",
        hint="listen to it, or try another model",
        code="TTS_TOO_LONG",
    )


def no_program(program: str, why: str) -> ProviderError:
    """The program cannot be started, as can be seen beforehand."""
    return ProviderError(
        f"the program {program!r} cannot be started",
        why=why,
        hint="install it, or write its whole path: --tts 'command:/path/to/program --stdout'",
        code="TTS_COMMAND_MISSING",
    )


def not_started(program: str, error: OSError | ValueError) -> ProviderError:
    """The system refused to start the program."""
    why = getattr(error, "strerror", None) or type(error).__name__
    return ProviderError(
        f"the program {program!r} cannot be started",
        why=f"the system says: {why}",
        hint="a script needs a first line such as #!/bin/sh; try it in a terminal",
        code="TTS_NOT_EXECUTABLE",
    )


def command_failed(program: str, status: int, said: str) -> ProviderError:
    """The program ended with a failure; ``status`` is as ``subprocess`` gives it."""
    ended = f"exit status {status}"
    if status < 0:
        try:
            ended = f"ended by {signal.Signals(-status).name}"
        except ValueError:
            ended = f"ended by signal {-status}"
    return ProviderError(
        f"{program} failed ({ended})",
        why=f"it says: {said}" if said else "it says nothing on standard error",
        hint="try the same command in a terminal",
        code="TTS_COMMAND_FAILED",
    )


def offline_error(provider: str, host: str) -> ProviderError:
    """``--offline`` rules a server out."""
    return ProviderError(
        f"{provider} was not asked",
        why=f"--offline forbids a connection to {host}",
        hint="leave out --offline, or name a program of this machine: "
        "--tts 'command:espeak-ng --stdout'",
        code="TTS_OFFLINE",
    )


def broken_plugin(provider: str, error: Exception) -> ProviderError:
    """A synthesiser raised what none may raise."""
    return ProviderError(
        f"{provider} failed inside ({type(error).__name__})",
        why="the provider raised an error that it does not explain",
        hint="report it to whoever made the provider",
        code="TTS_PROVIDER_BROKEN",
    )
