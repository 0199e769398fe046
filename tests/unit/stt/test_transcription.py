import asyncio
import json
import threading
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from echotrace.analyzers.transcription import TranscriptionAnalyzer
from echotrace.audio.handle import AudioOptions, open_audio
from echotrace.errors import InputError, MissingDependencyError
from echotrace.model.measure import Status
from echotrace.model.outcome import Inputs
from echotrace.telemetry import TelemetryCollector
from tests.fakes.speech_models import mini_model, shared

RATE_HZ = 16_000


@pytest.fixture
def hear(make_settings):
    """Run the analyzer on a file; returns its data, the codes of its findings, its spans."""

    def hear(path, *, reference=None, transcript=None, options=None, caller=None, **stt):
        settings = make_settings(**stt)
        settings = replace(settings, audio=replace(settings.audio, caller_channel=caller))
        options = options or AudioOptions(caller_channel=caller)
        collector = TelemetryCollector()

        async def run(audio):
            return await TranscriptionAnalyzer(collector).analyze(
                str(path),
                audio=audio,
                settings=settings,
                results={},
                inputs=Inputs(
                    reference=reference,
                    transcript_path=str(transcript) if transcript is not None else None,
                ),
            )

        with open_audio(path, options=options) as audio:
            outcome = asyncio.run(run(audio))
        return outcome.data, {f.code: f for f in outcome.findings}, collector.spans

    return hear


@pytest.fixture
def fast():
    return f"faster-whisper:{mini_model('whisper-mini-fast')}"


@pytest.fixture
def gold():
    return f"faster-whisper:{mini_model('whisper-mini-gold')}"


@pytest.fixture
def tone(tmp_path):
    """Two seconds without any speech."""
    path = tmp_path / "tone.wav"
    soundfile.write(path, 0.1 * np.sin(np.arange(2 * RATE_HZ) * 0.2), RATE_HZ)
    return path


@pytest.fixture
def clip():
    truth = json.loads(shared("models/demo/ground_truth.json").read_text())["clips"][0]
    return shared("models/demo") / truth["file"], truth["text"]


def test_an_engine_that_was_named_is_audited_against_a_reference(hear, clip, gold):
    path, text = clip
    data, findings, spans = hear(path, reference=text, engine=gold)
    assert (data.engine, data.gold_source, data.gold) == (
        "faster-whisper:whisper-mini-gold",
        "reference",
        text,
    )
    assert data.wer.status is Status.MEASURED
    assert data.wer.value == 0.0
    assert data.counts.hits == len(text.split())
    assert data.normalizer.name == "whisper-en"
    assert [word.text for word in data.words] == text.split()
    assert findings == {}
    (stage,) = [span for span in spans if span.name == "stt_audit"]
    inside = [span.name for span in spans if span.parent_id == stage.id]
    assert set(inside) - {"engine_import"} == {
        "cache_lookup",
        "model_load",
        "inference",
        "word_alignment",
        "error_causes",
    }
    assert stage.attributes["engine"] == data.engine


def test_the_time_is_split_and_the_real_time_factor_follows(hear, clip, gold):
    data, _, spans = hear(clip[0], engine=gold)
    timing = data.timing
    duration_s = soundfile.info(clip[0]).duration
    assert timing.model_load_ms.status is timing.inference_ms.status is Status.MEASURED
    assert timing.rtf.value == pytest.approx(timing.inference_ms.value / 1e3 / duration_s)
    assert timing.warm_up_ms is None, "a warm-up costs a window, so it is on request"
    inference = sum(span.duration_ms for span in spans if span.name == "inference")
    assert timing.inference_ms.value == pytest.approx(inference, rel=0.1, abs=1.0)


def test_without_a_reference_the_rates_say_what_to_pass(hear, clip, fast):
    data, _, _ = hear(clip[0], engine=fast)
    assert data.actual
    for figure in (data.wer, data.cer, data.mer, data.wil, data.wer_raw):
        assert figure.status is Status.NOT_MEASURABLE
        assert "--reference" in figure.reason
        assert "--gold" in figure.reason
    assert (data.gold, data.gold_source, data.counts, data.diff) == (None, None, None, ())


def test_a_gold_engine_gives_the_reference_when_there_is_no_other(hear, clip, fast, gold):
    path, text = clip
    data, findings, _ = hear(path, engine=fast, gold=gold)
    assert data.gold_source == "engine:faster-whisper:whisper-mini-gold"
    assert data.gold == text
    assert data.gold_engine_transcript is None
    assert data.wer.status is Status.MEASURED
    assert data.gold_timing.inference_ms.value > 0
    assert findings == {}


