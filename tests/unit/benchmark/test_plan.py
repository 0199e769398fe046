from dataclasses import replace

import pytest

from echotrace.benchmark.inputs import Clip, FoundClips
from echotrace.benchmark.plan import find_engines, find_models, make_plan, split_names
from echotrace.config.settings import LlmSettings, Settings, SttSettings
from echotrace.errors import MissingDependencyError, ProviderError, UsageError
from echotrace.model.benchmark import ClipCondition
from tests.fakes.quick_stt import install_quick_stt

CLIPS = FoundClips(
    clips=tuple(Clip(id=name, path=f"{name}.wav", audio=name, sha256=name * 8) for name in "ab")
)


@pytest.fixture
def quick(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(install_quick_stt(tmp_path / "site")))


def test_names_are_split_at_commas_each_once():
    assert split_names("--engines", " a, b,a,") == ("a", "b")
    assert split_names("--engines", None) == ()
    with pytest.raises(UsageError, match="--engines names nothing"):
        split_names("--engines", " , ")


def test_engines_are_found_and_checked_before_any_work(quick):
    columns = find_engines(("quick", "quick:x"), Settings())
    assert [column.info.name for column in columns] == ["quick", "quick:x"]
    assert columns[0].info.identity == {"version": "1"}
    with pytest.raises(UsageError, match="no speech recogniser 'quik'"):
        find_engines(("quick", "quik"), Settings())
    with pytest.raises(MissingDependencyError, match="the model of quick is missing"):
        find_engines(("quick:missing",), Settings())


def test_what_stands_in_for_auto_is_named_with_its_doubt_and_only_once(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    pytest.importorskip("pocketsphinx")
    (column,) = find_engines((), Settings())
    if column.info.name == "sphinx":
        assert column.asked == "sphinx"
        assert "embedded engine stood in" in column.info.doubt
        with pytest.raises(UsageError, match="sphinx more than once"):
            find_engines(("auto", "sphinx"), Settings())


def test_models_are_found_and_one_that_cannot_be_asked_refuses_the_run(monkeypatch):
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    (mock,) = find_models(("mock",), Settings())
    assert (mock.info.name, mock.info.kind) == ("mock", "llm")
    assert mock.info.identity["simulated"] is True
    with pytest.raises(ProviderError):
        find_models(("mock", "groq:llama"), Settings())
    with pytest.raises(UsageError):
        find_models(("nobody",), Settings())


def test_a_plan_has_every_item_once_engine_by_engine(quick):
    engines = find_engines(("quick", "quick:x"), Settings())
    models = find_models(("mock",), Settings())
    plan = make_plan(CLIPS, engines, models, Settings(), repeat=2)
    assert plan.header.items == len(plan.tasks) == len({task.key for task in plan.tasks}) == 10
    assert [task.key for task in plan.tasks[:4]] == [
        ("clip", "a", "quick", 1),
        ("clip", "b", "quick", 1),
        ("clip", "a", "quick", 2),
        ("clip", "b", "quick", 2),
    ]
    assert plan.tasks[-1].key == ("llm", "", "mock", 2)
    assert plan.header.clips == 2


def test_the_hash_is_of_what_an_item_means_and_of_nothing_else(quick):
    engines = find_engines(("quick",), Settings())

    def sha(found=CLIPS, columns=engines, settings=None, **more):
        plan = make_plan(found, columns, (), settings or Settings(), **more)
        assert plan.header.run_id == plan.header.plan_sha256[:16]
        return plan.header.plan_sha256

    def changed(**change):
        return replace(CLIPS, clips=(replace(CLIPS.clips[0], **change), CLIPS.clips[1]))

    same = sha()
    assert sha(jobs=4) == same
    assert sha(changed(path="elsewhere/a.wav", audio="elsewhere")) == same
    others = {
        sha(changed(sha256="other")),
        sha(changed(reference="a text")),
        sha(changed(id="c")),
        sha(changed(condition=ClipCondition(codec="mulaw"))),
        sha(columns=find_engines(("quick:x",), Settings())),
        sha(repeat=2),
        sha(key_terms=("Acme",)),
        sha(settings=Settings(stt=SttSettings(language="de"))),
        sha(settings=Settings(stt=SttSettings(beam_size=1))),
    }
    assert len(others | {same}) == 10
    assert sha(settings=Settings(llm=LlmSettings(probes=9))) == same  # no model is probed
