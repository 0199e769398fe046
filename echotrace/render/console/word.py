"""Everything that is known of one misheard word: the sheet that opens on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.render.console.errors import cause_name, cause_style
from echotrace.render.console.figures import figure, number
from echotrace.render.console.parts import said_and_heard
from echotrace.render.console.timeline import stamp

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.model.measure import Measurement
    from echotrace.model.report import Report, Transcription, Word, WordError
    from echotrace.render.console.layout import Page

__all__ = ["surroundings", "word_sheet"]

_CONTEXT = 6
_LONGEST = 1_000
_WHOLE_WORD = 120
_PLACES = {
    "word": "the word's own times",
    "aligned": "by forced alignment",
    "segment": "this segment",
    "between": "between its neighbours",
}


def word_sheet(error: WordError, report: Report, page: Page) -> Iterator[Text]:
    """Yield both words, place, figures, every cause with its evidence, and the words around."""
    result = report.transcription
    head = said_and_heard(error.gold, error.actual, page, limit=_WHOLE_WORD)
    head.stylize("bold")
    yield from page.wrapped(head, indent=0)
    if result is not None:
        around = surroundings(error, result, page)
        if around.plain:
            yield from page.wrapped(around, indent=0)
    yield Text()
    clip = _clip_snr(report)
    yield from page.pairs(_figures(error, clip), indent=0)
    yield Text()
    why = Text.assemble(("Why", "bold"), ("  a hypothesis, best supported first", "dim"))
    yield from page.wrapped(why, indent=0)
    for at, cause in enumerate(error.causes, 1):
        line = Text.assemble((cause_name(cause.kind, page), cause_style(cause.kind)))
        line.append(f", {page.data(cause.strength, limit=12)}" if cause.strength else "")
        if cause.evidence.strip():
            line.append(f": {page.data(cause.evidence, limit=_LONGEST)}")
        yield from page.wrapped(line, indent=3, first=Text(f"{at}.", style="dim"))
    if not error.causes:
        yield from page.wrapped(Text(page.data(error.message, limit=_LONGEST)), indent=0)


def surroundings(error: WordError, result: Transcription, page: Page) -> Text:
    """Return the words heard around an error, which stands in brackets; empty if unplaced."""
    heard = result.words
    if error.word is not None and 0 <= error.word < len(heard):
        before, after = error.word, error.word + 1
        mark = f"[{_short(heard[error.word].text, page)}]"
        if error.gold is None:
            mark = f"[+{_short(heard[error.word].text, page)}+]"
    elif error.start_s is not None and error.gold is not None:
        before = after = _first_after(error.start_s, heard)
        mark = f"[-{_short(error.gold, page)}-]"
    else:
        return Text()
    dots = page.glyphs.ellipsis
    head = [_short(word.text, page) for word in heard[max(0, before - _CONTEXT) : before]]
    tail = [_short(word.text, page) for word in heard[after : after + _CONTEXT]]
    if before > _CONTEXT:
        head.insert(0, dots)
    if after + _CONTEXT < len(heard):
        tail.append(dots)
    parts = (Text(" ".join(head), style="dim"), Text(mark, style="red"))
    whole = [*parts, Text(" ".join(tail), style="dim")]
    return Text(" ").join(item for item in whole if item.plain)


def _figures(error: WordError, clip: Measurement | None) -> Iterator[tuple[str, Text]]:
    if error.start_s is None:
        yield "place", Text("not known", style="dim")
    else:
        text = Text(stamp(error.start_s, digits=2), style="cyan")
        if error.end_s is not None:
            text.append(f" to {stamp(error.end_s, digits=2)}")
        if error.place in _PLACES:
            text.append(f"  {_PLACES[error.place]}", "dim")
        yield "place", text
    sure = Text("not told by the engine", style="dim")
    if error.probability is not None:
        sure = Text.assemble((number(error.probability, 2), "bold"))
        sure.append("  the engine's own", "dim")
    elif error.actual is None:
        sure = Text("none: the word was not heard", style="dim")
    yield "probability", sure
    local = Text("cannot be told here", style="dim")
    if error.snr_db is not None:
        local = Text.assemble((f"{number(error.snr_db, 1)} dB", "bold"))
    if clip is not None and clip.value is not None:
        local.append(f"  the channel's {figure(clip)}", "dim")
    yield "local SNR", local


def _clip_snr(report: Report) -> Measurement | None:
    """Return the SNR of the channel whose words these are, as the signal analysis has it."""
    if report.signal is None or report.transcription is None:
        return None
    index = report.transcription.channel_index
    found = (item.snr_db for item in report.signal.channels if item.index == index)
    return next(found, None)


def _first_after(start_s: float, heard: Sequence[Word]) -> int:
    at = (at for at, word in enumerate(heard) if word.start_s is not None)
    return next((n for n in at if (heard[n].start_s or 0.0) >= start_s), len(heard))


def _short(word: str, page: Page) -> str:
    return page.data(word, limit=page.width // 2)
