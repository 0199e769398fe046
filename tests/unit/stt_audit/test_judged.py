"""The small models on clips with exact truth: what is blamed, and where the words are."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
import soundfile

from echotrace.analyzers.stt_audit.errors import find_errors
from echotrace.analyzers.stt_audit.evidence import Evidence
from echotrace.analyzers.stt_audit.place import refine
from echotrace.audio.vad import speech_mask, speech_spans
from echotrace.config.settings import Settings
from echotrace.fixtures.mixing import active_power, add_noise
from echotrace.fixtures.noises import make_noise
from echotrace.providers.stt.choose import named_engine
from echotrace.providers.stt.pieces import cut_pieces
from echotrace.telemetry import TelemetryCollector
from echotrace.text.align import align_words
from tests.fakes.speech_models import mini_model, shared

RATE = 16_000


@pytest.fixture(scope="module")
def clips():
    """Clean clips of eight voices with their words and times."""
    path = shared("models/demo/ground_truth.json")
    found = []
    for clip in json.loads(path.read_text("utf-8"))["clips"]:
        if clip["condition"] == "clean":
            samples, _ = soundfile.read(path.parent / clip["file"], dtype="float32")
            found.append((samples, clip["words"]))
    return found


@pytest.fixture
def audited(opened, clips):
    """Errors, words and diff of every clip at an SNR, by a small model."""

    def run(model, snr_db, *, count=8):
        collector = TelemetryCollector()
        engine = named_engine(f"faster-whisper:{mini_model(model)}", Settings())
        engine.load(collector)
        for number, (samples, said) in enumerate(clips[:count]):
            mix = samples
            if snr_db is not None:
                noise = make_noise("pink", len(samples), RATE, np.random.default_rng(number))
                mix = samples + add_noise(active_power(samples, RATE), noise, snr_db)
            audio = opened(mix)
            features = audio.features[0]
            spans = speech_spans(
                speech_mask(features.speech_probability), end_s=features.duration_s
            )
            pieces = cut_pieces(
                audio, 0, begin_s=0.0, end_s=audio.duration_s, limits=engine.limits, spans=spans
            )
            words = refine(engine.transcribe(pieces, collector).words, features)
            diff = align_words([word["word"] for word in said], [w.text for w in words]).diff
            ranges = [(index, index + 1) for index in range(len(words))]
            evidence = Evidence(audio, 0)
            errors = find_errors(diff=diff, words=words, ranges=ranges, evidence=evidence)
            yield said, words, diff, errors
        engine.close()

    return run


@pytest.mark.slow
def test_noise_makes_more_errors_and_is_blamed_for_them(audited):
    causes, wrong = {}, {}
    for snr_db in (None, 20.0, 0.0):
        runs = audited("whisper-mini-fast", snr_db, count=5)
        found = [error for _, _, _, errors in runs for error in errors]
        causes[snr_db] = Counter(error.causes[0].kind for error in found)
        wrong[snr_db] = len(found)
    assert wrong[0.0] > 1.5 * wrong[20.0]
    assert causes[None]["low_snr"] == 0
    assert causes[20.0]["model"] > 0.7 * wrong[20.0]
    assert causes[0.0]["low_snr"] > 0.8 * wrong[0.0]
    assert causes[0.0]["model"] < 0.1 * wrong[0.0]


@pytest.mark.slow
def test_words_that_were_heard_right_are_where_they_were_said(audited):
    starts, ends = [], []
    for snr_db in (None, 10.0):
        for said, words, diff, _ in audited("whisper-mini-gold", snr_db, count=4):
            gold_at = actual_at = 0
            for op in diff:
                if op.op == "equal":
                    for step in range(len(op.gold)):
                        truth, word = said[gold_at + step], words[actual_at + step]
                        starts.append(abs(word.start_s - truth["start"]))
                        ends.append(abs(word.end_s - truth["end"]))
                gold_at += len(op.gold)
                actual_at += len(op.actual)
    assert len(starts) > 80
    assert np.mean(np.array(starts) <= 0.15) >= 0.9
    assert np.mean(np.array(ends) <= 0.15) >= 0.93
