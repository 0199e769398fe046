"""From single utterances to the figures of streaming behaviour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from echotrace.model.measure import Measurement, Status
from echotrace.model.report import StreamedUtterance, Streaming
from echotrace.stats.bootstrap import bootstrap_interval, quantile_interval
from echotrace.stats.quantiles import quantile
from echotrace.text.rewrites import count_rewrites
from echotrace.text.scripts import writes_without_spaces

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["not_streamed", "summarise", "utterance_of"]

_LEAST_FOR_INTERVAL: Final = 5
_SEED: Final = 5
_LONGEST_WORD: Final = 8
"""Characters of a script without spaces that may be one word, where a recogniser parts words."""
_UNPARTED: Final = (
    "the text has no spaces between its words, so that whole sentences would count as one word; "
    "characters are counted instead"
)


def utterance_of(
    partials: Sequence[str],
    final: str,
    *,
    start_s: float | None,
    end_s: float | None,
    first_partial_ms: float | None,
    final_ms: float | None,
    endpoint_wait_ms: float | None = None,
) -> StreamedUtterance:
    """Return one utterance with what its partial results took back."""
    shown = [text for text in partials if text.strip()]
    rewrites = count_rewrites(partials, final)
    return StreamedUtterance(
        start_s=None if start_s is None else round(start_s, 3),
        end_s=None if end_s is None else round(end_s, 3),
        text=final,
        partials=len(shown),
        first_partial_ms=None if first_partial_ms is None else round(first_partial_ms, 3),
        final_ms=None if final_ms is None else round(final_ms, 3),
        words_shown=rewrites.words_shown,
        words_rewritten=rewrites.words_rewritten,
        characters_rewritten=rewrites.characters_rewritten,
        endpoint_wait_ms=None if endpoint_wait_ms is None else round(endpoint_wait_ms, 3),
    )


def summarise(
    utterances: Sequence[StreamedUtterance],
    *,
    source: str,
    method: str,
    chunk_ms: float | None,
    no_partial: str,
    no_final: str,
    simulated: str | None = None,
) -> Streaming:
    """Return medians of the times and pooled ratios, with 95 % intervals from 5 utterances on.

    Args:
        utterances: in order of time.
        source: the engine's name, or the log's.
        method: how they came about.
        chunk_ms: audio per step, None for a log.
        no_partial: the reason when no utterance has a time to its first partial result.
        no_final: the reason when no utterance has a time to its final result.
        simulated: why the figures are simulated, None when they are measured.
    """
    with_partials = [item for item in utterances if item.words_shown]
    with_text = [item for item in utterances if item.partials and item.text.strip()]
    return Streaming(
        source=source,
        method=method,
        chunk_ms=chunk_ms,
        first_partial_ms=_median(
            [item.first_partial_ms for item in utterances], no_partial, simulated
        ),
        final_ms=_median([item.final_ms for item in utterances], no_final, simulated),
        rewritten_ratio=Measurement.not_measurable("ratio", _UNPARTED)
        if with_partials and _is_unparted([item.text for item in utterances])
        else _pooled(
            [(item.words_rewritten, item.words_shown) for item in with_partials], simulated
        ),
        rewritten_per_character=_pooled(
            [(item.characters_rewritten, len(" ".join(item.text.split()))) for item in with_text],
            simulated,
        ),
        utterances=tuple(utterances),
    )


def not_streamed(source: str, reason: str, *, method: str = "none") -> Streaming:
    """Return figures that are not there, with the reason."""
    ms, ratio = (Measurement.not_measurable(unit, reason) for unit in ("ms", "ratio"))
    return Streaming(
        source=source,
        method=method,
        chunk_ms=None,
        first_partial_ms=ms,
        final_ms=ms,
        rewritten_ratio=ratio,
        rewritten_per_character=ratio,
    )


def _is_unparted(texts: Sequence[str]) -> bool:
    """Whether most of the text stands in runs without a space that hold several words."""
    runs = [run for text in texts for run in text.split()]
    unparted = [run for run in runs if len(run) > _LONGEST_WORD and writes_without_spaces(run)]
    return 2 * sum(map(len, unparted)) > sum(map(len, runs))


def _median(times: Sequence[float | None], reason: str, simulated: str | None) -> Measurement:
    values = [time for time in times if time is not None]
    if not values:
        return Measurement.not_measurable("ms", reason)
    low = high = None
    if len(values) >= _LEAST_FOR_INTERVAL:
        low, high = quantile_interval(values, 0.5, seed=_SEED)
    return _figure(quantile(values, 0.5), "ms", low, high, len(values), simulated)


def _pooled(pairs: Sequence[tuple[int, int]], simulated: str | None) -> Measurement:
    """Return the sum of the first over the sum of the second, which are above 0."""
    if not pairs:
        return Measurement.not_measurable("ratio", "no partial result came before a final one")
    low = high = None
    if len(pairs) >= _LEAST_FOR_INTERVAL:
        low, high = bootstrap_interval(pairs, _ratios, seed=_SEED)
    share = sum(part for part, _ in pairs) / sum(whole for _, whole in pairs)
    return _figure(share, "ratio", low, high, len(pairs), simulated)


def _ratios(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    sums: NDArray[np.float64] = samples.sum(axis=1)
    return sums[:, 0] / sums[:, 1]


def _figure(
    value: float, unit: str, low: float | None, high: float | None, n: int, simulated: str | None
) -> Measurement:
    return Measurement(
        unit=unit,
        status=Status.MEASURED if simulated is None else Status.SIMULATED,
        value=value,
        reason=simulated,
        low=low,
        high=high,
        n=n,
    )
