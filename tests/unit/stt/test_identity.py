"""Equal identities promise equal transcripts; and how many windows an engine really computed."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from echotrace.config.settings import Settings, SttSettings
from echotrace.errors import UsageError
from echotrace.providers.stt.faster_whisper import FasterWhisperEngine
from echotrace.providers.stt.pieces import Piece
from echotrace.providers.stt.sphinx import SphinxEngine
from tests.fakes.array_reader import ArrayReader

STT = SttSettings(cpu_threads=1, beam_size=1)


def identity(model, **changes):
    settings = Settings(offline=True, stt=replace(STT, **changes))
    return FasterWhisperEngine.create(str(model), settings).identity()


def test_the_same_model_elsewhere_is_the_same_engine(scripted_model, tmp_path):
    shutil.copytree(scripted_model, tmp_path / "other name")
    first = identity(scripted_model)
    assert identity(tmp_path / "other name") == first
    assert json.loads(json.dumps(first)) == first
    assert str(scripted_model) not in json.dumps(first)


@pytest.mark.parametrize("name", ["model.bin", "tokenizer.json", "preprocessor_config.json"])
def test_another_byte_in_a_file_of_the_model_is_another_engine(scripted_model, tmp_path, name):
    folder = tmp_path / "model"
    shutil.copytree(scripted_model, folder)
    before = identity(folder)
    file = folder / name
    data = file.read_bytes() if file.exists() else b""
    file.write_bytes(data + b" ")
    after = identity(folder)
    assert after != before
    same_size = data[:-1] + b"?" + b" "
    file.write_bytes(same_size)
    os.utime(file, ns=(1, 1))
    assert identity(folder) not in (before, after)


@pytest.mark.parametrize(
    "change",
    [
        {"beam_size": 2},
        {"language": "de"},
        {"compute_type": "float32"},
        {"device": "auto"},
        {"cpu_threads": 2},
    ],
)
def test_another_option_is_another_engine(scripted_model, change):
    assert identity(scripted_model, **change) != identity(scripted_model)


def test_settings_that_change_no_transcript_change_no_identity(scripted_model):
    assert identity(scripted_model, timeout_s=1.0, gold="sphinx") == identity(scripted_model)


def test_a_model_that_is_not_here_promises_nothing(hub_cache):
    assert identity("tiny") != identity("tiny")


def test_the_embedded_engine_is_its_packages_version():
    pytest.importorskip("pocketsphinx")
    first = SphinxEngine.create(None, Settings()).identity()
    assert first == SphinxEngine.create(None, Settings()).identity()
    assert first["pocketsphinx"]
    with pytest.raises(UsageError):
        SphinxEngine.create("en", Settings())


@pytest.mark.parametrize(("seconds", "windows"), [((1.0,), 1), ((31.0,), 2), ((5.0, 61.0), 4)])
def test_windows_count_what_the_encoder_ran_and_not_what_was_heard(
    scripted_model, spans, collector, seconds, windows
):
    """The model hears its script in every window, and one beyond the audio's end is never run."""
    noise = np.random.default_rng(3).normal(0, 0.1, 16_000 * 62).astype(np.float32)
    engine = FasterWhisperEngine(str(scripted_model), STT, offline=True)
    pieces = [
        Piece(
            reader=ArrayReader(noise),
            channel=0,
            spans=tuple(spans((0.0, length))),
            speech_bounded=True,
        )
        for length in seconds
    ]
    engine.load(collector)
    heard = engine.transcribe(pieces, collector)
    again = engine.transcribe(pieces, collector)
    engine.close()
    assert (heard.windows, heard.window_s) == (windows, 30.0)
    assert again.windows == windows
    counted = [span.attributes["windows"] for span in collector.spans if span.name == "inference"]
    assert sum(counted) == 2 * windows
    assert len(counted) == 2 * len(seconds)
    assert heard.sent_bytes == 0
