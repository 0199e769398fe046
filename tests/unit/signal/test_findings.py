"""What the analyzer says of whole recordings with a known fault, and of those without one."""

from __future__ import annotations

import asyncio
import sys

import numpy as np
import pytest
import soundfile as sf
import soxr

from echotrace.analyzers.signal import GATED_REASON, SignalAnalyzer
from echotrace.audio.handle import AudioOptions, open_audio
from echotrace.audio.mos import MosModel
from echotrace.audio.pair import open_pair
from echotrace.config.settings import Settings
from echotrace.model.measure import Measurement, Severity, Status
from echotrace.model.signal import Mos
from echotrace.telemetry import TelemetryCollector

RATE = 16_000
CALLER_FIRST = AudioOptions(caller_channel=0)


def judge(audio, **extra):
    with audio:
        return asyncio.run(
            SignalAnalyzer(TelemetryCollector()).analyze(
                "call.wav", audio=audio, settings=Settings(), results={}, **extra
            )
        )


@pytest.fixture(scope="module")
def part(call):
    """The first 22 s of both sides of the call."""
    return call[:, : 22 * RATE]


@pytest.fixture
def analyze(tmp_path):
    def run(samples, *, rate=RATE, options=None, subtype="PCM_16", **extra):
        samples = np.asarray(samples)
        sf.write(tmp_path / "x.wav", samples.T if samples.ndim > 1 else samples, rate, subtype)
        return judge(open_audio(tmp_path / "x.wav", options=options or AudioOptions()), **extra)

    return run


def finding(outcome, code):
    (found,) = [item for item in outcome.findings if item.code == code]
    return found


def codes(outcome):
    return [item.code for item in outcome.findings]


def hum(frames, hz, dbfs):
    return 10 ** (dbfs / 20) * np.sqrt(2) * np.sin(2 * np.pi * hz * np.arange(frames) / RATE)


def without_background(row):
    envelope = np.sqrt(np.convolve(row**2, np.full(320, 1 / 320), "same"))
    speaking = envelope > 0.05 * envelope.max()
    return np.where(np.convolve(speaking, np.ones(1_600), "same") > 0, row, 0.0), speaking


def test_a_plain_call_has_no_findings(analyze, call):
    assert analyze(call, options=CALLER_FIRST).findings == ()


@pytest.mark.parametrize("over_db", [6, 9, 12])
@pytest.mark.parametrize("turned_down", [1.0, 0.5])
def test_an_overdriven_input_is_named_where_it_begins(analyze, speech, over_db, turned_down):
    gain = 10 ** (over_db / 20) / np.abs(speech).max()
    loud = np.clip(speech * gain, -1, 1) * turned_down
    outcome = analyze(loud)
    found = finding(outcome, "CLIPPING")
    first = int(np.argmax(np.abs(speech * gain) >= 1))
    assert first / RATE - 0.01 <= found.at_s <= first / RATE + 2.0
    assert found.at_s == round(found.at_s, 3)
    assert "gain" in found.hint
    clipped = float(np.mean(np.abs(speech * gain) >= 1))
    assert outcome.data.channels[0].clipping_ratio.value == pytest.approx(clipped, rel=0.3)


def test_a_loud_recording_that_is_not_overdriven_is_not_clipped(analyze, speech):
    for gain in (0.5, 0.98):
        assert "CLIPPING" not in codes(analyze(speech * gain / np.abs(speech).max()))


def test_an_offset_is_named_where_it_begins(analyze, speech):
    late = speech + np.where(np.arange(speech.size) > 8 * RATE, 0.05, 0.0)
    found = finding(analyze(late), "DC_OFFSET")
    assert found.at_s == pytest.approx(8.0, abs=0.6)
    whole = finding(analyze(speech - 0.03), "DC_OFFSET")
    assert whole.at_s == 0
    assert "-3.0 %" in whole.message


