"""How long word errors take: normalising, aligning and diffing, against bare jiwer in the same run.

Two texts of --words words, the second with a share of them dropped, replaced or added; number
words, contractions and compounds are among them, so that every rule has work. Each step is run
--runs times and the least CPU time counts. "aligned and diffed" is normalising both sides, the
alignment, the regrouping of words and the diff; jiwer gets the words already normalised. The bound
of 0.5 s holds for 10,000 words.

    python .extras/bench/word_errors.py [--words 10000] [--runs 3] [--seed 1]
"""

from __future__ import annotations

import argparse
import random
import sys
import time

import jiwer

from echotrace.text.align import aligned_alike
from echotrace.text.compare import compare
from echotrace.text.locate import locate
from echotrace.text.normalize import normalizer_for
from echotrace.text.pool import with_interval

BOUND_S = 0.5
SHARES = (0.0, 0.05, 0.15, 0.4, 1.0)
SPOKEN = (
    "twenty five dollars can't o'clock the a of to e-mail every day everyday okay mr. 555-1212 "
    "hundred and one two three it's don't colour nineties"
)


def vocabulary(rng: random.Random) -> list[str]:
    letters = "aeioubcdfglmnprst"
    made = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(4000)]
    return [*made, *SPOKEN.split() * 40]


def misheard(gold: list[str], share: float, words: list[str], rng: random.Random) -> list[str]:
    actual = []
    for word in gold:
        draw = rng.random()
        if draw >= share:
            actual.append(word)
        elif draw >= 2 * share / 3:
            actual += [word, rng.choice(words)]
        elif draw >= share / 3:
            actual.append(rng.choice(words))
    return actual


def seconds(step, runs: int) -> tuple[float, object]:
    best, found = float("inf"), None
    for _ in range(runs):
        begun = time.process_time()
        found = step()
        best = min(best, time.process_time() - begun)
    return best, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    words = vocabulary(rng)
    rules = normalizer_for("en")
    rules("warm up twenty five")
    print(f"{options.words:,} words, CPU seconds, least of {options.runs}")
    print(
        f"{'errors':>6} {'WER':>6} {'jiwer':>7} {'normal.':>8} {'align':>7} {'ratio':>6}"
        f" {'aligned and diffed':>19} {'compare':>8} {'locate':>7} {'interval':>9}"
    )
    worst = 0.0
    for share in SHARES:
        gold = [rng.choice(words) for _ in range(options.words)]
        actual = misheard(gold, share, words, rng)
        texts = " ".join(gold), " ".join(actual)
        normal_s, sides = seconds(lambda texts=texts: tuple(map(rules, texts)), options.runs)
        joined = [" ".join(side) for side in sides]
        bare_s, _ = seconds(lambda joined=joined: jiwer.process_words(*joined), options.runs)
        align_s, _ = seconds(lambda sides=sides: aligned_alike(*sides), options.runs)
        whole_s, found = seconds(lambda texts=texts: compare(*texts), options.runs)
        locate_s, _ = seconds(
            lambda actual=actual, found=found: locate(actual, found.actual_tokens, rules),
            options.runs,
        )
        blocks = [index // 100 for index in range(len(found.actual_tokens))]
        interval_s, _ = seconds(
            lambda found=found, blocks=blocks: with_interval(found, blocks), options.runs
        )
        total = normal_s + align_s
        worst = max(worst, total)
        print(
            f"{share:6.0%} {found.wer.value:6.1%} {bare_s:7.3f} {normal_s:8.3f} {align_s:7.3f}"
            f" {align_s / bare_s:6.1f} {total:19.3f} {whole_s:8.3f} {locate_s:7.3f}"
            f" {interval_s:9.3f}"
        )
    print(f"worst {worst:.3f} s, bound {BOUND_S} s for 10,000 words")
    if options.words <= 10_000 and worst > BOUND_S:
        sys.exit(1)


if __name__ == "__main__":
    main()
