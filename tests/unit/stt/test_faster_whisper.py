import json
import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from echotrace.audio.vad import SAMPLE_RATE_HZ, SpeechSpan
from echotrace.config.settings import SttSettings
from echotrace.errors import ConfigError, MissingDependencyError
from echotrace.providers.stt.base import SttStopped
from echotrace.providers.stt.faster_whisper import VAD_OPTIONS, FasterWhisperEngine
from echotrace.providers.stt.pieces import PieceLimits, cut_pieces
from tests.fakes.array_reader import ArrayReader
from tests.fakes.scripted_whisper import put_into_cache
from tests.fakes.speech_models import mini_model, shared

STT = SttSettings(cpu_threads=1)


def engine_of(model, **changes):
    return FasterWhisperEngine(str(model), replace(STT, **changes), offline=True)


def pieces_of(reader, engine, spans, limits=None):
    return cut_pieces(
        reader,
        0,
        begin_s=0.0,
        end_s=reader.duration_s,
        limits=limits or engine.limits,
        spans=spans,
    )


@pytest.fixture
def noise():
    return ArrayReader(np.random.default_rng(3).normal(0, 0.1, 4 * SAMPLE_RATE_HZ))


@pytest.fixture
def clip():
    """The first demo recording, its text, its words, where it holds speech."""
    truth = json.loads(shared("models/demo/ground_truth.json").read_text())["clips"][0]
    samples, rate = soundfile.read(shared("models/demo") / truth["file"], dtype="float32")
    assert rate == SAMPLE_RATE_HZ
    return ArrayReader(samples), truth


