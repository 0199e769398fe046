from __future__ import annotations

import asyncio
import math
from dataclasses import fields, is_dataclass, replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from echotrace.analyzers.signal import SignalAnalyzer
from echotrace.audio.handle import AudioOptions, open_audio
from echotrace.config.settings import Settings
from echotrace.model.codec import to_plain
from echotrace.model.measure import Severity, Status
from echotrace.telemetry import TelemetryCollector

RATE = 16_000


def analyze(path, *, options=None, **extra):
    collector = TelemetryCollector()
    with open_audio(path, options=options or AudioOptions(), collector=collector) as audio:
        outcome = asyncio.run(
            SignalAnalyzer(collector).analyze(
                str(path), audio=audio, settings=Settings(), results={}, **extra
            )
        )
        heard = audio.findings
    return replace(outcome, findings=heard + outcome.findings), collector


def written(path, samples, rate=RATE):
    sf.write(path, np.asarray(samples), rate, subtype="FLOAT")
    return path


def numbers(value):
    if isinstance(value, dict):
        for item in value.values():
            yield from numbers(item)
    elif isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, float):
        yield value


def codes(outcome):
    return {item.code for item in outcome.findings}


@pytest.fixture(scope="module")
def whole(call_path):
    """What the analyzer says of the whole call, and where its spans are."""
    return analyze(call_path)


def test_a_call_is_measured_whole(whole):
    outcome, collector = whole
    signal = outcome.data
    assert [channel.index for channel in signal.channels] == [0, 1]
    for channel in signal.channels:
        assert channel.snr_db.status is Status.MEASURED
        assert 30 < channel.snr_db.value < 50
        assert channel.noise_floor_dbfs.value == pytest.approx(-62.5, abs=3)
        assert 0.3 < channel.silence_ratio.value < 0.95
        assert channel.peak_dbfs.value < 0
        assert 4_000 < channel.bandwidth_hz.value <= 8_000
        assert -30 < channel.loudness_lufs.value < -20
        assert 10 < channel.crest_factor_db.value < 22
        assert channel.hum_hz.value == 0
        assert (channel.dropouts.count, channel.gated) == (0, False)
        assert (channel.mos, channel.spectral_flatness) == (None, None)
        assert len(channel.segments) > 3
        for one, other in zip(channel.segments, channel.segments[1:], strict=False):
            assert one.start_s < one.end_s <= other.start_s
    assert signal.envelope is not None
    assert 1000 < len(signal.envelope.channels[0].min) <= 4000
    assert not outcome.findings
    spans = {span.name: span for span in collector.spans}
    assert spans["snr"].parent_id == spans["signal_analysis"].id
    plain = to_plain(signal)
    assert all(math.isfinite(value) for value in numbers(plain))
    assert all(round(c["snr_db"]["value"], 2) == c["snr_db"]["value"] for c in plain["channels"])


def test_the_demo_recording_has_the_ratio_in_its_name():
    folder = Path(str(files("echotrace"))) / "demo"
    found = sorted(folder.glob("*snr10.wav"))
    if not found:
        pytest.skip("the package carries no demo recording yet")
    outcome, _ = analyze(found[0])
    snr = outcome.data.channels[0].snr_db
    assert snr.value == pytest.approx(10, abs=2)


def test_times_are_on_the_recordings_clock_in_a_cut(call_path, whole):
    cut, _ = analyze(call_path, options=AudioOptions(start_s=20.0))
    for before, after in zip(whole[0].data.channels, cut.data.channels, strict=True):
        expected, found = seconds_of(before), seconds_of(after)
        expected[:2100] = False
        found[:2100] = False
        assert expected.any()
        assert (expected == found).mean() > 0.98


def seconds_of(channel):
    """Speech of the 44 s call as one bool per 10 ms."""
    heard = np.zeros(4500, np.bool_)
    for item in channel.segments:
        heard[round(item.start_s * 100) : round(item.end_s * 100)] = True
    return heard


def test_the_callers_channel_is_the_scored_one(call_path):
    outcome, _ = analyze(call_path, options=AudioOptions(caller_channel=1, end_s=8.0))
    assert outcome.data.scored_channel == 1
    assert [channel.role for channel in outcome.data.channels] == ["agent", "caller"]


