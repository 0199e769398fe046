from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from echotrace.audio.sniff import sniff
from tests.fakes.audio_files import (
    adts_aac,
    encode,
    encode_av,
    mkv_video,
    tone,
    vbr_header_free_mp3,
    voice,
    wav,
)

RATE = 16_000
SIGNAL = voice(3.0, RATE, level=0.5)


def snr_db(truth: np.ndarray, heard: np.ndarray, slack: int = 3_000) -> float:
    """SNR after the codec's delay is taken out by correlation."""
    size = min(truth.size, heard.size)
    spectrum = np.fft.rfft(heard[:size], 2 * size) * np.conj(np.fft.rfft(truth[:size], 2 * size))
    lags = np.fft.irfft(spectrum)
    lag = int(np.argmax(np.concatenate([lags[-slack:], lags[:slack]]))) - slack
    a, b = truth[max(0, -lag) :], heard[max(0, lag) :]
    size = min(a.size, b.size)
    a, b = a[:size].astype(float), b[:size].astype(float)
    gain = np.dot(a, b) / np.dot(a, a)
    noise = max(float(np.sum((b - gain * a) ** 2)), 1e-20)
    return float(10 * np.log10(np.sum((gain * a) ** 2) / noise))


def sf(container: str, coding: str | None = None):
    return lambda: encode(SIGNAL, RATE, container, coding)


ROUND_TRIPS = [
    # name, bytes, decoder, least SNR in dB, most seconds of padding
    ("wav16", sf("WAV", "PCM_16"), "libsndfile", 60, 0),
    ("wav8", sf("WAV", "PCM_U8"), "libsndfile", 25, 0),
    ("wav24", sf("WAV", "PCM_24"), "libsndfile", 100, 0),
    ("wav32", sf("WAV", "PCM_32"), "libsndfile", 120, 0),
    ("wav float", sf("WAV", "FLOAT"), "libsndfile", 120, 0),
    ("wav double", sf("WAV", "DOUBLE"), "libsndfile", 120, 0),
    ("wav mu-law", sf("WAV", "ULAW"), "libsndfile", 30, 0),
    ("wav A-law", sf("WAV", "ALAW"), "libsndfile", 30, 0),
    ("wav IMA ADPCM", sf("WAV", "IMA_ADPCM"), "libsndfile", 20, 0.1),
    ("wav MS ADPCM", sf("WAV", "MS_ADPCM"), "libsndfile", 20, 0.1),
    ("wavex", sf("WAVEX", "PCM_16"), "libsndfile", 60, 0),
    ("rf64", sf("RF64", "PCM_16"), "libsndfile", 60, 0),
    ("w64", sf("W64", "PCM_16"), "libsndfile", 60, 0),
    ("aiff", sf("AIFF", "PCM_16"), "libsndfile", 60, 0),
    ("aiff float", sf("AIFF", "FLOAT"), "libsndfile", 120, 0),
    ("caf", sf("CAF", "PCM_16"), "libsndfile", 60, 0),
    ("au", sf("AU", "PCM_16"), "libsndfile", 60, 0),
    ("nist", sf("NIST", "PCM_16"), "libsndfile", 60, 0),
    ("flac", sf("FLAC", "PCM_16"), "libsndfile", 60, 0),
    ("vorbis", sf("OGG", "VORBIS"), "libsndfile", 10, 0.01),
    ("opus", sf("OGG", "OPUS"), "libsndfile", 10, 0.01),
    ("mp3", sf("MP3", "MPEG_LAYER_III"), "PyAV", 10, 0.01),
    ("mp3 without Xing", lambda: vbr_header_free_mp3(SIGNAL, RATE), "PyAV", 10, 0.15),
    ("m4a", lambda: encode_av(SIGNAL, RATE, "mp4", "aac"), "PyAV", 10, 0.1),
    ("adts", lambda: adts_aac(SIGNAL, RATE), "PyAV", 10, 0.2),
    ("webm", lambda: encode_av(SIGNAL, RATE, "webm", "libopus"), "PyAV", 10, 0.05),
    ("mkv flac", lambda: encode_av(SIGNAL, RATE, "matroska", "flac"), "PyAV", 60, 0.05),
    ("mov pcm", lambda: encode_av(SIGNAL, RATE, "mov", "pcm_s16le"), "PyAV", 60, 0.01),
    ("avi pcm", lambda: encode_av(SIGNAL, RATE, "avi", "pcm_s16le"), "PyAV", 60, 0.01),
    ("mpegts", lambda: encode_av(SIGNAL, RATE, "mpegts", "aac"), "PyAV", 10, 0.2),
]


@pytest.mark.parametrize(
    ("build", "decoder", "least_db", "padding_s"),
    [row[1:] for row in ROUND_TRIPS],
    ids=[row[0] for row in ROUND_TRIPS],
)
def test_a_recording_comes_back_as_it_was(opened, build, decoder, least_db, padding_s):
    audio = opened(build(), name="call.dat")
    assert audio.source.decoder.startswith(decoder)
    assert 3.0 - 0.01 <= audio.duration_s <= 3.0 + padding_s
    heard = audio.read(0, 0.0, audio.duration_s)
    assert abs(heard.size / RATE - audio.duration_s) < 0.01
    assert snr_db(SIGNAL, heard) > least_db
    assert [finding.code for finding in audio.findings if finding.code != "NARROWBAND"] == []


