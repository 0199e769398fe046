"""Make mixtures of clean voices and noises with exact edges, and store what the net sees.

python .extras/train_edges/make_data.py VOICES OUT --mixtures 900 --seed 1
"""

import argparse
import io
import time
from pathlib import Path

import noises
import numpy as np
import soundfile as sf
import soxr

from echotrace.audio.edge_features import INPUTS, frame_blocks
from echotrace.audio.edge_level import level_within, near_level
from echotrace.audio.features import FeatureExtractor
from echotrace.audio.levels import active_level

RATE = 16_000
HOP = 128
SHORTEST_PAUSE_S = 0.2


def load(folder):
    return {
        voice.name: [sf.read(p, dtype="float32")[0] for p in sorted(voice.glob("*.wav"))]
        for voice in sorted(Path(folder).iterdir())
    }


def piece(rng, clips):
    """One utterance: a clip, or a word cut from one."""
    clip = clips[int(rng.integers(len(clips)))]
    if rng.random() < 0.28:
        power = np.convolve(clip**2, np.ones(160) / 160, "same")
        loud = np.flatnonzero(power > 0.02 * power.max())
        length = int(rng.uniform(0.16, 0.6) * RATE)
        at = int(loud[0]) - 200 if rng.random() < 0.6 else int(rng.choice(loud))
        clip = clip[max(at, 0) : max(at, 0) + length].copy()
        fade = min(int(rng.uniform(0.003, 0.04) * RATE), len(clip) // 2)
        if fade:
            clip[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
            clip[: fade // 4] *= np.linspace(0, 1, fade // 4, dtype=np.float32)
    elif rng.random() < 0.1:
        # An agent that is interrupted stops within a word.
        clip = clip[: int(rng.uniform(0.3, 0.9) * len(clip))].copy()
        fade = int(rng.uniform(0.002, 0.012) * RATE)
        clip[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return clip


def with_room_tone(rng, clip, tone):
    """A clip as it comes out of a room: noise of its own, there only while it lasts."""
    fade = int(rng.uniform(0.002, 0.02) * RATE)
    at = int(rng.integers(0, len(tone) - len(clip))) if len(tone) > len(clip) else 0
    part = tone[at : at + len(clip)].copy()
    part[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
    part[-fade:] *= np.linspace(1, 0, fade, dtype=np.float32)
    return clip[: len(part)] + part


def timeline(rng, clips, size):
    """Place utterances of one voice: (samples, [(at, length)])."""
    out = np.zeros(size, np.float32)
    placed = []
    at = int(rng.uniform(0.1, 3.0) * RATE)
    spread = rng.choice([0.0, 1.5, 4.0])
    talkative = rng.random()
    tone = None
    if rng.random() < 0.1:
        level = 10 ** (-rng.uniform(21, 34) / 20) * np.sqrt(np.mean(clips[0] ** 2)) * 1.3
        tone = noises.tilted(rng, 9 * RATE, rng.uniform(0.2, 1.0)) * np.float32(level)
    while True:
        clip = piece(rng, clips)
        if tone is not None and len(clip) > RATE // 2:
            clip = with_room_tone(rng, clip, tone)
        if at + len(clip) > size:
            break
        out[at : at + len(clip)] += clip * np.float32(10 ** (rng.uniform(-spread, spread) / 20))
        placed.append((at, len(clip)))
        pause = np.exp(rng.uniform(np.log(0.12), np.log(4.0)))
        if rng.random() > talkative:
            pause += rng.uniform(0, 6)
        at += len(clip) + int(pause * RATE)
    return out, placed


def room(rng, x):
    """Add a light reverberation."""
    rt60 = rng.uniform(0.1, 0.45)
    t = np.arange(int(rt60 * RATE)) / RATE
    tail = rng.standard_normal(len(t)) * 10 ** (-3 * t / rt60)
    tail[: int(0.003 * RATE)] = 0
    tail *= 10 ** (-rng.uniform(4, 15) / 20) / np.sqrt((tail**2).sum())
    tail[0] = 1.0
    size = 1 << int(np.ceil(np.log2(len(x) + len(tail))))
    wet = np.fft.irfft(np.fft.rfft(x, size) * np.fft.rfft(tail, size), size)
    return wet[: len(x)].astype(np.float32)


def audible(stem, placed):
    """Intervals (seconds) of what is audible, frames counted from each utterance's own start."""
    level = active_level(stem)
    if level is None:
        return []
    threshold = 10 ** (level.level_dbfs / 10) / 100
    found = []
    for at, length in placed:
        end = min(at + length + int(0.4 * RATE), len(stem))
        frames = stem[at : at + (end - at) // HOP * HOP].reshape(-1, HOP)
        above = np.flatnonzero((frames**2).mean(axis=1) > threshold)
        found += [((at + i * HOP) / RATE, (at + (i + 1) * HOP) / RATE) for i in above]
    merged = []
    for start, end in sorted(found):
        if merged and start - merged[-1][1] < SHORTEST_PAUSE_S:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    return merged


def telephone(x, band=True):
    """A line at 8 kHz; without ``band`` the low end and all up to 4 kHz pass."""
    narrow = soxr.resample(x, RATE, 8000, quality="HQ")
    if not band:
        return narrow
    spectrum = np.fft.rfft(narrow)
    hz = np.fft.rfftfreq(len(narrow), 1 / 8000)
    edge = 1 / (1 + (250 / np.maximum(hz, 1)) ** 8) / (1 + (hz / 3500) ** 24)
    narrow = np.fft.irfft(spectrum * edge, len(narrow))
    return narrow.astype(np.float32)


def mulaw(narrow):
    y = np.clip(narrow, -1, 1)
    code = np.rint(np.sign(y) * np.log1p(255 * np.abs(y)) / np.log(256) * 127) / 127
    return (np.sign(code) * np.expm1(np.abs(code) * np.log(256)) / 255).astype(np.float32)


def coded(rng, x, size):
    kind = rng.choice(["ogg", "mp3"])
    buffer = io.BytesIO()
    if kind == "ogg":
        sf.write(buffer, np.clip(x, -1, 1), RATE, format="OGG", subtype="OPUS")
    else:
        sf.write(buffer, np.clip(x, -1, 1), RATE, format="MP3", subtype="MPEG_LAYER_III")
    buffer.seek(0)
    y = sf.read(buffer, dtype="float32")[0]
    return np.resize(y, size) if len(y) < size else y[:size]


def mixture(voices, seed, number, seconds, telephones=0.22):
    """One mixture: (samples, intervals, facts)."""
    rng = np.random.default_rng([seed, number])
    size = int(seconds * RATE)
    names = sorted(voices)
    name = names[int(rng.integers(len(names)))]
    others = [n for n in names if n != name]

    def talker():
        clips = voices[others[int(rng.integers(len(others)))]]
        return clips[int(rng.integers(len(clips)))]

    stem, placed = timeline(rng, voices[name], size)
    if rng.random() < 0.2:
        stem = room(rng, stem)
    if rng.random() < 0.08:
        at = int(rng.uniform(0.2, 0.8) * size)
        stem[at:] *= np.float32(10 ** (rng.uniform(-5, 5) / 20))
    start = active_level(stem)
    if start is None:
        return None
    stem *= np.float32(10 ** ((rng.normal(-26, 4) - start.level_dbfs) / 20))
    level = 10 ** (active_level(stem).level_dbfs / 20)
    phone = rng.random() < telephones
    narrow = phone and rng.random() < 0.7
    band = rng.random() < 0.7
    if narrow:
        stem = soxr.resample(telephone(stem, band), 8000, RATE, quality="HQ")
        stem = np.pad(stem, (0, max(0, size - len(stem))))[:size]
    intervals = audible(stem, placed)
    pick = rng.random()
    snr_db = float(rng.uniform(-2, 24) if pick < 0.78 else rng.uniform(24, 60))
    kind = "clean"
    mixed = stem.copy()
    if pick < 0.92:
        kind, noise = noises.draw(rng, size, talker)
        mixed += noise * np.float32(level * 10 ** (-snr_db / 20))
    if rng.random() < 0.15:
        side, _ = timeline(rng, voices[others[int(rng.integers(len(others)))]], size)
        side_level = active_level(side)
        if side_level is not None:
            if rng.random() < 0.5:
                side = np.convolve(side, np.ones(4) / 4, "same").astype(np.float32)
            gain = level * 10 ** (-rng.uniform(14, 36) / 20)
            mixed += side * np.float32(gain / 10 ** (side_level.level_dbfs / 20))
    mixed *= np.float32(min(1.0, 0.99 / max(np.abs(mixed).max(), 1e-9)))
    if phone:
        # Half the time the noise joins a voice that the line has narrowed already.
        line = telephone(mixed, band and not (narrow and rng.random() < 0.5))
        mixed = soxr.resample(mulaw(line), 8000, RATE, quality="HQ")
        mixed = np.pad(mixed, (0, max(0, size - len(mixed))))[:size]
    elif rng.random() < 0.06:
        mixed = coded(rng, mixed, size)
    if rng.random() < 0.5:
        mixed = np.rint(mixed * 32768) / 32768
    facts = {"voice": name, "noise": kind, "snr_db": snr_db, "phone": phone}
    return mixed.astype(np.float32), intervals, facts


def inputs_of(samples, intervals=None):
    """Return (inputs, level) of one channel as the program itself would see them.

    With ``intervals`` the level is the one of the program's second look, which knows roughly
    where the near speaker was.
    """
    extractor = FeatureExtractor(1)
    extractor.push(samples[None, :])
    (features,) = extractor.finish()
    level = near_level(features)
    if level is None:
        return None

    if intervals is not None:
        near = np.zeros(len(level.quiet), bool)
        for start_s, end_s in intervals:
            near[round(start_s / features.frame_s) : round(end_s / features.frame_s)] = True
        power = features.variance + (features.mean - level.dc) ** 2
        level = level_within(power, near, level)

    def read(start_s, end_s):
        return samples[round(start_s * RATE) : max(round(end_s * RATE), 0)].copy()

    parts = [
        inputs[before : before + size]
        for _, before, size, _, inputs in frame_blocks(read, features, level)
    ]
    return np.concatenate(parts), level


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("voices")
    parser.add_argument("out")
    parser.add_argument("--mixtures", type=int, default=900)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--telephones", type=float, default=0.22, help="their share")
    options = parser.parse_args()
    voices = load(options.voices)
    frames = int(options.seconds * RATE) // HOP
    data = np.zeros((options.mixtures, frames, INPUTS), np.float16)
    edges, facts = [], []
    began = time.monotonic()
    for number in range(options.mixtures):
        made = mixture(
            voices, options.seed, options.first + number, options.seconds, options.telephones
        )
        again = (options.first + number) % 3 == 0
        seen = inputs_of(made[0], made[1] if again else None) if made else None
        if made is None or seen is None:
            edges.append(np.zeros((0, 2)))
            facts.append(("", "", 0.0, 0.0))
            continue
        data[number] = seen[0][:frames]
        edges.append(np.array(made[1]).reshape(-1, 2))
        fact = made[2]
        facts.append((fact["voice"], fact["noise"], fact["snr_db"], seen[1].level_dbfs))
        if number % 50 == 49:
            print(number + 1, f"{time.monotonic() - began:.0f} s", flush=True)
    counts = np.array([len(e) for e in edges])
    np.savez(
        options.out,
        inputs=data,
        edges=np.concatenate(edges),
        counts=counts,
        voice=np.array([f[0] for f in facts]),
        noise=np.array([f[1] for f in facts]),
        snr_db=np.array([f[2] for f in facts]),
    )


if __name__ == "__main__":
    main()
