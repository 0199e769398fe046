"""Providers of a distribution of its own, installed as pip would, in whole runs."""

import pytest

from tests.fakes.cli import DEMO, echotrace
from tests.fakes.plugin_project import ACME, install_project

CLIP = DEMO / "demo_voice_1_mixed_with_noise_1_snr10.wav"
QUICK = ("-n", "2", "--json")
FEW = {"ECHOTRACE_LLM_PROBES": "2", "ECHOTRACE_LLM_SPACING_S": "0"}


@pytest.fixture(scope="module")
def plugins(tmp_path_factory):
    return str(install_project(ACME, tmp_path_factory.mktemp("acme")))


@pytest.fixture
def run(plugins, tmp_path):
    def go(*arguments, **extra):
        return echotrace(*arguments, home=tmp_path, PYTHONPATH=plugins, **FEW, **extra)

    return go


def analyze(run, provider, **extra):
    """A run of a cheap stage and the probe; the stage must be whole whatever the plug-in does."""
    result = run("analyze", CLIP, "--stages", "signal,llm", "--llm", provider, "--json", **extra)
    report = result.document
    assert report["analyzers"]["signal"]["status"] == "ok"
    assert report["signal"] is not None
    assert "Traceback" not in result.stderr
    return result, report


def told(report, stage="llm"):
    """Everything that the report says about what went wrong, as one text."""
    warnings = [f"{item['code']} {item['message']}" for item in report["warnings"]]
    return " ".join([*warnings, str(report["analyzers"][stage])])


def test_a_model_of_a_plug_in_is_probed_without_a_recording(run):
    result = run("probe", "llm", "--provider", "acme", *QUICK)
    assert result.code == 0, result.stderr
    probe = result.document["probes"]["llm"]
    assert (probe["provider"], probe["model"], probe["simulated"]) == ("acme", "acme-small", False)
    assert probe["sent_to"] is None
    assert [item["status"] for item in probe["samples"]] == ["ok"] * 3
    assert probe["samples"][1]["first_sentence"] == "Block your card now."
    assert probe["ttft_ms"]["status"] == "measured"


def test_a_model_of_a_plug_in_is_probed_in_an_analysis(run):
    result, report = analyze(run, "acme:acme-large")
    assert result.code == 0, result.stderr
    probe = report["probes"]["llm"]
    assert (probe["provider"], probe["model"]) == ("acme", "acme-large")
    assert probe["ttft_ms"]["status"] == "measured"


def test_a_voice_of_a_plug_in_is_probed(run):
    result = run("probe", "tts", "--provider", "acme", *QUICK, ECHOTRACE_TTS_SPACING_S="0")
    assert result.code == 0, result.stderr
    probe = result.document["probes"]["tts"]
    assert (probe["provider"], probe["voice"]) == ("acme", "anna")
    assert probe["leading_silence_ms"]["value"] == pytest.approx(100, abs=10)


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        ("acme-unimportable", "acme_sdk_that_is_not_there"),
        ("acme-create", "the licence of acme has expired"),
        ("acme-stream", "choices of acme"),
    ],
)
def test_a_model_that_fails_costs_the_probe_and_is_named_with_its_distribution(
    run, provider, words
):
    result, report = analyze(run, provider)
    assert result.code == 4, result.stderr
    text = told(report)
    assert words in text
    assert provider in text
    assert "acme-voice" in text


def test_a_model_that_prints_leaves_the_report_one_document(run):
    result, report = analyze(run, "acme-prints")
    assert result.code == 0, result.stderr
    assert report["probes"]["llm"]["ttft_ms"]["status"] == "measured"


def test_a_model_that_never_answers_is_given_up(run):
    result, report = analyze(run, "acme-endless", ECHOTRACE_LLM_TIMEOUT_S="0.2")
    assert result.code == 4, result.stderr
    assert "acme-endless sent no token within 0.2 s" in told(report)
    assert [item["code"] for item in report["probes"]["llm"]["failures"]] == ["LLM_STALL"]


def test_a_model_that_ends_the_process_does_not(run):
    result, report = analyze(run, "acme-exits")
    assert result.code == 4, result.stderr
    assert "acme-voice" in told(report)


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        ("acme-unimportable", "acme_sdk_that_is_not_there"),
        ("acme-stream", "the voice of acme is hoarse"),
        ("acme-exits", "the voice of acme gives up"),
    ],
)
def test_a_voice_that_fails_costs_the_probe_and_is_named_with_its_distribution(
    run, provider, words
):
    result = run(
        *("analyze", CLIP, "--stages", "signal,tts", "--tts", provider, "--json"),
        ECHOTRACE_TTS_PROBES="1",
        ECHOTRACE_TTS_SPACING_S="0",
    )
    report = result.document
    assert result.code in (4, 5), result.stderr
    assert report["analyzers"]["signal"]["status"] == "ok"
    text = told(report, "tts")
    assert words in text
    assert provider in text
    assert "acme-voice" in text


@pytest.mark.parametrize("kind", ["llm", "tts"])
def test_a_plug_in_that_forgets_offline_is_not_asked(run, kind):
    result = run("probe", kind, "--provider", "acme-remote", "--offline", *QUICK)
    assert result.code == 4, result.stderr
    assert "--offline forbids a connection to acme.example:443" in " ".join(result.stderr.split())
    assert result.document["probes"][kind]["samples"] == []


def test_an_unknown_provider_gets_the_plug_ins_among_the_near_names(run):
    result = run("probe", "llm", "--provider", "acne", *QUICK)
    assert result.code == 2
    assert "did you mean acme?" in result.stderr
