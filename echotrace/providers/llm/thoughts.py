"""Telling reasoning from the answer where a model writes both into its content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from echotrace.providers.llm.base import TokenEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Thoughts"]

_OPEN: Final = "<think>"
_CLOSE: Final = "</think>"


class Thoughts:
    """Sorts pieces of content into reasoning and answer.

    Content that begins with ``<think>`` is reasoning until ``</think>``, with the blank space after
    it. Many chat templates write the first mark into the prompt, so that the content begins in the
    middle of the reasoning. Where that ends with a ``</think>`` that nothing opened, the event that
    holds it says so (``all_reasoning``): until then it could not be told from an answer. An answer
    that was cut off before that mark cannot be told at all.

    What may still become the first mark is held back. Each piece keeps its own time.
    """

    def __init__(self) -> None:
        self._state = "start"
        self._held: list[tuple[str, int]] = []
        self._tail = ""
        self._watched = True

    def feed(self, text: str, at_ns: int) -> Iterator[TokenEvent]:
        """Yield what a piece of content is."""
        if self._state == "start":
            yield from self._begin(text, at_ns)
        elif self._state == "thinking":
            yield from self._think(text, at_ns)
        elif self._state == "after":
            yield from self._after(text, at_ns)
        else:
            yield from self._answer(text, at_ns)

    def apart(self) -> Iterator[TokenEvent]:
        """Note that reasoning comes in a field of its own; yield what was held back before it."""
        self._watched = False
        blank = not any(text.strip() for text, _ in self._held)
        yield from self._released("reasoning" if blank else "answer")

    def rest(self) -> Iterator[TokenEvent]:
        """Yield what was held back when the stream ends."""
        yield from self._released("answer")

    def _begin(self, text: str, at_ns: int) -> Iterator[TokenEvent]:
        begun = ("".join(held for held, _ in self._held) + text).lstrip()
        if begun.startswith(_OPEN):
            self._state = "thinking"
            yield from self._released("reasoning")
            yield from self._think(text, at_ns)
        elif _OPEN.startswith(begun):
            self._held.append((text, at_ns))
        else:
            self._state = "answer"
            self._tail = "".join(held for held, _ in self._held)
            yield from self._released("answer")
            yield from self._answer(text, at_ns)

    def _released(self, kind: Literal["reasoning", "answer"]) -> Iterator[TokenEvent]:
        held, self._held = self._held, []
        for text, at_ns in held:
            yield TokenEvent(kind=kind, at_ns=at_ns, text=text)

    def _think(self, text: str, at_ns: int) -> Iterator[TokenEvent]:
        joined = self._tail + text
        end = joined.find(_CLOSE)
        if end < 0:
            self._tail = joined[1 - len(_CLOSE) :]
            yield TokenEvent(kind="reasoning", at_ns=at_ns, text=text)
        else:
            yield from self._turn(text, joined[end + len(_CLOSE) :], at_ns)

    def _turn(
        self, text: str, behind: str, at_ns: int, *, all_reasoning: bool = False
    ) -> Iterator[TokenEvent]:
        """Yield a piece in which the reasoning ends; ``behind`` is what follows the mark."""
        answer = behind.lstrip()
        self._watched = False
        self._state = "answer" if answer else "after"
        yield TokenEvent(
            kind="reasoning",
            at_ns=at_ns,
            text=text[: len(text) - len(answer)],
            all_reasoning=all_reasoning,
        )
        if answer:
            yield TokenEvent(kind="answer", at_ns=at_ns, text=answer)

    def _after(self, text: str, at_ns: int) -> Iterator[TokenEvent]:
        answer = text.lstrip()
        if blank := text[: len(text) - len(answer)]:
            yield TokenEvent(kind="reasoning", at_ns=at_ns, text=blank)
        if answer:
            self._state = "answer"
            yield TokenEvent(kind="answer", at_ns=at_ns, text=answer)

    def _answer(self, text: str, at_ns: int) -> Iterator[TokenEvent]:
        if self._watched:
            joined = self._tail + text
            before, mark, behind = joined.partition(_CLOSE)
            if _OPEN in before:
                self._watched = False
            elif mark:
                yield from self._turn(text, behind, at_ns, all_reasoning=True)
                return
            self._tail = joined[1 - len(_CLOSE) :]
        yield TokenEvent(kind="answer", at_ns=at_ns, text=text)
