import asyncio

import pytest

import echotrace
from echotrace.errors import ConfigError, InputError
from tests.fakes.cli import DEMO

CLIP = DEMO / "demo_voice_1_mixed_with_noise_1_snr10.wav"


def test_what_is_public_is_there_and_nothing_else():
    assert set(echotrace.__all__) == {
        "Report",
        "TelemetryCollector",
        "__version__",
        "analyze",
        "analyze_async",
        "timed",
    }
    assert all(getattr(echotrace, name) for name in echotrace.__all__)
    assert dir(echotrace) == sorted(echotrace.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = echotrace.nothing


def test_a_recording_becomes_a_report():
    report = echotrace.analyze(CLIP, stages=["signal"])
    assert isinstance(report, echotrace.Report)
    assert report.signal.channels[0].snr_db.value == pytest.approx(10, abs=2)
    again = asyncio.run(echotrace.analyze_async(CLIP, stages=["signal"]))
    assert again.signal == report.signal


def test_errors_are_exceptions_and_failed_stages_are_not():
    with pytest.raises(InputError):
        echotrace.analyze("nowhere.wav")
    with pytest.raises(ConfigError):
        echotrace.analyze(CLIP, settings={"stt.engin": "sphinx"})
    settings = {"stt.engine": f"faster-whisper:{DEMO / 'nothing'}"}
    report = echotrace.analyze(CLIP, stages=["signal", "transcription"], settings=settings)
    assert report.status.value == "partial"
    assert report.transcription is None
