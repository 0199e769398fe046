"""The questions: which are needed, and how they read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.setup.providers import ProviderFacts, facts_of, provider_names
from echotrace.setup.question import FIRST, NONE, VENDOR, Option, Question
from echotrace.setup.speech_models import (
    SPHINX_SECONDS_PER_MINUTE,
    WHISPER,
    WHISPER_SIZES,
    WhisperSize,
    seconds_per_minute,
)

if TYPE_CHECKING:
    from echotrace.setup.answers import Answers
    from echotrace.setup.detect import Detected

__all__ = [
    "default_model",
    "default_provider",
    "lists_models",
    "needed",
    "question",
    "whisper_size",
]


def needed(name: str, detected: Detected, answers: Answers) -> bool:
    """Whether a question has to be asked, given the answers so far."""
    provider = facts_of(answers.provider or "")
    if name == "address":
        if provider.vendor_address is not None:
            return True
        saved = detected.saved.settings.llm
        old = (saved.provider or "").partition(":")[0]
        return saved.base_url is not None and answers.provider != old and not provider.simulated
    if name == "key":
        variable = provider.key_variable
        if variable is None or variable in detected.keys:
            return False
        return variable in detected.refused or not _keyless(answers)
    if name == "model":
        return answers.provider is not None and not provider.simulated
    if name == "device":
        return detected.machine.gpus > 0 and _uses_whisper(answers)
    if name == "download":
        return not answers.offline and bool(missing_models(detected, answers))
    if name == "profile":
        return len(detected.saved.profiles) > 1
    return True


def question(name: str, detected: Detected, answers: Answers) -> Question:
    """Return a question as it reads now; ``needed`` said that it is to be asked."""
    makers = {
        "network": _network,
        "provider": _provider,
        "address": _address,
        "key": _key,
        "model": _model,
        "stt": _stt,
        "gold": _gold,
        "device": _device,
        "download": _download,
        "profile": _profile,
    }
    return makers[name](detected, answers)


def default_provider(detected: Detected) -> str:
    """Return the provider that the file names, else the best of what is here."""
    saved = (detected.base.llm.provider or "").partition(":")[0]
    if saved in provider_names():
        return saved
    usable = [
        name
        for name in provider_names()
        if facts_of(name).key_variable in detected.keys and not detected.base.offline
    ]
    if usable:
        return usable[0]
    return "ollama" if detected.ollama.models else "mock"


def default_model(detected: Detected, answers: Answers) -> str | None:
    """Return the model to suggest for the provider that was answered."""
    if answers.model is not None:
        return answers.model
    if answers.provider == "ollama":
        return detected.ollama.models[0] if detected.ollama.models else None
    if lists_models(detected, answers):
        return None  # the server's own list decides
    return facts_of(answers.provider or "").default_model


def lists_models(detected: Detected, answers: Answers) -> bool:
    """Whether the server is not the vendor's: a run without a model takes the first of its list."""
    facts = facts_of(answers.provider or "")
    address = answers.base_url or detected.addresses.get(facts.address_variable or "")
    return facts.vendor_address is not None and bool(address) and not _is_vendors(address or "")


def _is_vendors(address: str) -> bool:
    from echotrace.errors import ConfigError
    from echotrace.providers.address import parse_address
    from echotrace.providers.openai_api import is_vendor

    try:
        return is_vendor(parse_address(address, origin="this"))
    except ConfigError:
        return False


def _keyless(answers: Answers) -> bool:
    """Whether the server is one of this machine, which needs no key."""
    from echotrace.errors import ConfigError
    from echotrace.providers.address import parse_address

    if facts_of(answers.provider or "").vendor_address is None or answers.base_url is None:
        return False
    try:
        return parse_address(answers.base_url, origin="this").loopback
    except ConfigError:
        return False


def whisper_size(engine: str | None) -> WhisperSize | None:
    """Return the size that an engine's name means, None for any other engine."""
    for size in WHISPER_SIZES:
        if engine == WHISPER + size.name:
            return size
    return None


