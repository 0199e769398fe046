"""The audit as a whole, on real recordings, real engines and the files of a user."""

import asyncio
import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from echotrace.analyzers.transcription import TranscriptionAnalyzer
from echotrace.audio.handle import AudioOptions, open_audio
from echotrace.config.settings import CacheSettings, Settings, SttSettings
from echotrace.model.measure import Status
from echotrace.model.outcome import Inputs
from echotrace.telemetry import TelemetryCollector
from tests.fakes.cli import DEMO
from tests.fakes.speech_models import mini_model, shared

RATE_HZ = 16_000


@pytest.fixture
def audit():
    """Run the analyzer; returns its data, its findings by code, the names of its spans."""

    def audit(path, *, inputs=None, streaming=False, cached=False, caller=None, cut=None, **stt):
        settings = replace(
            Settings(),
            cache=CacheSettings(enabled=cached),
            stt=SttSettings(**{"cpu_threads": 1, **stt}),
        )
        collector = TelemetryCollector()
        start_s, end_s = cut or (None, None)
        options = AudioOptions(caller_channel=caller, start_s=start_s, end_s=end_s)

        async def run(audio):
            return await TranscriptionAnalyzer(collector).analyze(
                str(path),
                audio=audio,
                settings=settings,
                inputs=inputs or Inputs(),
                streaming=streaming,
            )

        with open_audio(path, options=options, collector=collector) as audio:
            outcome = asyncio.run(run(audio))
        findings = {item.code: item for item in outcome.findings}
        return outcome.data, findings, [span.name for span in collector.spans]

    return audit


@pytest.fixture
def fast():
    return f"faster-whisper:{mini_model('whisper-mini-fast')}"


@pytest.fixture
def call():
    return DEMO / "call.wav"


@pytest.fixture
def clip():
    truth = json.loads(shared("models/demo/ground_truth.json").read_text())["clips"][0]
    return shared("models/demo") / truth["file"], truth["text"]


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
        return str(path)

    return write


def test_the_same_audio_is_transcribed_once_whatever_its_name(audit, clip, fast, tmp_path):
    path, text = clip
    samples, rate_hz = soundfile.read(path, dtype="int16")
    copy = tmp_path / "copy.flac"
    soundfile.write(copy, samples, rate_hz)
    inputs = Inputs(reference=text)
    first, _, spans = audit(path, inputs=inputs, engine=fast, cached=True)
    assert first.cached_at is None
    assert {"model_load", "inference"} <= set(spans)
    second, _, spans = audit(copy, inputs=inputs, engine=fast, cached=True)
    assert second.cached_at is not None
    assert not {"model_load", "inference"} & set(spans)
    assert second.words == first.words
    assert second.timing.inference_ms.value == first.timing.inference_ms.value
    assert second.cached_at in second.timing.inference_ms.method
    third, _, spans = audit(path, inputs=inputs, engine=fast, cached=True, beam_size=1)
    assert third.cached_at is None, "another option is another transcript"


