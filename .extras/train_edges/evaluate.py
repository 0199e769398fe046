"""Measure the edge finder on generated calls of voices that it was not trained on.

    python .extras/train_edges/evaluate.py VOICES --calls 8 --seed 9 [--condition white10 ...]

Per condition: gaps (the agent's first audible - the caller's last audible sample), the share that
is measured (found, interval up to 400 ms), and of those the mean and 95th percentile of the
absolute error, the bias, how often the interval holds the truth, and its median width; then
stretches where the caller says nothing, and the caller's starts. Turns are matched with the truth
here, so that only the edges are judged.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import soxr

from echotrace.audio.edges import find_speech
from echotrace.audio.features import FeatureExtractor
from echotrace.fixtures.calls import build_call
from echotrace.fixtures.clips import find_speech_clips
from echotrace.fixtures.conditions import CONDITIONS

RATE = 16_000
LONGEST_MS = 400
DEFAULT = (
    "clean", "white20", "telephone15", "white10", "pink10", "office10", "white5", "babble15",
    "babble10", "babble5", "bleed20", "brown10", "car10", "hum15", "white10-both",
)  # fmt: skip


def calls(clips, condition, count, seed):
    """Yield (samples (2, frames) at 16 kHz, features per channel, truth)."""
    for index in range(1, count + 1):
        rate = 8000 if CONDITIONS[condition].codec else RATE
        built = build_call(
            clips, seed=seed, index=index, condition=CONDITIONS[condition], sample_rate_hz=rate
        )
        samples = built.samples
        if rate != RATE:
            samples = np.stack([soxr.resample(row, rate, RATE) for row in samples])
        samples = np.ascontiguousarray(samples, np.float32)
        extractor = FeatureExtractor(2)
        extractor.push(samples)
        yield samples, extractor.finish(), built.truth


def touching(stretches, span):
    return [s for s in stretches if s.start.at_s < span.end_s and s.end.at_s > span.start_s]


class Tally:
    def __init__(self):
        self.gaps, self.starts, self.levels = [], [], []
        self.false = self.short = self.short_found = 0
        self.cpu_s = self.audio_s = 0.0

    def add(self, samples, features, truth):
        found = []
        for row, of_row in zip(samples, features, strict=True):

            def read(start_s, end_s, row=row):
                return row[max(round(start_s * RATE), 0) : max(round(end_s * RATE), 0)].copy()

            began = time.process_time()
            found.append(find_speech(read, of_row))
            self.cpu_s += time.process_time() - began
        self.audio_s += samples.shape[1] / RATE
        caller = found[truth.caller_channel].stretches
        agent = found[truth.agent_channel].stretches
        if found[truth.caller_channel].level_dbfs is not None:
            true_level = truth.levels_dbfs["caller"]
            self.levels.append(found[truth.caller_channel].level_dbfs - true_level)
        for stretch in caller:
            self.false += not any(
                stretch.start.at_s < said.end_s and stretch.end.at_s > said.start_s
                for said in truth.caller
            )
        for said in truth.caller:
            if said.end_s - said.start_s < 0.4:
                self.short += 1
                self.short_found += bool(touching(caller, said))
        for turn in truth.turns:
            if turn.user is not None:
                self._turn(turn, touching(caller, turn.user), agent)

    def _turn(self, turn, own, agent):
        if own:
            edge, true = own[0].start, turn.user.start_s
            self.starts.append((edge.at_s - true, edge.low_s - true, edge.high_s - true))
        if turn.agent is None or turn.heard_gap_ms is None:
            return
        answers = [s for s in agent if abs(s.start.at_s - turn.agent.start_s) < 0.7]
        if not own or not answers:
            self.gaps.append((np.nan, np.nan, np.nan))
            return
        start = min(answers, key=lambda s: abs(s.start.at_s - turn.agent.start_s)).start
        end, true = own[-1].end, turn.heard_gap_ms / 1000
        error = start.at_s - end.at_s - true
        below = np.hypot(start.at_s - start.low_s, end.high_s - end.at_s)
        above = np.hypot(start.high_s - start.at_s, end.at_s - end.low_s)
        self.gaps.append((error, error - below, error + above))

    def line(self):
        gaps, starts = 1000 * np.array(self.gaps), 1000 * np.array(self.starts)
        width = gaps[:, 2] - gaps[:, 1]
        measured = width <= LONGEST_MS
        used = gaps[measured]
        error = np.abs(used[:, 0])
        held = (used[:, 1] <= 0) & (used[:, 2] >= 0)
        starts_held = (starts[:, 1] <= 0) & (starts[:, 2] >= 0)
        return (
            f"{len(gaps):5d} {100 * measured.mean():6.1f} {error.mean():6.1f} "
            f"{used[:, 0].mean():6.1f} {np.quantile(error, 0.95):6.1f} {100 * held.mean():6.1f} "
            f"{np.median(width[measured]):6.0f} | {self.false:5d} "
            f"{self.short_found:3d}/{self.short:<3d} {np.abs(starts[:, 0]).mean():6.1f} "
            f"{100 * starts_held.mean():6.1f} | {np.mean(self.levels):6.2f} "
            f"{600 * self.cpu_s / self.audio_s:6.2f}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("voices", type=Path)
    parser.add_argument("--calls", type=int, default=8)
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--condition", action="append")
    options = parser.parse_args()
    clips = find_speech_clips(options.voices)
    print(
        "condition        gaps meas.%    mae   bias    p95 held.%  width | false  short starts "
        "held.% |  level s/10min"
    )
    for condition in options.condition or DEFAULT:
        tally = Tally()
        for call in calls(clips, condition, options.calls, options.seed):
            tally.add(*call)
        print(f"{condition:15s} {tally.line()}", flush=True)


if __name__ == "__main__":
    main()
