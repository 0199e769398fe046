"""Which way a figure went between two reports, and how sure that is."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from echotrace.model.measure import Status

if TYPE_CHECKING:
    from echotrace.model.measure import Measurement

__all__ = ["Verdict", "judged"]


class Verdict(str, Enum):
    """What B is beside A."""

    BETTER = "better"
    WORSE = "worse"
    CHANCE = "could be chance"
    UNCERTAIN = "uncertain"
    CHANGED = "changed"
    ONLY_A = "only in A"
    ONLY_B = "only in B"
    GAP_A = "gap only in A"
    GAP_B = "gap only in B"
    UNLIKE = "not alike"
    SAME = "same"
    UNKNOWN = "n/a"

    @property
    def is_difference(self) -> bool:
        """Whether the two are not alike; what neither has is no difference."""
        return self not in (Verdict.SAME, Verdict.UNKNOWN)

    @property
    def mirrored(self) -> Verdict:
        """What A is beside B."""
        return _MIRRORED.get(self, self)


_MIRRORED = {
    Verdict.BETTER: Verdict.WORSE,
    Verdict.WORSE: Verdict.BETTER,
    Verdict.ONLY_A: Verdict.ONLY_B,
    Verdict.ONLY_B: Verdict.ONLY_A,
    Verdict.GAP_A: Verdict.GAP_B,
    Verdict.GAP_B: Verdict.GAP_A,
}


def judged(
    a: Measurement, b: Measurement, *, more_is_better: bool, by_edges: bool = False
) -> tuple[Verdict, str]:
    """Return which way a figure went from A to B, and in words what limits that.

    Overlapping 95 % intervals are no test: they only say that chance alone may explain it. Where a
    single thing was measured ``by_edges``, its interval holds how sure its edges are, and says
    nothing of chance.
    """
    if a.value is None or b.value is None:
        if a.value is None and b.value is None:
            return Verdict.UNKNOWN, "neither report has it"
        only = Verdict.ONLY_B if a.value is None else Verdict.ONLY_A
        return only, "there is nothing to compare it with"
    if a.unit != b.unit:
        return Verdict.UNLIKE, "the two are in different units"
    if (a.status is Status.SIMULATED) != (b.status is Status.SIMULATED):
        return Verdict.UNLIKE, "one of the two is simulated"
    if a.value == b.value:
        return Verdict.SAME, ""
    if a.status is Status.SIMULATED:
        return Verdict.CHANGED, "both are simulated, which says nothing of a service"
    if _overlap(a, b):
        if by_edges:
            return Verdict.UNCERTAIN, "within the measuring uncertainty"
        return Verdict.CHANCE, "within the intervals: could be chance"
    better = (b.value > a.value) is more_is_better
    return (Verdict.BETTER if better else Verdict.WORSE), _unsure(a, b, by_edges)


def _overlap(a: Measurement, b: Measurement) -> bool:
    if not (_has_interval(a) or _has_interval(b)):
        return False
    (low_a, high_a), (low_b, high_b) = _interval(a), _interval(b)
    return low_a <= high_b and low_b <= high_a


def _has_interval(item: Measurement) -> bool:
    return item.low is not None and item.high is not None


def _interval(item: Measurement) -> tuple[float, float]:
    if item.low is None or item.high is None:
        value = item.value or 0.0
        return value, value
    return item.low, item.high


def _unsure(a: Measurement, b: Measurement, by_edges: bool) -> str:
    lacking = [name for name, item in (("A", a), ("B", b)) if not _has_interval(item)]
    if len(lacking) == 1:
        return f"{lacking[0]} has no interval; its value lies outside that of the other"
    if by_edges:
        sure = "neither tells how sure its edges are" if lacking else _BEYOND
        return f"{sure}; one measurement each does not rule out chance"
    if lacking:
        return "neither has an interval, so chance cannot be ruled out"
    return "the intervals do not overlap"


_BEYOND = "beyond the measuring uncertainty"
