"""What a language model is asked: the built-in prompt, the user's own, or the words of the call.

The call's words leave this machine only when the user said so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from echotrace.errors import UsageError
from echotrace.model.report import Transcription
from echotrace.providers.llm.base import BUILT_IN_PROMPT, Prompt, Turn

if TYPE_CHECKING:
    from echotrace.config.settings import Settings
    from echotrace.model.outcome import Inputs

__all__ = ["NO_WORDS", "prompt_of"]

NO_WORDS: Final = "the transcript of the call has no words of the caller"
_MOST_CHARACTERS: Final = 8_000
_ROLES: Final = {"agent": "assistant"}


def prompt_of(inputs: Inputs | None, settings: Settings, transcription: Any) -> Prompt | None:
    """Return the prompt, None where the call was to give it and has none.

    The call gives its dialogue up to the caller's last words, the latest 8,000 characters of it;
    where the sides are not known, all that was heard counts as the caller's.

    Args:
        inputs: of the run; None is the built-in prompt.
        settings: ``llm.system_prompt`` replaces the built-in one.
        transcription: what the transcription found, when the call gives the prompt.
    """
    system = settings.llm.system_prompt or BUILT_IN_PROMPT.system
    system_source = "set" if settings.llm.system_prompt else "built-in"
    if inputs is not None and inputs.prompt_from_call:
        turns = _turns_of(transcription)
        if not turns:
            return None
        return Prompt(system=system, turns=turns, source="call", system_source=system_source)
    if inputs is not None and inputs.prompt is not None:
        if not inputs.prompt.strip():
            raise UsageError("the prompt is empty", hint="write what the caller says into the file")
        return Prompt(
            system=system,
            turns=(Turn(role="user", text=inputs.prompt.strip()),),
            source="file",
            system_source=system_source,
        )
    return Prompt(system=system, turns=BUILT_IN_PROMPT.turns, system_source=system_source)


def _turns_of(transcription: Any) -> tuple[Turn, ...]:
    if not isinstance(transcription, Transcription):
        return ()
    spoken = [
        Turn(role=_ROLES.get(line.role, "user"), text=line.text.strip())
        for line in transcription.dialogue
        if line.text.strip()
    ]
    while spoken and spoken[-1].role != "user":
        spoken.pop()
    if not spoken:
        heard = transcription.actual.strip()
        return (Turn(role="user", text=heard[-_MOST_CHARACTERS:]),) if heard else ()
    kept: list[Turn] = []
    room = _MOST_CHARACTERS
    for turn in reversed(spoken):
        if kept and len(turn.text) > room:
            break
        kept.append(Turn(role=turn.role, text=turn.text[-_MOST_CHARACTERS:]))
        room -= len(turn.text)
    return tuple(reversed(kept))
