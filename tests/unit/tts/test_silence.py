"""Where in a returned sound there is something to hear for the first time."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import echotrace
from echotrace.providers.tts.base import PcmFormat
from echotrace.providers.tts.silence import leading_silence_ms
from echotrace.providers.tts.sound import NotSoundError, Sound, read_sound, sound_offset
from tests.fakes.tts_servers import STREAMED, pcm16, voice, wav

RATES = (8_000, 16_000, 22_050, 24_000, 48_000)


def sound(samples, rate_hz):
    values = np.asarray(samples, np.float32)
    return Sound(samples=values, rate_hz=rate_hz, form="wav", is_longer=False)


@pytest.mark.parametrize("floor_dbfs", [None, -90.0, -60.0])
@pytest.mark.parametrize("rate_hz", RATES)
def test_180_ms_of_silence_are_found_within_10_ms(rate_hz, floor_dbfs):
    made = voice(rate_hz, lead_s=0.18, floor_dbfs=floor_dbfs)
    assert leading_silence_ms(sound(made, rate_hz)) == pytest.approx(180.0, abs=10.0)
    assert leading_silence_ms(sound(made, rate_hz)) == pytest.approx(180.0, abs=2.0)


@settings(max_examples=60, deadline=None)
@given(
    lead_ms=st.floats(0, 900),
    rate_hz=st.sampled_from(RATES),
    gain_db=st.floats(-30, 10),
    offset=st.floats(-0.02, 0.02),
)
def test_the_place_depends_neither_on_the_grid_nor_on_loudness_or_offset(
    lead_ms, rate_hz, gain_db, offset
):
    made = 10 ** (gain_db / 20) * voice(rate_hz, lead_s=lead_ms / 1000, speech_s=0.6) + offset
    assert leading_silence_ms(sound(made, rate_hz)) == pytest.approx(lead_ms, abs=3.0)


@settings(max_examples=20, deadline=None)
@given(more_ms=st.integers(1, 400), rate_hz=st.sampled_from(RATES))
def test_more_silence_in_front_is_found_to_the_millisecond(more_ms, rate_hz):
    made = voice(rate_hz, lead_s=0.1, speech_s=0.5)
    padded = np.concatenate([np.zeros(round(more_ms * rate_hz / 1000)), made])
    before, after = (leading_silence_ms(sound(item, rate_hz)) for item in (made, padded))
    assert after - before == pytest.approx(more_ms, abs=2.1)


def test_real_speech_begins_where_its_level_says():
    """The bundled call is padded with silence: the place moves by just as much."""
    path = Path(echotrace.__file__).parent / "demo" / "call.wav"
    rows, rate_hz = soundfile.read(path, dtype="float32", always_2d=True, frames=8 * 16_000)
    column = rows[:, int(np.argmax((rows**2).sum(axis=0)))]
    first = leading_silence_ms(sound(column, rate_hz))
    cut = column[round(first * rate_hz / 1000) :]
    assert leading_silence_ms(sound(cut, rate_hz)) == pytest.approx(0.0, abs=9.0)
    padded = np.concatenate([np.zeros(round(0.18 * rate_hz), np.float32), cut])
    assert leading_silence_ms(sound(padded, rate_hz)) == pytest.approx(180.0, abs=10.0)


@pytest.mark.parametrize(
    "made",
    [
        np.zeros(24_000),
        np.full(24_000, 0.25),
        np.random.default_rng(1).integers(-1, 2, 24_000) / 32768,
        np.zeros(1),
    ],
    ids=["digital silence", "an offset alone", "dither", "one sample"],
)
def test_nothing_to_hear_has_no_beginning(made):
    assert leading_silence_ms(sound(made, 24_000)) is None


def test_sound_to_the_first_sample_has_no_silence():
    assert leading_silence_ms(sound(voice(24_000), 24_000)) == 0.0


def test_a_faint_breath_before_the_words_is_not_audible():
    made = voice(24_000, lead_s=0.5, floor_dbfs=None)
    made[4_800:7_200] += 0.002 * np.random.default_rng(2).standard_normal(2_400)
    assert leading_silence_ms(sound(made, 24_000)) == pytest.approx(500.0, abs=3.0)


@pytest.mark.parametrize("size", [None, 0, STREAMED, 0x7FFFFFFF], ids=str)
@pytest.mark.parametrize("rate_hz", RATES)
def test_a_streamed_header_need_not_know_its_sizes(rate_hz, size):
    made = voice(rate_hz, lead_s=0.18)
    found = read_sound(wav(made, rate_hz, size=size), None)
    assert found.form == f"wav, {rate_hz:,} Hz, 1 channel"
    assert found.duration_s == pytest.approx(1.18, abs=0.001)
    assert leading_silence_ms(found) == pytest.approx(180.0, abs=3.0)


@pytest.mark.parametrize("form", ["flac", "ogg", "mp3"])
def test_other_forms_are_read_too(form):
    body = io.BytesIO()
    soundfile.write(body, voice(24_000, lead_s=0.18), 24_000, format=form.upper())
    found = read_sound(body.getvalue(), None)
    assert found.form == f"{form}, 24,000 Hz, 1 channel"
    assert leading_silence_ms(found) == pytest.approx(180.0, abs=10.0)


def test_a_body_without_a_header_is_read_as_the_provider_says():
    found = read_sound(
        pcm16(voice(24_000, lead_s=0.18)) + b"\x01", PcmFormat(sample_rate_hz=24_000)
    )
    assert found.form == "pcm, 24,000 Hz, 1 channel"
    assert found.duration_s == pytest.approx(1.18)
    assert leading_silence_ms(found) == pytest.approx(180.0, abs=3.0)


def test_a_header_wins_over_what_the_provider_says():
    found = read_sound(wav(voice(8_000), 8_000), PcmFormat(sample_rate_hz=24_000))
    assert found.form == "wav, 8,000 Hz, 1 channel"


def test_the_loudest_channel_counts():
    made = np.stack([np.zeros(28_320), voice(24_000, lead_s=0.18)])
    found = read_sound(wav(made, 24_000), None)
    assert found.form == "wav, 24,000 Hz, 2 channels"
    assert leading_silence_ms(found) == pytest.approx(180.0, abs=3.0)


@pytest.mark.parametrize("pcm", [None, PcmFormat(sample_rate_hz=8_000)], ids=["wav", "pcm"])
def test_no_more_than_a_minute_is_decoded(pcm):
    made = voice(8_000, speech_s=61.0)
    body = wav(made, 8_000, size=STREAMED) if pcm is None else pcm16(made)
    found = read_sound(body, pcm)
    assert found.is_longer
    assert found.duration_s == 60.0
    shorter = read_sound(wav(made[: 60 * 8_000], 8_000), None)
    assert not shorter.is_longer


@pytest.mark.parametrize(
    ("body", "fragment", "is_empty"),
    [
        (b"", "no byte", True),
        (wav(np.zeros(0), 8_000), "no sound behind it", True),
        (wav(voice(8_000), 8_000)[:30], "no sound behind it", True),
        (b'{"error": "no"}', "a JSON document", False),
        (b"<!doctype html><title>Login</title>", "an HTML page", False),
        (b"usage: speak [options]\n", "a text file", False),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "a PNG image", False),
        (bytes(range(128, 256)) * 20, "2,560 bytes of no known format", False),
        (b"fLaC" + b"\x80\x00\x00\x22" + b"\x55" * 4000, "", False),
    ],
)
def test_what_is_no_sound_says_what_it_is(body, fragment, is_empty):
    with pytest.raises(NotSoundError) as caught:
        read_sound(body, None)
    assert fragment in str(caught.value)
    assert caught.value.is_empty is is_empty


@pytest.mark.parametrize(
    "body", [b'{"error": "no"}', b"<html><body>Login</body></html>"], ids=["JSON", "HTML"]
)
def test_a_page_is_never_played_as_samples(body):
    with pytest.raises(NotSoundError, match="it is a"):
        read_sound(body, PcmFormat(sample_rate_hz=24_000))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"RIFF\0\0\0\0WAVE", b"fLaC", b"ID3"]))
def test_any_bytes_are_sound_or_said_to_be_none(rest, start):
    body = start + rest
    assert 0 <= sound_offset(body) <= len(body)
    try:
        found = read_sound(body, None)
    except NotSoundError:
        return
    assert found.duration_s > 0


def test_the_first_byte_of_sound_is_behind_the_header():
    body = wav(voice(8_000), 8_000)
    assert sound_offset(body) == 44
    listed = body[:36] + b"LIST" + (5).to_bytes(4, "little") + b"abcde\0" + body[36:]
    assert sound_offset(listed) == 58
    assert sound_offset(body[:44]) == 44
    assert sound_offset(body[:20]) == 20
    flac = io.BytesIO()
    soundfile.write(flac, voice(8_000), 8_000, format="FLAC")
    data = flac.getvalue()
    assert data[sound_offset(data) : sound_offset(data) + 2] in (b"\xff\xf8", b"\xff\xf9")
    tagged = b"ID3\x04\x00\x00\x00\x00\x00\x05abcde\xff\xfb"
    assert sound_offset(tagged) == 15
    assert sound_offset(pcm16(voice(8_000))) == 0


def test_a_beginning_too_short_to_fill_its_frame_is_where_the_sound_begins():
    """Its last 2 ms are audible, its mean is not; the next frame is loud from its first piece."""
    made = voice(24_000, lead_s=0.184)
    onset = round(0.182 * 24_000)
    made[onset : round(0.184 * 24_000)] = 0.1 * np.sqrt(np.mean(made**2))
    assert leading_silence_ms(sound(made, 24_000)) == pytest.approx(184.0, abs=0.1)
    made[onset : round(0.184 * 24_000)] *= 1.6
    assert leading_silence_ms(sound(made, 24_000)) == pytest.approx(182.0, abs=0.1)
