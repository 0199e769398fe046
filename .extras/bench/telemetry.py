"""What one timed call costs, beside an OpenTelemetry SDK span, both in one run.

Exit 1 when a timed call costs more than 3 microseconds, or less than 5 times less than the SDK's.
Each round measures the plain call, ours and theirs in turn, so that a busy machine hits all of
them; a round is shorter than a scheduler's time slice, so that the median of the rounds is calm.
The SDK's spans go nowhere (no processor, no exporter): that is the cheapest it can be, while ours
are kept.
"""

from __future__ import annotations

import gc
import platform
import statistics
import sys
from time import perf_counter_ns, thread_time_ns
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import TracerProvider

from echotrace.telemetry import TelemetryCollector, timed, use_collector

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 151
CALLS = 1_000
LIMIT_US = 3.0
TIMES_LESS = 5.0


def plain() -> None:
    return None


@timed("work")
def timed_function() -> None:
    return None


class Analyzer:
    def __init__(self, collector: TelemetryCollector) -> None:
        self._collector = collector

    @timed("work")
    def timed_method(self) -> None:
        return None


tracer = TracerProvider().get_tracer("bench")


@tracer.start_as_current_span("work")
def otel_function() -> None:
    return None


def us_per_call(work: Callable[[], object]) -> float:
    calls = range(CALLS)
    began = perf_counter_ns()
    for _ in calls:
        work()
    return (perf_counter_ns() - began) / CALLS / 1000


def clocks() -> None:
    """The four readings that a span with wall and CPU time cannot do without."""
    perf_counter_ns()
    thread_time_ns()
    thread_time_ns()
    perf_counter_ns()


def one_round() -> dict[str, float]:
    collector = TelemetryCollector()
    method = Analyzer(collector).timed_method
    gc.collect()
    base = us_per_call(plain)
    costs = {"@timed method": us_per_call(method) - base}
    with use_collector(collector):
        costs["@timed function, ambient"] = us_per_call(timed_function) - base
    if len(collector.spans) != 2 * CALLS:
        sys.exit("the collector lost spans: the figures mean nothing")
    costs["@timed function, no collector"] = us_per_call(timed_function) - base
    costs["the four clock readings alone"] = us_per_call(clocks) - base
    costs["OpenTelemetry SDK span"] = us_per_call(otel_function) - base
    return costs


def main() -> int:
    one_round()  # warm-up
    rounds = [one_round() for _ in range(ROUNDS)]
    peer = "OpenTelemetry SDK span"
    print(f"Python {platform.python_version()}, {ROUNDS} rounds of {CALLS} calls, medians")
    print(f"{'':32}{'us per call':>12}{'best':>8}{'OTel / it':>11}")
    failed = []
    for name in rounds[0]:
        median = statistics.median(costs[name] for costs in rounds)
        best = min(costs[name] for costs in rounds)
        ratio = statistics.median(costs[peer] / costs[name] for costs in rounds)
        print(f"{name:32}{median:12.2f}{best:8.2f}{ratio:11.1f}")
        if name in ("@timed method", "@timed function, ambient"):
            if median > LIMIT_US:
                failed.append(f"{name}: {median:.2f} us, the limit is {LIMIT_US:g}")
            if ratio < TIMES_LESS:
                failed.append(f"{name}: {ratio:.1f} times less, the bound is {TIMES_LESS:g}")
    for line in failed:
        print(f"MISSED  {line}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
