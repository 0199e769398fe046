"""The sound of each channel in figures, and what was not measured and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from echotrace.model.measure import Measurement
from echotrace.render.console.extras import extras
from echotrace.render.console.figures import milliseconds, number, words
from echotrace.render.html.markup import Markup, Part, el
from echotrace.render.html.texts import (
    Notes,
    badge,
    block_page,
    console_block,
    figure_cell,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.report import ChannelSignal, Report, Signal

__all__ = ["extras_block", "missing_block", "signal_block"]

_ROWS: tuple[tuple[str, str], ...] = (
    ("SNR", "snr_db"),
    ("speech level", "speech_level_dbfs"),
    ("noise floor", "noise_floor_dbfs"),
    ("loudness", "loudness_lufs"),
    ("peak", "peak_dbfs"),
    ("crest factor", "crest_factor_db"),
    ("clipping", "clipping_ratio"),
    ("silence", "silence_ratio"),
    ("DC offset", "dc_offset"),
    ("mains hum", "hum_hz"),
    ("bandwidth", "bandwidth_hz"),
    ("flatness", "spectral_flatness"),
)
_REASONS = 200


def signal_block(result: Signal) -> Iterator[Part]:
    """Yield a row per figure and a column per channel."""
    notes = Notes()
    head = [""]
    for item in result.channels:
        scored = ", scored" if item.index == result.scored_channel else ""
        head.append(f"ch {item.index} {item.role}{scored}")
    rows = []
    for label, key in _ROWS:
        found: list[Measurement | None] = [getattr(item, key) for item in result.channels]
        if any(item is not None for item in found):
            cells = [figure_cell(item, notes, metric=key) for item in found]
            rows.append(el("tr", el("th", label, scope="row"), *cells))
    for label, told in (("dropouts", _dropouts), ("noise gate", _gate)):
        texts = [told(item) for item in result.channels]
        if any(texts):
            cells = [el("td", text or "none", class_="num") for text in texts]
            rows.append(el("tr", el("th", label, scope="row"), *cells))
    for label, key in (("MOS overall", "ovrl"), ("MOS signal", "sig"), ("MOS background", "bak")):
        if any(item.mos for item in result.channels):
            cells = [
                figure_cell(getattr(item.mos, key) if item.mos else None, notes)
                for item in result.channels
            ]
            rows.append(el("tr", el("th", label, scope="row"), *cells))
    yield table(
        head, rows, numbers=range(1, len(head)), label="signal by channel", class_="figures"
    )
    yield notes.listed()


def _dropouts(item: ChannelSignal) -> str:
    found = item.dropouts
    return f"{found.count:,}, {milliseconds(found.total_ms)}" if found and found.count else ""


def _gate(item: ChannelSignal) -> str:
    return "yes" if item.gated else ""


def extras_block(report: Report) -> Markup | None:
    """Return the results of contributors' analyzers as the console tells them."""
    return console_block(extras(report, block_page()))


def missing_block(report: Report) -> Iterator[Part]:
    """Yield every stage and every figure that has no value, each reason once."""
    stages = [
        el("tr", el("td", name), el("td", badge(item.status)), el("td", item.reason))
        for name, item in report.analyzers.items()
        if item.status != "ok"
    ]
    if stages:
        yield table(("stage", "status", "why"), stages, label="stages without a result")
    reasons: dict[tuple[str, str], list[str]] = {}
    for name, item in _without_value("", report):
        reasons.setdefault((item.status.value, item.reason or ""), []).append(name)
    if reasons:
        yield table(
            ("figures", "status", "why"),
            [
                el("tr", el("td", _names(names)), el("td", badge(status)), el("td", reason))
                for (status, reason), names in list(reasons.items())[:_REASONS]
            ],
            label="figures without a value",
        )
    if len(reasons) > _REASONS:
        yield el("p", f"and {number(len(reasons) - _REASONS)} more reasons", class_="dim")


def _names(names: list[str]) -> str:
    told = list(dict.fromkeys(names))
    more = f" and {len(told) - 6:,} more" if len(told) > 6 else ""
    return ", ".join(told[:6]) + more


def _without_value(name: str, value: Any) -> Iterator[tuple[str, Measurement]]:
    if isinstance(value, Measurement):
        if value.value is None:
            yield name, value
    elif is_dataclass(value):
        for item in fields(value):
            inner = f"{name}.{item.name}" if name else item.name
            yield from _without_value(inner, getattr(value, item.name))
    elif isinstance(value, (tuple, list)):
        for entry in value:
            if is_dataclass(entry):
                yield from _without_value(f"{name}[]", entry)
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            if is_dataclass(entry):
                yield from _without_value(f"{name}.{words(str(key))[:60]}", entry)
