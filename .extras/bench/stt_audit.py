"""Does the audit blame the right thing? Small models on clips at known SNRs, beside the truth.

For each SNR, pooled over the voices: WER, the share of errors by first cause, the mean error of the
SNR under the words, and how many word times lie within 150 ms of the truth: as the engine gives
them, and (*) after analyzers/stt_audit/place.py. Then the share of wrong
words by local SNR, from which the limits in analyzers/stt_audit/causes.py come.

    python .extras/bench/stt_audit.py --truth DIR/ground_truth.json [--models gold,fast]
        [--noises pink,white,office] [--snrs clean,20,10,5,0] [--say FILE] [--json OUT]
    python .extras/bench/stt_audit.py --truth DIR/ground_truth.json --under

--under uses no model: noise under every fourth word alone, and how often the audit would blame it;
* with the word's place 60 ms off. Right words in clean speech that it would blame are counted too.
The truth names wave files beside it, their words and times; the folder of the small models has one.
--say adds the lines of a file, spoken by flite and espeak-ng where they are installed (words only).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

RATE_HZ = 16_000
WITHIN_S = 0.15
SURE_SNRS = ("clean", "20", "10")
"""The bound on word times is asked for from clean to 10 dB, of the gold model."""
VOICES = ("flite:rms", "flite:awb", "flite:kal16", "espeak-ng:en-us+f3", "espeak-ng:en+m3")
BINS_DB = (-5, 0, 5, 10, 15, 20, 30, 99)


@dataclass
class Item:
    """One clean clip: samples, its words, and their times where they are known."""

    name: str
    samples: np.ndarray
    words: list[str]
    times: list[tuple[float, float]] | None = None


@dataclass
class Tally:
    """What one model did at one SNR."""

    words: int = 0
    errors: int = 0
    causes: Counter = field(default_factory=Counter)
    snr_errors: list[float] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    refined_starts: list[float] = field(default_factory=list)
    refined_ends: list[float] = field(default_factory=list)


def clips_of_truth(path: Path) -> list[Item]:
    """The clean clips that a truth file names, and each side of its call."""
    truth = json.loads(path.read_text("utf-8"))
    found = []
    for clip in truth["clips"]:
        if clip["condition"] != "clean":
            continue
        samples, _ = soundfile.read(path.parent / clip["file"], dtype="float32")
        found.append(item_of(clip["file"], samples, clip["words"]))
    call = truth.get("call")
    if call:
        samples, _ = soundfile.read(path.parent / call["file"], dtype="float32")
        for channel in (0, 1):
            said = [
                word
                for segment in call["segments"]
                if segment["channel"] == channel
                for word in segment["words"]
            ]
            found.append(item_of(f"call:{channel}", samples[:, channel], said))
    return found


def item_of(name: str, samples: np.ndarray, words: list[dict]) -> Item:
    """One clip with its truth."""
    return Item(
        name,
        np.ascontiguousarray(samples),
        [word["word"] for word in words],
        [(word["start"], word["end"]) for word in words],
    )


def spoken(lines: list[str], folder: Path) -> list[Item]:
    """Lines read by the synthesisers that are installed."""
    found = []
    for number, line in enumerate(lines):
        engine, voice = VOICES[number % len(VOICES)].split(":")
        if shutil.which(engine) is None:
            continue
        path = folder / f"{number}.wav"
        command = (
            ["flite", "-voice", voice, "-t", line, "-o", str(path)]
            if engine == "flite"
            else ["espeak-ng", "-v", voice, "-w", str(path), line]
        )
        subprocess.run(command, check=True, capture_output=True)
        samples, rate = soundfile.read(path, dtype="float32")
        import soxr

        samples = soxr.resample(samples, rate, RATE_HZ).astype(np.float32)
        padding = np.zeros(RATE_HZ // 2, np.float32)
        samples = np.concatenate([padding, samples, padding])
        found.append(Item(f"said:{number}", samples, line.split()))
    return found


def mixed(item: Item, snr: str, kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The clip in noise, and the noise alone."""
    from echotrace.fixtures.mixing import active_power, add_noise, peak_gain
    from echotrace.fixtures.noises import make_noise

    if snr == "clean":
        return item.samples, np.zeros_like(item.samples)
    random = np.random.default_rng([seed, len(item.samples), round(float(snr))])
    noise = make_noise(kind, len(item.samples), RATE_HZ, random)
    noise = add_noise(active_power(item.samples, RATE_HZ), noise, float(snr))
    gain = peak_gain((item.samples + noise)[None])
    return (item.samples + noise) * gain, noise * gain


