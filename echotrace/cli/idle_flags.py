"""Flags that would change nothing in this run are refused: a user meant something by them.

Only what is certain is refused. An engine or a stage of a plug-in may read any setting, so that a
name that is not built in lets every flag pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from echotrace.errors import UsageError
from echotrace.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echotrace.config.settings import Settings, SttSettings

__all__ = ["AuditFlags", "ProbeFlags", "refuse_idle_flags", "refuse_idle_probe_flags"]

_STAGES: Final = frozenset(("signal", "turns", "transcription", "llm", "tts", "trace"))
_OTHER_STAGES: Final = _STAGES - {"transcription"}
_LOCAL: Final = frozenset(("auto", "faster-whisper", "sphinx"))
_URLS: Final = frozenset(("--base-url", "--llm-base-url", "--tts-base-url"))
_OF_A_SPEECH_SERVER: Final = _URLS | {"--format", "--tts-voice", "--voice"}
_SERVERLESS: Final = {
    "command": (
        "the speech comes from a program, which is given the text alone",
        "leave it out, or write what the program takes into its command",
    ),
    "mock": (
        "the mock asks no server",
        "leave it out, or name the provider behind the address: openai",
    ),
}
"""Providers without a server: why a server's flag means nothing, and what to try."""
_NO_DEVICE: Final = frozenset(("sphinx", "groq", "openai"))


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFlags:
    """Which flags of the audit were given, and what there is for them to work on."""

    streaming: bool
    base_url: bool
    device: bool
    compute_type: bool
    normalizer: bool
    key_terms: bool
    transcript: bool
    reference: bool
    stages: tuple[str, ...] | None

    @property
    def given(self) -> list[str]:
        """The flags that mean nothing without the transcription."""
        flags = {
            "--streaming": self.streaming,
            "--stt-base-url": self.base_url,
            "--stt-device": self.device,
            "--stt-compute-type": self.compute_type,
            "--normalizer": self.normalizer,
            "--key-terms": self.key_terms,
        }
        return [flag for flag, is_given in flags.items() if is_given]


def refuse_idle_flags(flags: AuditFlags, stt: SttSettings) -> None:
    """Refuse the first flag that can have no effect.

    Args:
        flags: what was given.
        stt: the settings of the run, for an engine may be set elsewhere than by a flag.

    Raises:
        UsageError: there is one.
    """
    if flags.given and flags.stages is not None and _OTHER_STAGES.issuperset(flags.stages):
        raise _idle(
            flags.given[0],
            f"--stages {','.join(flags.stages)} leaves transcription out",
            "add transcription to --stages, or leave the flag out",
        )
    engines = [stt.gold] if flags.transcript else [stt.engine, stt.gold]
    named = [name for name in engines if name is not None]
    providers = {name.partition(":")[0] for name in named}
    who = f"the engine is {' and '.join(map(printable, named))}" if named else "no engine runs"
    if flags.transcript and not named:
        who = "beside --transcript no engine runs"
    role = "--gold" if flags.transcript else "--stt"
    if flags.base_url and providers <= _LOCAL:
        raise _idle(
            "--stt-base-url",
            f"{who}, and no server is asked",
            f"leave it out, or name the engine behind the address: {role} openai:MODEL",
        )
    for flag, is_given in (
        ("--stt-device", flags.device),
        ("--stt-compute-type", flags.compute_type),
    ):
        if is_given and providers <= _NO_DEVICE:
            raise _idle(
                flag,
                f"{who}, and the flag is for faster-whisper",
                f"leave it out, or name that engine: {role} faster-whisper:tiny",
            )
    if flags.normalizer and not flags.reference and stt.gold is None:
        raise _idle(
            "--normalizer",
            "there is neither a reference nor a gold engine, so no texts are compared",
            "--reference TEXT, --reference-file FILE, or --gold faster-whisper:large-v2",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFlags:
    """Which flags of the probes were given; ``llm`` and ``tts`` by name."""

    llm: Mapping[str, bool] = field(default_factory=dict)
    tts: Mapping[str, bool] = field(default_factory=dict)
    from_call: bool = False
    stages: tuple[str, ...] | None = None


def refuse_idle_probe_flags(flags: ProbeFlags, settings: Settings) -> None:
    """Refuse the first flag of a probe that can have no effect.

    Raises:
        UsageError: there is one, or the call is to give a prompt and is not transcribed.
    """
    for stage, given in (("llm", flags.llm), ("tts", flags.tts)):
        first = next((flag for flag, is_given in given.items() if is_given), None)
        if first and flags.stages is not None and (_STAGES - {stage}).issuperset(flags.stages):
            raise _idle(
                first,
                f"--stages {','.join(flags.stages)} leaves {stage} out",
                f"add {stage} to --stages, or leave the flag out",
            )
    if flags.from_call and flags.stages is not None and "transcription" not in flags.stages:
        raise UsageError(
            "--prompt-from-call needs the transcript of the call",
            why=f"--stages {','.join(flags.stages)} leaves transcription out",
            hint="add transcription to --stages",
            code="IDLE_FLAG",
        )
    spoken = [flag for flag, is_given in flags.tts.items() if is_given]
    if spoken and settings.tts.provider is None:
        raise _idle(spoken[0], "no speech synthesiser is named", "name one: --tts openai:MODEL")
    asked = [flag for flag, is_given in flags.llm.items() if is_given]
    for chosen, provider, served in (
        (spoken, settings.tts.provider, _OF_A_SPEECH_SERVER),
        (asked, settings.llm.provider, _URLS),
    ):
        name = (provider or "").partition(":")[0]
        first = next((flag for flag in chosen if flag in served), None)
        if first and name in _SERVERLESS:
            raise _idle(first, *_SERVERLESS[name])


def _idle(flag: str, why: str, hint: str) -> UsageError:
    return UsageError(f"{flag} would have no effect", why=why, hint=hint, code="IDLE_FLAG")