def test_a_text_wins_over_the_gold_engine_whose_transcript_stands_beside(hear, clip, fast, gold):
    path, text = clip
    data, _, _ = hear(path, engine=fast, gold=gold, reference="something else")
    assert (data.gold_source, data.gold) == ("reference", "something else")
    assert data.gold_engine_transcript == text


def test_an_engine_against_itself_is_said_to_show_nothing(hear, clip, fast):
    data, findings, _ = hear(clip[0], engine=fast, gold=fast)
    assert data.wer.value == 0.0
    assert "GOLD_SAME_ENGINE" in findings


def test_the_users_own_transcript_needs_no_engine(hear, tone, tmp_path, hub_cache):
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"words": [{"word": "hello", "start": 0.5, "end": 0.9}]}))
    data, findings, spans = hear(tone, transcript=own, reference="hello there")
    assert data.engine == "transcript:own.json"
    assert data.wer.value == 0.5
    assert data.wer.status is Status.MEASURED
    assert (data.words[0].text, data.words[0].start_s) == ("hello", 0.5)
    assert data.timing is None
    assert {span.name for span in spans} == {"stt_audit", "word_alignment", "error_causes"}
    assert list(findings) == ["HALLUCINATED_WORDS"], "a tone is no speech"


def test_a_transcript_that_cannot_be_read_is_an_input_error(hear, tone, tmp_path):
    with pytest.raises(InputError):
        hear(tone, transcript=tmp_path / "nothing.txt")


def test_an_own_transcript_can_be_held_against_a_gold_engine(hear, clip, tmp_path, gold):
    path, text = clip
    own = tmp_path / "own.txt"
    own.write_text(text.replace("wallet", "ballet"))
    data, _, _ = hear(path, transcript=own, gold=gold)
    assert [(op.gold, op.actual) for op in data.diff if op.op != "equal"] == [
        (("wallet",), ("ballet",))
    ]


def test_a_cut_takes_only_its_words_of_the_own_transcript(hear, tone, tmp_path):
    own = tmp_path / "own.json"
    words = [{"word": f"w{at}", "start": at / 10, "end": at / 10 + 0.05} for at in range(20)]
    own.write_text(json.dumps({"words": words}))
    cut = AudioOptions(start_s=0.5, end_s=1.0)
    data, _, _ = hear(tone, transcript=own, options=cut)
    assert data.actual == "w5 w6 w7 w8 w9"


def test_no_speech_runs_no_engine_and_every_word_is_lost(hear, tone, fast):
    data, _, spans = hear(tone, engine=fast, reference="is anybody there")
    assert (data.actual, data.words) == ("", ())
    assert "no speech" in data.engine_note
    assert data.wer.value == 1.0
    assert data.counts.deletions == 3
    assert data.timing.inference_ms.status is Status.NOT_RUN
    assert not {"model_load", "inference"} & {span.name for span in spans}


def test_an_empty_reference_counts_what_was_invented(hear, clip, gold):
    data, _, _ = hear(clip[0], engine=gold, reference="")
    assert data.wer.status is Status.NOT_MEASURABLE
    assert data.gold_source == "reference"
    assert data.hallucinated_words == len(clip[1].split())


def test_a_reference_that_the_audio_cannot_hold_is_pointed_out(hear, tone, fast):
    _, findings, _ = hear(tone, engine=fast, reference="word " * 40)
    assert "40 words" in findings["REFERENCE_MISMATCH"].message
    _, findings, _ = hear(tone, engine=fast, reference="word " * 12)
    assert findings == {}


def test_an_unknown_caller_channel_is_defaulted_and_the_others_are_heard_too(
    hear, fast, monkeypatch
):
    monkeypatch.setattr("echotrace.audio.assign.infer_roles", lambda features: None)
    path = shared("models/demo/call.wav")
    data, findings, spans = hear(path, engine=fast)
    assert data.channel_index == 0
    assert "credit card" in data.actual
    (other,) = data.other_channels
    assert other.channel_index == 1
    assert "calling how can i help you" in other.actual
    assert other.words
    assert findings["CHANNEL_DEFAULT"].hint == "--caller-channel 1"
    assert len([span for span in spans if span.name == "model_load"]) == 1


@pytest.mark.parametrize(
    ("caller", "scored"), [(None, 0), pytest.param(0, 0, marks=pytest.mark.slow), (1, 1)]
)
def test_both_sides_of_a_call_are_heard_and_the_callers_is_scored(hear, fast, caller, scored):
    data, findings, _ = hear(shared("models/demo/call.wav"), engine=fast, caller=caller)
    assert data.channel_index == scored
    (other,) = data.other_channels
    assert other.channel_index == 1 - scored
    sides = {scored: data.actual, other.channel_index: other.actual}
    assert "lost my wallet" in sides[0]
    assert "calling how can i help you" in sides[1]
    assert "CHANNEL_DEFAULT" not in findings
    assert {line.channel_index for line in data.dialogue} == {0, 1}
    assert [line.start_s for line in data.dialogue] == sorted(x.start_s for x in data.dialogue)


