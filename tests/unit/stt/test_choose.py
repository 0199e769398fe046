import pytest

from echotrace.errors import ExitCode, MissingDependencyError, UsageError
from echotrace.plugins import find_plugins
from echotrace.providers.stt import sphinx
from echotrace.providers.stt.choose import choose_engine, named_engine
from tests.fakes.distribution import install
from tests.fakes.scripted_whisper import put_into_cache

needs_sphinx = pytest.mark.skipif(
    sphinx.find_spec("pocketsphinx") is None, reason="pocketsphinx has no wheel for this Python"
)


def test_auto_takes_tiny_when_the_cache_has_it(hub_cache, scripted_model, make_settings, collector):
    put_into_cache(scripted_model, hub_cache)
    chosen = choose_engine(make_settings(), collector)
    assert chosen.engine.name == "faster-whisper:tiny"
    assert (chosen.doubt, chosen.findings) == (None, ())


@needs_sphinx
def test_auto_takes_the_embedded_engine_otherwise_and_says_how_to_get_better(
    hub_cache, make_settings, collector
):
    chosen = choose_engine(make_settings(), collector)
    assert chosen.engine.name == "sphinx"
    assert "embedded" in chosen.doubt
    (finding,) = chosen.findings
    assert finding.code == "STT_EMBEDDED"
    assert "--stt faster-whisper:tiny --allow-download" in finding.hint


@needs_sphinx
def test_half_a_model_in_the_cache_is_no_model(hub_cache, scripted_model, make_settings, collector):
    put_into_cache(scripted_model, hub_cache, without=("tokenizer.json",))
    assert choose_engine(make_settings(), collector).engine.name == "sphinx"


@needs_sphinx
def test_auto_may_download_when_it_is_allowed_and_says_when_that_failed(
    hub_cache, make_settings, collector, monkeypatch
):
    """A closed port stands for the network that is not there; nothing leaves the machine."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    chosen = choose_engine(make_settings(allow_download=True), collector)
    assert chosen.engine.name == "sphinx"
    assert "download failed" in chosen.doubt
    assert [span.status for span in collector.spans] == ["failed"]


@needs_sphinx
def test_offline_wins_over_a_permission_to_download(hub_cache, make_settings, collector):
    chosen = choose_engine(make_settings(offline=True, allow_download=True), collector)
    assert chosen.engine.name == "sphinx"
    assert collector.spans == ()


def test_auto_without_any_engine_is_a_missing_dependency(
    hub_cache, make_settings, collector, monkeypatch
):
    monkeypatch.setattr(sphinx, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError) as caught:
        choose_engine(make_settings(), collector)
    assert caught.value.code == "NO_ENGINE"
    assert caught.value.exit_code == ExitCode.MISSING


def test_auto_never_takes_the_english_engine_for_another_language(
    hub_cache, make_settings, collector
):
    with pytest.raises(MissingDependencyError) as caught:
        choose_engine(make_settings(language="de"), collector)
    assert caught.value.code == "NO_ENGINE"


@pytest.mark.parametrize("name", ["faster-whisper:tiny", "faster-whisper", "faster-whisper:/no"])
def test_an_engine_that_was_named_is_never_swapped(hub_cache, make_settings, collector, name):
    with pytest.raises(MissingDependencyError) as caught:
        choose_engine(make_settings(engine=name), collector)
    assert caught.value.exit_code == ExitCode.MISSING


@needs_sphinx
def test_the_embedded_engine_counts_when_it_was_named(make_settings, collector):
    chosen = choose_engine(make_settings(engine="sphinx"), collector)
    assert (chosen.doubt, chosen.findings) == (None, ())


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("faster_whisper:tiny", "faster-whisper"),
        ("fasterwhisper", "faster-whisper"),
        ("sphynx", "sphinx"),
        ("tiny", "faster-whisper:tiny"),
        ("tinyy", "faster-whisper:tiny"),
        ("large", "faster-whisper:large"),
        ("whisper:base", "faster-whisper:tiny"),
        ("deepgram", "sphinx"),
        ("", "sphinx"),
        ("faster-whisper:", "faster-whisper:tiny"),
        ("sphinx:en-us", "--stt sphinx"),
        ("auto:tiny", "auto"),
    ],
)
def test_an_unknown_name_gets_the_nearest(make_settings, name, hint):
    with pytest.raises(UsageError) as caught:
        named_engine(name, make_settings())
    assert hint in caught.value.hint
    assert caught.value.exit_code == ExitCode.USAGE


def test_the_built_in_engines_are_found_by_their_own_entry_points(make_settings, scripted_model):
    plugins = find_plugins("stt").plugins
    assert {"faster-whisper", "sphinx", "groq", "openai"} <= set(plugins)
    assert all(plugins[name].built_in for name in ("faster-whisper", "sphinx", "groq", "openai"))
    assert named_engine(f"faster-whisper:{scripted_model}", make_settings()).name == (
        "faster-whisper:scripted"
    )


_CONTRIBUTED = """
from echotrace.errors import EchoTraceError, UsageError
from echotrace.providers.stt.pieces import PieceLimits