@pytest.mark.parametrize(
    ("name", "samples", "expected"),
    [
        ("silence", np.zeros(3 * RATE), {"NO_SPEECH"}),
        ("dc", np.full(3 * RATE, 0.25), {"NO_SPEECH", "DC_OFFSET"}),
        ("white", np.random.default_rng(0).normal(0, 0.1, 3 * RATE), {"NO_SPEECH"}),
        ("10 ms", np.full(160, 0.005), {"NO_SPEECH", "TOO_SHORT"}),
        ("one sample", np.full(1, 0.005), {"NO_SPEECH", "TOO_SHORT"}),
    ],
)
def test_recordings_without_speech_say_so(tmp_path, name, samples, expected):
    outcome, _ = analyze(written(tmp_path / "x.wav", samples))
    assert codes(outcome) == expected
    snr = outcome.data.channels[0].snr_db
    assert snr.status is Status.NOT_MEASURABLE
    assert snr.reason
    assert all(item.hint for item in outcome.findings), name
    assert all(math.isfinite(value) for value in numbers(to_plain(outcome.data)))
    if name == "dc":
        assert outcome.data.channels[0].dc_offset.value == pytest.approx(0.25, abs=1e-3)


def test_a_dead_channel_is_told_from_the_live_one(tmp_path, speech):
    both = np.stack([speech, np.zeros_like(speech)], axis=1)
    outcome, _ = analyze(written(tmp_path / "x.wav", both))
    live, dead = outcome.data.channels
    assert live.snr_db.status is Status.MEASURED
    assert "digital silence" in (dead.snr_db.reason or "")
    assert dead.peak_dbfs.status is Status.NOT_MEASURABLE
    assert dead.silence_ratio.value == 1.0
    finding = next(item for item in outcome.findings if item.code == "NO_SPEECH")
    assert finding.message.startswith("channel 1")


def test_clipping_is_named_with_its_share(tmp_path, speech):
    loud = np.clip(speech * 20, -1, 1)
    outcome, _ = analyze(written(tmp_path / "x.wav", loud))
    assert outcome.data.channels[0].clipping_ratio.value > 0.01
    finding = next(item for item in outcome.findings if item.code == "CLIPPING")
    assert "%" in finding.message
    assert "gain" in (finding.hint or "")


def test_an_offset_that_is_only_estimated_is_no_warning(tmp_path, speech, extract):
    talking = np.repeat(extract(speech)[0].speech_probability > 0.5, 512)[: len(speech)]
    samples = speech[talking][: 3 * RATE] + np.float32(0.05)
    outcome, _ = analyze(written(tmp_path / "x.wav", samples))
    assert outcome.data.channels[0].dc_offset.status is Status.ESTIMATED
    finding = next(item for item in outcome.findings if item.code == "DC_OFFSET")
    assert finding.severity is Severity.INFO
    assert "estimated" in finding.message


def test_a_low_ratio_is_a_finding(tmp_path, speech):
    noise = np.random.default_rng(0).normal(0, 0.03, len(speech))
    outcome, _ = analyze(written(tmp_path / "x.wav", speech + noise))
    value = outcome.data.channels[0].snr_db.value
    assert value is not None
    assert value < 10
    assert "LOW_SNR" in codes(outcome)


def test_spectral_details_come_on_request_and_see_a_telephone(tmp_path, speech):
    spectrum = np.fft.rfft(speech)
    spectrum[np.fft.rfftfreq(len(speech), 1 / RATE) > 3400] = 0
    narrow = np.fft.irfft(spectrum, len(speech))
    noisy = speech + np.random.default_rng(0).normal(0, 0.05, len(speech))
    outcome, collector = analyze(written(tmp_path / "n.wav", narrow), spectral=True)
    wide, _ = analyze(written(tmp_path / "w.wav", noisy), spectral=True)
    assert outcome.data.channels[0].bandwidth_hz.reason is None
    assert outcome.data.channels[0].bandwidth_hz.value <= 3500
    assert "UPSAMPLED" in codes(outcome)
    assert "UPSAMPLED" not in codes(wide)
    assert wide.data.channels[0].bandwidth_hz.value > 6500
    flat = wide.data.channels[0].spectral_flatness.value
    assert 0 <= outcome.data.channels[0].spectral_flatness.value < flat <= 1
    assert "spectral_details" in {span.name for span in collector.spans}


def test_every_figure_of_the_model_is_filled(whole):
    outcome, _ = whole
    channel = outcome.data.channels[0]
    assert is_dataclass(channel)
    left_out = {item.name for item in fields(channel) if getattr(channel, item.name) is None}
    assert left_out == {"spectral_flatness", "mos"}