def missing_models(detected: Detected, answers: Answers) -> tuple[WhisperSize, ...]:
    """Return the sizes that were chosen and are not on this machine."""
    sizes = (whisper_size(answers.stt), whisper_size(answers.gold))
    found = {size.name: size for size in sizes if size is not None}
    return tuple(size for size in found.values() if size.name not in detected.machine.whisper)


def _uses_whisper(answers: Answers) -> bool:
    names = (answers.stt, answers.gold or "")
    return any(name == "auto" or name.startswith("faster-whisper") for name in names)


def _network(detected: Detected, answers: Answers) -> Question:
    return Question(
        name="network",
        title="May EchoTrace use the network?",
        flag="--no-offline or --offline",
        text=("Only to time the language model that you choose.",),
        options=(
            Option(value="yes", label="cloud models can be timed"),
            Option(value="no", label="nothing but this machine is ever contacted"),
        ),
        default="no" if answers.offline else "yes",
    )


def _provider(detected: Detected, answers: Answers) -> Question:
    chosen = answers.provider or default_provider(detected)
    return Question(
        name="provider",
        title="Which language model should be timed?",
        flag="--provider",
        options=tuple(
            Option(value=name, label=_provider_label(name, detected, answers))
            for name in provider_names()
        ),
        default=chosen if chosen in provider_names() else None,
    )


def _provider_label(name: str, detected: Detected, answers: Answers) -> str:
    facts = facts_of(name)
    state = ""
    if facts.key_variable is not None:
        found = detected.keys.get(facts.key_variable)
        state = f"key found {found.where}" if found else "no key yet"
    if name == "ollama":
        count = len(detected.ollama.models)
        state = f"{count} model{'s' * (count != 1)} here" if count else detected.ollama.problem
    if answers.offline and not facts.local:
        state = "not possible offline"
        if facts.vendor_address is not None:
            state = "offline only on this machine"
    return " - ".join(part for part in (facts.words, state) if part)


def _address(detected: Detected, answers: Answers) -> Question:
    facts = facts_of(answers.provider or "")
    if facts.vendor_address is not None:
        return _any_address(facts, detected, answers)
    return Question(
        name="address",
        title=f"Is {detected.saved.settings.llm.base_url} the address of {answers.provider}, too?",
        flag="--provider",
        text=("llm.base_url in your config.toml was set for another provider.",),
        options=(
            Option(value="keep", label="use it"),
            Option(value="remove", label="use the provider's own address"),
        ),
        default="remove",
    )


def _any_address(facts: ProviderFacts, detected: Detected, answers: Answers) -> Question:
    saved = detected.saved.settings.llm
    old = (saved.provider or "").partition(":")[0]
    foreign = old not in ("", facts.name) and answers.base_url == saved.base_url
    known = None if foreign else answers.base_url
    return Question(
        name="address",
        title="Where is the server?",
        flag="--llm-base-url",
        text=(
            "Any server that speaks the protocol: vLLM, llama.cpp, LM Studio, OpenRouter.",
            "Type its address, such as http://127.0.0.1:8000/v1; on this machine it needs no key.",
        ),
        options=(Option(value=VENDOR, label=f"{facts.vendor_address}"),),
        default=known or detected.addresses.get(facts.address_variable or "") or VENDOR,
        open_ended=True,
    )


def _key(detected: Detected, answers: Answers) -> Question:
    facts = facts_of(answers.provider or "")
    giver = f"{facts.key_from} gives one."
    if facts.vendor_address is not None and answers.base_url is not None:
        giver = f"The one that {answers.base_url} takes."
    return Question(
        name="key",
        title=f"Key of {facts.name}",
        flag=f"{facts.key_variable} in the environment, with --from-env",
        text=(
            giver,
            "It stays hidden and is stored for you alone. Enter without a key goes back.",
        ),
        hidden=True,
    )


