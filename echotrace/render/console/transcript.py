"""What was heard against what was said: rates, the aligned difference, the words that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.measure import Measurement, Status
from echotrace.render.console.dialogue import dialogue, is_dialogue
from echotrace.render.console.diff import difference, excerpt, tally
from echotrace.render.console.entities import entities
from echotrace.render.console.errors import misheard
from echotrace.render.console.figures import figure, note, number, quantity
from echotrace.render.console.hallucination import hallucination
from echotrace.render.console.layout import Page, style_of
from echotrace.render.console.missing import missing
from echotrace.render.console.parts import count
from echotrace.render.console.streaming import streaming

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from echotrace.model.report import Report, SentAudio, SttTiming, Transcription, WordCounts

__all__ = ["transcript"]

_LISTED = 12
_WORD = 40
_KILO = 1_000


def transcript(report: Report, page: Page) -> Iterator[Text]:
    """Yield the whole block, or why there is none."""
    result = report.transcription
    if result is None:
        yield from missing("Transcription", "transcription", report, page)
        return
    yield from page.heading("Transcription")
    yield from page.pairs(_rows(result, page))
    yield Text()
    if result.diff:
        yield from difference(result.diff, page)
        yield from _errors(result, page)
    else:
        if result.gold:
            yield from excerpt("Gold:", result.gold, page)
        yield from excerpt("Actual:", result.actual, page)
    if result.gold_engine_transcript is not None and result.gold_engine_transcript != result.gold:
        yield Text()
        yield from excerpt("Gold engine:", result.gold_engine_transcript, page)
    for lines in (
        entities(result.entities, page),
        hallucination(result.hallucination, page),
        streaming(result.streaming, page),
        dialogue(result.dialogue, page),
    ):
        yield from _apart(lines)
    if not is_dialogue(result.dialogue):
        for other in result.other_channels:
            yield Text()
            yield from excerpt(f"ch {other.channel_index}:", other.actual, page)


def _apart(lines: Iterator[Text]) -> Iterator[Text]:
    for at, line in enumerate(lines):
        if not at:
            yield Text()
        yield line


def _rows(result: Transcription, page: Page) -> Iterator[tuple[str, Text]]:
    engine = Text.assemble((page.data(result.engine), "bold"))
    if result.engine_note:
        engine.append(f"  ({page.data(result.engine_note)})", "yellow")
    yield "engine", engine
    if kept := _kept(result):
        yield "cached", Text.assemble(page.data(kept), ("; --no-cache measures again", "dim"))
    for item in result.sent:
        yield "sent", Text(_sent(item, page))
    if result.other_channels:
        yield "channel", Text(str(result.channel_index))
    yield "gold", Text(_gold(result, page))
    rates = [("WER", result.wer), ("CER", result.cer)]
    if result.rate == "cer":
        rates.reverse()
    (label, leading), (second, other) = rates
    yield label, _rate(leading, page)
    further = (("MER", result.mer), ("WIL", result.wil), ("WER of the raw text", result.wer_raw))
    beside = ", ".join(f"{name} {figure(item)}" for name, item in further if item.value is not None)
    if other.value is not None:
        rate = _rate(other, page).append(f"  ({page.data(beside)})" if beside else "", "dim")
        yield second, rate
    elif beside:
        yield "also", Text(page.data(beside))
    if result.counts and result.rate == "wer":
        yield "words", Text(_counted(result.counts))
    if result.hallucinated_words and result.hallucination is None:
        yield "hallucinated", Text(count(result.hallucinated_words, "word"), style="yellow")
    timing = ", ".join([*_timed(result.timing, ""), *_timed(result.gold_timing, "gold ")])
    if timing:
        yield "timing", Text(page.data(timing))


def _kept(result: Transcription) -> str:
    made = (("", result.cached_at), ("gold ", result.gold_cached_at))
    return ", ".join(f"{whose}from the cache of {at}" for whose, at in made if at is not None)


def _sent(item: SentAudio, page: Page) -> str:
    size = f"{number(item.bytes / _KILO)} kB"
    return (
        f"{quantity(item.audio_s, 's')} of channel {item.channel_index} ({size}) "
        f"to {page.data(item.to)}"
    )


def _gold(result: Transcription, page: Page) -> str:
    if not result.gold_source:
        return "none"
    gold = page.data(result.gold_source)
    how = result.normalizer
    if how:
        gold += page.data(f", words compared after {how.name} {how.version}")
        if how.repairs:
            gold += f" with {count(len(how.repairs), 'repair')} of its faults"
    return gold


def _rate(item: Measurement, page: Page) -> Text:
    shown = Text.assemble((page.data(figure(item)), "bold"))
    if item.band:
        shown.append(f"  {page.data(item.band, limit=24)}", style_of(item.band))
    if item.status is not Status.MEASURED or item.low is not None:
        shown.append(f"  {page.data(note(item))}", "dim")
    return shown


def _counted(counts: WordCounts) -> str:
    wrong = (
        f"{counts.substitutions:,} wrong, {counts.deletions:,} missed, {counts.insertions:,} added"
    )
    sides = (
        f"{counts.hits:,} of {counts.reference_words:,} right; {counts.hypothesis_words:,} heard"
    )
    return f"{wrong}; {sides}"


def _timed(timing: SttTiming | None, whose: str) -> Iterator[str]:
    if timing is None:
        return
    windows = "per window"
    if timing.windows is not None and timing.window_s is not None:
        windows = f"over {count(timing.windows, 'window')} of {number(timing.window_s)} s"
    parts = (
        ("decode", timing.decode_ms, "", ""),
        ("VAD", timing.vad_ms, "", ""),
        ("model load", timing.model_load_ms, "", ""),
        ("warm-up", timing.warm_up_ms, "", ""),
        ("inference", timing.inference_ms, "", ""),
        ("real-time factor", timing.rtf, "rtf", ""),
        ("", timing.rtf_window, "rtf", f" {windows}"),
    )
    for label, item, metric, after in parts:
        if item is not None and item.value is not None:
            lead = f"{whose}{label} " if label else ""
            yield f"{lead}{figure(item, metric=metric)}{after}"


def _errors(result: Transcription, page: Page) -> Iterator[Text]:
    """Yield the legend of the brackets, then each error with its causes, or the bare words."""
    swapped, missed, added = tally(result.diff)
    if not (swapped or missed or added):
        return
    yield Text()
    legend = (("[word] wrong", swapped), ("[-word-] missed", missed), ("[+word+] added", added))
    yield from page.wrapped(Text("   ".join(text for text, found in legend if found), style="dim"))
    if result.errors:
        yield from misheard(result, page)
        return
    rows: list[tuple[str, Text]] = []
    for (gold, actual), times in swapped.most_common(_LISTED):
        line = Text.assemble(
            _quoted(gold, page), " -> ", (_quoted(actual, page), "red"), _times(times)
        )
        rows.append(("" if rows else "wrong", line))
    if len(swapped) > _LISTED:
        rows.append(("", Text(f"and {len(swapped) - _LISTED:,} more", style="dim")))
    rows += [
        (label, _listing(found, page))
        for label, found in (("missed", missed), ("added", added))
        if found
    ]
    yield from page.pairs(rows)


def _listing(found: Counter[str], page: Page) -> Text:
    listed = [_quoted(word, page) + _times(times) for word, times in found.most_common(_LISTED)]
    if len(found) > _LISTED:
        listed.append(f"and {len(found) - _LISTED:,} more")
    return Text(", ".join(listed))


def _quoted(word: str, page: Page) -> str:
    return f'"{page.data(word, limit=_WORD)}"'


def _times(times: int) -> str:
    return f" ({times:,} times)" if times > 1 else ""
