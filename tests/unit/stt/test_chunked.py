import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from echotrace.audio.vad import SAMPLE_RATE_HZ
from echotrace.providers.stt.base import SttStopped, never_stopped
from echotrace.providers.stt.chunked import ChunkedStream
from echotrace.providers.stt.faster_whisper import FasterWhisperEngine
from tests.fakes.speech_models import mini_model, shared


class Counting:
    """Writes down what it is given."""

    def __init__(self):
        self.given = []

    def decode_text(self, samples, *, is_stopped):
        self.given.append(samples.copy())
        return f"text {len(self.given)}"


def test_it_decodes_from_the_beginning_at_every_step():
    decoder = Counting()
    stream = ChunkedStream(decoder, never_stopped, step_ms=500)
    audio = np.arange(18_000, dtype=np.float32)
    shown = [stream.feed(audio[at : at + 4_000]) for at in range(0, 16_000, 4_000)]
    shown.append(stream.feed(audio[16_000:]))
    assert shown == ["", "text 1", "text 1", "text 2", "text 2"]
    assert stream.finish() == "text 3"
    assert [len(given) for given in decoder.given] == [8_000, 16_000, 18_000]
    assert all((given == audio[: len(given)]).all() for given in decoder.given)


@given(st.lists(st.integers(0, 9_000), max_size=12), st.floats(20, 1_000))
def test_the_final_text_is_of_all_audio_and_no_step_is_shorter(sizes, step_ms):
    decoder = Counting()
    stream = ChunkedStream(decoder, never_stopped, step_ms=step_ms)
    for size in sizes:
        stream.feed(np.zeros(size, np.float32))
    fed = len(decoder.given)
    assert stream.finish() == stream.finish()
    lengths = [len(given) for given in decoder.given]
    assert (lengths[-1] if lengths else 0) == sum(sizes)
    steps = np.diff([0, *lengths[:fed]])
    assert (steps >= round(step_ms * SAMPLE_RATE_HZ / 1e3)).all()


def test_nothing_fed_is_nothing_heard():
    decoder = Counting()
    assert ChunkedStream(decoder, never_stopped).finish() == ""
    assert decoder.given == []


def test_a_whisper_model_stops_between_segments_and_copes_with_scraps(collector, make_settings):
    engine = FasterWhisperEngine(
        str(mini_model("whisper-mini-fast")), make_settings().stt, offline=True
    )
    engine.load(collector)
    for samples in (np.zeros(0, np.float32), np.zeros(1, np.float32)):
        assert isinstance(engine.decode_text(samples, is_stopped=never_stopped), str)
    speech, _ = soundfile.read(shared("models/demo/demo_01.wav"), dtype="float32")
    with pytest.raises(SttStopped):
        engine.decode_text(speech, is_stopped=lambda: True)
    engine.close()
