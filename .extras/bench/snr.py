"""How far the SNR estimate lies from the truth, by kind of noise and SNR.

Truth is the P.56 active level of the clean stem minus the RMS level of the noise. Stems are
synthesised by flite and espeak-ng when they are installed (sentences with pauses of 0.25 s and
more); real ones are read from --speech-dir. What is absent is skipped and said.

    python .extras/bench/snr.py [--speech-dir DIR] [--stems N] [--seed S]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import time
import zlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from echotrace.audio.features import FeatureExtractor
from echotrace.audio.levels import active_level
from echotrace.audio.snr import estimate_snr
from echotrace.audio.vad import SileroVad

RATE = 16_000
SENTENCES = (
    "Hello, I lost my wallet this morning and I need to cancel my credit card.",
    "Could you tell me the last four digits of the account?",
    "Your appointment is on Thursday the twelfth at half past nine.",
    "I have been waiting for more than twenty minutes.",
    "The package was delivered to the wrong address.",
    "Please hold the line while I look that up for you.",
    "There is a charge of forty five dollars that I do not recognise.",
    "We can offer you a refund or a replacement.",
    "No, that is not what I asked for.",
    "My name is Sarah and I am calling about my flight to Boston.",
    "The weather turned cold and the roads were covered with ice.",
    "Is there anything else that I can help you with today?",
    "Yes.",
    "She opened the window because the kitchen was full of smoke.",
)
VOICES = {
    "flite:rms": ("tune", "flite"),
    "flite:kal16": ("tune", "flite"),
    "espeak:en-us+f3": ("tune", "espeak"),
    "espeak:en+m3": ("tune", "espeak"),
    "flite:slt": ("report", "flite"),
    "flite:awb": ("report", "flite"),
    "espeak:en-us+f4": ("report", "espeak"),
    "espeak:en+m5": ("report", "espeak"),
    "espeak:en-gb": ("report", "espeak"),
}
SYNTHETIC_SNR_DB = (5, 10, 15, 20, 25, 30)
REAL_SNR_DB = (5, 10, 15, 20)
NOISES = ("white", "pink", "brown", "babble")


@dataclass(frozen=True)
class Stem:
    name: str
    speaker: str
    real: bool
    samples: np.ndarray


def say(voice: str, text: str, folder: Path) -> np.ndarray:
    engine, _, name = voice.partition(":")
    out = folder / f"{zlib.crc32((voice + text).encode())}.wav"
    if not out.exists():
        if engine == "flite":
            command = ["flite", "-voice", name, "-t", text, "-o", str(out)]
        else:
            command = ["espeak-ng", "-v", name, "-w", str(out), text]
        subprocess.run(command, check=True, capture_output=True)
    samples, rate = sf.read(out, dtype="float32")
    return trimmed(soxr.resample(samples, rate, RATE))


def trimmed(samples: np.ndarray) -> np.ndarray:
    loud = np.flatnonzero(np.abs(samples) > 10 ** (-50 / 20) * np.abs(samples).max())
    return samples[loud[0] : loud[-1] + 1]


def synthetic_stems(split: str, count: int, seed: int, folder: Path) -> list[Stem]:
    stems = []
    for voice, (where, engine) in VOICES.items():
        tool = "flite" if engine == "flite" else "espeak-ng"
        if where != split or not shutil.which(tool):
            continue
        for number in range(count):
            rng = np.random.default_rng([seed, zlib.crc32(voice.encode()), number])
            texts = rng.choice(len(SENTENCES), int(rng.integers(3, 6)), replace=False)
            shortest, longest = ((0.25, 0.4), (0.3, 0.8))[number % 2]
            pieces = [np.zeros(int(rng.uniform(0.1, 0.5) * RATE))]
            for text in texts:
                pieces.append(say(voice, SENTENCES[text], folder))
                pieces.append(np.zeros(int(rng.uniform(shortest, longest) * RATE)))
            stems.append(Stem(f"{voice}#{number}", voice, False, at_level(np.concatenate(pieces))))
    return stems


def real_stems(folder: Path | None) -> list[Stem]:
    if folder is None or not folder.is_dir():
        return []
    stems = []
    for path in sorted(p for p in folder.rglob("*") if p.suffix in (".wav", ".flac")):
        samples, rate = sf.read(path, dtype="float32", always_2d=True)
        mono = soxr.resample(samples.mean(axis=1), rate, RATE)
        speaker = path.stem.split("-")[0]
        stems.append(Stem(path.stem, speaker, True, at_level(mono)))
    return stems


def at_level(samples: np.ndarray, level_dbfs: float = -26.0) -> np.ndarray:
    samples = samples.astype(np.float32)
    found = active_level(samples)
    assert found is not None
    return samples * np.float32(10 ** ((level_dbfs - found.level_dbfs) / 20))


def coloured(kind: str, frames: int, rng: np.random.Generator) -> np.ndarray:
    slope = {"white": 0.0, "pink": 0.5, "brown": 1.0}[kind]
    spectrum = np.fft.rfft(rng.standard_normal(frames))
    hertz = np.fft.rfftfreq(frames, 1 / RATE)
    spectrum[hertz < 20] = 0 if slope else spectrum[hertz < 20]
    return np.fft.irfft(spectrum / np.maximum(hertz, 20) ** slope, frames)


def babble(
    stem: Stem, pool: list[Stem], frames: int, rng: np.random.Generator
) -> np.ndarray | None:
    others: dict[str, list[Stem]] = defaultdict(list)
    for other in pool:
        if other.speaker != stem.speaker:
            others[other.speaker].append(other)
    if len(others) < 6:
        return None
    total = np.zeros(frames)
    for speaker in rng.permutation(sorted(others))[:8]:
        voice = others[speaker][int(rng.integers(len(others[speaker])))].samples
        tiled = np.tile(voice, frames // len(voice) + 2)
        start = int(rng.integers(len(voice)))
        total += tiled[start : start + frames]
    return total


def mixed(stem: Stem, noise: np.ndarray, snr_db: float) -> np.ndarray:
    level = active_level(stem.samples)
    assert level is not None
    rms = 10 ** ((level.level_dbfs - snr_db) / 20)
    noise = noise * (rms / np.sqrt(np.mean(noise**2)))
    mix = stem.samples + noise
    peak = np.abs(mix).max()
    return (mix / max(1.0, peak / 0.99)).astype(np.float32)


def cases(stems: list[Stem], pool: list[Stem], seed: int):
    for stem in stems:
        for kind in NOISES:
            for snr_db in REAL_SNR_DB if stem.real else SYNTHETIC_SNR_DB:
                key = zlib.crc32(f"{stem.name}/{kind}/{snr_db}".encode())
                rng = np.random.default_rng([seed, key])
                frames = len(stem.samples)
                noise = (
                    babble(stem, pool, frames, rng)
                    if kind == "babble"
                    else coloured(kind, frames, rng)
                )
                if noise is not None:
                    yield stem, kind, snr_db, mixed(stem, noise, snr_db)


def features_of(samples: np.ndarray):
    extractor = FeatureExtractor(1)
    extractor.push(samples[None])
    return extractor.finish()[0]


def print_table(title: str, rows: dict[tuple[str, int], list[tuple[str, float | None]]]) -> None:
    print(f"\n{title}")
    print(
        f"{'noise':8} {'SNR':>4} {'n':>4} {'measured':>9} {'estim.':>7} {'none':>5}"
        f" {'bias':>7} {'MAE':>6} {'max':>6} {'est. MAE':>9}"
    )
    for (kind, snr_db), found in sorted(rows.items()):
        good = np.array([value - snr_db for status, value in found if status == "measured"])
        weak = np.array([value - snr_db for status, value in found if status == "estimated"])
        none = sum(status == "not_measurable" for status, _ in found)
        n = len(found)
        figures = (
            f" {good.mean():7.2f} {np.abs(good).mean():6.2f} {np.abs(good).max():6.2f}"
            if len(good)
            else f" {'-':>7} {'-':>6} {'-':>6}"
        )
        estimated = f"{np.abs(weak).mean():9.2f}" if len(weak) else f"{'-':>9}"
        print(
            f"{kind:8} {snr_db:4d} {n:4d} {len(good) / n:9.0%} {len(weak) / n:7.0%} {none / n:5.0%}"
            f"{figures} {estimated}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--speech-dir", type=Path, help="folder with recorded speech, WAV or FLAC")
    parser.add_argument("--stems", type=int, default=4, help="synthesised stems per voice")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--split", default="report", choices=["tune", "report"])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        made = {
            split: synthetic_stems(split, arguments.stems, arguments.seed, Path(name))
            for split in ("tune", "report")
        }
    real = real_stems(arguments.speech_dir)
    for title, stems in (
        ("synthesised stems", made[arguments.split]),
        ("real stems", real),
    ):
        if not stems:
            print(f"\n{title}: none here, skipped")
            continue
        rows = defaultdict(list)
        for _, kind, snr_db, mix in cases(stems, made["tune"] + made["report"], arguments.seed):
            found = estimate_snr(features_of(mix)).snr_db
            rows[kind, snr_db].append((found.status.value, found.value))
        print_table(title, rows)
    stems = made[arguments.split] + real
    if stems:
        print_speed(np.concatenate([stem.samples for stem in stems]))


def print_speed(samples: np.ndarray) -> None:
    """Compare the whole feature pass with Silero alone, on the same samples in this process."""
    frames = samples[: len(samples) // 512 * 512].reshape(-1, 512)
    seconds = len(samples) / RATE
    began = time.process_time()
    SileroVad().probabilities(frames)
    silero_s = time.process_time() - began
    began = time.process_time()
    features = features_of(samples)
    pass_s = time.process_time() - began
    began = time.process_time()
    estimate_snr(features)
    snr_s = time.process_time() - began
    print(
        f"\n{seconds:.0f} s of audio: feature pass {seconds / pass_s:.0f} x real time"
        f" (Silero alone {seconds / silero_s:.0f} x, ratio {pass_s / silero_s:.2f}),"
        f" SNR from the features {snr_s * 1000:.0f} ms"
    )


if __name__ == "__main__":
    main()