def test_the_embedded_stand_in_is_an_estimate_and_the_named_one_is_not(hear, clip, hub_cache):
    pytest.importorskip("pocketsphinx", reason="pocketsphinx has no wheel for this Python")
    path, text = clip
    data, findings, _ = hear(path, reference=text)
    assert (data.engine, data.engine_note) == ("sphinx", "embedded, low accuracy")
    assert data.wer.status is Status.ESTIMATED
    assert "embedded" in data.wer.reason
    assert "STT_EMBEDDED" in findings
    named, findings, _ = hear(path, reference=text, engine="sphinx")
    assert named.wer.status is Status.MEASURED
    assert named.wer.value == data.wer.value
    assert findings == {}


def test_a_missing_gold_engine_is_found_before_anything_is_transcribed(hear, clip, fast, hub_cache):
    with pytest.raises(MissingDependencyError):
        hear(clip[0], engine=fast, gold="faster-whisper:large-v2")


def test_a_reference_that_is_no_clean_text_can_still_be_written(hear, tone, fast):
    data, _, _ = hear(tone, engine=fast, reference="caf\udce9 \ud83d")
    data.gold.encode("utf-8")


def test_features_that_are_missing_send_the_whole_channel(hear, clip, gold, monkeypatch):
    from echotrace.audio import handle

    opened = handle.Audio.__init__

    def without_features(self, *args, **kwargs):
        opened(self, *args, **kwargs)
        self.features = ()

    monkeypatch.setattr(handle.Audio, "__init__", without_features)
    data, _, spans = hear(clip[0], engine=gold, reference=clip[1])
    assert data.wer.value == 0.0
    (inference,) = [span for span in spans if span.name == "inference"]
    assert inference.attributes["vad"] != "signal"


@asynccontextmanager
async def watched(log):
    log.append("in")
    yield
    log.append("out")


def test_the_work_is_inside_the_timed_section_and_the_loop_stays_free(clip, gold, make_settings):
    """The loop is asked every 2 ms; while 0.3 s of inference run it must have answered often."""
    log, beats = [], []

    async def beat():
        while True:
            beats.append((time.perf_counter_ns(), "in" in log and "out" not in log))
            await asyncio.sleep(0.002)

    async def run(audio, collector):
        heart = asyncio.create_task(beat())
        await TranscriptionAnalyzer(collector).analyze(
            "",
            audio=audio,
            settings=make_settings(engine=gold),
            timed_section=lambda: watched(log),
        )
        heart.cancel()

    collector = TelemetryCollector()
    with open_audio(clip[0], options=AudioOptions()) as audio:
        asyncio.run(run(audio, collector))
    assert log == ["in", "out"]
    (inference,) = [span for span in collector.spans if span.name == "inference"]
    during = [at for at, busy in beats if busy and inference.start_ns < at < inference.end_ns]
    assert len(during) >= 3


def test_cancelling_ends_the_work_and_its_process(make_settings, tmp_path):
    pytest.importorskip("pocketsphinx", reason="pocketsphinx has no wheel for this Python")
    path = tmp_path / "noise.wav"
    soundfile.write(path, np.random.default_rng(1).normal(0, 0.05, 60 * RATE_HZ), RATE_HZ)
    threads, lost = set(threading.enumerate()), []
    collector = TelemetryCollector()

    async def run(audio):
        audio.features = ()  # so that sixty seconds of noise go to the engine
        loop, loaded = asyncio.get_running_loop(), asyncio.Event()

        def tell(event):
            if (event.kind, event.name) == ("ended", "model_load"):
                loop.call_soon_threadsafe(loaded.set)

        collector.add_listener(tell)
        loop.set_exception_handler(lambda loop, context: lost.append(context))
        task = asyncio.create_task(
            TranscriptionAnalyzer(collector).analyze(
                str(path), audio=audio, settings=make_settings(engine="sphinx")
            )
        )
        await loaded.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with open_audio(path, options=AudioOptions()) as audio:
        asyncio.run(run(audio))
    assert set(threading.enumerate()) <= threads
    (stage,) = [span for span in collector.spans if span.name == "stt_audit"]
    assert stage.status == "cancelled"
    assert not [span for span in collector.spans if span.name == "inference"]
    assert lost == []
