"""How often the intervals hold the truth, and the gates cry wolf or find the wolf.

    python .extras/simulate_gates.py [coverage] [limits] [alarms] [power] [--trials 500]

Prints the tables of docs/statistics.md. Runs with a known truth are drawn (tests/fakes/
simulated_runs.py), and the code of the package judges them. All of them take about half an hour on
one core.
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from echotrace.stats.bootstrap import bootstrap_interval
from echotrace.stats.ratios import ratio, ratio_interval
from tests.fakes.simulated_runs import LENGTHS, SKEWS, compared, one_run

CLIPS = (10, 20, 50, 200)
MEANS = (0.02, 0.05, 0.1, 0.3)


def percentile(rows, seed):
    def pooled(samples):
        return samples[..., 0].sum(-1) / samples[..., 1].sum(-1)

    return bootstrap_interval(rows, pooled, seed=seed, resamples=1000)


def coverage(trials):
    print("| clips | percentile bootstrap: mean (least) | studentised: mean (least) | width |")
    print("|---|---|---|---|")
    for clips in CLIPS:
        held, wide = {"percentile": [], "studentised": []}, []
        for skew in SKEWS:
            for mean in MEANS:
                for lengths in LENGTHS:
                    rng = np.random.default_rng([1, clips, SKEWS.index(skew), int(100 * mean)])
                    hits, widths = Counter(), []
                    for trial in range(trials):
                        rows = one_run(rng, clips, mean, skew, lengths)
                        found = ratio_interval(rows, ratio(), seed=trial, resamples=1000)
                        low, high = percentile(rows, trial)
                        hits["studentised"] += found.low <= mean <= found.high
                        hits["percentile"] += low <= mean <= high
                        if high > low:
                            widths.append((found.high - found.low) / (high - low))
                    wide.append(np.median(widths))
                    for name, all_held in held.items():
                        all_held.append(hits[name] / trials)
        told = [f"{np.mean(each):.3f} ({min(each):.3f})" for each in held.values()]
        print(f"| {clips} | {told[0]} | {told[1]} | x {np.median(wide):.2f} |", flush=True)


def limits(trials):
    print("| clips | mean WER | clips that are lost | studentised |")
    print("|---|---|---|---|")
    for clips in (20, 50, 200):
        for mean in (0.03, 0.1):
            rng = np.random.default_rng([4, clips])
            held = 0
            for trial in range(trials):
                rows = one_run(rng, clips, mean, "lost 0.8", "even")
                found = ratio_interval(rows, ratio(), seed=trial, resamples=1000)
                held += found.low <= mean <= found.high
            share = mean * 0.5 / 0.8
            print(f"| {clips} | {mean:.0%} | {share:.1%} | {held / trials:.3f} |", flush=True)


def alarms(trials):
    print("| clips | pairs | clips' errors | `wer regression` | any figure alone | the whole |")
    print("|---|---|---|---|---|---|")
    for clips in (20, 50):
        for paired in (True, False):
            for skew in ("gamma 0.3", "gamma 1", "beta 5"):
                rng = np.random.default_rng([2, clips, paired])
                found = Counter()
                for _ in range(trials):
                    result = compared(rng, clips, paired=paired, skew=skew)
                    worse = [f.metric for f in result.figures if f.outcome == "regression"]
                    found["wer"] += "wer" in worse
                    found["any"] += bool(worse)
                    found["whole"] += result.outcome == "regression"
                shares = " | ".join(f"{found[n] / trials:.1%}" for n in ("wer", "any", "whole"))
                pairs = "paired" if paired else "unpaired"
                print(f"| {clips} | {pairs} | {skew} | {shares} |", flush=True)


def power(trials):
    print("| clips | pairs | WER grows by | `wer regression` | detectable, as told (median) |")
    print("|---|---|---|---|---|")
    for clips in (20, 50, 200):
        for paired in (True, False):
            for factor in (1.2, 1.5, 2.0):
                rng = np.random.default_rng([3, clips, paired])
                found, sizes = 0, []
                for _ in range(trials):
                    result = compared(
                        rng, clips, paired=paired, factor=factor, calls=False, skew="gamma 1"
                    )
                    wer = next(f for f in result.figures if f.metric == "wer")
                    found += wer.outcome == "regression"
                    sizes.append(wer.minimum_detectable_effect or 0.0)
                pairs = "paired" if paired else "unpaired"
                size = f"{100 * np.median(sizes):.1f} points"
                grown = f"12.0 % -> {12 * factor:.1f} %"
                print(
                    f"| {clips} | {pairs} | {grown} | {found / trials:.0%} | {size} |", flush=True
                )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    tables = {"coverage": coverage, "limits": limits, "alarms": alarms, "power": power}
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=", ".join(tables))
    parser.add_argument("--trials", type=int, default=500)
    options = parser.parse_args()
    if unknown := set(options.tables) - tables.keys():
        parser.error(f"there is no table {', '.join(sorted(unknown))}")
    for name in options.tables or tables:
        print(f"\n{name}, {options.trials} trials each")
        tables[name](options.trials)


if __name__ == "__main__":
    main()
