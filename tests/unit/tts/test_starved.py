"""When the first audible sample is heard: by its place in the sound, or when its bytes came."""

import asyncio
import io
import time

import numpy as np
import pytest
import soundfile

from echotrace.providers.taken import Due
from echotrace.providers.tts.base import AudioEvent, PcmFormat
from echotrace.providers.tts.measure import take_sample
from tests.fakes.llm_servers import Pause, Reply
from tests.fakes.tts_servers import SpeechServer, pcm16, spoken, voice, wav

pytestmark = pytest.mark.on_a_clock

RATE_HZ = 24_000
ONSET = round(0.18 * RATE_HZ)
MADE = voice(RATE_HZ, lead_s=0.18, speech_s=0.5)
MONO = wav(MADE, RATE_HZ)
STEREO = wav(np.stack([MADE, MADE]), RATE_HZ)


class Scripted:
    """A provider whose pieces and stamps are written down."""

    name, model, voice, sent_to, exchange, requests_sent = "scripted", "m", None, "host", None, 1

    def __init__(self, pieces, pcm=None, ends=True):
        self.pieces, self.pcm, self.ends = pieces, pcm, ends

    async def synthesize(self, text):
        start_ns = time.perf_counter_ns()
        yield AudioEvent(kind="sent", at_ns=start_ns)
        for at_ms, data in self.pieces:
            yield AudioEvent(kind="audio", at_ns=start_ns + round(at_ms * 1e6), data=data)
        if self.ends:
            yield AudioEvent(kind="done", at_ns=start_ns + round(self.pieces[-1][0] * 1e6))


def hear(pieces, **more):
    limit_s = more.pop("limit_s", 10.0)
    due = Due(index=1, cold=False, due_ns=time.perf_counter_ns(), origin_ns=0)
    asked = take_sample(Scripted(pieces, **more), text="Hello.", limit_s=limit_s, due=due)
    return asyncio.run(asked).sample


def split(body, at, *, came_ms):
    return [(50.0, body[:at]), (came_ms, body[at:])]


def mu_law():
    body = io.BytesIO()
    soundfile.write(body, MADE, RATE_HZ, format="WAV", subtype="ULAW")
    return body.getvalue()


@pytest.mark.parametrize(
    ("body", "head", "size", "pcm"),
    [
        (MONO, 44, 2, None),
        (STEREO, 44, 4, None),
        (mu_law(), None, 1, None),
        (MONO[44:], 0, 2, PcmFormat(sample_rate_hz=RATE_HZ)),
        (STEREO[44:], 0, 4, PcmFormat(sample_rate_hz=RATE_HZ, channels=2)),
    ],
    ids=["wav", "stereo", "mu-law", "pcm", "pcm, stereo"],
)
def test_sound_is_not_heard_before_its_bytes_came(body, head, size, pcm):
    head = body.index(b"data") + 8 if head is None else head
    late = hear(split(body, head + (ONSET + 1) * size - 1, came_ms=1_000.0), pcm=pcm)
    assert (late.ttfb_ms, late.leading_silence_ms, late.ttfa_ms) == (50.0, 180.0, 1_000.0)
    assert (late.status, late.code) == ("ok", "TTS_STARVED")
    assert "came 770 ms too late" in late.reason
    there = hear(split(body, head + (ONSET + 1) * size, came_ms=1_000.0), pcm=pcm)
    assert (there.ttfb_ms, there.leading_silence_ms, there.ttfa_ms) == (50.0, 180.0, 230.0)
    assert (there.status, there.code, there.reason) == ("ok", None, None)


@pytest.mark.parametrize(
    ("came_ms", "ttfa_ms", "code"),
    [(229.0, 230.0, None), (230.5, 230.5, None), (231.5, 231.5, "TTS_STARVED")],
)
def test_bytes_that_come_in_time_change_nothing(came_ms, ttfa_ms, code):
    sample = hear(split(MONO, 2_000, came_ms=came_ms))
    assert (sample.ttfa_ms, sample.code) == (ttfa_ms, code)


