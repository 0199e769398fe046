"""Make the demo recording: flite's voice rms in pink noise, 10 dB below its active speech level.

Needs the program flite; writes the package's copy, to which the file in .extras/output/mixed links.

    python .extras/make_demo_clip.py
"""

import io
import subprocess
from pathlib import Path

import numpy as np
import soundfile

from echotrace.audio.levels import active_level

TEXT = "I am going to cancel my credit card."
SNR_DB = 10.0
LEAD_S, TAIL_S = 0.7, 0.8
OUT = Path(__file__).parents[1] / "echotrace/demo/demo_voice_1_mixed_with_noise_1_snr10.wav"


def pink_noise(count: int, seed: int) -> np.ndarray:
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    spectrum /= np.sqrt(np.maximum(np.arange(spectrum.size), 1))
    noise = np.fft.irfft(spectrum, count)
    return noise / noise.std()


def main() -> None:
    spoken = subprocess.run(
        ["flite", "-voice", "rms", "-t", TEXT, "-o", "/dev/stdout"], capture_output=True, check=True
    ).stdout
    speech, rate = soundfile.read(io.BytesIO(spoken))
    speech = np.concatenate([np.zeros(int(LEAD_S * rate)), speech, np.zeros(int(TAIL_S * rate))])
    speech *= 10 ** ((-26.0 - active_level(speech.astype(np.float32)).level_dbfs) / 20)
    mixed = speech + pink_noise(speech.size, seed=1) * 10 ** ((-26.0 - SNR_DB) / 20)
    soundfile.write(OUT, mixed, rate, subtype="PCM_16")
    print(OUT.name, rate, round(mixed.size / rate, 2), "s, peak", round(float(abs(mixed).max()), 3))


if __name__ == "__main__":
    main()
