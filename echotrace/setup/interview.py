"""The course of a wizard as a machine without input or output: what comes next, and going back.

The one who drives it asks ``next_step``: a question is answered by ``reply``, a check is carried
out and reported by ``record``; None means that everything is answered. Nothing is written here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from echotrace.errors import UsageError
from echotrace.setup.accept import accept
from echotrace.setup.answers import Answers, answers_of
from echotrace.setup.checks import CheckName, CheckResult
from echotrace.setup.detect import Detected
from echotrace.setup.providers import facts_of
from echotrace.setup.question import Option, Question, pick
from echotrace.setup.questions import needed, question

if TYPE_CHECKING:
    from echotrace.setup.ollama import OllamaFound

__all__ = ["BACK", "Check", "Interview", "Step"]

BACK = "back"

_COURSE: tuple[str, ...] = (
    "network",
    "provider",
    "address",
    "key",
    "check ollama",
    "model",
    "check llm",
    "stt",
    "gold",
    "device",
    "download",
    "check stt",
    "check gold",
    "profile",
)
_DEPENDENT: dict[str, tuple[str, ...]] = {
    "network": ("provider", "download", "check stt", "check gold"),
    "provider": ("address", "key", "model", "check ollama", "check llm"),
    "address": ("key", "model", "check ollama", "check llm"),
    "key": ("check llm",),
    "model": ("check llm",),
    "stt": ("device", "download", "check stt"),
    "gold": ("device", "download", "check gold"),
    "device": ("check stt", "check gold"),
    "download": ("check stt", "check gold"),
}
_CHECKS: dict[str, CheckName] = {
    "check ollama": "ollama",
    "check llm": "llm",
    "check stt": "stt",
    "check gold": "gold",
}
_QUESTION_OF: dict[str, str] = {
    "ollama": "provider",
    "llm": "provider",
    "stt": "stt",
    "gold": "gold",
}


@dataclass(frozen=True, slots=True)
class Check:
    """A choice is to be tried now."""

    name: CheckName


Step = Question | Check | None


@dataclass(slots=True)
class Interview:
    """One run through the questions; ``checked`` holds what the checks gave."""

    detected: Detected
    answers: Answers = field(default_factory=Answers)
    test: bool = True
    checked: dict[str, CheckResult] = field(default_factory=dict)
    _done: set[str] = field(default_factory=set)
    _asked: list[str] = field(default_factory=list)
    _failed: CheckName | None = None

    @classmethod
    def begin(cls, detected: Detected, *, test: bool = True) -> Interview:
        """Start from what the user's file says."""
        return cls(detected, answers_of(detected.saved.settings), test)

    def next_step(self) -> Step:
        """Return what is to be done now."""
        if self._failed is not None:
            return self._after_failure(self._failed)
        for name in _COURSE:
            if name in self._done:
                continue
            if not name.startswith("check "):
                if needed(name, self.detected, self.answers):
                    return question(name, self.detected, self.answers)
            elif self.test and self._is_due(_CHECKS[name]):
                return Check(_CHECKS[name])
        return None

    def reply(self, typed: str) -> None:
        """Take the answer to the question that ``next_step`` returned.

        Raises:
            UsageError: it does not fit; the same question comes again.
        """
        step = self.next_step()
        if not isinstance(step, Question):
            raise TypeError("no question is open")
        if typed.strip().lower() == BACK or (step.hidden and not typed.strip()):
            self.back()
            return
        value = pick(step, typed)
        if self._failed is not None:
            self._decide(self._failed, value)
            return
        self.answers = accept(step.name, value, self.detected, self.answers)
        self._done.add(step.name)
        self._asked.append(step.name)

    def prefill(self, name: str, value: str) -> None:
        """Answer a question before it is asked.

        Raises:
            UsageError: the answer does not fit.
        """
        self.answers = accept(name, value, self.detected, self.answers)
        self._done.add(name)
        self._asked.append(name)

    def record(self, name: CheckName, result: CheckResult) -> None:
        """Take the result of a check; a key that was refused is asked for again at once."""
        self.checked[name] = result
        self._done.add(f"check {name}")
        if result.ok:
            return
        if result.code == "LLM_KEY_REFUSED" and self._forget_key():
            self.reopen("key")
        else:
            self._failed = name

    def found_ollama(self, found: OllamaFound) -> None:
        """Take a fresh look at Ollama, which may have been started meanwhile."""
        self.detected = replace(self.detected, ollama=found)

    def back(self) -> None:
        """Return to the question before.

        Raises:
            UsageError: there is none.
        """
        if self._failed is not None:
            self.reopen(_QUESTION_OF[self._failed])
            return
        if not self._asked:
            raise UsageError("this is the first question", hint="Ctrl-C leaves", code="FIRST")
        self.reopen(self._asked[-1])

    def reopen(self, name: str) -> None:
        """Ask this question again, and whatever depends on its answer."""
        self._failed = None
        for item in _with_dependents(name):
            self._done.discard(item)
            self._asked = [asked for asked in self._asked if asked != item]
            if item in ("download", "device"):
                self._restore(item)
            if item.startswith("check "):
                self.checked.pop(item.removeprefix("check "), None)
        if name == "key":
            facts = facts_of(self.answers.provider or "")
            kept = tuple(key for key in self.answers.keys if key.name != facts.key_variable)
            self.answers = replace(self.answers, keys=kept)

    def _restore(self, name: str) -> None:
        """Forget an answer that may not be needed any more."""
        saved = self.detected.saved.settings.stt
        if name == "download":
            self.answers = replace(self.answers, allow_download=saved.allow_download)
        else:
            self.answers = replace(self.answers, device=saved.device)

    def changeable(self) -> tuple[str, ...]:
        """Return the questions that were asked, in the order of the course."""
        return tuple(name for name in _COURSE if name in self._asked)

    def _is_due(self, name: CheckName) -> bool:
        if name == "ollama":
            return self.answers.provider == "ollama" and not self.detected.ollama.models
        return name != "gold" or self.answers.gold is not None

    def _forget_key(self) -> bool:
        """Whether another key could help: one in the environment wins over whatever is typed."""
        variable = facts_of(self.answers.provider or "").key_variable or ""
        found = self.detected.keys.get(variable)
        if found is not None and found.in_environment:
            return False
        others = {name: key for name, key in self.detected.keys.items() if name != variable}
        refused = self.detected.refused | {variable}
        self.detected = replace(self.detected, keys=others, refused=refused)
        return bool(variable)

    def _decide(self, name: CheckName, value: str) -> None:
        if value == "retry":
            self._failed = None
            self._done.discard(f"check {name}")
        elif value == "change":
            model_is_wrong = self.checked[name].code == "LLM_MODEL_UNKNOWN"
            self.reopen("model" if model_is_wrong else _QUESTION_OF[name])
        else:
            self._failed = None

    def _after_failure(self, name: CheckName) -> Question:
        return Question(
            name=f"after {name}",
            title="What now?",
            flag="--skip-tests",
            options=(
                Option(value="retry", label="try again"),
                Option(value="change", label="choose something else"),
                Option(value="keep", label="keep it as it is, untested"),
            ),
            default="change",
        )


def _with_dependents(name: str) -> tuple[str, ...]:
    found = [name]
    for item in found:
        found += [other for other in _DEPENDENT.get(item, ()) if other not in found]
    return tuple(found)
