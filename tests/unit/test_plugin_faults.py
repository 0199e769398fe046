"""Whatever a plug-in raises, it is told with whose it is, without a key, and alone."""

import asyncio
import sys
import time
from dataclasses import replace

import pytest

from echotrace.config.settings import LlmSettings, Settings, TtsSettings
from echotrace.errors import EchoTraceError, ExitCode, ProviderError
from echotrace.model.report import NO_RECORDING
from echotrace.model.run import RunRequest
from echotrace.orchestrator import run
from echotrace.providers.llm import choose as llm_choose
from echotrace.providers.llm.base import BUILT_IN_PROMPT
from echotrace.providers.llm.measure import take_sample as ask_model
from echotrace.providers.taken import Due
from echotrace.providers.tts import choose as tts_choose
from echotrace.providers.tts.measure import take_sample as ask_voice
from tests.fakes.faulty_plugin import install_faulty
from tests.fakes.llm_key import KEY, pieces_of_key

KINDS = ("llm", "tts")
OLD = sys.version_info < (3, 11)  # a task cannot say whether it was asked to stop
PLACES = ("create", "check", "stream")
ENDS = {
    "error": "RuntimeError: 401 for [***]",
    "base": "BaseException: no Exception [***]",
    "generator": "GeneratorExit: over",
    "exit": "SystemExit: gives up",
    "cancel": "CancelledError: not asked for",
    "mute": "Mute: its text cannot be read (RuntimeError)",
}