@pytest.mark.parametrize(
    ("suffix", "coding"),
    [(".ulaw", "ULAW"), (".mulaw", "ULAW"), (".ul", "ULAW"), (".alaw", "ALAW"), (".al", "ALAW")],
)
def test_headerless_telephone_audio_is_known_by_its_name(opened, suffix, coding):
    signal = voice(2.0, 8_000, level=0.5)
    target = io.BytesIO()
    soundfile.write(target, signal, 8_000, format="RAW", subtype=coding)
    audio = opened(target.getvalue(), name=f"call{suffix}")
    assert (audio.source.container, audio.source.codec) == ("g711", coding.lower())
    assert audio.duration_s == 2.0
    assert [finding.code for finding in audio.findings] == ["NARROWBAND"]
    truth = opened(encode(signal, 8_000, "WAV", "DOUBLE")).read(0, 0, 2)
    assert snr_db(truth, audio.read(0, 0, 2)) > 30


@pytest.mark.parametrize("rate", [4_000, 8_000, 11_025, 22_050, 44_100, 48_000, 192_000, 384_000])
def test_any_plausible_rate_comes_out_at_16_khz(opened, rate):
    hz = min(440.0, rate / 5)
    audio = opened(encode(tone(1.0, rate, hz=hz), rate, "WAV", "FLOAT"))
    heard = audio.read(0, 0, 1)
    assert audio.source.sample_rate_hz == rate
    assert abs(heard.size - RATE) <= 2
    middle = slice(1_600, 14_400)
    truth = tone(1.0, RATE, hz=hz)
    assert np.max(np.abs(heard[middle] - truth[middle])) < 2e-3


def test_multichannel_sources_keep_every_channel(opened):
    signal = np.stack([tone(1.0, hz=200 + 100 * k, level=0.1) for k in range(8)], axis=1)
    audio = opened(encode(signal, RATE, "WAV", "FLOAT"))
    assert audio.channels == 8
    for index in range(8):
        assert np.max(np.abs(audio.read(index, 0, 1) - signal[:, index])) < 1e-15
    stereo = opened(encode_av(signal[:, :2], RATE, "mp4", "aac"), name="call.m4a")
    assert stereo.channels == 2
    assert snr_db(signal[:, 1], stereo.read(1, 0, 1)) > 15


def test_a_film_with_sound_is_heard_and_one_without_is_named(opened):
    audio = opened(mkv_video(audio=voice(1.0, 48_000)), name="film.mkv")
    assert audio.source.codec == "aac"
    assert audio.duration_s == pytest.approx(1.0, abs=0.1)


def test_a_gap_in_the_time_stamps_is_heard_as_silence(opened):
    import av

    target = io.BytesIO()
    signal = tone(2.0, 48_000)
    with av.open(target, "w", format="matroska") as output:
        stream = output.add_stream("pcm_s16le", rate=48_000, layout="mono")
        for begin in range(0, signal.size, 960):
            piece = np.round(signal[None, begin : begin + 960] * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(piece, format="s16", layout="mono")
            frame.sample_rate = 48_000
            frame.pts = begin + (48_000 if begin >= 48_000 else 0)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    audio = opened(target.getvalue(), name="muted.mkv")
    assert "GAPS" in [finding.code for finding in audio.findings]
    assert audio.duration_s == pytest.approx(3.0, abs=0.01)
    assert np.max(np.abs(audio.read(0, 1.05, 1.95))) < 1e-3
    assert np.max(np.abs(audio.read(0, 2.05, 2.95))) > 0.29


def test_a_guessed_length_is_no_promise(opened):
    quiet, loud = np.zeros(20 * RATE, np.float32), voice(20.0, RATE)
    data = encode_av(np.concatenate([quiet, loud]), RATE, "adts", "aac")
    assert opened(data, name="x.aac").findings == ()
    half = opened(data[: len(data) // 2], name="y.aac")
    assert "TRUNCATED" not in [finding.code for finding in half.findings]


def test_a_stream_that_appears_in_the_middle_does_not_end_the_run(opened):
    data = bytearray(encode_av(SIGNAL, RATE, "mpegts", "aac"))
    begins = [
        place
        for place in range(0, len(data), 188)
        if data[place + 1] & 0x5F == 0x41 and data[place + 2] == 0
    ]
    data[begins[-1] + 2] = 0x77  # the last audio packet now belongs to a stream never announced
    audio = opened(bytes(data), name="x.ts")
    assert audio.duration_s > 2.5
    assert "DAMAGED" in [finding.code for finding in audio.findings]


def test_content_decides_and_not_the_name(opened):
    assert opened(encode(SIGNAL, RATE, "FLAC"), name="x.mp3").source.container == "flac"
    assert opened(encode(SIGNAL, RATE, "WAV"), name="x.ulaw").source.container == "wav"
    assert opened(encode(SIGNAL, RATE, "MP3"), name="x").source.container == "mp3"


def test_a_decoder_is_only_loaded_when_needed(tmp_path):
    import subprocess
    import sys

    path = tmp_path / "x.wav"
    path.write_bytes(wav(b"\0\0" * 16_000))
    script = (
        "import sys\n"
        "from echotrace.audio.handle import AudioOptions, open_audio\n"
        "from tests.fakes.audio_files import NoFeatures\n"
        "options = AudioOptions()\n"
        "open_audio(sys.argv[1], options=options, make_extractor=NoFeatures).close()\n"
        "print(sorted({'av', 'scipy', 'librosa', 'soxr', 'onnxruntime'} & set(sys.modules)))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"
    assert result.stderr == ""


def test_noise_is_never_taken_for_mpeg_audio():
    for seed in range(40):
        data = np.random.default_rng(seed).bytes(1 << 16)
        assert sniff(lambda n, o, data=data: data[o : o + n], len(data)).demuxer is None
