"""Builders of recordings, good and hostile; every file is made by code, none is committed."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "NoFeatures",
    "adts_aac",
    "encode",
    "encode_av",
    "flac_total_samples",
    "id3_claiming",
    "mkv_video",
    "pcm16",
    "sparse_wav",
    "tagged_wav",
    "tone",
    "vbr_header_free_mp3",
    "voice",
    "wav",
]


def tone(
    seconds: float, rate: int = 16_000, *, hz: float = 440.0, level: float = 0.3
) -> np.ndarray:
    """A sine, float32 (frames,)."""
    time_s = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hz * time_s)).astype(np.float32)


def voice(seconds: float, rate: int = 16_000, *, seed: int = 0, level: float = 0.2) -> np.ndarray:
    """A buzz with syllables and a little noise, float32 (frames,); its peak is ``level``."""
    random = np.random.default_rng(seed)
    frames = round(seconds * rate)
    time_s = np.arange(frames) / rate
    pitch_hz = 120 + 20 * np.sin(2 * np.pi * 0.7 * time_s)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / rate
    top_hz = min(3_200.0, 0.4 * rate)
    buzz = sum(np.sin(k * phase + k) / k for k in range(1, int(top_hz / 140)))
    syllables = np.clip(np.sin(2 * np.pi * 2.5 * time_s), 0, 1)
    signal = buzz * syllables + 0.002 * random.standard_normal(frames)
    return (level * signal / max(np.max(np.abs(signal)), 1e-9)).astype(np.float32)


def wav(
    data: bytes,
    *,
    tag: int = 1,
    channels: int = 1,
    rate: int = 16_000,
    bits: int = 16,
    declared: int | None = None,
    chunks: bytes = b"",
) -> bytes:
    """A RIFF file whose header says what it is told to; ``declared`` is the data chunk's size."""
    align = max(1, channels * bits // 8)
    fmt = struct.pack(
        "<HHIIHH", tag, channels, rate, min(rate * align, 0xFFFFFFFF), align & 0xFFFF, bits
    )
    size = len(data) if declared is None else declared
    body = b"fmt " + struct.pack("<I", len(fmt)) + fmt + chunks + b"data" + struct.pack("<I", size)
    riff = 0xFFFFFFFF if size == 0xFFFFFFFF else min(4 + len(body) + len(data), 0xFFFFFFFF)
    return b"RIFF" + struct.pack("<I", riff) + b"WAVE" + body + data


def pcm16(samples: np.ndarray) -> bytes:
    """Samples in -1..1, (frames,) or (frames, channels), as little-endian 16-bit PCM."""
    return np.round(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def encode(
    samples: np.ndarray, rate: int, container: str = "WAV", coding: str | None = None
) -> bytes:
    """Encode (frames,) or (frames, channels) through libsndfile."""
    import soundfile

    target = io.BytesIO()
    soundfile.write(target, samples, rate, format=container, subtype=coding)
    return target.getvalue()


def encode_av(
    samples: np.ndarray, rate: int, container: str, codec: str, *, tracks: int = 1
) -> bytes:
    """Encode (frames,) or (frames, channels) through FFmpeg, ``tracks`` times into one file."""
    import av

    planes = np.atleast_2d(samples.T).astype(np.float32)
    layout = {1: "mono", 2: "stereo"}[len(planes)]
    target = io.BytesIO()
    with av.open(target, "w", format=container) as output:
        streams = [output.add_stream(codec, rate=rate, layout=layout) for _ in range(tracks)]
        for stream in streams:
            wanted = stream.codec_context.format.name
            resampler = av.AudioResampler(wanted, layout, rate)
            size = 1024
            for begin in range(0, planes.shape[1], size):
                piece = np.ascontiguousarray(planes[:, begin : begin + size])
                frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout=layout)
                frame.sample_rate = rate
                frame.pts = begin
                for ready in resampler.resample(frame):
                    output.mux(stream.encode(ready))
            output.mux(stream.encode(None))
    return target.getvalue()


def mkv_video(
    *, audio: np.ndarray | None = None, rate: int = 48_000, container: str = "matroska"
) -> bytes:
    """A tiny film, with a sound track when ``audio`` is given."""
    import av

    target = io.BytesIO()
    with av.open(target, "w", format=container) as output:
        film = output.add_stream("mpeg4", rate=25)
        film.width, film.height, film.pix_fmt = 32, 32, "yuv420p"
        sound = output.add_stream("aac", rate=rate, layout="mono") if audio is not None else None
        for _ in range(5):
            picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            output.mux(film.encode(picture))
        output.mux(film.encode(None))
        if sound is not None:
            for begin in range(0, len(audio), 1024):
                piece = np.ascontiguousarray(audio[None, begin : begin + 1024])
                frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
                frame.sample_rate = rate
                frame.pts = begin
                output.mux(sound.encode(frame))
            output.mux(sound.encode(None))
    return target.getvalue()


def adts_aac(samples: np.ndarray, rate: int = 16_000) -> bytes:
    """Raw AAC frames with ADTS headers."""
    return encode_av(samples, rate, "adts", "aac")


def flac_total_samples(flac: bytes, total: int) -> bytes:
    """The same FLAC file whose STREAMINFO claims ``total`` samples (36 bits)."""
    word = int.from_bytes(flac[18:26], "big")
    word = (word & ~((1 << 36) - 1)) | total
    return flac[:18] + word.to_bytes(8, "big") + flac[26:]


def id3_claiming(size: int, rest: bytes) -> bytes:
    """An ID3v2 tag that claims ``size`` bytes, in front of ``rest``."""
    digits = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\x00\x00" + digits + rest


def vbr_header_free_mp3(samples: np.ndarray, rate: int = 16_000) -> bytes:
    """A variable-bitrate MP3 without its Xing/Info frame."""
    data = encode(samples, rate, "MP3", "MPEG_LAYER_III")
    place = max(data.find(b"Xing", 0, 400), data.find(b"Info", 0, 400))
    if place < 0:
        return data
    following = data.find(data[:2], place)
    return data[following:] if following > 0 else data


def tagged_wav(samples: np.ndarray, rate: int, title: bytes) -> bytes:
    """A WAV file with a LIST/INFO title in front of its samples."""
    text = title + b"\0" * (2 - len(title) % 2)
    info = b"INFOINAM" + struct.pack("<I", len(text)) + text
    chunk = b"LIST" + struct.pack("<I", len(info)) + info
    return wav(pcm16(samples), rate=rate, chunks=chunk)


def sparse_wav(path: Path, seconds: float, *, rate: int = 16_000, channels: int = 2) -> Path:
    """A long WAV of silence that takes almost no disk space."""
    size = round(seconds * rate) * channels * 2
    header = wav(b"", channels=channels, rate=rate, declared=size)
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + size)
    return path


class NoFeatures:
    """An extractor that only counts; for tests of the door that need no voice activity."""

    active_level = None

    def __init__(self, channels: int, *, start_s: float = 0.0) -> None:
        self.channels, self.start_s, self.frames = channels, start_s, 0

    def push(self, samples: np.ndarray) -> None:
        assert samples.shape[0] == self.channels
        assert samples.dtype == np.float32
        assert not samples.flags.writeable
        self.frames += samples.shape[1]

    def finish(self) -> tuple:
        return (self,) * self.channels
