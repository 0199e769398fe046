"""The questions: which are needed, how they read, and what an answer to them changes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from echotrace.config.secrets import Secret, get_secret
from echotrace.errors import MissingDependencyError, ProviderError, UsageError
from echotrace.setup.providers import facts_of, provider_names
from echotrace.setup.question import Option, Question, refuse_key
from echotrace.setup.speech_models import (
    SPHINX_SECONDS_PER_MINUTE,
    WHISPER_SIZES,
    WhisperSize,
    seconds_per_minute,
)

if TYPE_CHECKING:
    from echotrace.setup.answers import Answers
    from echotrace.setup.detect import Detected

__all__ = [
    "accept",
    "check_engine",
    "check_profile",
    "check_provider",
    "default_model",
    "default_provider",
    "key_of",
    "needed",
    "question",
    "whisper_size",
]

NONE = "none"
_WHISPER = "faster-whisper:"
_MOST_CHARS = 200


def needed(name: str, detected: Detected, answers: Answers) -> bool:
    """Whether a question has to be asked, given the answers so far."""
    provider = facts_of(answers.provider or "")
    if name == "address":
        saved = detected.saved.settings.llm
        old = (saved.provider or "").partition(":")[0]
        return saved.base_url is not None and answers.provider != old and not provider.simulated
    if name == "key":
        variable = provider.key_variable
        return variable is not None and variable not in detected.keys
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


def accept(name: str, value: str, detected: Detected, answers: Answers) -> Answers:
    """Return the answers with this one; a change of provider forgets its model.

    Raises:
        UsageError: the value cannot be used; no message contains a key.
    """
    if name == "network":
        return replace(answers, offline=value == "no")
    if name == "provider":
        provider = check_provider(value)
        same = answers.provider in (provider, None)
        return replace(answers, provider=provider, model=answers.model if same else None)
    if name == "address":
        return answers if value == "keep" else replace(answers, base_url=None)
    if name == "key":
        return answers.with_key(key_of(answers.provider or "", value))
    if name == "model":
        return replace(answers, model=check_model(value))
    if name == "stt":
        return replace(answers, stt=check_engine(value, detected, answers))
    if name == "gold":
        gold = None if value == NONE else check_engine(value, detected, answers)
        if gold == "auto":
            raise UsageError("the gold transcript needs an engine by name", hint="large-v3")
        return replace(answers, gold=gold)
    if name == "device":
        return replace(answers, device="cuda" if value == "yes" else "cpu")
    if name == "download":
        return replace(answers, allow_download=value == "yes")
    return replace(answers, profile=check_profile(value, detected))


def check_provider(name: str) -> str:
    """Return the name of a provider.

    Raises:
        UsageError: none is called so; it gives the nearest.
    """
    from difflib import get_close_matches

    if name in provider_names():
        return name
    refuse_key(name)
    near = get_close_matches(name.lower(), provider_names(), n=1)
    raise UsageError(
        f"no language model provider is called {name[:40]!r}",
        why=f"known are {', '.join(provider_names())}",
        hint=f"did you mean {near[0]}?" if near else "take one of those",
        code="UNKNOWN_PROVIDER",
    )


def check_model(name: str) -> str:
    """Return the name of a model.

    Raises:
        UsageError: it cannot be one, or looks like a key, which is not repeated.
    """
    text = name.strip()
    refuse_key(text)
    if not text or len(text) > _MOST_CHARS or not text.isprintable():
        raise UsageError("a model's name is one line of printable text", code="BAD_MODEL")
    return text


def check_engine(name: str, detected: Detected, answers: Answers) -> str:
    """Return an engine as the settings name it: ``small`` and a folder are completed.

    Raises:
        UsageError: no engine or model is called so.
    """
    from echotrace.providers.stt.choose import named_engine

    text = name.strip()
    refuse_key(text)
    provider, _, model = text.partition(":")
    if text in {size.name for size in WHISPER_SIZES}:
        text = _WHISPER + text
    elif os.path.isdir(os.path.expanduser(model if provider == "faster-whisper" else text)):  # noqa: PTH111, PTH112 - a NUL byte or no home is no error here
        folder = os.path.expanduser(model if provider == "faster-whisper" else text)  # noqa: PTH111 - as above
        text = _WHISPER + str(Path(folder).resolve())  # a configuration is read in every folder
    if text == "auto":
        return text
    try:
        named_engine(text, answers.as_settings(detected.base))
    except MissingDependencyError as error:
        if error.code == "MODEL_FOLDER":
            raise UsageError(error.what, why=error.why, hint=error.hint, code=error.code) from None
    except ProviderError:  # a server that has no key yet; trying the engine says so
        pass
    return text


def check_profile(name: str, detected: Detected) -> str:
    """Return the name of a threshold profile of the user's file.

    Raises:
        UsageError: there is none of this name.
    """
    known = detected.saved.profiles
    if name in known:
        return name
    from echotrace.config.describe import nearest

    refuse_key(name)
    close = nearest(name, list(known))
    raise UsageError(
        f"unknown profile {name[:40]!r}",
        why=f"the profiles are: {', '.join(known)}",
        hint=f"did you mean {close}?"
        if close
        else f"define it as [profiles.NAME] in {detected.saved.config_path}",
        code="UNKNOWN_PROFILE",
    )


def key_of(provider: str, value: str) -> Secret:
    """Return a typed key as a secret.

    Raises:
        UsageError: the provider takes none.
        ConfigError: it holds a character that no key has; the message does not repeat it.
    """
    variable = facts_of(provider).key_variable
    if variable is None:
        raise UsageError(f"{provider} takes no key")
    secret = get_secret(variable, {variable: value}, None)
    if secret is None:
        raise UsageError("an empty text is no key", code="NO_ANSWER")
    return secret


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
    return facts_of(answers.provider or "").default_model


def whisper_size(engine: str | None) -> WhisperSize | None:
    """Return the size that an engine's name means, None for any other engine."""
    for size in WHISPER_SIZES:
        if engine == _WHISPER + size.name:
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
    return " - ".join(part for part in (facts.words, state) if part)


def _address(detected: Detected, answers: Answers) -> Question:
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


def _key(detected: Detected, answers: Answers) -> Question:
    facts = facts_of(answers.provider or "")
    return Question(
        name="key",
        title=f"Key of {facts.name}",
        flag=f"{facts.key_variable} in the environment, with --from-env",
        text=(
            f"{facts.key_from} gives one.",
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
    return Question(
        name="model",
        title=f"Which model of {facts.name}?",
        flag="--model",
        text=tuple(text),
        options=tuple(Option(value=name) for name in names),
        default=default_model(detected, answers),
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