def test_of_compressed_sound_no_byte_is_known_to_hold_a_sample():
    body = io.BytesIO()
    soundfile.write(body, MADE, RATE_HZ, format="FLAC")
    data = body.getvalue()
    sample = hear(split(data, len(data) - 10, came_ms=1_000.0))
    assert sample.ttfa_ms == sample.ttfb_ms + sample.leading_silence_ms == 230.0
    assert sample.code is None


def test_a_place_that_noise_hides_is_said_to_be_an_estimate():
    body = wav(voice(RATE_HZ, lead_s=0.18, floor_dbfs=-36.0), RATE_HZ)
    sample = hear([(50.0, body)])
    assert sample.leading_silence_ms == pytest.approx(180.0, abs=4.0)
    assert (sample.status, sample.code) == ("ok", "TTS_ONSET_ESTIMATED")
    assert "noise" in sample.reason
    both = hear(split(body, 1_000, came_ms=500.0))
    assert (both.status, both.code, both.ttfa_ms) == ("ok", "TTS_STARVED", 500.0)
    assert sample.reason in both.reason


def test_sound_that_was_cut_says_both():
    longer = wav(voice(8_000, lead_s=0.18, speech_s=61.0), 8_000)
    sample = hear(split(longer, 1_000, came_ms=500.0))
    assert (sample.status, sample.code, sample.ttfa_ms) == ("cut", "TTS_TOO_LONG", 500.0)
    assert "more than 60 s" in sample.reason
    assert "270 ms too late" in sample.reason


def test_a_server_that_sends_silence_first_gains_nothing(speak):
    """100 ms of zeros at once, and the voice 300 ms later."""
    at = 44 + round(0.1 * RATE_HZ) * 2
    reply = Reply(steps=(MONO[:at], Pause(0.3), MONO[at:]), content_type="audio/wav")
    with SpeechServer(lambda seen: reply) as server:
        sample = speak("openai", base_url=server.url).sample
    (seen,) = server.asked
    came_ms = (seen.step_ns[1] - seen.received_ns) / 1e6
    assert sample.ttfb_ms < 100
    assert sample.leading_silence_ms == pytest.approx(180.0, abs=3.0)
    assert sample.ttfa_ms == pytest.approx(came_ms, abs=15.0)
    assert (sample.status, sample.code) == ("ok", "TTS_STARVED")


def test_the_first_byte_of_ogg_is_behind_its_headers(speak):
    body = io.BytesIO()
    soundfile.write(body, MADE, RATE_HZ, format="OGG", subtype="VORBIS")
    data = body.getvalue()
    page = data.index(b"OggS", data.index(b"\x05vorbis"))
    reply = Reply(steps=(data[:page], Pause(0.1), data[page:]), content_type="audio/ogg")
    with SpeechServer(lambda seen: reply) as server:
        sample = speak("openai", base_url=server.url).sample
    (seen,) = server.asked
    came_ms = (seen.step_ns[1] - seen.received_ns) / 1e6
    assert came_ms > 95
    assert sample.ttfb_ms == pytest.approx(came_ms, abs=15.0)
    assert sample.status == "ok"


def test_samples_without_a_header_may_be_split_anywhere(speak):
    """Half a sample came first; the whole one is heard when its other byte has come."""
    body = pcm16(voice(RATE_HZ, speech_s=0.4))
    reply = Reply(steps=(body[:1], Pause(0.1), body[1:]), content_type="audio/pcm")
    with SpeechServer(lambda seen: reply) as server:
        sample = speak("openai:any", base_url=server.url, format="pcm").sample
    assert sample.leading_silence_ms == 0.0
    assert sample.ttfa_ms > 95 > sample.ttfb_ms
    assert sample.code == "TTS_STARVED"


def test_a_whole_sound_in_one_piece_starves_nobody(speak):
    with SpeechServer(lambda seen: spoken(MONO)) as server:
        sample = speak("openai", base_url=server.url).sample
    assert sample.ttfa_ms == sample.ttfb_ms + sample.leading_silence_ms
    assert (sample.code, sample.reason) == (None, None)