def true_snr(item: Item, gained: np.ndarray, noise: np.ndarray, span: tuple[float, float]) -> float:
    """The louder half of the clean word's frames over the noise within 3 s of it."""
    clean = gained - noise
    first, last = (round(at / 0.032) for at in span)
    frames = clean[: len(clean) // 512 * 512].reshape(-1, 512)[first : max(last, first + 1)]
    power = np.sort((frames.astype(np.float64) ** 2).mean(axis=1))
    near = noise[max(0, round((span[0] - 3) * RATE_HZ)) : round((span[1] + 3) * RATE_HZ)]
    ratio = power[len(power) // 2 :].mean() / np.mean(near.astype(np.float64) ** 2)
    return max(-5.0, 10 * np.log10(ratio + 1e-9))


class Runner:
    """One engine that hears clips."""

    def __init__(self, model: Path) -> None:
        from echotrace.config.settings import Settings
        from echotrace.providers.stt.choose import named_engine
        from echotrace.telemetry import TelemetryCollector

        self.collector = TelemetryCollector()
        self.engine = named_engine(f"faster-whisper:{model}", Settings())
        self.engine.load(self.collector)

    def hear(self, item: Item, samples: np.ndarray, noise: np.ndarray, tally: Tally, by_snr):
        """Transcribe one mix, find its errors and add them to the tallies."""
        from echotrace.analyzers.stt_audit.errors import find_errors
        from echotrace.analyzers.stt_audit.evidence import Evidence
        from echotrace.analyzers.stt_audit.place import refine
        from echotrace.audio.handle import AudioOptions, open_audio
        from echotrace.audio.vad import speech_mask, speech_spans
        from echotrace.providers.stt.pieces import cut_pieces
        from echotrace.text.align import align_words

        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            soundfile.write(file, samples, RATE_HZ, format="WAV", subtype="PCM_16")
            file.flush()
            with open_audio(file.name, options=AudioOptions()) as audio:
                features = audio.features[0]
                spans = speech_spans(
                    speech_mask(features.speech_probability), end_s=features.duration_s
                )
                pieces = cut_pieces(
                    audio,
                    0,
                    begin_s=0.0,
                    end_s=audio.duration_s,
                    limits=self.engine.limits,
                    spans=spans,
                )
                heard = self.engine.transcribe(pieces, self.collector)
                raw, words = heard.words, refine(heard.words, features)
                evidence = Evidence(audio, 0)
                diff = align_words(item.words, [word.text.lower() for word in words]).diff
                ranges = [(index, index + 1) for index in range(len(words))]
                errors = find_errors(diff=diff, words=words, ranges=ranges, evidence=evidence)
                tally.words += len(item.words)
                tally.errors += len(errors)
                tally.causes.update(error.causes[0].kind for error in errors)
                wrong = {error.word for error in errors}
                for index, word in enumerate(words):
                    snr_db = evidence.snr_db(word.start_s, word.end_s)
                    if snr_db is not None:
                        by_snr[bin_of(snr_db)][index in wrong] += 1
                if item.times is None:
                    return
                gold_at = actual_at = 0
                for op in diff:
                    if op.op == "equal":
                        for step in range(len(op.gold)):
                            truth, index = item.times[gold_at + step], actual_at + step
                            tally.starts.append(raw[index].start_s - truth[0])
                            tally.ends.append(raw[index].end_s - truth[1])
                            tally.refined_starts.append(words[index].start_s - truth[0])
                            tally.refined_ends.append(words[index].end_s - truth[1])
                            if noise.any():
                                place = words[index]
                                found = evidence.snr_db(place.start_s, place.end_s)
                                if found is not None:
                                    true = true_snr(item, samples, noise, truth)
                                    tally.snr_errors.append(found - true)
                    gold_at += len(op.gold)
                    actual_at += len(op.actual)


def bin_of(snr_db: float) -> int:
    """The upper edge of the bin that an SNR falls into."""
    return next(edge for edge in BINS_DB if snr_db <= edge)


def share(errors: list[float]) -> str:
    """How many lie within the bound."""
    if not errors:
        return "-"
    return f"{np.mean(np.abs(errors) <= WITHIN_S):.3f}"


def under_words(items: list[Item], kinds: list[str]) -> None:
    """The share of words whose own noise is found, by SNR, and of clean words that have none."""
    from echotrace.analyzers.stt_audit.evidence import Evidence
    from echotrace.audio.handle import AudioOptions, open_audio
    from echotrace.fixtures.noises import make_noise

    def is_found(samples: np.ndarray, spans: list[tuple[float, float]]) -> list[bool]:
        with tempfile.NamedTemporaryFile(suffix=".wav") as file:
            soundfile.write(file, samples, RATE_HZ, format="WAV", subtype="PCM_16")
            file.flush()
            with open_audio(file.name, options=AudioOptions()) as audio:
                evidence = Evidence(audio, 0)
                return [evidence.under(*span).is_own_noise for span in spans]

    known = [item for item in items if item.times]
    clean = [found for item in known for found in is_found(item.samples, item.times)]
    print(f"clean: {np.mean(clean):.3f} of {len(clean)} words")
    for snr_db in (5, 0, -5):
        exact, moved = [], []
        for item in known:
            for index in range(1, len(item.times), 4):
                start_s, end_s = item.times[index]
                first, last = round(start_s * RATE_HZ), round(end_s * RATE_HZ)
                word = item.samples[first:last]
                frames = word[: len(word) // 512 * 512].reshape(-1, 512).astype(np.float64)
                power = np.sort((frames**2).mean(axis=1))
                if not len(power):
                    continue
                loud = power[len(power) // 2 :].mean()
                shift = 0.06 if index % 8 == 1 else -0.06
                for kind in kinds:
                    random = np.random.default_rng([index, -snr_db + 9])
                    noise = make_noise(kind, last - first, RATE_HZ, random)
                    mixed = item.samples.copy()
                    mixed[first:last] += noise * np.sqrt(loud / 10 ** (snr_db / 10))
                    spans = [(start_s, end_s), (start_s + shift, end_s + shift)]
                    at, beside = is_found(mixed, spans)
                    exact.append(at)
                    moved.append(beside)
        print(
            f"{snr_db:>5} dB: {np.mean(exact):.3f}, * {np.mean(moved):.3f} of {len(exact)}",
            flush=True,
        )


def main() -> int:
    """Run the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--truth", type=Path, help="ground_truth.json with exact word times")
    parser.add_argument("--model-dir", type=Path, help="holds whisper-mini-gold and -fast")
    parser.add_argument("--models", default="gold,fast")
    parser.add_argument("--noises", default="pink,white,office")
    parser.add_argument("--snrs", default="clean,20,10,5,0")
    parser.add_argument("--say", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--under", action="store_true", help="noise under single words; no model")
    options = parser.parse_args()
    if options.truth is None:
        print("no --truth: skipped")
        return 0
    models = options.model_dir or options.truth.parent.parent
    items = clips_of_truth(options.truth)
    with tempfile.TemporaryDirectory() as folder:
        if options.say:
            lines = [line.strip().lower() for line in options.say.read_text("utf-8").splitlines()]
            items += spoken([line for line in lines if line], Path(folder))
    if options.under:
        under_words(items, options.noises.split(","))
        return 0
    report: dict = {}
    for name in options.models.split(","):
        runner = Runner(models / f"whisper-mini-{name}")
        by_snr = {edge: [0, 0] for edge in BINS_DB}
        pooled = Tally()
        print(f"whisper-mini-{name}, {len(items)} clips")
        print(
            f"{'SNR':>6} {'words':>6} {'WER':>6}  {'local SNR MAE':>13}  "
            f"{'starts':>6} {'ends':>6} {'starts*':>7} {'ends*':>6}  first causes"
        )
        for snr in options.snrs.split(","):
            tally = Tally()
            for kind in options.noises.split(",") if snr != "clean" else ["none"]:
                for number, item in enumerate(items):
                    samples, noise = mixed(item, snr, kind, number)
                    runner.hear(item, samples, noise, tally, by_snr)
            if snr in SURE_SNRS:
                pooled.starts += tally.starts
                pooled.ends += tally.ends
                pooled.refined_starts += tally.refined_starts
                pooled.refined_ends += tally.refined_ends
            causes = ", ".join(
                f"{kind} {count / tally.errors:.2f}" for kind, count in tally.causes.most_common()
            )
            mae = f"{np.mean(np.abs(tally.snr_errors)):.2f}" if tally.snr_errors else "-"
            print(
                f"{snr:>6} {tally.words:>6} {tally.errors / tally.words:>6.3f}  {mae:>13}  "
                f"{share(tally.starts):>6} {share(tally.ends):>6} "
                f"{share(tally.refined_starts):>7} {share(tally.refined_ends):>6}  {causes}",
                flush=True,
            )
            report[f"{name}:{snr}"] = {
                "words": tally.words,
                "errors": tally.errors,
                "causes": dict(tally.causes),
                "snr_errors": tally.snr_errors,
                "starts": tally.starts,
                "ends": tally.ends,
                "refined_starts": tally.refined_starts,
                "refined_ends": tally.refined_ends,
            }
        print(
            f"clean to 10 dB, n={len(pooled.starts)}: starts {share(pooled.starts)}, "
            f"ends {share(pooled.ends)}; * starts {share(pooled.refined_starts)}, "
            f"ends {share(pooled.refined_ends)}"
        )
        print("wrong among words heard, by local SNR up to (dB):")
        for edge, (right, wrong) in by_snr.items():
            if right + wrong:
                print(f"  {edge:>4}: {wrong / (right + wrong):.3f} of {right + wrong}")
    if options.json:
        options.json.write_text(json.dumps(report), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
