"""The answers of a wizard, and what they would change in the user's files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from echotrace.config.secrets import Secret
from echotrace.config.write import FileChange, change_secrets, change_settings
from echotrace.errors import InternalError
from echotrace.setup.providers import facts_of

if TYPE_CHECKING:
    from echotrace.config.settings import Settings
    from echotrace.setup.detect import Saved

__all__ = ["Answers", "Plan", "answers_of", "plan_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the user wants; the fields are the settings that the wizard writes.

    ``provider`` of None leaves the choice to each run. ``keys`` are to be stored; they are kept out
    of ``repr``.
    """

    offline: bool = False
    provider: str | None = None
    model: str | None = None
    base_url: str | None = None
    stt: str = "auto"
    gold: str | None = None
    device: str = "cpu"
    allow_download: bool = False
    profile: str = "default"
    keys: tuple[Secret, ...] = field(default=(), repr=False)

    def as_settings(self, base: Settings) -> Settings:
        """Return the settings of a run with these answers."""
        return replace(
            base,
            offline=self.offline,
            profile=self.profile,
            llm=replace(base.llm, provider=self.provider, model=self.model, base_url=self.base_url),
            stt=replace(
                base.stt,
                engine=self.stt,
                gold=self.gold,
                device=self.device,
                allow_download=self.allow_download,
            ),
        )

    def with_key(self, key: Secret) -> Answers:
        """Return the answers with this key stored instead of one of the same name."""
        others = tuple(item for item in self.keys if item.name != key.name)
        return replace(self, keys=(*others, key))

    def key_environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return the environment as a run would see it once the keys are stored; never exported."""
        return {**{key.name: key.reveal() for key in self.keys}, **_without_empty(environ)}


def _without_empty(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if value.strip()}


def answers_of(settings: Settings) -> Answers:
    """Return the answers that would change nothing; ``groq:MODEL`` is taken apart."""
    provider, _, model = (settings.llm.provider or "").partition(":")
    return Answers(
        offline=settings.offline,
        provider=provider or None,
        model=model or settings.llm.model,
        base_url=settings.llm.base_url,
        stt=settings.stt.engine,
        gold=settings.stt.gold,
        device=settings.stt.device,
        allow_download=settings.stt.allow_download,
        profile=settings.profile,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be written: the changed settings by dotted key (None is removed), and the keys."""

    settings: Mapping[str, Any]
    keys: tuple[Secret, ...]
    config: FileChange
    secrets: FileChange | None

    @property
    def changes(self) -> tuple[FileChange, ...]:
        """The files that change, keys first: a configuration never waits for its key."""
        files = (self.config,) if self.secrets is None else (self.secrets, self.config)
        return tuple(item for item in files if item.changes)


def plan_of(saved: Saved, answers: Answers) -> Plan:
    """Compare the answers with the user's file; what is the same already is not touched.

    Raises:
        ConfigError: a value does not fit its setting, or the file of secrets is exposed.
        StorageError: the file of secrets cannot be read.
        InternalError: a key would have been written among the settings.
    """
    wanted = facts_of(answers.provider or "").key_variable
    answers = replace(answers, keys=tuple(key for key in answers.keys if key.name == wanted))
    values = _changed(saved, answers)
    config = change_settings(saved.config_path, saved.data, values)
    secrets = change_secrets(saved.secrets_path, answers.keys) if answers.keys else None
    for key in answers.keys:
        if key.reveal().encode() in config.after:
            raise InternalError("a key would have been written among the settings")
    return Plan(
        settings={".".join(path): value for path, value in values.items()},
        keys=answers.keys if secrets is not None and secrets.changes else (),
        config=config,
        secrets=secrets,
    )


def _changed(saved: Saved, answers: Answers) -> dict[tuple[str, ...], Any]:
    now = answers_of(saved.settings)
    pairs: tuple[tuple[tuple[str, ...], Any, Any], ...] = (
        (("profile",), now.profile, answers.profile),
        (("offline",), now.offline, answers.offline),
        (("llm", "provider"), now.provider, answers.provider),
        (("llm", "model"), now.model, answers.model),
        (("llm", "base_url"), now.base_url, answers.base_url),
        (("stt", "engine"), now.stt, answers.stt),
        (("stt", "gold"), now.gold, answers.gold),
        (("stt", "device"), now.device, answers.device),
        (("stt", "allow_download"), now.allow_download, answers.allow_download),
    )
    values = {path: after for path, before, after in pairs if before != after}
    moved = ("llm", "model") in values or ("llm", "provider") in values
    if moved and ":" in (saved.settings.llm.provider or ""):  # "groq:MODEL" is taken apart
        values["llm", "provider"] = answers.provider
        values["llm", "model"] = answers.model
    return {
        path: value for path, value in values.items() if value is not None or path in saved.values
    }