def _model(detected: Detected, answers: Answers) -> Question:
    facts = facts_of(answers.provider or "")
    names = detected.ollama.models[:12] if facts.name == "ollama" else ()
    text = [facts.model_words] if facts.model_words else []
    if facts.name == "ollama" and not detected.ollama.models:
        where = f" at {detected.ollama.address}" if detected.ollama.address else ""
        text = [f"Ollama{where}: {detected.ollama.problem}. Try: {detected.ollama.hint}"]
    options = [Option(value=name) for name in names]
    default = default_model(detected, answers)
    if lists_models(detected, answers):
        options.append(Option(value=FIRST, label="whichever the server lists first"))
        default = default or FIRST
    return Question(
        name="model",
        title=f"Which model of {facts.name}?",
        flag="--model",
        text=tuple(text),
        options=tuple(options),
        default=default,
        open_ended=True,
    )


def _stt(detected: Detected, answers: Answers) -> Question:
    machine = detected.machine
    auto = "tiny" if "tiny" in machine.whisper else "sphinx until tiny is here"
    options = [Option(value="auto", label=f"what fits: {auto}")]
    if machine.sphinx:
        pace = f"{SPHINX_SECONDS_PER_MINUTE:.0f} s a minute"
        options.append(Option(value="sphinx", label=f"built in, low accuracy; ~{pace}"))
    options += _sizes(detected, answers)
    return Question(
        name="stt",
        title="Which speech engine is under audit?",
        flag="--stt",
        text=(
            "~4 s a minute: estimated work for a minute of speech on this machine.",
            "The folder of a faster-whisper model is an answer, too.",
        ),
        options=tuple(options),
        default=_short(answers.stt),
        open_ended=True,
    )


def _gold(detected: Detected, answers: Answers) -> Question:
    return Question(
        name="gold",
        title="Which engine writes the gold transcript that the audit is judged by?",
        flag="--gold",
        text=("none: you pass what was really said, with --reference.",),
        options=(Option(value=NONE, label="no second engine"), *_sizes(detected, answers)),
        default=_short(answers.gold) if answers.gold else NONE,
        open_ended=True,
    )


def _sizes(detected: Detected, answers: Answers) -> list[Option]:
    return [Option(value=size.name, label=_size_label(size, detected)) for size in WHISPER_SIZES]


def _size_label(size: WhisperSize, detected: Detected) -> str:
    machine = detected.machine
    here = size.name in machine.whisper
    parts = [f"~{seconds_per_minute(size, machine.cores):.0f} s a minute"]
    parts.append("here" if here else f"{_megabytes(size.download_mb)} to download")
    if machine.memory_mb is not None and size.memory_mb > machine.memory_mb:
        parts.append(f"needs {_megabytes(size.memory_mb)} of memory")
    if size.words:
        parts.append(size.words)
    return ", ".join(parts)


def _device(detected: Detected, answers: Answers) -> Question:
    return Question(
        name="device",
        title="Use the GPU for speech recognition?",
        flag="ECHOTRACE_STT_DEVICE with --from-env",
        options=(Option(value="yes"), Option(value="no")),
        default="no" if answers.device == "cpu" and _says(detected, "stt", "device") else "yes",
    )


def _says(detected: Detected, *path: str) -> bool:
    return path in detected.saved.values


def _download(detected: Detected, answers: Answers) -> Question:
    missing = missing_models(detected, answers)
    names = " and ".join(size.name for size in missing)
    total = _megabytes(sum(size.download_mb for size in missing))
    return Question(
        name="download",
        title=f"May {names} be fetched when first used ({total}, from Hugging Face)?",
        flag="--allow-download or --no-allow-download",
        text=("Setup itself downloads nothing. Without it, a run that needs the model stops.",),
        options=(Option(value="yes"), Option(value="no")),
        default="no"
        if not answers.allow_download and _says(detected, "stt", "allow_download")
        else "yes",
    )


def _profile(detected: Detected, answers: Answers) -> Question:
    return Question(
        name="profile",
        title="Which thresholds should a call be judged by?",
        flag="--profile",
        options=tuple(
            Option(value=name, label="the built-in ones" if name == "default" else "yours")
            for name in detected.saved.profiles
        ),
        default=answers.profile,
    )


def _short(engine: str) -> str:
    size = whisper_size(engine)
    return size.name if size else engine


def _megabytes(amount: int) -> str:
    return f"{amount / 1000:.1f} GB" if amount >= 1000 else f"{amount} MB"
