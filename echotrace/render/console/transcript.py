"""What was heard against what was said: rates, the aligned difference, the words that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from echotrace.model.measure import Measurement, Status
from echotrace.render.console.diff import difference, excerpt, tally
from echotrace.render.console.figures import figure, note
from echotrace.render.console.layout import Page, style_of
from echotrace.render.console.missing import missing

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from echotrace.model.report import Report, SttTiming, Transcription, WordCounts

__all__ = ["transcript"]

_LISTED = 12
_WORD = 40


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
        yield from _spelled_out(result, page)
    else:
        if result.gold:
            yield from excerpt("Gold:", result.gold, page)
        yield from excerpt("Actual:", result.actual, page)
    if result.gold_engine_transcript is not None and result.gold_engine_transcript != result.gold:
        yield Text()
        yield from excerpt("Gold engine:", result.gold_engine_transcript, page)
    for other in result.other_channels:
        yield Text()
        yield from excerpt(f"ch {other.channel_index}:", other.actual, page)


def _rows(result: Transcription, page: Page) -> Iterator[tuple[str, Text]]:
    engine = Text.assemble((page.data(result.engine), "bold"))
    if result.engine_note:
        engine.append(f"  ({page.data(result.engine_note)})", "yellow")
    yield "engine", engine
    if result.other_channels:
        yield "channel", Text(str(result.channel_index))
    gold = page.data(result.gold_source) if result.gold_source else "none"
    if result.normalizer and result.gold_source:
        gold += page.data(
            f", words compared after {result.normalizer.name} {result.normalizer.version}"
        )
    yield "gold", Text(gold)
    yield "WER", _rate(result.wer, page)
    further = (("MER", result.mer), ("WIL", result.wil), ("WER of the raw text", result.wer_raw))
    beside = ", ".join(
        f"{label} {figure(item)}" for label, item in further if item.value is not None
    )
    if result.cer.value is not None:
        yield (
            "CER",
            _rate(result.cer, page).append(f"  ({page.data(beside)})" if beside else "", "dim"),
        )
    elif beside:
        yield "also", Text(page.data(beside))
    if result.counts:
        yield "words", Text(_counted(result.counts))
    if result.hallucinated_words:
        yield "hallucinated", Text(_count(result.hallucinated_words, "word"), style="yellow")
    timing = ", ".join([*_timed(result.timing, ""), *_timed(result.gold_timing, "gold ")])
    if timing:
        yield "timing", Text(page.data(timing))


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
    parts = (
        ("model load", timing.model_load_ms, ""),
        ("warm-up", timing.warm_up_ms, ""),
        ("inference", timing.inference_ms, ""),
        ("real-time factor", timing.rtf, "rtf"),
    )
    for label, item, metric in parts:
        if item is not None and item.value is not None:
            yield f"{whose}{label} {figure(item, metric=metric)}"


def _spelled_out(result: Transcription, page: Page) -> Iterator[Text]:
    swapped, missed, added = tally(result.diff)
    if not (swapped or missed or added):
        return
    yield Text()
    legend = (("[word] wrong", swapped), ("[-word-] missed", missed), ("[+word+] added", added))
    yield from page.wrapped(Text("   ".join(text for text, found in legend if found), style="dim"))
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


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
