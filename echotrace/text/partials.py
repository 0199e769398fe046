"""Partial results from a user's log: what a recogniser said so far, and when it said it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = [
    "FINAL_KEYS",
    "TIME_KEYS",
    "LoggedUtterance",
    "Partial",
    "is_result",
    "last_results",
    "utterances_of",
]

TIME_KEYS: Final = ("at", "at_s", "time", "timestamp")
FINAL_KEYS: Final = ("final", "is_final")


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial:
    """One result as it reached the user's pipeline.

    ``at_s`` is on the recording's clock; ``utterance`` is the user's own name for what was said,
    where the log has one.
    """

    at_s: float
    text: str
    is_final: bool = False
    utterance: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedUtterance:
    """The results of one utterance, in order, up to the one that was marked as final."""

    partials: tuple[Partial, ...]
    final: Partial


def is_result(keys: Collection[str]) -> bool:
    """Whether an object with these keys is a result of a log, and no word and no transcript."""
    return "text" in keys and any(key in keys for key in FINAL_KEYS + TIME_KEYS[:2])


def utterances_of(results: Sequence[Partial]) -> tuple[tuple[LoggedUtterance, ...], int]:
    """Group results by their final one; return the utterances and how many results have none.

    Results with the same ``utterance`` belong together, those without any to the final result that
    comes next; after a final result a name may be used again. An utterance that never had any text
    is no utterance: it is how some recognisers say that they heard nothing.
    """
    found, waiting = _grouped(results)
    return tuple(found), sum(len(before) for before in waiting)


def last_results(results: Sequence[Partial]) -> tuple[Partial, ...]:
    """Return what each utterance ended with, in order of time: together the text that was heard.

    That is its final result, or the last partial one where none was final: whoever read along had
    nothing later. Utterances that ended without text are left out, and so are partial results that
    cannot be told from those of a later final one, because only one of the two has a name.
    """
    found, waiting = _grouped(results)
    ends = [utterance.final for utterance in found]
    latest = {(end.utterance is None): end.at_s for end in ends}
    open_ends = (before[-1] for before in waiting if before)
    ends += (end for end in open_ends if end.at_s > latest.get(end.utterance is not None, -1.0))
    return tuple(sorted((end for end in ends if end.text), key=lambda end: end.at_s))


def _grouped(results: Sequence[Partial]) -> tuple[list[LoggedUtterance], list[list[Partial]]]:
    """Return the utterances with a final result, and the partial results of each without one."""
    waiting: dict[str | None, list[Partial]] = {}
    found: list[LoggedUtterance] = []
    for result in results:
        before = waiting.setdefault(result.utterance, [])
        if result.is_final:
            del waiting[result.utterance]
            if result.text or before:
                found.append(LoggedUtterance(partials=tuple(before), final=result))
        elif result.text or before:
            before.append(result)
    return found, list(waiting.values())