def test_telephone_audio_is_named_once_for_both_channels(analyze, part):
    narrow = np.stack(
        [soxr.resample(soxr.resample(row, RATE, 8_000), 8_000, 48_000) for row in part]
    )
    outcome = analyze(narrow, rate=48_000, options=CALLER_FIRST)
    found = finding(outcome, "UPSAMPLED")
    assert found.message.startswith("channels 0 (caller) and 1 (agent): telephone audio at 48 kHz")
    assert found.severity is Severity.WARNING
    first = min(channel.segments[0].start_s for channel in outcome.data.channels)
    assert found.at_s == first
    assert all(3_000 < item.bandwidth_hz.value <= 4_000 for item in outcome.data.channels)
    assert "UPSAMPLED" not in codes(analyze(soxr.resample(part.T, RATE, 8_000).T, rate=8_000))


def test_dropouts_are_counted_with_their_places(analyze, speech):
    damaged, places = speech.copy(), []
    loud = np.flatnonzero(np.abs(speech) > 0.3 * np.abs(speech).max())
    for at in loud.tolist():
        if at > 3_200 and (not places or at > places[-1] + RATE):
            places.append(at + 480)  # behind the onset
            damaged[places[-1] : places[-1] + 320] = 0
    outcome = analyze(damaged)
    found, figure = finding(outcome, "DROPOUTS"), outcome.data.channels[0].dropouts
    assert figure.count >= 0.9 * len(places) > 4
    assert figure.total_ms == pytest.approx(20 * figure.count, abs=1 * figure.count)
    for at_s in figure.at_s:
        assert min(abs(at_s - place / RATE) for place in places) < 0.002
    assert found.at_s == figure.at_s[0]
    assert f"{figure.count} dropouts" in found.message
    alone = speech.copy()
    alone[places[0] : places[0] + 320] = 0
    assert "1 dropout in" in finding(analyze(alone), "DROPOUTS").message


@pytest.mark.parametrize("hz", [50, 60])
def test_a_loud_hum_is_a_finding_and_a_faint_one_only_a_figure(analyze, speech, hz):
    outcome = analyze(speech + hum(speech.size, hz, -40))
    assert f"{hz} Hz" in finding(outcome, "HUM").message
    faint = analyze(speech + hum(speech.size, hz, -58))
    assert "HUM" not in codes(faint)
    for one in (outcome, faint):
        figure = one.data.channels[0].hum_hz
        assert (figure.value, figure.status) == (hz, Status.MEASURED)
        assert "dBFS" in figure.method


def test_no_hum_is_zero_and_no_time_to_look_is_a_reason(analyze, speech):
    none, short = analyze(speech), analyze(speech[: 2 * RATE])
    assert none.data.channels[0].hum_hz.value == 0
    assert "no steady line" in none.data.channels[0].hum_hz.method
    assert short.data.channels[0].hum_hz.status is Status.NOT_MEASURABLE


def test_digital_silence_between_words_is_one_line_of_information(analyze, part):
    silenced = np.stack([without_background(row)[0] for row in part])
    outcome = analyze(silenced, options=CALLER_FIRST)
    assert codes(outcome) == ["GATED"]
    found = finding(outcome, "GATED")
    assert found.severity is Severity.INFO
    assert found.message.startswith("channels 0 (caller) and 1 (agent): the pauses are digital")
    assert [channel.gated for channel in outcome.data.channels] == [True, True]


def test_a_noise_gate_takes_the_ratio_away(analyze, part):
    clean, speaking = without_background(part[1])
    level = np.sqrt(np.mean(clean[speaking] ** 2))
    noisy = clean + np.random.default_rng(0).normal(0, level / 20, clean.size)
    place = np.arange(clean.size)
    since = place - np.maximum.accumulate(np.where(speaking, place, -(10**9)))
    outcome = analyze(np.where(since < 0.15 * RATE, noisy, noisy * 0.003))
    channel = outcome.data.channels[0]
    assert (channel.gated, channel.snr_db.reason) == (True, GATED_REASON)
    assert all(part.snr_db.value is None for part in channel.segments)
    found = finding(outcome, "GATED")
    assert found.severity is Severity.WARNING
    assert "before the noise gate" in found.hint
    assert found.at_s is not None
    assert analyze(noisy).data.channels[0].snr_db.value == pytest.approx(26, abs=3)


