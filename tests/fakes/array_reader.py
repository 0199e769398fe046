"""Samples in memory behind the part of ``Audio`` that engines read."""

import numpy as np

from echotrace.audio.vad import SAMPLE_RATE_HZ


class ArrayReader:
    """``samples`` are (channels, frames) or (frames,) at 16 kHz."""

    def __init__(self, samples):
        self.samples = np.atleast_2d(np.asarray(samples, np.float32))

    @property
    def duration_s(self):
        return self.samples.shape[1] / SAMPLE_RATE_HZ

    def read(self, channel, start_s, end_s):
        first, last = round(start_s * SAMPLE_RATE_HZ), round(end_s * SAMPLE_RATE_HZ)
        return self.samples[channel, max(0, first) : max(0, last)].copy()