def test_without_the_cache_nothing_is_kept(audit, clip, fast, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    audit(clip[0], engine=fast)
    assert not (tmp_path / "cache" / "echotrace").exists()


def test_a_recording_without_speech_asks_no_engine_and_no_cache(audit, fast, tmp_path):
    silence = tmp_path / "silence.wav"
    soundfile.write(silence, np.zeros(RATE_HZ), RATE_HZ)
    data, _, spans = audit(silence, engine=fast, cached=True)
    assert data.actual == ""
    assert not {"cache_lookup", "model_load", "inference"} & set(spans)


def test_a_transcript_without_times_is_aligned_with_the_speech(audit, clip, write):
    pytest.importorskip("pocketsphinx", reason="pocketsphinx has no wheel for this Python")
    path, text = clip
    heard = text.replace("wallet", "ballet")
    inputs = Inputs(reference=text, transcript_path=write("heard.txt", heard))
    data, _, spans = audit(path, inputs=inputs)
    assert "forced_alignment" in spans
    placed = [word for word in data.words if word.time_source == "aligned"]
    assert len(placed) >= 0.9 * len(data.words)
    starts = [word.start_s for word in placed]
    assert starts == sorted(starts)
    (error,) = data.errors
    assert (error.gold, error.actual, error.place) == ("wallet", "ballet", "aligned")
    assert error.start_s is not None
    assert '"wallet" -> "ballet" at' in error.message


def test_an_empty_reference_makes_every_word_a_hallucination(audit, clip, fast):
    data, findings, _ = audit(clip[0], inputs=Inputs(reference=""), engine=fast)
    assert data.wer.status is Status.NOT_MEASURABLE
    assert data.hallucinated_words == data.counts.insertions == len(data.words)
    assert "HALLUCINATED_WORDS" in findings


def test_words_over_silence_are_counted_and_flagged(audit, tmp_path, write):
    silence = tmp_path / "silence.wav"
    soundfile.write(silence, np.zeros(4 * RATE_HZ), RATE_HZ)
    words = [{"word": word, "start": 1.0 + at, "end": 1.5 + at} for at, word in enumerate("ab")]
    path = write("own.json", {"words": words})
    data, findings, _ = audit(silence, inputs=Inputs(reference="a", transcript_path=path))
    assert data.hallucinated_words == 2
    assert data.hallucination.per_silent_minute.value == pytest.approx(30.0, rel=0.01)
    assert findings["HALLUCINATED_WORDS"].at_s == 1.0


def test_one_long_recording_has_an_interval_over_its_segments(audit, call, write):
    segments = [
        {"text": "red apples" if at % 3 else "red pears", "start": 2.0 * at, "end": 2.0 * at + 1}
        for at in range(14)
    ]
    words = [
        {"word": word, "start": item["start"] + 0.4 * k, "end": item["start"] + 0.4 * k + 0.3}
        for item in segments
        for k, word in enumerate(item["text"].split())
    ]
    path = write("own.json", {"segments": segments, "words": words})
    inputs = Inputs(reference="red apples " * 14, transcript_path=path)
    data, _, _ = audit(call, inputs=inputs, caller=0)
    assert data.wer.value == pytest.approx(5 / 28)
    assert data.wer.low < data.wer.value < data.wer.high
    assert "14" in data.wer.method


@pytest.mark.parametrize(
    "reference",
    ["one " * 400, "the quick brown fox jumps over lazy dogs while we all sing old songs " * 3],
    ids=["too_many_words", "none_of_its_words"],
)
def test_a_reference_of_another_recording_is_doubted(audit, call, fast, reference):
    _, findings, _ = audit(call, inputs=Inputs(reference=reference), engine=fast, caller=0)
    assert "REFERENCE_MISMATCH" in findings


@pytest.mark.parametrize(
    "reference", ["我想取消我的信用卡" * 4_000, "x" * 40_000], ids=["unspaced", "one_word"]
)
def test_a_reference_without_spaces_is_doubted_by_its_length(audit, clip, write, reference):
    inputs = Inputs(reference=reference, transcript_path=write("heard.txt", "我想取消"))
    data, findings, _ = audit(clip[0], inputs=inputs, language="zh")
    assert "characters" in findings["REFERENCE_MISMATCH"].message
    assert data.errors == ()
    assert data.errors_left_out == sum(
        (data.counts.substitutions, data.counts.deletions, data.counts.insertions)
    )


def test_a_missed_entity_and_its_error_have_one_place(audit, clip, write):
    path, text = clip
    words = text.split()
    at = words.index("wallet")
    times = [{"word": w, "start": 0.3 * k, "end": 0.3 * k + 0.2} for k, w in enumerate(words)]
    del times[at]
    own = write("own.json", {"words": times})
    inputs = Inputs(reference=text, transcript_path=own, key_terms=("wallet",))
    data, _, _ = audit(path, inputs=inputs)
    (error,) = data.errors
    (missed,) = [item for item in data.entities.items if item.outcome == "missed"]
    assert (error.op, error.place) == ("delete", "between")
    assert missed.at_s == error.start_s


def test_key_terms_and_numbers_are_entities_with_a_place(audit, clip, write):
    path, text = clip
    words = text.split()
    at = words.index("wallet")
    times = [{"word": w, "start": 0.2 * k, "end": 0.2 * k + 0.2} for k, w in enumerate(words)]
    times[at]["word"] = "nonsense"
    inputs = Inputs(
        reference=text, transcript_path=write("own.json", {"words": times}), key_terms=("wallet",)
    )
    data, _, _ = audit(path, inputs=inputs)
    (missed,) = [item for item in data.entities.items if item.type == "key_term"]
    assert missed.outcome in ("missed", "wrong")
    assert missed.at_s == pytest.approx(0.2 * at, abs=0.21)
    assert data.entities.key_terms == 1


def test_partial_results_of_the_users_own_pipeline_are_measured(audit, clip, write):
    path, text = clip
    results = [
        {"at": 1.0, "text": "hello"},
        {"at": 1.4, "text": "hollow world"},
        {"at": 6.0, "text": text, "final": True},
    ]
    own = write("own.json", {"text": text, "partials": results})
    data, _, _ = audit(path, inputs=Inputs(transcript_path=own))
    assert data.streaming.source == "transcript:own.json"
    assert data.streaming.rewritten_ratio.value > 0
    assert data.streaming.first_partial_ms.status is Status.MEASURED


@pytest.mark.slow
def test_streaming_is_real_for_sphinx_and_simulated_for_whisper(audit, clip, fast):
    pytest.importorskip("pocketsphinx", reason="pocketsphinx has no wheel for this Python")
    real, _, spans = audit(clip[0], engine="sphinx", streaming=True)
    assert real.streaming.first_partial_ms.status is Status.MEASURED
    assert "streaming_replay" in spans
    simulated, _, _ = audit(clip[0], engine=fast, streaming=True)
    assert simulated.streaming.first_partial_ms.status is Status.SIMULATED
    assert simulated.streaming.chunk_ms is not None


def test_nothing_is_streamed_that_was_not_asked_for(audit, clip, fast):
    data, _, _ = audit(clip[0], engine=fast)
    assert data.streaming is None


def test_the_other_sides_transcript_has_its_words_and_role(audit, call, fast):
    data, _, _ = audit(call, engine=fast, caller=0)
    (agent,) = data.other_channels
    assert (agent.role, data.rate) == ("agent", "wer")
    assert all(word.start_s is not None for word in agent.words)
    words = sum(len(line.text.split()) for line in data.dialogue)
    assert words == len(data.words) + len(agent.words)


def test_a_warm_up_is_on_request_and_timed_apart(audit, clip, fast):
    data, _, spans = audit(clip[0], engine=fast, warm_up=True)
    assert data.timing.warm_up_ms.value > 0
    assert spans.index("warm_up") < spans.index("inference")


def test_a_transcript_that_nobody_could_say_in_this_time_is_doubted(audit, clip, write):
    path, text = clip
    own = write("own.txt", "and so on " * 2_000)
    data, findings, _ = audit(path, inputs=Inputs(reference=text, transcript_path=own))
    assert "6,000 words" in findings["TRANSCRIPT_MISMATCH"].message
    assert (data.errors, data.causes) == ((), ())
    assert data.wer.value > 100


def test_times_beyond_the_recording_are_no_words_in_silence(audit, clip, write):
    words = [
        {"word": "hello", "start": 1500, "end": 2000},
        {"word": "wallet", "start": 2000, "end": 2600},
    ]
    own = write("own.json", {"words": words})
    data, findings, _ = audit(clip[0], inputs=Inputs(transcript_path=own))
    assert {"TRANSCRIPT_BEYOND_AUDIO"} == set(findings)
    assert data.hallucination.words.status is Status.NOT_MEASURABLE


def test_a_cache_that_was_damaged_is_begun_anew_and_said(audit, clip, fast, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "echotrace"
    folder.mkdir(mode=0o700)
    (folder / "transcripts-1.sqlite3").write_bytes(b"no database" * 1000)
    first, findings, _ = audit(clip[0], engine=fast, cached=True)
    assert "begun anew" in findings["CACHE_TROUBLE"].message
    second, findings, _ = audit(clip[0], engine=fast, cached=True)
    assert "CACHE_TROUBLE" not in findings
    assert second.cached_at is not None
    assert second.words == first.words


def test_a_transcript_whose_words_are_not_its_text_is_doubted(audit, clip, write):
    path, text = clip
    words = [{"word": "goodbye", "start": 1.0, "end": 1.5}]
    own = write("own.json", {"text": text, "words": words})
    _, findings, _ = audit(path, inputs=Inputs(reference=text, transcript_path=own))
    assert "TRANSCRIPT_WORDS_DIFFER" in findings


@pytest.mark.parametrize("document", [{"text": ""}, {"text": None, "words": []}, []])
def test_a_transcript_without_words_says_so(audit, clip, write, document):
    own = write("own.json", document)
    _, findings, _ = audit(clip[0], inputs=Inputs(reference=clip[1], transcript_path=own))
    assert "TRANSCRIPT_EMPTY" in findings
