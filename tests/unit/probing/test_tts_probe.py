"""The TTS probe as a stage, against a real local server."""

import asyncio

import pytest

from echotrace.analyzers.tts_probe import TtsProbeAnalyzer
from echotrace.config.settings import Settings, TtsSettings
from echotrace.errors import UsageError
from echotrace.model.measure import Status
from echotrace.model.outcome import Inputs
from echotrace.providers.tts.base import BUILT_IN_TEXT
from echotrace.telemetry import TelemetryCollector
from tests.fakes.llm_servers import Pause, Reply
from tests.fakes.probe_reports import llm_probe, mock_llm_probe
from tests.fakes.tts_servers import SpeechServer, refusal, spoken, voice, wav

pytestmark = pytest.mark.on_a_clock

RATE_HZ = 24_000


def sound(**more):
    return wav(voice(RATE_HZ, lead_s=0.18, speech_s=0.4, **more), RATE_HZ)


def probed(answer, *, probes=2, inputs=None, llm=None):
    with SpeechServer(answer) as server:
        tts = TtsSettings(
            provider="openai:tts-1", base_url=f"{server.url}/v1", probes=probes, spacing_s=0.0
        )
        analyzer = TtsProbeAnalyzer(TelemetryCollector())
        work = analyzer.analyze("", settings=Settings(tts=tts), inputs=inputs, results={"llm": llm})
        outcome = asyncio.run(work)
    return outcome, [asked.body["input"] for asked in server.asked]


def test_the_figures_are_those_of_the_warm_requests():
    outcome, texts = probed(lambda asked: spoken(sound()))
    tts = outcome.data
    assert texts == [BUILT_IN_TEXT] * 3
    assert tts.ttfa_ms.n == 2
    assert tts.leading_silence_ms.value == pytest.approx(180, abs=10)
    assert tts.ttfa_ms.status is Status.MEASURED
    assert outcome.findings == ()


def test_it_speaks_the_sentences_of_the_model_in_turn():
    llm = llm_probe()
    sentences = [item.first_sentence for item in llm.samples if not item.cold]
    outcome, texts = probed(lambda asked: spoken(sound()), llm=llm)
    assert outcome.data.text_source == "llm"
    assert texts[1:] == [text for text in sentences if text][:2]


@pytest.mark.parametrize("llm", [None, mock_llm_probe()])
def test_a_mock_gives_nothing_to_speak(llm):
    outcome, texts = probed(lambda asked: spoken(sound()), llm=llm)
    assert (outcome.data.text_source, set(texts)) == ("built-in", {BUILT_IN_TEXT})


def test_a_text_of_the_user_comes_before_all():
    outcome, texts = probed(
        lambda asked: spoken(sound()), inputs=Inputs(speech="Hello."), llm=llm_probe()
    )
    assert (outcome.data.text_source, set(texts)) == ("flag", {"Hello."})


def test_a_beginning_in_noise_is_an_estimate():
    outcome, _ = probed(lambda asked: spoken(sound(floor_dbfs=-40)))
    assert outcome.data.ttfa_ms.status is Status.ESTIMATED
    assert outcome.data.ttfb_ms.status is Status.MEASURED


def test_a_service_that_pads_its_first_byte_with_silence_is_told():
    body = sound()
    late = Reply(steps=(body[: 44 + 4800], Pause(0.4), body[44 + 4800 :]), content_type="audio/wav")
    outcome, _ = probed(lambda asked: late)
    assert [item.code for item in outcome.findings] == ["TTS_STARVED"]
    assert outcome.data.ttfa_ms.value > 390


def test_a_service_that_refuses_gives_unavailable_figures():
    outcome, texts = probed(lambda asked: refusal(500, "broken"))
    tts = outcome.data
    assert tts.ttfa_ms.status is Status.UNAVAILABLE
    assert [item.code for item in outcome.findings] == ["TTS_UNAVAILABLE"]
    assert [(kind.code, kind.count) for kind in tts.failures] == [("TTS_SERVER_ERROR", len(texts))]


def test_without_a_name_there_is_nothing_to_ask():
    assert "--tts" in (TtsProbeAnalyzer.idle(Settings()) or "")
    with pytest.raises(UsageError, match="no speech synthesiser"):
        asyncio.run(TtsProbeAnalyzer(TelemetryCollector()).analyze("", settings=Settings()))
