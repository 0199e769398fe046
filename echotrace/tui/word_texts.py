"""From a transcription to columns of words: aligned, alone, or as the dialogue of both sides."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from echotrace.comparison.words import bare
from echotrace.render.console.dialogue import is_dialogue
from echotrace.render.console.diff import cells_of
from echotrace.render.console.plain import clean
from echotrace.tui.word_rows import Paragraph, Words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from echotrace.model.report import (
        DiffOp,
        Report,
        SegmentFlag,
        Transcription,
        Word,
        WordError,
    )
    from echotrace.render.console.diff import Cell

__all__ = ["PAUSE_S", "UNSURE", "aligned", "dialogue", "has_dialogue", "heard_of"]

PAUSE_S = 3.0
"""A pause from here on begins a paragraph, as it begins a line of the dialogue."""
UNSURE = 0.5
"""A word of less probability is marked where there is nothing to compare it with."""
_AHEAD = 8
"""How many words further on a token is looked for."""
_NEXT_ERRORS = 16
_EARLY_S = 0.05
_LONGEST_WORD_S = 10.0
_NAMELESS = frozenset({"", "unknown", "mixed"})
_NO_PLACE = math.nan


def aligned(report: Report, *, ascii_only: bool = False) -> Words:
    """Return what was said over what was heard; of one side alone, or of both unaligned, each."""
    result = report.transcription
    if result is None:
        raise ValueError("a transcript needs a transcription")
    clear = _cleaner(ascii_only)
    if not result.diff:
        return _alone(result, report, clear)
    cells = cells_of(_word_by_word(result.diff))
    numbers = _numbers(cells, result.errors)
    heard = heard_of(cells, result.words, numbers, result.errors)
    starts = array("d", (_start(*item, result.errors) for item in zip(heard, numbers, strict=True)))
    who = _role(report, result.channel_index)
    return Words(
        sides=([clear(cell.gold) for cell in cells], [clear(cell.actual) for cell in cells]),
        kinds=[cell.kind for cell in cells],
        heard=heard,
        errors=numbers,
        start_s=starts,
        flagged=_flagged(heard, _flags(result)),
        unsure=bytearray(len(cells)),
        paragraphs=tuple(_paragraphs(heard, result, who)) if cells else (),
        places=array("l", (at for at, cell in enumerate(cells) if cell.kind != "equal")),
        spaced=result.rate != "cer",
    )


def has_dialogue(result: Transcription) -> bool:
    """Tell whether there is more to read than the scored channel."""
    return is_dialogue(result.dialogue) or bool(result.other_channels)


def dialogue(report: Report, *, ascii_only: bool = False) -> Words:
    """Return the lines of all channels in the order of time, or one channel after the other."""
    result = report.transcription
    if result is None:
        raise ValueError("a dialogue needs a transcription")
    clear = _cleaner(ascii_only)
    spoken = {item.channel_index: _Spoken(item.words) for item in result.other_channels}
    spoken[result.channel_index] = _Spoken(result.words)
    made = _Maker(result, clear)
    if is_dialogue(result.dialogue):
        for line in result.dialogue:
            who = clear(_name(line.role, line.channel_index))
            words = spoken.setdefault(line.channel_index, _Spoken(())).walk(line.text.split())
            made.add(words, who, line.channel_index, line.start_s, line.end_s)
        return made.words(by_line=True)
    made.add(_own(result), _role(report, result.channel_index), result.channel_index)
    for other in result.other_channels:
        heard: Iterable[tuple[str, Word | None]] = [(word.text, word) for word in other.words]
        plain: Iterable[tuple[str, Word | None]] = [(text, None) for text in other.actual.split()]
        made.add(heard or plain, clear(_name(other.role, other.channel_index)), other.channel_index)
    return made.words(by_line=True)


def _alone(result: Transcription, report: Report, clear: Callable[[str], str]) -> Words:
    made = _Maker(result, clear)
    both = bool(result.gold) and bool(result.actual.strip() or result.words)
    who = _role(report, result.channel_index)
    if result.gold:
        made.add(((word, None) for word in result.gold.split()), "gold" if both else who, None)
    made.add(_own(result), "heard" if both else who, result.channel_index)
    return made.words()


def _own(result: Transcription) -> list[tuple[str, Word | None]]:
    if result.words:
        return [(word.text, word) for word in result.words]
    return [(text, None) for text in result.actual.split()]


class _Maker:
    """Gathers words that have no other side."""

    def __init__(self, result: Transcription, clear: Callable[[str], str]) -> None:
        self._result = result
        self._clear = clear
        self._texts: list[str] = []
        self._heard: list[Word | None] = []
        self._paragraphs: list[Paragraph] = []

    def add(
        self,
        words: Iterable[tuple[str, Word | None]],
        role: str,
        channel: int | None,
        start_s: float | None = None,
        end_s: float | None = None,
    ) -> None:
        """Add what one side says; without a time of its own it breaks at long pauses."""
        last_s, is_first = math.inf, True
        for text, word in words:
            shown = self._clear(text)
            if not shown:
                continue
            at_s = None if word is None else word.start_s
            paused = start_s is None and at_s is not None and at_s - last_s >= PAUSE_S
            if is_first or paused:
                self._paragraphs.append(
                    Paragraph(
                        first=len(self._texts),
                        role=role,
                        channel=channel,
                        start_s=start_s,
                        end_s=end_s,
                    )
                )
            is_first = False
            if word is not None and word.end_s is not None:
                last_s = word.end_s
            self._texts.append(shown)
            self._heard.append(word)

    def words(self, *, by_line: bool = False) -> Words:
        """Return them all; the places are the lines, or else the doubtful words."""
        count = len(self._texts)
        flagged = _flagged(self._heard, _flags(self._result))
        unsure = bytearray(
            word is not None and word.probability is not None and word.probability < UNSURE
            for word in self._heard
        )
        doubtful = (at for at in range(count) if flagged[at] or unsure[at])
        lines = (item.first for item in self._paragraphs)
        return Words(
            sides=(self._texts,),
            kinds=["equal"] * count,
            heard=self._heard,
            errors=array("l", [-1] * count),
            start_s=array("d", (_start(word, -1, ()) for word in self._heard)),
            flagged=flagged,
            unsure=unsure,
            paragraphs=tuple(self._paragraphs),
            places=array("l", lines if by_line else doubtful),
            spaced=self._result.rate != "cer",
        )


def _cleaner(ascii_only: bool) -> Callable[[str], str]:
    def clear(text: str) -> str:
        if text.isascii() and text.isalnum():
            return text
        return clean(text, ascii_only=ascii_only)

    return clear


def _word_by_word(diff: Iterable[DiffOp]) -> Iterator[DiffOp]:
    """Take runs of unlike lengths apart as the list of errors does: in pairs, then the rest."""
    from echotrace.model.report import DiffOp

    for op in diff:
        pairs = min(len(op.gold), len(op.actual))
        if op.op != "substitute" or len(op.gold) == len(op.actual):
            yield op
            continue
        yield DiffOp(op="substitute", gold=op.gold[:pairs], actual=op.actual[:pairs])
        yield DiffOp(op="delete", gold=op.gold[pairs:])
        yield DiffOp(op="insert", actual=op.actual[pairs:])


def _numbers(cells: Sequence[Cell], errors: Sequence[WordError]) -> array[int]:
    """Return for each column the number of its error; both are in the order of the text."""
    numbers = array("l", [-1] * len(cells))
    at = 0
    for column, cell in enumerate(cells):
        if cell.kind == "equal":
            continue
        for number in range(at, min(at + _NEXT_ERRORS, len(errors))):
            error = errors[number]
            if ((error.gold or ""), (error.actual or "")) == (cell.gold, cell.actual):
                numbers[column] = number
                at = number + 1
                break
    return numbers


def heard_of(
    cells: Sequence[Cell],
    words: Sequence[Word],
    numbers: Sequence[int],
    errors: Sequence[WordError],
) -> list[Word | None]:
    """Return for each column the engine's word behind it, None where that is not known.

    The report names the words of the errors only. What lies between two of them on one side is
    what lies between them on the other: one to one if as many, else by like spelling.
    """
    found: list[Word | None] = [None] * len(cells)
    tokens = [at for at, cell in enumerate(cells) if cell.actual]
    begin = word = 0
    for order, column in enumerate(tokens):
        number = numbers[column]
        own = errors[number].word if number >= 0 else None
        if own is not None and word <= own < len(words):
            _match(found, cells, tokens[begin:order], words, range(word, own))
            found[column] = words[own]
            begin, word = order + 1, own + 1
    _match(found, cells, tokens[begin:], words, range(word, len(words)))
    return found


def _match(
    found: list[Word | None],
    cells: Sequence[Cell],
    tokens: Sequence[int],
    words: Sequence[Word],
    between: range,
) -> None:
    if len(tokens) == len(between):
        for column, at in zip(tokens, between, strict=True):
            found[column] = words[at]
        return
    at, waiting = between.start, list[int]()
    spoken = [bare(words[place].text) for place in between]
    for column in tokens:
        token = bare(cells[column].actual)
        ahead = range(at, min(at + _AHEAD, between.stop))
        match = next((place for place in ahead if spoken[place - between.start] == token), None)
        if match is None:
            waiting.append(column)
            continue
        _share(found, waiting, words, range(at, match))
        found[column] = words[match]
        at, waiting = match + 1, []
    _share(found, waiting, words, range(at, between.stop))


def _share(
    found: list[Word | None], waiting: Sequence[int], words: Sequence[Word], left: range
) -> None:
    """Give one word to all the tokens that it was written as, or each token its own."""
    if len(left) == 1 or len(left) == len(waiting):
        for order, column in enumerate(waiting):
            found[column] = words[left[order if len(left) > 1 else 0]]


def _start(word: Word | None, number: int, errors: Sequence[WordError]) -> float:
    at_s = errors[number].start_s if number >= 0 else None
    if at_s is None and word is not None:
        at_s = word.start_s
    return _NO_PLACE if at_s is None else at_s


def _flags(result: Transcription) -> Sequence[SegmentFlag]:
    return result.hallucination.flags if result.hallucination else ()


def _flagged(heard: Sequence[Word | None], flags: Iterable[SegmentFlag]) -> bytearray:
    """Mark the words that lie in a stretch that may be made up.

    A flag that quotes all its words marks no others that it touches; of a longer one those count
    whose middle it holds.
    """
    marks = bytearray(len(heard))
    timed = [
        (word.start_s, at)
        for at, word in enumerate(heard)
        if word is not None and word.start_s is not None and word.end_s is not None
    ]
    timed.sort()
    for flag in flags:
        if flag.start_s is None or flag.end_s is None:
            continue
        quoted = {bare(text) for text in flag.text.split()}
        whole = len(flag.text.split()) == flag.words
        begin = bisect_left(timed, (flag.start_s - _LONGEST_WORD_S, -1))
        for start_s, at in timed[begin : bisect_left(timed, (flag.end_s, -1))]:
            word = heard[at]
            end_s = start_s if word is None or word.end_s is None else word.end_s
            if whole:
                is_in = end_s > flag.start_s and word is not None and bare(word.text) in quoted
            else:
                is_in = flag.start_s <= (start_s + end_s) / 2 <= flag.end_s
            if is_in:
                marks[at] = 1
    return marks


def _paragraphs(
    heard: Sequence[Word | None], result: Transcription, who: str
) -> Iterator[Paragraph]:
    """Begin one where the other side has spoken, and after a long pause."""
    channel = result.channel_index
    lines = sorted(line.start_s for line in result.dialogue if line.channel_index == channel)
    yield Paragraph(first=0, role=who, channel=channel)
    last_s, at = math.inf, bisect_right(lines, _first_start(heard) + _EARLY_S)
    for column, word in enumerate(heard):
        if word is None or word.start_s is None:
            continue
        is_new = word.start_s - last_s >= PAUSE_S
        while at < len(lines) and lines[at] <= word.start_s + _EARLY_S:
            at += 1
            is_new = True
        if is_new and column:
            yield Paragraph(first=column, role=who, channel=channel)
        last_s = word.start_s if word.end_s is None else word.end_s


def _first_start(heard: Sequence[Word | None]) -> float:
    known = (word.start_s for word in heard if word is not None and word.start_s is not None)
    return next(known, -math.inf)


class _Spoken:
    """The words of a channel, walked through as its lines name them."""

    def __init__(self, words: Sequence[Word]) -> None:
        self._words = words
        self._at = 0

    def walk(self, texts: Iterable[str]) -> Iterator[tuple[str, Word | None]]:
        """Yield each text with the word that it is, None if that is not among the next ones."""
        for text in texts:
            ahead = range(self._at, min(self._at + _AHEAD, len(self._words)))
            found = next((at for at in ahead if self._words[at].text.strip() == text), None)
            if found is not None:
                self._at = found + 1
            yield text, None if found is None else self._words[found]


def _role(report: Report, channel: int) -> str:
    several = len(report.source.channels) > 1
    found = next((item.role for item in report.source.channels if item.index == channel), "")
    return clean(_name(found, channel)) if several or found not in _NAMELESS else ""


def _name(role: str, channel: int) -> str:
    return f"ch {channel}" if role in _NAMELESS else role
