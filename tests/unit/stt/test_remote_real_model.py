"""A real model behind a real server hears through the network what it hears without it."""

import json

import pytest
import soundfile

from echotrace.audio.vad import SpeechSpan
from echotrace.config.settings import SttSettings
from echotrace.providers.stt.faster_whisper import FasterWhisperEngine
from echotrace.providers.stt.pieces import Piece, cut_pieces
from tests.fakes.array_reader import ArrayReader
from tests.fakes.llm_servers import document_reply
from tests.fakes.speech_models import mini_model, shared
from tests.fakes.stt_servers import SttServer, segment, verbose
from tests.unit.stt.remote_engines import PROVIDERS, make, transcribe


@pytest.fixture(scope="module")
def local():
    engine = FasterWhisperEngine(
        str(mini_model("whisper-mini-fast")), SttSettings(cpu_threads=1), offline=True
    )
    yield engine
    engine.close()


def _serve(local, collector):
    """Answer with what the model hears in the uploaded file, on the file's own clock."""

    def answer(seen):
        samples, rate = seen.decoded()
        assert rate == 16_000
        whole = Piece(
            reader=ArrayReader(samples.astype("float32") / 32_768),
            channel=0,
            spans=(SpeechSpan(0.0, len(samples) / rate),),
            speech_bounded=True,
        )
        heard = local.transcribe((whole,), collector)
        words = [(word.text, word.start_s, word.end_s) for word in heard.words]
        parts = [
            segment(part.text, part.start_s, part.end_s, avg_logprob=part.avg_logprob)
            for part in heard.segments
        ]
        return document_reply(verbose(heard.text, words, parts))

    return answer


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_server_changes_neither_the_words_nor_their_place(
    local, environment, collector, provider
):
    truth = json.loads(shared("models/demo/ground_truth.json").read_text())["clips"][0]
    samples, _ = soundfile.read(shared("models/demo") / truth["file"], dtype="float32")
    reader = ArrayReader(samples)
    local.load(collector)
    pieces = list(
        cut_pieces(
            reader,
            0,
            begin_s=0.0,
            end_s=reader.duration_s,
            limits=local.limits,
            spans=[SpeechSpan(*truth["speech"])],
        )
    )
    here = local.transcribe(pieces, collector)
    with SttServer(_serve(local, collector)) as server:
        there = transcribe(make(environment, provider, server.url), *pieces).transcript
    assert len(here.words) > 3
    assert there.text == here.text
    assert [word.text for word in there.words] == [word.text for word in here.words]
    for one, other in zip(there.words, here.words, strict=True):
        assert one.start_s == pytest.approx(other.start_s, abs=0.002)
        assert one.end_s == pytest.approx(other.end_s, abs=0.002)
    assert [part.text for part in there.segments] == [part.text for part in here.segments]
    assert there.findings == ()