def test_speech_is_recognised_with_words_times_and_confidence(clip, collector):
    reader, truth = clip
    engine = engine_of(mini_model("whisper-mini-gold"))
    load_ms = engine.load(collector)
    found = engine.transcribe(pieces_of(reader, engine, [SpeechSpan(*truth["speech"])]), collector)
    engine.close()
    assert engine.name == "faster-whisper:whisper-mini-gold"
    assert found.text == truth["text"]
    assert [word.text for word in found.words] == truth["text"].split()
    late = [abs(w.start_s - t["start"]) for w, t in zip(found.words, truth["words"], strict=True)]
    assert sorted(late)[len(late) // 2] < 0.1
    assert all(0.0 <= word.probability <= 1.0 for word in found.words)
    assert all(type(word.start_s) is float for word in found.words)
    for segment in found.segments:
        assert None not in (segment.avg_logprob, segment.no_speech_prob)
        assert None not in (segment.compression_ratio, segment.temperature)
    spans = {span.name: span for span in collector.spans}
    assert spans["model_load"].duration_ms == pytest.approx(load_ms, rel=0.2, abs=2.0)
    assert spans["inference"].duration_ms >= found.inference_ms - 1.0 > 0
    assert spans["inference"].attributes["vad"] == "signal"
    assert "warm_up" not in spans


def test_the_clock_of_the_recording_survives_leading_silence(clip, collector):
    """9 s of silence go in front; nothing but the times may change."""
    reader, truth = clip
    engine = engine_of(mini_model("whisper-mini-gold"))
    engine.load(collector)
    start, end = truth["speech"]
    plain = engine.transcribe(pieces_of(reader, engine, [SpeechSpan(start, end)]), collector)
    later = ArrayReader(np.concatenate([np.zeros(9 * SAMPLE_RATE_HZ), reader.samples[0]]))
    moved = engine.transcribe(pieces_of(later, engine, [SpeechSpan(start + 9, end + 9)]), collector)
    engine.close()
    assert moved.text == plain.text
    assert [word.start_s for word in moved.words] == pytest.approx(
        [word.start_s + 9 for word in plain.words], abs=0.002
    )


def test_without_detected_speech_the_engine_filters_with_recorded_options(clip, collector):
    """The library's defaults (2 s of silence, 0.4 s of padding) are never used."""
    reader, truth = clip
    engine = engine_of(mini_model("whisper-mini-gold"))
    engine.load(collector)
    found = engine.transcribe(pieces_of(reader, engine, None), collector)
    engine.close()
    assert found.text == truth["text"]
    (span,) = [span for span in collector.spans if span.name == "inference"]
    assert span.attributes["vad"] == VAD_OPTIONS
    from faster_whisper.vad import VadOptions

    assert set(VAD_OPTIONS) <= set(VadOptions.__dataclass_fields__)
    assert VAD_OPTIONS["min_silence_duration_ms"] != VadOptions().min_silence_duration_ms


def test_silence_and_noise_have_no_words(collector):
    engine = engine_of(mini_model("whisper-mini-fast"))
    engine.load(collector)
    for samples in (np.zeros(3 * SAMPLE_RATE_HZ), np.zeros(0)):
        found = engine.transcribe(pieces_of(ArrayReader(samples), engine, None), collector)
        assert (found.text, found.words, found.segments) == ("", (), ())
    engine.close()


def test_a_long_recording_is_transcribed_in_pieces_on_one_clock(scripted_model, collector):
    reader = ArrayReader(np.random.default_rng(3).normal(0, 0.1, 50 * SAMPLE_RATE_HZ))
    engine = engine_of(scripted_model)
    engine.load(collector)
    spans = [SpeechSpan(float(at), at + 4.0) for at in range(0, 50, 10)]
    limits = PieceLimits(max_s=10.0, pad_s=0.1)
    found = engine.transcribe(pieces_of(reader, engine, spans, limits), collector)
    engine.close()
    assert len([span for span in collector.spans if span.name == "inference"]) == 3
    assert found.text == "alpha beta gamma alpha beta gamma alpha beta gamma"
    first, second, third = (segment.start_s for segment in found.segments)
    assert 0.0 <= first <= 14.1, "each within its own piece; the model points anywhere in it"
    assert 19.9 <= second <= 34.1
    assert 39.9 <= third <= 44.1


@pytest.mark.parametrize(("language", "heard"), [("en", "en"), ("de", "de"), ("auto", "de")])
def test_a_multilingual_model_is_told_the_language_or_finds_it(
    scripted_model, noise, collector, language, heard
):
    engine = engine_of(scripted_model, language=language)
    engine.load(collector)
    found = engine.transcribe(pieces_of(noise, engine, [SpeechSpan(0.0, 4.0)]), collector)
    engine.close()
    assert (found.language, found.text, found.findings) == (heard, "alpha beta gamma", ())


def test_an_unknown_language_is_a_setting_that_does_not_fit(scripted_model, noise, collector):
    engine = engine_of(scripted_model, language="klingon")
    engine.load(collector)
    with pytest.raises(ConfigError) as caught:
        engine.transcribe(pieces_of(noise, engine, [SpeechSpan(0.0, 4.0)]), collector)
    engine.close()
    assert caught.value.code == "UNKNOWN_LANGUAGE"


def test_an_english_model_says_that_it_ignores_another_language(collector):
    engine = engine_of(mini_model("whisper-mini-fast"), language="de")
    engine.load(collector)
    silence = ArrayReader(np.zeros(SAMPLE_RATE_HZ))
    found = engine.transcribe(pieces_of(silence, engine, [SpeechSpan(0.0, 1.0)]), collector)
    engine.close()
    assert [finding.code for finding in found.findings] == ["LANGUAGE_IGNORED"]


def test_the_warm_up_is_a_span_of_its_own(scripted_model, collector):
    engine = engine_of(scripted_model)
    engine.load(collector)
    assert engine.warm_up(collector) > 0
    engine.close()
    assert [s.name for s in collector.spans if s.name != "engine_import"] == [
        "model_load",
        "warm_up",
    ]


def test_it_stops_between_segments_when_nobody_waits(scripted_model, noise, collector):
    engine = engine_of(scripted_model)
    engine.load(collector)
    stop = threading.Event()
    asked = []

    def is_stopped():
        asked.append(stop.is_set())
        stop.set()  # the second question, after the first segment, is answered yes
        return asked[-1]

    with pytest.raises(SttStopped):
        engine.transcribe(
            pieces_of(noise, engine, [SpeechSpan(0.0, 4.0)]), collector, is_stopped=is_stopped
        )
    engine.close()
    assert asked == [False, True]


def test_a_model_of_the_cache_is_loaded_without_the_network(hub_cache, scripted_model, collector):
    put_into_cache(scripted_model, hub_cache)
    engine = engine_of("tiny")
    assert engine.name == "faster-whisper:tiny"
    assert engine.load(collector) > 0
    engine.close()


def test_a_missing_model_is_never_fetched_silently(hub_cache, collector):
    engine = FasterWhisperEngine("tiny", STT, offline=False)
    with pytest.raises(MissingDependencyError) as caught:
        engine.load(collector)
    assert caught.value.code == "MODEL_MISSING"
    assert "--allow-download" in caught.value.hint


def test_offline_wins_over_a_permission_to_download(hub_cache, collector):
    settings = replace(STT, allow_download=True)
    with pytest.raises(MissingDependencyError) as caught:
        FasterWhisperEngine("tiny", settings, offline=True).load(collector)
    assert caught.value.code == "MODEL_MISSING"
    FasterWhisperEngine("tiny", settings, offline=False).check()


def test_a_number_format_the_machine_lacks_is_named(scripted_model, collector):
    engine = engine_of(scripted_model, compute_type="int8_float16")
    with pytest.raises(ConfigError) as caught:
        engine.load(collector)
    assert caught.value.code == "COMPUTE_TYPE"
    assert "int8_float16" in caught.value.what


def test_a_gpu_that_is_not_there_is_named(scripted_model, collector):
    import ctranslate2

    if ctranslate2.get_cuda_device_count():
        pytest.skip("this machine has a GPU")
    with pytest.raises(MissingDependencyError) as caught:
        engine_of(scripted_model, device="cuda").load(collector)
    assert caught.value.code == "DEVICE_MISSING"


@pytest.mark.parametrize("broken", ["model.bin", "tokenizer.json", "vocabulary.json"])
@pytest.mark.parametrize("content", [b"", b"garbage", b"\0" * 4096])
def test_a_damaged_model_is_named_whatever_the_library_raises(
    tmp_path, scripted_model, collector, broken, content
):
    folder = tmp_path / "model"
    shutil.copytree(scripted_model, folder)
    (folder / broken).write_bytes(content)
    with pytest.raises(MissingDependencyError) as caught:
        engine_of(folder).load(collector)
    assert caught.value.code == "MODEL_DAMAGED"
    assert "\n" not in caught.value.why
    failed = [span for span in collector.spans if span.name == "model_load"]
    assert [span.status for span in failed] == ["failed"]


def test_threads_are_bounded_by_the_machine(scripted_model, collector):
    engine = engine_of(scripted_model, cpu_threads=0)
    engine.load(collector)
    engine.close()
    (span,) = [span for span in collector.spans if span.name == "model_load"]
    assert 1 <= span.attributes["cpu_threads"] <= 4