@pytest.fixture(autouse=True)
def evil(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("ACME_KEY", KEY)
    monkeypatch.syspath_prepend(str(install_faulty(tmp_path / "site")))
    yield tmp_path
    for name in ("evil_model", "evil_voice"):
        sys.modules.pop(name, None)


def settings_of(kind, model):
    values = {"provider": f"evil:{model}", "probes": 1, "spacing_s": 0.0, "timeout_s": 5.0}
    if kind == "llm":
        return Settings(llm=replace(LlmSettings(), **values))
    return Settings(tts=replace(TtsSettings(), **values))


def ask(kind, model):
    """Build it and ask once; what build raises stands for the request's own error."""
    settings = settings_of(kind, model)
    chosen = {"llm": llm_choose, "tts": tts_choose}[kind]

    async def once():
        provider = chosen.build(chosen.choose(settings), settings)
        now_ns = time.perf_counter_ns()
        due = Due(index=0, cold=True, due_ns=now_ns, origin_ns=now_ns)
        if kind == "tts":
            return await ask_voice(provider, text="Yes.", limit_s=5.0, due=due)
        await provider.prepare()
        return await ask_model(provider, prompt=BUILT_IN_PROMPT, max_tokens=8, limit_s=5.0, due=due)

    return asyncio.run(once())


def fault_of(kind, model):
    try:
        taken = ask(kind, model)
    except EchoTraceError as error:
        return error
    assert taken.sample.status == "failed"
    return taken.error


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_ends_it_names_its_distribution(kind, place, how):
    if (place, how) == ("stream", "cancel") and OLD:
        pytest.skip("the run tells of it, see below")
    error = fault_of(kind, f"{place}-{how}")
    assert type(error) is ProviderError
    assert error.code == f"{kind.upper()}_PROVIDER_BROKEN"
    assert f"'evil_{'model' if kind == 'llm' else 'voice'}'" in error.what
    assert error.why == ENDS[how]
    assert error.__cause__ is error.__context__ is None


@pytest.mark.parametrize(
    "how",
    ["base", pytest.param("cancel", marks=pytest.mark.skipif(OLD, reason="the run tells of it"))],
)
def test_so_does_what_ends_its_preparation(how):
    assert fault_of("llm", f"prepare-{how}").why == ENDS[how]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
def test_an_error_of_its_own_loses_its_keys_wherever_they_stand(kind, place):
    error = fault_of(kind, f"{place}-refused")
    assert (error.what, error.why, error.hint) == ("no", "[***]", "[***]")
    assert error.code == f"{kind.upper()}_PROVIDER_BROKEN"
    assert [piece for piece in pieces_of_key() if piece in repr(vars(error))] == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_code_without_a_key_is_kept(kind):
    assert fault_of(kind, "stream-licence").code == "ACME_LICENCE"


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_whose_sentences_are_none_is_told(kind):
    error = fault_of(kind, "stream-strange")
    assert (error.what, error.why) == ("5", "None")
    assert "cannot be read" in error.hint


@pytest.mark.parametrize("kind", KINDS)
def test_ctrl_c_passes(kind):
    with pytest.raises(KeyboardInterrupt):
        fault_of(kind, "check-keyboard")


@pytest.mark.parametrize("kind", KINDS)
def test_a_close_that_fails_in_any_way_costs_nothing(kind):
    async def close(how):
        settings = settings_of(kind, f"close-{how}")
        chosen = {"llm": llm_choose, "tts": tts_choose}[kind]
        await chosen.build(chosen.choose(settings), settings).close()

    for how in ("error", "base") if OLD else ("error", "base", "cancel"):
        asyncio.run(close(how))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("time-none", "without a time"),
        ("time-true", "without a time"),
        ("time-early", "before the request"),
        ("time-back", "before that of the last event"),
        ("time-late", "in the future"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_stamp_that_cannot_be_is_no_measurement(kind, model, words):
    assert words in fault_of(kind, model).why


@pytest.mark.parametrize(
    ("kind", "model", "words"),
    [
        ("llm", "count", "a count of tokens that is none"),
        ("llm", "server", "a dict instead of ServerTimes"),
        ("tts", "text", "data that are no bytes"),
    ],
)
def test_neither_is_anything_else_that_cannot_be(kind, model, words):
    assert words in fault_of(kind, model).why


def test_what_it_remarks_on_a_request_holds_no_key():
    sample = ask("llm", "remark").sample
    assert (sample.status, sample.reason) == ("ok", "[***]")


@pytest.mark.parametrize("kind", KINDS)
def test_choosing_it_runs_nothing_of_it(kind):
    chosen = {"llm": llm_choose, "tts": tts_choose}[kind]
    choice = chosen.choose(settings_of(kind, "create-error"))
    assert (choice.name, choice.model, choice.blocked) == ("evil", "create-error", None)
    assert not {"evil_model", "evil_voice"} & set(sys.modules)


def test_a_cancellation_that_was_asked_for_passes():
    settings = settings_of("llm", "m")
    provider = llm_choose.build(llm_choose.choose(settings), settings)

    async def cancelled():
        inside = asyncio.Event()

        async def prepare():
            inside.set()
            await asyncio.Event().wait()

        provider._inner.prepare = prepare
        task = asyncio.ensure_future(provider.prepare())
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())


def outcome(kind, model):
    request = RunRequest(path=NO_RECORDING, has_recording=False, stages=(kind,), required=(kind,))
    return asyncio.run(run(request, settings_of(kind, model)))


@pytest.mark.parametrize("how", ["error", "base", "cancel"])
@pytest.mark.parametrize("place", ["create", "stream"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_loses_the_probe_alone(kind, place, how):
    left = outcome(kind, f"{place}-{how}")
    assert [failure.exit_code for failure in left.failures] == [ExitCode.PROVIDER]
    assert left.report.analyzers[kind].status != "not_run"
    told = " ".join(finding.message for finding in left.report.warnings)
    if (place, how) == ("stream", "cancel") and OLD:
        assert "STAGE_CANCELLED" in [finding.code for finding in left.report.warnings]
        return
    assert left.report.status == "partial"
    assert f"'evil_{'model' if kind == 'llm' else 'voice'}'" in told


def test_a_stage_that_is_cancelled_while_nobody_stopped_the_run_has_failed():
    left = outcome("llm", "cancels")
    assert left.report.analyzers["llm"].code == "STAGE_CANCELLED"
    assert [failure.exit_code for failure in left.failures] == [ExitCode.PROVIDER]
