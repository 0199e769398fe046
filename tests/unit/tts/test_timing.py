"""The times of a synthesis are those that the server stamped on the same clock."""

import pytest

from tests.fakes.llm_servers import Pause, Reply
from tests.fakes.tts_servers import STREAMED, SpeechServer, pcm16, spoken, streamed, voice, wav
from tests.unit.tts.conftest import TEXT

pytestmark = pytest.mark.on_a_clock

BODY = wav(voice(24_000, lead_s=0.18), 24_000, size=STREAMED)
NEAR_MS = 15.0
both = pytest.mark.parametrize("provider", ["openai", "groq"])


def ms(later_ns, earlier_ns):
    return (later_ns - earlier_ns) / 1e6


@both
def test_the_figures_are_those_of_the_server(speak, provider):
    with SpeechServer(
        lambda seen: streamed(BODY, first_s=0.05, header_s=0.06, gap_s=0.01)
    ) as server:
        taken = speak(provider, base_url=server.url, times=3)
    for seen, item in zip(server.asked, taken, strict=True):
        sample = item.sample
        assert (sample.status, item.error, sample.code) == ("ok", None, None)
        # the header came alone, 60 ms before the first byte of sound
        first_ms = ms(seen.step_ns[1], seen.received_ns)
        assert first_ms > 105
        assert sample.ttfb_ms == pytest.approx(first_ms, abs=NEAR_MS)
        assert sample.leading_silence_ms == pytest.approx(180.0, abs=10.0)
        assert sample.ttfa_ms == sample.ttfb_ms + sample.leading_silence_ms
        assert sample.total_ms == pytest.approx(ms(seen.written_ns, seen.received_ns), abs=NEAR_MS)
        assert sample.audio_s == pytest.approx(1.18)
        assert sample.rtf == pytest.approx(sample.total_ms / 1000 / sample.audio_s)
        assert sample.audio_bytes == len(BODY)
        assert sample.audio_format == "wav, 24,000 Hz, 1 channel"
        assert sample.text == TEXT
    assert [item.sample.reused for item in taken] == [False, True, True]
    assert [item.sample.cold for item in taken] == [True, False, False]
    assert server.connections == 1


@both
def test_the_parts_of_a_request_are_whole_and_in_place(speak, provider):
    with SpeechServer(
        lambda seen: streamed(BODY, first_s=0.05, header_s=0.04, gap_s=0.01)
    ) as server:
        taken = speak(provider, base_url=server.url, times=2, wait_s=0.03)
    for seen, item in zip(server.asked, taken, strict=True):
        sample = item.sample
        parts = {part.name: part for part in sample.phases}
        names = ["queued", "connect"] if sample.cold else ["queued"]
        names += ["request_sent", "waiting", "first_audio", "streaming", "done"]
        assert list(parts) == names
        end_ms = 0.0
        for part in sample.phases:
            assert part.start_ms == pytest.approx(end_ms, abs=1e-6)
            assert part.duration_ms >= 0
            end_ms = part.start_ms + part.duration_ms
        assert parts["queued"].duration_ms >= 30
        for name, span in (
            ("waiting", ms(seen.step_ns[0], seen.received_ns)),
            ("first_audio", ms(seen.step_ns[1], seen.step_ns[0])),
            ("streaming", ms(seen.step_ns[-1], seen.step_ns[1])),
        ):
            assert parts[name].duration_ms == pytest.approx(span, abs=NEAR_MS)
    gap_ms = taken[1].sample.start_ms - taken[0].sample.start_ms
    assert gap_ms >= taken[0].sample.total_ms
    assert taken[1].sample.start_ms + 30 > 0


@both
def test_one_request_a_sample_and_what_is_in_it(speak, provider):
    with SpeechServer(lambda seen: spoken(BODY)) as server:
        speak(provider, base_url=server.url, times=2, voice="nova", text="Grüße, “you”.")
    first, second = server.asked
    model = {"openai": "tts-1", "groq": "canopylabs/orpheus-v1-english"}[provider]
    wanted = {"model": model, "input": "Grüße, “you”.", "voice": "nova", "response_format": "wav"}
    assert first.body == second.body == wanted
    assert first.headers["accept-encoding"] == "identity"
    assert first.headers["authorization"].startswith("Bearer gsk_PLANTED")
    assert (server.listings, server.strays) == (0, [])
    assert first.path == {"openai": "/v1/audio/speech", "groq": "/openai/v1/audio/speech"}[provider]


def test_samples_without_a_header_are_read_as_the_vendor_says(speak):
    made = voice(24_000, lead_s=0.18)
    with SpeechServer(lambda seen: spoken(pcm16(made), kind="audio/pcm")) as server:
        sample = speak("openai:any", base_url=server.url, format="pcm").sample
    assert server.asked[0].body["response_format"] == "pcm"
    assert (sample.status, sample.audio_format) == ("ok", "pcm, 24,000 Hz, 1 channel")
    assert sample.leading_silence_ms == pytest.approx(180.0, abs=10.0)


@both
def test_what_the_server_says_of_itself_stands_beside_ours(speak, provider):
    headers = (("openai-processing-ms", "40"), ("x-request-id", "req_7"))
    with SpeechServer(lambda seen: streamed(BODY, first_s=0.06, headers=headers)) as server:
        sample = speak(provider, base_url=server.url).sample
    assert (sample.http_status, sample.request_id) == (200, "req_7")
    assert (sample.server.source, sample.server.total_ms) == ("openai-processing-ms", 40.0)
    (seen,) = server.asked
    first_ms = ms(seen.first_byte_ns, seen.received_ns)
    assert sample.network_ms == pytest.approx(first_ms - 40.0, abs=NEAR_MS)


@both
def test_a_compressed_reply_counts_what_it_unpacks_to(speak, provider):
    with SpeechServer(lambda seen: streamed(BODY, gzip=True)) as server:
        sample = speak(provider, base_url=server.url).sample
    assert (sample.status, sample.audio_bytes) == ("ok", len(BODY))
    assert sample.server is None
    assert sample.network_ms is None


@both
def test_sound_that_drips_for_ever_is_cut_and_what_came_stands(speak, provider):
    drip = Reply(steps=(BODY[:40_000], *(Pause(0.02), BODY[40_000:40_100]) * 100))
    with SpeechServer(lambda seen: drip) as server:
        taken = speak(provider, base_url=server.url, timeout_s=0.1)
    sample = taken.sample
    assert (sample.status, sample.code, taken.error) == ("cut", "TTS_CUT", None)
    assert "0.3 s" in sample.reason
    assert sample.leading_silence_ms == pytest.approx(180.0, abs=10.0)
    assert sample.ttfa_ms == sample.ttfb_ms + sample.leading_silence_ms
    assert (sample.total_ms, sample.rtf, sample.audio_s) == (None, None, None)


def test_an_hour_of_sound_is_cut_too(speak):
    made = wav(voice(8_000, speech_s=61.0), 8_000)
    with SpeechServer(lambda seen: spoken(made)) as server:
        taken = speak("openai", base_url=server.url)
    sample = taken.sample
    assert (sample.status, sample.code, taken.error) == ("cut", "TTS_TOO_LONG", None)
    assert sample.ttfa_ms is not None
    assert sample.total_ms is not None
    assert (sample.rtf, sample.audio_s) == (None, None)
