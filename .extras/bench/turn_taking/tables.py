"""The tables of the turn bench, for a terminal and for Markdown; "-" is what a tool cannot tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from turn_taking.bounds import POOLED, misses, share
from turn_taking.scoring import Score

Scores = Mapping[tuple[str, str], Score]
"""By condition and tool."""
GAP_HEAD = [
    *("condition", "tool", "turns", "measured", "mean", "median", "p95", "bias"),
    *("coverage", "width", "invented", "verdict"),
]
EVENT_HEAD = [
    *("condition", "tool", "barge-ins", "recall", "precision", "yield_n", "yield", "yield_p95"),
    *("backch.=barge", "backch._found", "missed_found", "missed_false"),
    *("dead_found", "dead_false", "refused"),
]
FALSE_KINDS = (
    "barge_in",
    "talk_over",
    "early_start",
    "backchannel",
    "dead_air",
    "missed_response",
    "slow_response",
)
FALSE_HEAD = ["condition", "tool", *FALSE_KINDS, "all", "critical", "crit._barge", "too_high"]
NONE = "-"
ALL = "all"


def _percent(value: float | None) -> str:
    return NONE if value is None else f"{value:.0%}"


def _ms(values: Iterable[float], figure: Callable[[np.ndarray], float], sign: str = "") -> str:
    array = np.asarray(list(values))
    return f"{figure(array):{sign}.0f}" if len(array) else NONE


def _p95(values: np.ndarray) -> float:
    return float(np.quantile(values, 0.95))


def _gap_row(condition: str, tool: str, score: Score, *, ours: bool) -> list[str]:
    errors = np.abs(score.errors_ms)
    missed = misses(condition, score) if ours else None
    verdict = NONE if missed is None else "ok" if not missed else "MISS " + ", ".join(missed)
    return [
        condition,
        tool,
        str(score.true_turns),
        _percent(share(len(errors), score.true_turns)),
        _ms(errors, np.mean),
        _ms(errors, np.median),
        _ms(errors, _p95),
        _ms(score.errors_ms, np.mean, "+"),
        _percent(share(sum(score.covered), len(score.covered))),
        _ms(score.widths_ms, np.median),
        f"{score.invented_gaps}/{score.unanswered_turns}",
        verdict,
    ]


def _event_row(condition: str, tool: str, score: Score, tells: set[str]) -> list[str]:
    def told(kind: str, text: str) -> str:
        return text if kind in tells else NONE

    hit, false = score.hit["barge_in"], score.false["barge_in"]
    yields = np.abs(score.yield_errors_ms)
    return [
        condition,
        tool,
        told("barge_in", str(score.true["barge_in"])),
        told("barge_in", _percent(share(hit, score.true["barge_in"]))),
        told("barge_in", _percent(share(hit, hit + false))),
        str(len(yields)) if "yield" in tells else NONE,
        _ms(yields, np.mean),
        _ms(yields, _p95),
        told(
            "barge_in",
            f"{score.backchannels_called_barge_in}/{score.true['backchannels at all']}",
        ),
        *_found_and_false("backchannel", score, tells)[:1],
        *_found_and_false("missed_response", score, tells),
        *_found_and_false("dead_air", score, tells),
        f"{score.refused}/{score.calls}",
    ]


def _found_and_false(kind: str, score: Score, tells: set[str]) -> list[str]:
    if kind not in tells:
        return [NONE, NONE]
    return [f"{score.hit[kind]}/{score.true[kind]}", str(score.false[kind])]


def _false_row(condition: str, tool: str, score: Score, tells: set[str]) -> list[str]:
    def per_call(count: float) -> str:
        return f"{count / score.calls:.2f}"

    graded = "severity" in tells
    return [
        condition,
        tool,
        *(per_call(score.false[kind]) if kind in tells else NONE for kind in FALSE_KINDS),
        per_call(sum(score.false.values())),
        per_call(sum(score.false_critical.values())) if graded else NONE,
        per_call(score.false_critical["barge_in"]) if graded else NONE,
        per_call(score.graded_too_high) if graded else NONE,
    ]


def tables(
    scores: Scores, tells: Mapping[str, set[str]], ours: str
) -> list[tuple[str, list[str], list[list[str]]]]:
    """Title, head and rows of each table."""
    counting = [key for key in scores if tells[key[1]] - {"gap", "yield", "interval"}]
    return [
        (
            "Heard gap: true turns, share measured, absolute error in ms",
            GAP_HEAD,
            [_gap_row(*key, scores[key], ours=key[1] == ours) for key in scores],
        ),
        (
            "Barge-ins (yield error in ms), backchannels, missed responses, dead air",
            EVENT_HEAD,
            [_event_row(*key, scores[key], tells[key[1]]) for key in scores],
        ),
        (
            "False incidents per call (critical: of any type; too high: true ones graded critical)",
            FALSE_HEAD,
            [_false_row(*key, scores[key], tells[key[1]]) for key in counting],
        ),
    ]


def voice_table(scores: Scores, tool: str) -> tuple[str, list[str], list[list[str]]]:
    """One tool's errors by the caller's voice, all conditions together: people are harder."""
    voices: dict[str, list[list[Any]]] = {}
    for (condition, name), score in scores.items():
        if name == tool and condition != POOLED:
            for row in score.turns:
                voices.setdefault(row[1], []).append(row)
    rows = []
    for voice, turns in sorted(voices.items()):
        measured = [row for row in turns if row[4] is not None]
        errors = [row[4] - row[3] for row in measured]
        held = [low <= true <= high for *_, true, _, low, high in measured if low is not None]
        share_measured = _percent(share(len(measured), len(turns)))
        rows.append(
            [
                voice,
                str(len(turns)),
                share_measured,
                _ms(np.abs(errors), np.mean),
                _ms(np.abs(errors), np.median),
                _ms(np.abs(errors), _p95),
                _ms(errors, np.mean, "+"),
                _percent(share(sum(held), len(held))),
            ]
        )
    head = ["voice", "turns", "measured", "mean", "median", "p95", "bias", "coverage"]
    return f"{tool} by the caller's voice, all conditions", head, rows


def as_text(head: list[str], rows: list[list[str]]) -> str:
    """Columns padded to their widest cell; words left, figures right."""
    widths = [max(len(cell) for cell in column) for column in zip(head, *rows, strict=True)]
    last = len(head) - 1
    return "\n".join(
        "  ".join(
            cell if at == last and at > 10 else f"{cell:<{width}}" if at < 2 else f"{cell:>{width}}"
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in [head, *rows]
    )


def as_markdown(head: list[str], rows: list[list[str]]) -> str:
    """One Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line).replace("_", " ") + " |" for line in lines)
