"""Clips of about a second, cut from the bundled recording, so that there is speech in them."""

import soundfile

from tests.fakes.cli import DEMO

RECORDING = DEMO / "demo_voice_1_mixed_with_noise_1_snr10.wav"
TEXT = "please book the blue room for nine people"


def write_clips(folder, names, *, without=(), text=TEXT):
    """Write a clip for each name, no two alike; ``without`` have no text beside them."""
    samples, rate = soundfile.read(RECORDING, dtype="int16")
    for at, name in enumerate(names):
        path = folder / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        begin = (at * 997) % max(1, len(samples) - 2 * rate)
        soundfile.write(path, samples[begin : begin + rate + 10 * at], rate)
        if name not in without:
            path.with_suffix(".txt").write_text(text)
    return folder
