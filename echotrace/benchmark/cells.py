"""One engine under one condition: its figures over the clips there are."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from echotrace.benchmark.rows import by_clip, entity_row, errors_of, summed, time_row, total, units
from echotrace.model.benchmark import Cell, LlmCell
from echotrace.model.measure import Measurement, Status
from echotrace.stats.percentiles import percentiles
from echotrace.stats.ratios import MIN_UNITS, ratio_interval
from echotrace.stats.ratios import mean as mean_of
from echotrace.stats.ratios import ratio as ratio_of
from echotrace.text.pool import pooled_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from echotrace.model.benchmark import ClipCondition, RunItem
    from echotrace.stats.ratios import Statistic

    Clips = Mapping[str, tuple[RunItem, ...]]

__all__ = [
    "cell",
    "cost",
    "doubt_of",
    "entity_recall",
    "llm_cell",
    "real_time_factor",
    "word_error_rate",
]

_SEED = 20_040_517
_SIMULATED = "a simulated model answered"


def cell(
    engine: str,
    condition: ClipCondition | None,
    items: Sequence[RunItem],
    *,
    doubt: str | None = None,
) -> Cell:
    """Return the figures of an engine; ``condition`` of None stands for all its clips.

    Repeats of a clip are pooled in what an engine makes of it; what a clip itself is like, such as
    its SNR and its turns, counts once.
    """
    clips = by_clip(items)
    doubt = doubt or doubt_of(items)
    nothing = _why_nothing(items, clips)
    errors, bias = (_snr(clips, nothing, signed=signed) for signed in (False, True))
    calls = [each[0] for each in clips.values() if each[0].is_call]
    no_call = "no clip is a call of two channels"
    return Cell(
        engine=engine,
        condition=condition,
        clips=len({item.clip for item in items}),
        failed=sum(item.status != "ok" for item in items),
        wer=nothing("ratio") or word_error_rate(clips, doubt=doubt),
        entity_recall=nothing("ratio") or entity_recall(clips, doubt=doubt),
        hallucinated_words=nothing("words") or _hallucinated(clips),
        snr_error_db=errors,
        snr_bias_db=bias,
        heard_gap_ms=percentiles(
            [gap for call in calls for gap in call.heard_gaps_ms],
            "ms",
            not_measured=sum(call.turns_unmeasured for call in calls),
            what="turn",
            none=nothing("ms") or (None if calls else Measurement.not_measurable("ms", no_call)),
        ),
        missed_responses=nothing("")
        or _sum_of((call.missed_responses for call in calls), "", none=no_call),
        rtf=nothing("ratio") or real_time_factor(clips),
        cost_usd=cost(items),
    )


def llm_cell(engine: str, items: Sequence[RunItem]) -> LlmCell:
    """Return the times of a language model over all repeats."""
    simulated = any(item.simulated for item in items)
    answered = [item for item in items if item.status == "ok"]
    failures = [item.error.message for item in items if item.error]
    none = None
    if not items:
        none = Measurement.not_run("ms", "it was not probed in this run")
    elif not answered:
        none = Measurement.unavailable("ms", failures[0] if failures else "every probe failed")
    return LlmCell(
        engine=engine,
        ttft_ms=percentiles(
            [time for item in answered for time in item.ttft_ms],
            "ms",
            not_measured=sum(item.ttft_not_measured for item in items),
            what="request",
            status=Status.SIMULATED if simulated else Status.MEASURED,
            reason=_SIMULATED if simulated else None,
            none=none,
        ),
        failed=len(items) - len(answered),
        simulated=simulated,
        cost_usd=cost(items),
    )


def doubt_of(items: Iterable[RunItem]) -> str | None:
    """Return why error rates over these items are only estimates; None where they are not."""
    return next((item.doubt for item in items if item.doubt), None)


def word_error_rate(clips: Clips, *, doubt: str | None = None) -> Measurement:
    """Return the edits of all clips over their words, with its interval over clips."""
    spoken = {clip: repeats for clip, repeats in clips.items() if errors_of(repeats) is not None}
    if not spoken:
        return Measurement.not_measurable("ratio", _no_reference(clips))
    found = [
        total([each for name in names if (each := errors_of(spoken[name])) is not None])
        for names in units(spoken)
    ]
    unit_name = "clips" if len(found) == len(spoken) else "texts"
    return pooled_rate(found, unit_name=unit_name, doubt=doubt)


def _no_reference(clips: Clips) -> str:
    if not clips:
        return "no clip has a result"
    reasons = Counter(
        item.why_no_wer for each in clips.values() for item in each if item.why_no_wer
    )
    return reasons.most_common(1)[0][0] if reasons else "no clip has a reference word"


def entity_recall(clips: Clips, *, doubt: str | None = None) -> Measurement:
    """Return the entities found over those said; ``n`` counts those said."""
    rows = summed(units(clips), clips, entity_row)
    if not rows:
        looked_for = any(item.entities_said is not None for each in clips.values() for item in each)
        why = "no entity was said in a reference" if looked_for else _no_reference(clips)
        return Measurement.not_measurable("ratio", why)
    said = sum(row[1] for row in rows)
    extra = {"n": int(said)} | _interval(rows, ratio_of(share=True), "pooled over clips")
    value = sum(row[0] for row in rows) / said
    if doubt is not None:
        return Measurement.estimated(value, "ratio", reason=doubt, **extra)
    return Measurement.measured(value, "ratio", **extra)


def _interval(
    rows: Sequence[tuple[float, float]], statistic: Statistic, how: str
) -> dict[str, Any]:
    if len(rows) < MIN_UNITS:
        return {"method": f"{how}; too few of them ({len(rows)}) for an interval"}
    found = ratio_interval(rows, statistic, seed=_SEED)
    return {
        "low": found.low,
        "high": found.high,
        "method": f"{how}; {found.how}, over {len(rows)} of them",
    }


def _why_nothing(items: Sequence[RunItem], clips: Clips) -> Callable[[str], Measurement | None]:
    """Return what gives the figure that stands for each where no item has a result, else None."""

    def nothing(unit: str) -> Measurement | None:
        if clips:
            return None
        if not items:
            return Measurement.not_run(unit, "this run holds no item of it yet")
        errors = Counter(item.error.message for item in items if item.error)
        first = f": {errors.most_common(1)[0][0]}" if errors else ""
        return Measurement.unavailable(unit, f"all {len(items)} items failed{first}")

    return nothing


def _hallucinated(clips: Clips) -> Measurement:
    found = [
        item.hallucinated_words
        for each in clips.values()
        for item in each
        if item.hallucinated_words is not None
    ]
    if not found:
        return Measurement.not_measurable("words", "no words were looked for where nobody speaks")
    return Measurement.measured(
        float(sum(found)), "words", n=len(found), method="sum over all transcripts"
    )


def _snr(
    clips: Clips, nothing: Callable[[str], Measurement | None], *, signed: bool
) -> Measurement:
    known = [each[0] for each in clips.values() if each[0].true_snr_db is not None]
    if absent := nothing("dB"):
        return absent
    if not known:
        return Measurement.not_measurable("dB", "the true SNR of these clips is not known")
    away = [
        item.snr_db.value - item.true_snr_db
        for item in known
        if item.snr_db is not None
        and item.snr_db.value is not None
        and item.true_snr_db is not None
    ]
    if not away:
        reasons = [item.snr_db.reason for item in known if item.snr_db and item.snr_db.reason]
        why = reasons[0] if reasons else "the SNR was not measured in this run"
        return Measurement.not_measurable("dB", why)
    rows = [(each if signed else abs(each), 1.0) for each in away]
    extra = _interval(
        rows,
        mean_of(signed=signed),
        "mean over clips" if signed else "mean absolute error over clips",
    )
    lost = len(known) - len(away)
    if lost:
        extra["method"] = f"{extra['method']}; {lost} more could not be measured"
    return Measurement.measured(
        math.fsum(row[0] for row in rows) / len(rows), "dB", n=len(rows), **extra
    )


def _sum_of(values: Iterable[int | None], unit: str, *, none: str) -> Measurement:
    found = [value for value in values if value is not None]
    if not found:
        return Measurement.not_measurable(unit, none)
    return Measurement.measured(float(sum(found)), unit, n=len(found))


def real_time_factor(clips: Clips) -> Measurement:
    """Return the inference time over the audio time, of what this run computed itself."""
    rows = [row for row in map(time_row, clips.values()) if row is not None]
    if not rows:
        cached = any(item.cached for each in clips.values() for item in each)
        why = "all transcripts came from the cache" if cached else "no engine was timed"
        return Measurement.not_measurable("ratio", why)
    return Measurement.measured(
        math.fsum(row[0] for row in rows) / math.fsum(row[1] for row in rows),
        "ratio",
        n=len(rows),
        method="inference time over audio time",
    )


def cost(items: Sequence[RunItem]) -> Measurement:
    """Return what the requests cost; an estimate where something could not be counted."""
    found = [item.cost_usd for item in items if item.cost_usd is not None]
    left_out = sorted({what for item in items for what in item.cost_leaves_out})
    if not found:
        if left_out:
            return Measurement.not_measurable("USD", f"not known: {'; '.join(left_out)}")
        return Measurement.not_run("USD", "no request was made that is charged for")
    total = math.fsum(found)
    if left_out:
        reason = f"it leaves out {'; '.join(left_out)}"
        return Measurement.estimated(total, "USD", reason=reason, n=len(found))
    return Measurement.measured(total, "USD", n=len(found))
