"""How long the audit's own steps take on a long transcript, against bare jiwer in the same run.

10,000 words with times over the bundled call: entities of both sides, the SNR under every word, the
errors with their causes; then texts that repeat one piece endlessly, four times as long the second
time, so that a ratio near 4 is linear work and one near 16 is not.

    python .extras/bench/audit_speed.py [--words 10000]
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

import jiwer

import echotrace
from echotrace.analyzers.stt_audit.causes import count_causes
from echotrace.analyzers.stt_audit.errors import find_errors
from echotrace.analyzers.stt_audit.evidence import Evidence
from echotrace.audio.handle import AudioOptions, open_audio
from echotrace.model.report import Word
from echotrace.text.compare import compare
from echotrace.text.entities import compare_entities, find_entities
from echotrace.text.locate import locate
from echotrace.text.normalize import normalizer_for

CALL = Path(echotrace.__file__).parent / "demo" / "call.wav"
SAID = "so i told them not to send the 25 boxes before march third at half past two for $4.50"
PIECES = ("a ", "1 ", "o ", "-1 ", "@", "twenty ", "1/2 ", "7-11 ", "march ", "half past 3 ", "(1")


def seconds(step) -> tuple[float, object]:
    begun = time.process_time()
    found = step()
    return time.process_time() - begun, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, default=10_000)
    options = parser.parse_args()
    rng = random.Random(1)
    gold = (SAID.split() * (options.words // len(SAID.split()) + 1))[: options.words]
    actual = [rng.choice(gold) if rng.random() < 0.1 else word for word in gold]
    compared = compare(" ".join(gold), " ".join(actual))
    rules = normalizer_for("en")
    ranges = locate(actual, compared.actual_tokens, rules)
    sides = [" ".join(side) for side in (compared.gold_tokens, compared.actual_tokens)]
    bare_s, _ = seconds(lambda: jiwer.process_words(*sides))
    with open_audio(CALL, options=AudioOptions(caller_channel=0)) as audio:
        step_s = 40.0 / options.words
        words = [
            Word(text=word, start_s=at * step_s, end_s=at * step_s + 0.3)
            for at, word in enumerate(actual)
        ]
        rows = [
            ("entities of both sides", lambda: compare_entities(" ".join(gold), " ".join(actual))),
            ("SNR under every word", lambda: Evidence(audio, 0).with_snr(words)),
            (
                "errors and causes",
                lambda: count_causes(
                    find_errors(
                        diff=compared.diff,
                        words=words,
                        ranges=ranges,
                        evidence=(evidence := Evidence(audio, 0)),
                    ),
                    words=words,
                    ranges=ranges,
                    evidence=evidence,
                ),
            ),
        ]
        print(f"{options.words:,} words, CPU seconds; jiwer.process_words {bare_s:.3f}")
        for name, step in rows:
            taken_s, _ = seconds(step)
            print(f"{name:24} {taken_s:7.3f}  {taken_s / bare_s:7.1f} x")
    print("one piece for 20,000 and 80,000 characters: times as long")
    for piece in PIECES:
        ratios = []
        for step in (rules, find_entities):
            short, long = ((piece * length)[:length] for length in (20_000, 80_000))
            short_s, _ = seconds(lambda step=step, text=short: step(text))
            long_s, _ = seconds(lambda step=step, text=long: step(text))
            ratios.append(f"{long_s / max(short_s, 1e-4):6.1f} ({long_s:.2f} s)")
        print(f"{piece!r:16} normalised {ratios[0]:>18}   entities {ratios[1]:>18}")


if __name__ == "__main__":
    main()