class Good:
    limits = PieceLimits(max_s=10.0)
    note = sent_to = None
    def __init__(self, model): self.name = f"contributed:{model}"
    @classmethod
    def create(cls, model, settings): return cls(model)
    def check(self): pass

class Picky(Good):
    @classmethod
    def create(cls, model, settings): raise UsageError("no such model")

class Raising(Good):
    def check(self): raise OSError("libfoo.so: cannot open\\nsecond line")

class OwnError(Good):
    def check(self): raise EchoTraceError("own kind")

class Shapeless: pass
"""


@pytest.fixture
def contributed(tmp_path, monkeypatch):
    points = {
        "contributed": "Good",
        "picky": "Picky",
        "raising": "Raising",
        "own-error": "OwnError",
        "shapeless": "Shapeless",
        "nothing": "Missing",
        "sphinx": "Good",
        "auto": "Good",
    }
    install(tmp_path / "a", "contributed_stt", "stt", points, _CONTRIBUTED)
    install(tmp_path / "b", "unimportable_stt", "stt", {"dud": "X"}, "import no_such_module\n")
    for folder in ("a", "b"):
        monkeypatch.syspath_prepend(str(tmp_path / folder))


def test_a_contributed_engine_is_made_with_its_model_or_with_none(contributed, make_settings):
    assert named_engine("contributed:x:y", make_settings()).name == "contributed:x:y"
    assert named_engine("contributed", make_settings()).name == "contributed:None"
    with pytest.raises(UsageError, match="no such model"):
        named_engine("picky", make_settings())


@pytest.mark.parametrize(
    ("name", "package", "why"),
    [
        ("raising", "contributed_stt", "OSError: libfoo.so: cannot open"),
        ("own-error", "contributed_stt", "own kind"),
        ("shapeless", "contributed_stt", "AttributeError"),
        ("nothing", "contributed_stt", "AttributeError"),
        ("dud", "unimportable_stt", "ModuleNotFoundError: No module named 'no_such_module'"),
    ],
)
def test_a_broken_contribution_is_one_clear_line_that_names_its_package(
    contributed, make_settings, name, package, why
):
    with pytest.raises(MissingDependencyError) as caught:
        named_engine(name, make_settings())
    assert caught.value.code == "ENGINE_BROKEN"
    assert package in caught.value.what
    assert why in caught.value.why
    assert "\n" not in caught.value.what + caught.value.why + caught.value.hint
    assert package in caught.value.hint


@needs_sphinx
def test_a_contribution_can_take_over_neither_a_built_in_engine_nor_auto(
    contributed, make_settings, collector, hub_cache
):
    chosen = choose_engine(make_settings(engine="sphinx"), collector)
    assert type(chosen.engine) is sphinx.SphinxEngine
    assert [item.code for item in chosen.findings] == ["PLUGIN_CLASH"]
    assert choose_engine(make_settings(), collector).engine.name == "sphinx"
    with pytest.raises(UsageError, match="no speech recogniser 'auto:x'"):
        named_engine("auto:x", make_settings())


def test_the_nearest_name_may_be_a_contribution(contributed, make_settings):
    with pytest.raises(UsageError) as caught:
        named_engine("contribted:x", make_settings())
    assert caught.value.hint == "did you mean contributed?"
