"""Where in a returned sound there is something to hear for the first time."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import echotrace
from echotrace.audio.levels import active_level
from echotrace.audio.resample import Resampler
from echotrace.providers.tts.base import PcmFormat
from echotrace.providers.tts.place import frame_bytes, sound_offset
from echotrace.providers.tts.silence import Onset, first_audible, leading_silence_ms
from echotrace.providers.tts.sound import NotSoundError, Sound, read_sound
from tests.fakes.tts_servers import STREAMED, pcm16, voice, wav

RATES = (8_000, 16_000, 22_050, 24_000, 48_000)


def sound(samples, rate_hz):
    values = np.atleast_2d(np.asarray(samples, np.float32))
    return Sound(samples=values, rate_hz=rate_hz, form="wav", is_longer=False)


@pytest.mark.parametrize("floor_dbfs", [None, -90.0, -60.0])
@pytest.mark.parametrize("rate_hz", RATES)
def test_180_ms_of_silence_are_found_within_10_ms(rate_hz, floor_dbfs):
    made = voice(rate_hz, lead_s=0.18, floor_dbfs=floor_dbfs)
    assert leading_silence_ms(sound(made, rate_hz)) == pytest.approx(180.0, abs=10.0)
    assert leading_silence_ms(sound(made, rate_hz)) == pytest.approx(180.0, abs=2.0)


@settings(max_examples=60)
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


@settings(max_examples=20)
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


@pytest.mark.parametrize("lead_ms", [0.0, 10.0, 20.0])
def test_a_voice_without_silence_is_not_its_own_noise(lead_ms):
    """Between its syllables it is nearly as quiet as the threshold."""
    made = voice(24_000, lead_s=lead_ms / 1000)
    assert first_audible(sound(made, 24_000)) == Onset(lead_ms=lead_ms)


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


@pytest.mark.parametrize("rows", [(0, 1), (1, 0)])
def test_the_first_channel_that_is_audible_counts(rows):
    """A voice at half the strength begins 130 ms before the other one; a third is off its zero."""
    loud, quiet = voice(24_000, lead_s=0.18), 0.5 * voice(24_000, lead_s=0.05, speech_s=1.13)
    made = np.stack([*(np.stack([loud, quiet])[list(rows)]), np.full(len(loud), 0.4)])
    found = read_sound(wav(made, 24_000), None)
    assert found.form == "wav, 24,000 Hz, 3 channels"
    assert leading_silence_ms(found) == pytest.approx(50.0, abs=3.0)


def test_what_leaks_into_another_channel_is_not_audible():
    made = np.stack([voice(24_000, lead_s=0.18), 0.02 * voice(24_000, speech_s=1.18)])
    assert leading_silence_ms(sound(made, 24_000)) == pytest.approx(180.0, abs=3.0)


def _hit(samples, kind, at):
    if kind == "click":
        samples[at] = 0.9
    elif kind == "1 ms":
        samples[at : at + 24] += 0.5
    elif kind == "step":
        samples[:at] += 0.3
    else:
        samples[at:] -= 0.3
    return samples


@pytest.mark.parametrize("kind", ["click", "1 ms", "step", "step down"])
def test_what_does_not_last_is_no_beginning(kind):
    for at in (0, 100, 191, 192, 1_000, 2_400):
        made = _hit(voice(24_000, lead_s=0.18, speech_s=0.4), kind, at)
        onset = first_audible(sound(made, 24_000))
        assert onset.lead_ms == pytest.approx(180.0, abs=3.0), at
        assert not onset.is_estimated


def test_a_click_alone_is_nothing_to_hear():
    assert leading_silence_ms(sound(_hit(np.zeros(24_000), "click", 4_000), 24_000)) is None


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
@pytest.mark.parametrize(
    ("below_db", "is_estimated"),
    [(12.0, False), (8.0, False), (4.0, True), (0.0, True), (-5, True)],
)
def test_noise_near_the_threshold_makes_the_place_an_estimate(rate_hz, below_db, is_estimated):
    """The threshold lies 20 dB below the active level, and 6 dB below that nothing is hidden."""
    clean = Resampler(1, rate_hz).push(voice(rate_hz)[None].astype(np.float32), last=True)[0]
    floor_dbfs = active_level(clean).level_dbfs - 20.0 - below_db
    made = voice(rate_hz, lead_s=0.18, floor_dbfs=floor_dbfs)
    onset = first_audible(sound(made, rate_hz))
    assert onset.lead_ms == pytest.approx(180.0, abs=4.0)
    assert onset.is_estimated is is_estimated


def test_a_steady_sound_is_not_its_own_noise():
    tone = 0.2 * np.sin(2 * np.pi * 400 * np.arange(24_000) / 24_000)
    assert first_audible(sound(tone, 24_000)) == Onset(lead_ms=0.0)


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


@settings(max_examples=150)
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
    tone = np.sqrt(2.0) * np.sin(2 * np.pi * 2_000 * np.arange(48) / 24_000)
    short = slice(round(0.182 * 24_000), round(0.184 * 24_000))
    made[short] = 0.09 * np.sqrt(np.mean(made**2)) * tone
    assert leading_silence_ms(sound(made, 24_000)) == pytest.approx(184.0, abs=0.1)
    made[short] *= 1.8
    assert leading_silence_ms(sound(made, 24_000)) == pytest.approx(182.0, abs=0.1)


@pytest.mark.parametrize(("subtype", "rate_hz"), [("VORBIS", 24_000), ("OPUS", 48_000)])
def test_pages_of_headers_are_no_sound(subtype, rate_hz):
    body = io.BytesIO()
    soundfile.write(body, voice(rate_hz, lead_s=0.18), rate_hz, format="OGG", subtype=subtype)
    data = body.getvalue()
    offset = sound_offset(data)
    page = data.rindex(b"OggS", 0, offset)
    headers = {b"VORBIS": (b"\x01vorbis", b"\x05vorbis"), b"OPUS": (b"OpusHead", b"OpusTags")}
    assert all(data.index(name) < page for name in headers[subtype.encode()])
    assert offset == page + 27 + data[page + 26]
    assert int.from_bytes(data[page + 6 : page + 14], "little") > 0
    starts = [at for at in range(page) if data[at : at + 4] == b"OggS"]
    assert len(starts) >= 2
    assert all(data[at + 6 : at + 14] == bytes(8) for at in starts)
    for less in (data[:page], data[: page + 20], data[: starts[1] + 30]):
        assert sound_offset(less) == len(less)
        with pytest.raises(NotSoundError, match="no sound behind it"):
            read_sound(less, None)


@pytest.mark.parametrize(
    ("form", "subtype", "endian", "size"),
    [
        ("WAV", "PCM_16", "FILE", 4),
        ("WAV", "PCM_24", "FILE", 6),
        ("WAV", "FLOAT", "FILE", 8),
        ("WAV", "ULAW", "FILE", 2),
        ("WAV", "IMA_ADPCM", "FILE", None),
        ("WAVEX", "PCM_16", "FILE", 4),
        ("WAV", "PCM_16", "BIG", 4),
        ("FLAC", "PCM_16", "FILE", None),
    ],
)
def test_a_frame_has_as_many_bytes_as_its_header_says(form, subtype, endian, size):
    body = io.BytesIO()
    made = np.stack([voice(8_000), voice(8_000)], axis=1)
    soundfile.write(body, made, 8_000, format=form, subtype=subtype, endian=endian)
    found = read_sound(body.getvalue(), None)
    assert found.frame_bytes == size
    if size:
        whole = len(body.getvalue()) - sound_offset(body.getvalue())
        assert whole // size == found.samples.shape[1] == 8_000


def test_two_samples_in_a_byte_are_no_frame():
    """G.722 at 4 bits: its header looks as if each sample had a byte."""
    body = bytearray(wav(voice(8_000), 8_000))
    assert frame_bytes(bytes(body)) == 2
    body[20:22], body[32:36] = b"\x8f\x02", b"\x01\0\x04\0"
    assert frame_bytes(bytes(body)) is None
    assert frame_bytes(bytes(body[:30])) is None
    body[20:22] = b"\x01\0"
    assert frame_bytes(bytes(body)) == 1
