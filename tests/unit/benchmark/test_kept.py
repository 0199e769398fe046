import asyncio
from dataclasses import replace

import pytest

from echotrace.config.settings import CacheSettings, Settings, SttSettings
from echotrace.model.run import RunRequest
from echotrace.orchestrator import run
from echotrace.providers.stt.choose import named_engine
from echotrace.providers.stt.kept import current_keeper, keep_engines
from tests.fakes.quick_stt import install_quick_stt

PLAIN = Settings(stt=SttSettings(engine="quick"), cache=CacheSettings(enabled=False))


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(install_quick_stt(tmp_path / "site")))
    monkeypatch.setenv("QUICK_STT_LOG", str(tmp_path / "log"))

    def read():
        path = tmp_path / "log"
        words = [line.split()[0] for line in path.read_text().splitlines()] if path.exists() else []
        return [word for word in words if word != "hears"]

    return read


def transcribe(clips, settings=PLAIN, name="a"):
    request = RunRequest(path=str(clips / f"{name}.wav"), stages=("transcription",))
    return asyncio.run(run(request, settings))


def test_a_run_by_itself_loads_and_closes(clips, log):
    assert current_keeper() is None
    for _ in range(2):
        assert transcribe(clips).failures == ()
    assert log() == ["load", "close"] * 2


def test_inside_a_keeper_an_engine_is_loaded_once_and_closed_at_its_end(clips, log):
    apart = transcribe(clips, name="b").report.transcription
    with keep_engines() as keeper:
        for name in "abab":
            outcome = transcribe(clips, name=name)
        assert keeper.loads == 1
        assert log()[2:] == ["load"]
        assert outcome.report.transcription.actual == apart.actual
        timing = outcome.report.transcription.timing
        assert timing.model_load_ms.value == 1.0
    assert log()[2:] == ["load", "close"]
    assert current_keeper() is None


def test_other_settings_are_another_engine_and_an_engine_may_be_given_up(log):
    with keep_engines() as keeper:
        first = named_engine("quick", PLAIN)
        assert named_engine("quick", PLAIN) is first
        other = replace(PLAIN, stt=replace(PLAIN.stt, beam_size=1))
        assert named_engine("quick", other) is not first
        second = named_engine("quick:x", PLAIN)
        keeper.drop_others({"quick:x"})
        assert log() == ["close", "close"]
        assert named_engine("quick:x", PLAIN) is second
        assert named_engine("quick", PLAIN) is not first
    assert log() == ["close"] * 4


def test_an_engine_that_failed_is_not_used_again(clips, log, monkeypatch):
    with keep_engines() as keeper:
        assert transcribe(clips).failures == ()
        engine = named_engine("quick", PLAIN)
        with monkeypatch.context() as patch:
            patch.setattr(type(engine), "transcribe", lambda *_, **__: 1 / 0)
            assert transcribe(clips).failures
        assert not keeper.holds(engine)
        assert transcribe(clips).failures == ()
        assert named_engine("quick", PLAIN) is not engine
        assert keeper.loads == 2


@pytest.mark.skipif(
    pytest.importorskip("importlib.util").find_spec("pocketsphinx") is None,
    reason="pocketsphinx has no wheel for this Python",
)
def test_the_embedded_engine_keeps_its_process(clips):
    from echotrace.providers.stt.sphinx import SphinxEngine

    settings = replace(PLAIN, stt=SttSettings(engine="sphinx"))
    with keep_engines():
        first = transcribe(clips, settings)
        engine = named_engine("sphinx", settings)
        assert isinstance(engine, SphinxEngine)
        process = engine._process
        second = transcribe(clips, settings)
        assert engine._process is process
        assert first.report.transcription.actual == second.report.transcription.actual
        assert process is None or process.poll() is None
    assert engine._process is None
