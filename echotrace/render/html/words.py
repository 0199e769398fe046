"""The transcript: rates, the difference word for word, what was misheard and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.render.console.diff import cells_of
from echotrace.render.console.entities import entities, entity_figures
from echotrace.render.console.errors import cause_name, error_rows, exposure, place_of
from echotrace.render.console.figures import figure
from echotrace.render.console.hallucination import hallucination
from echotrace.render.console.parts import count
from echotrace.render.console.streaming import streaming
from echotrace.render.html.head import at_button
from echotrace.render.html.markup import Markup, Part, el, join
from echotrace.render.html.texts import (
    Notes,
    block_page,
    console_block,
    counted_rest,
    figure_cell,
    pairs,
    rich,
    sheet,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from echotrace.model.measure import Measurement
    from echotrace.model.report import DiffOp, SttTiming, Transcription

__all__ = ["diff", "transcript_block"]

_WORDS = 20_000
_LONGEST = 200
_ERRORS = 1_000
_LINES = 2_000
_ENTITIES = 200


def transcript_block(result: Transcription) -> Iterator[Part]:
    """Yield everything that is known of what was heard."""
    yield pairs(_facts(result))
    yield _rates(result)
    if result.diff:
        yield el("h3", "Difference")
        yield _key()
        yield diff(result.diff)
    else:
        for label, text in (("Gold", result.gold), ("Heard", result.actual)):
            if text is not None:
                yield el("h3", label)
                yield el("p", text[: 20 * _WORDS] or "(no words)", class_="text")
    if result.gold_engine_transcript is not None and result.gold_engine_transcript != result.gold:
        yield el("h3", "Gold engine")
        yield el("p", result.gold_engine_transcript[: 20 * _WORDS], class_="text")
    yield from _misheard(result)
    yield from _entities(result)
    yield console_block(hallucination(result.hallucination, block_page(), indent=0))
    yield console_block(streaming(result.streaming, block_page(), indent=0))
    yield from _dialogue(result)
    if not result.dialogue:
        for other in result.other_channels:
            yield el("h3", f"Channel {other.channel_index}, {other.role}")
            yield el("p", other.actual[: 20 * _WORDS], class_="text")


def diff(ops: Iterable[DiffOp], most: int = _WORDS) -> Markup:
    """Return an alignment as running text: what was said struck out, what was heard behind it."""
    cells = cells_of(ops)
    parts: list[Part] = []
    for cell in cells[:most]:
        gold, actual = cell.gold[:_LONGEST], cell.actual[:_LONGEST]
        if cell.kind == "equal" and actual in (gold, ""):
            parts.append(gold or actual)
            continue
        said = el("del", gold) if gold else None
        heard = el("ins", actual) if actual else None
        kind = cell.kind if cell.kind in ("substitute", "delete", "insert") else "substitute"
        parts.append(el("span", said, heard, class_=f"op {kind}"))
    rest = counted_rest(len(cells) - most, "word")
    return join([el("p", join(parts, " "), class_="diff", tabindex="0"), rest])


def _key() -> Markup:
    return el(
        "ul",
        el("li", el("span", el("del", "said"), el("ins", "heard"), class_="op substitute")),
        el("li", el("span", el("del", "missed"), class_="op delete")),
        el("li", el("span", el("ins", "added"), class_="op insert")),
        class_="legend",
    )


def _facts(result: Transcription) -> Iterator[tuple[Part, Part]]:
    engine = el("b", result.engine)
    if result.engine_note:
        engine = join([engine, " ", el("span", result.engine_note, class_="t-yellow")])
    yield "engine", engine
    for whose, made in (("", result.cached_at), ("gold ", result.gold_cached_at)):
        if made is not None:
            yield f"{whose}cached", f"from the cache of {made}"
    for item in result.sent:
        told = f"{item.audio_s:,.1f} s of channel {item.channel_index} ({item.bytes:,} bytes)"
        yield "sent", f"{told} to {item.to}"
    gold = result.gold_source or "none"
    how = result.normalizer
    if how is not None:
        gold += f", words compared after {how.name} {how.version}"
        gold += f" with {count(len(how.repairs), 'repair')} of its faults" if how.repairs else ""
    yield "gold", gold
    counts = result.counts
    if counts is not None:
        wrong = f"{counts.substitutions:,} wrong, {counts.deletions:,} missed"
        right = f"{counts.hits:,} of {counts.reference_words:,} right"
        yield "words", f"{wrong}, {counts.insertions:,} added; {right}"
    for label, timing in (("timing", result.timing), ("gold timing", result.gold_timing)):
        told_of = ", ".join(_timed(timing)) if timing else ""
        if told_of:
            yield label, told_of


def _timed(timing: SttTiming) -> Iterator[str]:
    named: tuple[tuple[str, Measurement | None, str], ...] = (
        ("decode", timing.decode_ms, ""),
        ("VAD", timing.vad_ms, ""),
        ("model load", timing.model_load_ms, ""),
        ("warm-up", timing.warm_up_ms, ""),
        ("inference", timing.inference_ms, ""),
        ("real-time factor", timing.rtf, "rtf"),
    )
    for label, item, metric in named:
        if item is not None and item.value is not None:
            yield f"{label} {figure(item, metric=metric)}"


def _rates(result: Transcription) -> Markup:
    named = [
        ("WER", result.wer),
        ("CER", result.cer),
        ("MER", result.mer),
        ("WIL", result.wil),
        ("WER of the raw text", result.wer_raw),
    ]
    if result.rate == "cer":
        named[0], named[1] = named[1], named[0]
    notes = Notes()
    cells = [figure_cell(item, notes) for _, item in named]
    whole = table(
        [label for label, _ in named],
        [el("tr", *cells)],
        numbers=range(len(named)),
        label="error rates",
        class_="rates",
    )
    return join([whole, notes.listed()])


def _misheard(result: Transcription) -> Iterator[Part]:
    if not result.errors and not result.causes:
        return
    page = sheet()
    yield el("h3", "Misheard ", el("span", "a cause is a hypothesis", class_="aside"))
    if result.causes:
        yield el(
            "ul",
            *(
                el(
                    "li",
                    el("b", f"{cause_name(item.kind, page)}: {count(item.errors, 'error')}"),
                    f"; {said}" if (said := exposure(item, page)) else None,
                )
                for item in result.causes
            ),
            class_="causes",
        )
    shown = result.errors[:_ERRORS]
    rows = [
        el(
            "tr",
            el("td", at_button(error.start_s) if error.start_s is not None else None),
            el("td", rich(row.words)),
            el("td", rich(row.why)),
            el("td", rich(row.snr), class_="num"),
            el("td", rich(row.evidence)),
            data_at=None if error.start_s is None else f"{error.start_s:.3f}",
        )
        for row, error in zip(error_rows(shown, page), shown, strict=True)
    ]
    if rows:
        yield table(
            ("at", "said -> heard", "why", "SNR", "evidence"),
            rows,
            numbers=(3,),
            label="misheard words",
        )
    yield counted_rest(len(result.errors) - len(shown) + result.errors_left_out, "error")
    if places := place_of(result.errors):
        yield el("p", places, class_="dim")


def _entities(result: Transcription) -> Iterator[Part]:
    found = result.entities
    if found is None or not (found.items or found.types or found.key_terms):
        return
    yield el("h3", "Entities ", el("span", rich(entity_figures(found, sheet())), class_="aside"))
    if found.types:
        notes = Notes()
        yield table(
            ("type", "said", "heard", "rightly", "recall", "precision"),
            [
                el(
                    "tr",
                    el("td", item.type.replace("_", " ")),
                    *(el("td", f"{number:,}", class_="num")
                      for number in (item.reference, item.transcript, item.found)),
                    figure_cell(item.recall, notes),
                    figure_cell(item.precision, notes),
                )
                for item in found.types
            ],
            numbers=range(1, 6),
            label="entities by type",
        )  # fmt: skip
        yield notes.listed()
    if found.items:
        shown = found.items[:_ENTITIES]
        yield table(
            ("at", "type", "outcome", "said", "heard"),
            [
                el(
                    "tr",
                    el("td", at_button(item.at_s) if item.at_s is not None else None),
                    el("td", item.type.replace("_", " ")),
                    el("td", _outcome(item.outcome)),
                    el("td", (item.gold or "")[:_LONGEST]),
                    el("td", (item.actual or item.value)[:_LONGEST]),
                )
                for item in shown
            ],
            label="entities",
        )
        yield counted_rest(len(found.items) - len(shown), "item")
    elif found.key_terms:
        yield console_block(entities(found, block_page(), indent=0))


def _outcome(outcome: str) -> Markup:
    kind = {"found": "good", "heard": "plain"}.get(outcome, "bad")
    return el("span", outcome, class_=f"badge {kind}")


def _dialogue(result: Transcription) -> Iterator[Part]:
    if not result.dialogue:
        return
    shown = result.dialogue[:_LINES]
    yield el("h3", "Dialogue")
    rows = [
        el(
            "tr",
            el("td", at_button(item.start_s)),
            el("td", item.role, class_=item.role if item.role in ("caller", "agent") else None),
            el("td", item.text),
            data_at=f"{item.start_s:.3f}",
            data_until=f"{item.end_s:.3f}",
        )
        for item in shown
    ]
    yield table(("at", "who", "text"), rows, label="dialogue", class_="dialogue")
    yield counted_rest(len(result.dialogue) - len(shown), "line")