def test_a_low_ratio_points_at_the_noisiest_words(analyze, speech):
    noise = np.random.default_rng(0).normal(0, 0.01, speech.size)
    noise[10 * RATE :] *= 10
    found = finding(analyze(speech + noise), "LOW_SNR")
    assert found.at_s > 9


def test_places_lie_on_the_recordings_clock_in_a_cut(analyze, speech):
    loud = np.clip(speech * 4 / np.abs(speech).max(), -1, 1)
    found = finding(analyze(loud, options=AudioOptions(start_s=10.0)), "CLIPPING")
    first = 10 * RATE + int(np.argmax(np.abs(loud[10 * RATE :]) >= 1))
    assert found.at_s == pytest.approx(first / RATE, abs=0.2)


def test_places_of_a_file_that_begins_later_lie_on_the_common_clock(tmp_path, part):
    agent = np.clip(part[1] * 4 / np.abs(part[1]).max(), -1, 1)
    for name, row in (("caller", part[0]), ("agent", agent)):
        sf.write(tmp_path / f"{name}.wav", row, RATE)
    places = []
    for offset_ms in (0, 2_500):
        audio = open_pair(
            tmp_path / "caller.wav",
            tmp_path / "agent.wav",
            agent_offset_ms=offset_ms,
            options=AudioOptions(),
        )
        outcome = judge(audio)
        assert codes(outcome) == ["CLIPPING"]
        places.append(outcome.findings[0].at_s)
    assert places[1] - places[0] == pytest.approx(2.5, abs=1e-3)


def test_the_crest_factor_does_not_follow_pauses_or_offset(analyze, speech):
    alone = analyze(speech).data.channels[0].crest_factor_db.value
    background = np.random.default_rng(0).normal(0, 1e-4, 20 * RATE)
    padded = np.concatenate([speech, background]) + 0.1
    assert analyze(padded).data.channels[0].crest_factor_db.value == pytest.approx(alone, abs=0.5)
    squashed = np.clip(speech * 8 / np.abs(speech).max(), -1, 1)
    assert analyze(squashed).data.channels[0].crest_factor_db.value < alone - 5


def test_a_channel_without_speech_has_figures_but_no_dropouts(analyze):
    noise = np.random.default_rng(0).normal(0, 0.1, 4 * RATE)
    noise[RATE : RATE + 400] = 0
    outcome = analyze(noise)
    channel = outcome.data.channels[0]
    assert (channel.dropouts, channel.gated) == (None, None)
    assert channel.loudness_lufs.value == pytest.approx(-17.3, abs=0.5)
    assert channel.crest_factor_db.reason
    assert codes(outcome) == ["NO_SPEECH"]


def test_opinion_scores_without_their_package_are_unavailable(analyze, speech, monkeypatch):
    monkeypatch.setitem(sys.modules, "speechmos", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    outcome = analyze(speech, mos=True)
    assert outcome.data.channels[0].mos.ovrl.status is Status.UNAVAILABLE
    found = finding(outcome, "SPEECHMOS_MISSING")
    assert "echotrace[mos]" in found.hint
    assert "install" in found.message


def test_opinion_scores_are_written_per_channel(analyze, part, monkeypatch):
    def rate(model, read, windows, *, is_telephone):
        assert windows
        assert not is_telephone
        assert len(read(windows[0], windows[0] + 1.0)) == RATE
        figure = Measurement.measured(3.123, "MOS", n=len(windows))
        return Mos(sig=figure, bak=figure, ovrl=figure)

    monkeypatch.setattr(MosModel, "__init__", lambda model: None)
    monkeypatch.setattr(MosModel, "rate", rate)
    outcome = analyze(part, mos=True)
    assert [channel.mos.sig.value for channel in outcome.data.channels] == [3.12, 3.12]
    assert outcome.data.channels[0].mos.sig.unit == "MOS"
