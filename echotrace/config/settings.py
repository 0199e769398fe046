"""Every setting with its type, default, help and bounds, and nothing else.

The loader fills these from flags, environment and files; each field name is also the key of the
configuration file (``[stt] engine = "sphinx"``) and, in capitals, of the environment
(``ECHOTRACE_STT_ENGINE``).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from echotrace.config.rules import about
from echotrace.config.thresholds import Thresholds

__all__ = [
    "AudioSettings",
    "CacheSettings",
    "CostSettings",
    "GateSettings",
    "LlmSettings",
    "PipelineSettings",
    "Settings",
    "SttSettings",
    "TtsSettings",
    "TuiSettings",
]

_DEVICES = ("cpu", "cuda", "auto")
_NORMALIZERS = ("auto", "none", "basic", "whisper-en")
_COMPUTE_TYPES = (
    "default",
    "auto",
    "int8",
    "int8_float32",
    "int8_float16",
    "int8_bfloat16",
    "int16",
    "float16",
    "bfloat16",
    "float32",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioSettings:
    """How recordings are opened.

    ``caller_channel`` is a channel index or None when it is not known; ``max_duration_s`` and
    ``max_decoded_mib`` cap what a file may unpack to.
    """

    caller_channel: int | None = field(
        default=None,
        metadata=about("channel the caller is on, from 0", minimum=0, maximum=255),
    )
    max_duration_s: float = field(
        default=6 * 3600.0, metadata=about("longest recording that is opened", above=0)
    )
    max_decoded_mib: int = field(
        default=16_384,
        metadata=about("most memory or disk a recording may unpack to", minimum=1, maximum=2**24),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SttSettings:
    """Which recogniser is audited, and which gives the gold transcript.

    ``engine`` is ``auto`` or ``provider:model``; ``gold`` likewise or None.
    ``cpu_threads`` of 0 means the number of cores, at most 4. ``base_url`` is the address of an
    OpenAI-compatible server, of None the vendor's; ``timeout_s`` bounds one request to it.
    ``normalizer`` of ``auto`` is whisper-en for English, else basic.
    """

    engine: str = field(default="auto", metadata=about("engine under audit: auto or name:model"))
    gold: str | None = field(
        default=None, metadata=about("engine that writes the gold transcript, as name:model")
    )
    device: str = field(default="cpu", metadata=about("where an engine computes", choices=_DEVICES))
    compute_type: str = field(
        default="int8",
        metadata=about("number format of the model's weights", choices=_COMPUTE_TYPES),
    )
    beam_size: int = field(
        default=5, metadata=about("hypotheses kept while decoding", minimum=1, maximum=100)
    )
    cpu_threads: int = field(
        default=0,
        metadata=about(
            "threads of an engine; 0 is the number of cores, at most 4", minimum=0, maximum=1024
        ),
    )
    language: str = field(default="en", metadata=about("language spoken, as a code such as en"))
    base_url: str | None = field(
        default=None,
        metadata=about(
            "address of a transcription server instead of the vendor's",
            is_url=True,
            user_only=True,
        ),
    )
    timeout_s: float = field(
        default=120.0,
        metadata=about("how long one transcription request may take", above=0, maximum=3600),
    )
    warm_up: bool = field(
        default=False,
        metadata=about("whether a model runs once on silence before it is timed"),
    )
    normalizer: str = field(
        default="auto",
        metadata=about("how texts are made alike before they are compared", choices=_NORMALIZERS),
    )
    allow_download: bool = field(
        default=False, metadata=about("whether a missing model may be downloaded", user_only=True)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """Whether transcripts are kept for the next run on the same audio, and how much of them."""

    enabled: bool = field(
        default=True, metadata=about("whether transcripts are kept for the next run")
    )
    max_mib: int = field(
        default=256, metadata=about("most disk the kept transcripts take", minimum=1, maximum=2**20)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmSettings:
    """Which language model is probed; ``provider`` of None lets the run decide and say so.

    ``base_url`` of None is the vendor's address, or what its own environment variable says.
    """

    provider: str | None = field(
        default=None,
        metadata=about("language model service to probe: groq, ollama, openai or mock"),
    )
    model: str | None = field(default=None, metadata=about("model of that service"))
    base_url: str | None = field(
        default=None,
        metadata=about(
            "address of the service instead of the vendor's", is_url=True, user_only=True
        ),
    )
    timeout_s: float = field(
        default=20.0,
        metadata=about("how long a language model may be silent", above=0, maximum=3600),
    )
    probes: int = field(
        default=5, metadata=about("measured requests after the warm-up", minimum=1, maximum=1000)
    )
    spacing_s: float = field(
        default=0.2,
        metadata=about("pause between two measured requests", minimum=0, maximum=3600),
    )
    concurrency: int = field(
        default=1,
        metadata=about("measured requests at the same time", minimum=1, maximum=64),
    )
    system_prompt: str | None = field(
        default=None, metadata=about("system prompt of the probes instead of the built-in one")
    )
    max_tokens: int = field(
        default=64, metadata=about("longest answer asked for", minimum=1, maximum=2**16)
    )
    mock_seed: int = field(
        default=1, metadata=about("seed of the mock's delays", minimum=0, maximum=2**32 - 1)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TtsSettings:
    """Which speech synthesiser is probed; without a ``provider`` none is.

    ``provider`` is ``openai:MODEL``, ``groq:MODEL`` or ``command:PROGRAM ARGUMENTS``. A project's
    file may not set it, because it can start a program.
    """

    provider: str | None = field(
        default=None,
        metadata=about(
            "speech service to probe: openai:MODEL, groq:MODEL or command:PROGRAM", user_only=True
        ),
    )
    voice: str | None = field(
        default=None, metadata=about("voice to ask for instead of the service's default")
    )
    format: str = field(
        default="wav",
        metadata=about("form of the sound to ask for", choices=("wav", "pcm", "mp3", "flac")),
    )
    base_url: str | None = field(
        default=None,
        metadata=about(
            "address of a speech server instead of the vendor's", is_url=True, user_only=True
        ),
    )
    timeout_s: float = field(
        default=20.0,
        metadata=about("how long a speech server may be silent", above=0, maximum=3600),
    )
    probes: int = field(
        default=5, metadata=about("measured requests after the warm-up", minimum=1, maximum=1000)
    )
    spacing_s: float = field(
        default=0.2,
        metadata=about("pause between two measured requests", minimum=0, maximum=3600),
    )
    concurrency: int = field(
        default=1,
        metadata=about("measured requests at the same time", minimum=1, maximum=64),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSettings:
    """What the estimate of a pipeline's wait takes from the user, because no probe can know it."""

    endpointing_wait_ms: float = field(
        default=500.0,
        metadata=about(
            "silence that your pipeline waits for before it takes a turn as ended",
            minimum=0,
            maximum=60_000,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CostSettings:
    """Where prices come from."""

    prices_file: str | None = field(
        default=None,
        metadata=about("file with your own prices, before the built-in ones", user_only=True),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """What a benchmark must not become; only ``echotrace benchmark`` reads it.

    ``fail_on`` are expressions that must not hold, such as ``wer > 0.10`` or ``wer regression``.
    ``baseline`` is the run to compare with, a name that ``echotrace baseline set`` gave or a path;
    ``tolerance`` is how much worse a figure may get, as a share of the baseline's.
    """

    fail_on: tuple[str, ...] = field(
        default=(),
        metadata=about("gates of `benchmark` (analyze reads none): expressions that must not hold"),
    )
    baseline: str | None = field(
        default=None,
        metadata=about("run that `benchmark` compares with: a baseline's name, or a path"),
    )
    tolerance: float = field(
        default=0.10,
        metadata=about("how much worse than the baseline a figure may get, as a ratio", minimum=0),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TuiSettings:
    """How the terminal app looks and which keys it hears.

    ``theme`` is the name of one of the app's themes, of None the one it chooses. ``keymap`` gives
    actions other keys: ``view.turns=T report.next=n,space``, or a table of such pairs.
    """

    theme: str | None = field(
        default=None, metadata=about("colours of the terminal app, such as nord or ansi-dark")
    )
    keymap: str = field(
        default="",
        metadata=about("keys of the terminal app, as action=key,key ...", pairs=True),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of a run."""

    profile: str = field(
        default="default", metadata=about("threshold profile: default or one of [profiles.NAME]")
    )
    offline: bool = field(
        default=False,
        metadata=about("forbid every connection but those to this machine", only_on=True),
    )
    analyzer_timeout_s: float = field(
        default=120.0, metadata=about("how long one analyzer may take", above=0, maximum=86_400)
    )
    audio: AudioSettings = field(default_factory=AudioSettings)
    stt: SttSettings = field(default_factory=SttSettings)
    cache: CacheSettings = field(default_factory=CacheSettings)
    llm: LlmSettings = field(default_factory=LlmSettings)
    tts: TtsSettings = field(default_factory=TtsSettings)
    pipeline: PipelineSettings = field(default_factory=PipelineSettings)
    cost: CostSettings = field(default_factory=CostSettings)
    gates: GateSettings = field(default_factory=GateSettings)
    tui: TuiSettings = field(default_factory=TuiSettings)
    thresholds: Thresholds = field(default_factory=Thresholds)
