import pytest

from echotrace.plugins import find_plugins
from tests.fakes.distribution import install


def test_the_built_in_analyzers_are_found_by_their_own_entry_points():
    plugins = find_plugins("analyzers").plugins
    assert {"signal", "transcription", "llm"} <= set(plugins)
    assert plugins["signal"].built_in
    assert plugins["signal"].load().__name__ == "SignalAnalyzer"


def test_a_contributor_is_found_and_cannot_take_over_a_built_in_name(tmp_path, monkeypatch):
    points = {"sentiment": "Sentiment", "signal": "Signal"}
    install(tmp_path, "contrib_a", "analyzers", points, "class Sentiment: pass\n")
    install(tmp_path, "contrib_b", "analyzers", {"sentiment": "Other"}, "class Other: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry = find_plugins("analyzers")
    assert registry.plugins["signal"].built_in
    assert registry.plugins["sentiment"].distribution == "contrib_a"
    assert not registry.plugins["sentiment"].built_in
    assert registry.plugins["sentiment"].load().__name__ == "Sentiment"
    assert [item.code for item in registry.findings] == ["PLUGIN_CLASH", "PLUGIN_CLASH"]


def test_a_broken_plug_in_breaks_only_when_it_is_loaded(tmp_path, monkeypatch):
    install(tmp_path, "broken_plugin", "analyzers", {"broken": "X"}, "raise OSError('no')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    ref = find_plugins("analyzers").plugins["broken"]
    with pytest.raises(OSError, match="no"):
        ref.load()
