import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from echotrace.audio.vad import SAMPLE_RATE_HZ, SpeechSpan
from echotrace.errors import MissingDependencyError, UsageError
from echotrace.providers.stt import sphinx
from echotrace.providers.stt.base import SttStopped
from echotrace.providers.stt.pieces import cut_pieces
from echotrace.providers.stt.sphinx import SphinxEngine
from echotrace.telemetry import TelemetryCollector
from echotrace.text.compare import compare
from tests.fakes.array_reader import ArrayReader
from tests.fakes.speech_models import shared

pytest.importorskip("pocketsphinx", reason="pocketsphinx has no wheel for this Python")


@pytest.fixture
def engine(collector):
    engine = SphinxEngine()
    engine.load(collector)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def loaded():
    """An engine for tests that leave its process as they found it."""
    engine = SphinxEngine()
    engine.load(TelemetryCollector())
    yield engine
    engine.close()


def pieces_of(reader, engine, spans=None):
    return cut_pieces(
        reader, 0, begin_s=0.0, end_s=reader.duration_s, limits=engine.limits, spans=spans
    )


def levenshtein(gold, actual):
    row = list(range(len(actual) + 1))
    for i, one in enumerate(gold, 1):
        previous, row = row, [i]
        for j, other in enumerate(actual, 1):
            row.append(min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (one != other)))
    return row[-1]


@pytest.mark.slow
def test_human_speech_has_the_error_rate_this_engine_is_known_for(loaded, collector):
    """Five utterances of LibriVox: 0.27 measured apart; the counts by a table written here."""
    folder = shared("audio/librivox")
    lines = (folder / "transcripts.txt").read_text().splitlines()
    edits = words = 0
    for name, reference in (line.split(" ", 1) for line in lines):
        samples, rate = soundfile.read(folder / f"{name}.wav", dtype="float32")
        assert rate == SAMPLE_RATE_HZ
        found = loaded.transcribe(pieces_of(ArrayReader(samples), loaded), collector)
        compared = compare(reference, found.text)
        counts = compared.counts
        wrong = counts.substitutions + counts.deletions + counts.insertions
        gold = [word for op in compared.diff for word in op.gold]
        actual = [word for op in compared.diff for word in op.actual]
        assert wrong == levenshtein(gold, actual)
        edits, words = edits + wrong, words + counts.reference_words
        starts = [word.start_s for word in found.words]
        assert starts == sorted(starts)
        assert all(0.0 <= word.probability <= 1.0 for word in found.words)
        assert all(0.0 <= w.start_s <= w.end_s <= len(samples) / rate for w in found.words)
    assert words == 70
    assert 0.1 <= edits / words <= 0.4


def test_a_synthetic_call_is_heard_on_the_recordings_clock(loaded, collector):
    path = shared("models/demo/demo_01.wav")
    samples, _ = soundfile.read(path, dtype="float32")
    reader = ArrayReader(np.concatenate([np.zeros(5 * SAMPLE_RATE_HZ), samples]))
    found = loaded.transcribe(pieces_of(reader, loaded, [SpeechSpan(5.5, 11.25)]), collector)
    heard = [word for word in found.words if word.text == "credit"]
    assert heard
    assert heard[0].start_s == pytest.approx(5 + 4.697, abs=0.15)
    assert found.audio_s == pytest.approx(5.75 + 2 * loaded.limits.pad_s)
    (span,) = [span for span in collector.spans if span.name == "inference"]
    assert span.duration_ms == pytest.approx(found.inference_ms)
    assert span.cpu_ms > 0


def test_silence_and_noise_end_without_an_error(loaded, collector):
    noise = np.random.default_rng(1).normal(0, 0.05, SAMPLE_RATE_HZ)
    for samples in (np.zeros(SAMPLE_RATE_HZ), noise, np.zeros(0), np.zeros(1)):
        loaded.transcribe(pieces_of(ArrayReader(samples), loaded), collector)
    assert loaded.warm_up(collector) > 0


def test_it_is_labelled():
    engine = SphinxEngine()
    assert engine.name == "sphinx"
    assert engine.note == "embedded, low accuracy"


def test_it_stops_while_it_computes(engine, collector):
    reader = ArrayReader(np.random.default_rng(1).normal(0, 0.05, 30 * SAMPLE_RATE_HZ))
    process = engine._process
    with pytest.raises(SttStopped):
        engine.transcribe(pieces_of(reader, engine), collector, is_stopped=lambda: True)
    assert process.returncode is not None, "its process has ended"


def test_the_end_of_its_process_is_an_error_with_a_reason(engine, collector):
    os.kill(engine._process.pid, signal.SIGKILL)
    engine._process.wait()
    reader = ArrayReader(np.zeros(SAMPLE_RATE_HZ))
    with pytest.raises(MissingDependencyError) as caught:
        engine.transcribe(pieces_of(reader, engine), collector)
    assert caught.value.code == "STT_FAILED"
    assert "-9" in caught.value.why


def test_what_fails_in_its_process_is_reported(collector, monkeypatch, tmp_path):
    (tmp_path / "pocketsphinx.py").write_text("raise RuntimeError('no model here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    engine = SphinxEngine()
    with pytest.raises(MissingDependencyError) as caught:
        engine.load(collector)
    assert caught.value.code == "STT_FAILED"
    assert "no model here" in caught.value.why
    assert engine._process is None


def test_nothing_of_the_users_folder_is_imported(collector, monkeypatch, tmp_path):
    (tmp_path / "json.py").write_text("raise SystemExit('taken over')")
    monkeypatch.chdir(tmp_path)
    engine = SphinxEngine()
    assert engine.load(collector) > 0
    engine.close()


def test_it_says_nothing_of_its_own(tmp_path):
    """The C library logs hundreds of lines; stdout and stderr of the run stay empty."""
    script = (
        "from echotrace.providers.stt.sphinx import SphinxEngine\n"
        "from echotrace.telemetry import TelemetryCollector\n"
        "engine = SphinxEngine()\n"
        "engine.load(TelemetryCollector())\n"
        "engine.warm_up(TelemetryCollector())\n"
        "engine.close()\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert (ran.stdout, ran.stderr) == (b"", b"")


def test_another_language_is_refused():
    with pytest.raises(UsageError) as caught:
        SphinxEngine(language="de").check()
    assert caught.value.code == "SPHINX_LANGUAGE"
    SphinxEngine(language="en-GB").check()


def test_a_missing_package_is_named_with_the_way_out(monkeypatch):
    monkeypatch.setattr(sphinx, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError) as caught:
        SphinxEngine().check()
    assert caught.value.code == "SPHINX_MISSING"
    assert "faster-whisper" in caught.value.hint
