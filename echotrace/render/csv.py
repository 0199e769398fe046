"""CSV for a spreadsheet or a data frame (RFC 4180, UTF-8).

A report gives a row per figure, long and tidy; ``name`` is the path that gates take:

    name, value, unit, status, low, high, n, band, method, reason

A run gives a row per item; ``condition`` is in words, and the columns behind it are its parts:

    kind, clip, engine, repeat, status, error_code, error, condition, noise, target_snr_db, codec,
    packet_loss_percent, reverb_s, audio, sha256, duration_s, true_snr_db, snr_db, reference_words,
    substitutions, deletions, insertions, wer, why_no_wer, doubt, hallucinated_words, entities_said,
    entities_found, heard_gaps_ms, turns_unmeasured, missed_responses, worst_yield_ms, audio_s,
    inference_ms, cached, ttft_ms, ttft_not_measured, simulated, cost_usd, cost_leaves_out, wall_ms,
    made_at

A cell is empty where there is no value, never 0; several values of a cell stand with a blank
between them. Text that a spreadsheet would take for a formula begins with an apostrophe.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from echotrace.model.measure import Measurement
from echotrace.printable import printable_line
from echotrace.render.verdicts import edits_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from echotrace.model.benchmark import BenchmarkRun, RunItem
    from echotrace.model.report import Report
    from echotrace.render.base import RenderOptions

__all__ = ["FIGURE_COLUMNS", "ITEM_COLUMNS", "CsvRenderer"]

FIGURE_COLUMNS = (
    "name",
    "value",
    "unit",
    "status",
    "low",
    "high",
    "n",
    "band",
    "method",
    "reason",
)
ITEM_COLUMNS = (
    "kind",
    "clip",
    "engine",
    "repeat",
    "status",
    "error_code",
    "error",
    "condition",
    "noise",
    "target_snr_db",
    "codec",
    "packet_loss_percent",
    "reverb_s",
    "audio",
    "sha256",
    "duration_s",
    "true_snr_db",
    "snr_db",
    "reference_words",
    "substitutions",
    "deletions",
    "insertions",
    "wer",
    "why_no_wer",
    "doubt",
    "hallucinated_words",
    "entities_said",
    "entities_found",
    "heard_gaps_ms",
    "turns_unmeasured",
    "missed_responses",
    "worst_yield_ms",
    "audio_s",
    "inference_ms",
    "cached",
    "ttft_ms",
    "ttft_not_measured",
    "simulated",
    "cost_usd",
    "cost_leaves_out",
    "wall_ms",
    "made_at",
)
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""How a formula begins, in the wide forms of these signs too."""


class CsvRenderer:
    """Rows under one head; options change nothing."""

    name = "csv"
    file_suffix = ".csv"

    def render(self, report: Report, options: RenderOptions) -> str:
        """Return a row for the score and for each figure of the report."""
        score = report.score
        reason = "; ".join(f"{item.metric}: {item.reason}" for item in score.not_scored)
        first = ("score.value", score.value, "points", score.status, score.grade, reason)
        rows: list[Sequence[Any]] = [(*first[:4], None, None, None, first[4], None, first[5])]
        rows += [
            (
                name,
                item.value,
                item.unit,
                item.status,
                item.low,
                item.high,
                item.n,
                item.band,
                item.method,
                item.reason,
            )
            for name, item in _figures("", report)
        ]
        return _table(FIGURE_COLUMNS, rows)

    def render_run(self, run: BenchmarkRun, options: RenderOptions) -> str:
        """Return a row for each item of the run."""
        rows = [_item(item) for item in run.items]
        return _table(ITEM_COLUMNS, [[row[name] for name in ITEM_COLUMNS] for row in rows])


def _figures(path: str, value: Any) -> Iterator[tuple[str, Measurement]]:
    """Yield each figure in a model value with its path."""
    if isinstance(value, Measurement):
        yield path, value
        return
    parts: Iterable[tuple[Any, Any]]
    if isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, tuple):
        parts = enumerate(value)
    elif is_dataclass(value):
        parts = ((item.name, getattr(value, item.name)) for item in fields(value))
    else:
        return
    for key, part in parts:
        yield from _figures(f"{path}.{key}" if path else str(key), part)


def _item(item: RunItem) -> dict[str, Any]:
    """Return the cells of an item by column; what the model names alike is taken as it is."""
    condition, counts, error = item.condition, item.counts, item.error
    edits = edits_of(item)
    said = counts.reference_words if counts else 0
    row = {name: getattr(item, name, None) for name in ITEM_COLUMNS}
    return row | {
        "error_code": error and error.code,
        "error": error and ": ".join(part for part in (error.message, error.why) if part),
        "condition": condition.label if item.kind == "clip" else None,
        "noise": condition.noise,
        "target_snr_db": condition.snr_db,
        "codec": condition.codec,
        "packet_loss_percent": condition.packet_loss_percent,
        "reverb_s": condition.reverb_s,
        "snr_db": item.snr_db and item.snr_db.value,
        "reference_words": counts and counts.reference_words,
        "substitutions": counts and counts.substitutions,
        "deletions": counts and counts.deletions,
        "insertions": counts and counts.insertions,
        "wer": edits / said if edits is not None and said else None,
    }


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    target = io.StringIO(newline="")
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return target.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, tuple):
        if all(isinstance(part, (int, float)) for part in value):
            return " ".join(map(repr, value))
        value = "; ".join(map(str, value))
    text = printable_line(str(value))
    return f"'{text}" if text.startswith(_FORMULA) else text
