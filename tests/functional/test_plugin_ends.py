"""A plug-in that blocks the event loop, or that leaves in a way of its own, in whole runs."""

import json
import signal
import subprocess

import pytest

from tests.fakes.cli import COMMAND, DEMO, echotrace, environment
from tests.fakes.faulty_plugin import install_faulty
from tests.fakes.llm_key import KEY, pieces_of_key

CLIP = DEMO / "demo_voice_1_mixed_with_noise_1_snr10.wav"
QUICK = ("-n", "1", "--json")


@pytest.fixture(scope="module")
def plugins(tmp_path_factory):
    return str(install_faulty(tmp_path_factory.mktemp("evil")))


BLOCKED = [
    (("probe", "llm", "--provider", "evil:stream-block", *QUICK), signal.SIGINT, 130),
    (("probe", "tts", "--provider", "evil:stream-block", "-n", "1"), signal.SIGTERM, 143),
    (("probe", "llm", "--provider", "evil:create-block", *QUICK), signal.SIGTERM, 143),
    (("analyze", CLIP, "--stages", "llm", "--llm", "evil:check-block", "--json"), 2, 130),
]


@pytest.mark.parametrize(("arguments", "number", "code"), BLOCKED)
def test_the_second_signal_ends_a_run_that_is_blocked(plugins, tmp_path, arguments, number, code):
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        env=environment(tmp_path, PYTHONPATH=plugins),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        for words in ("now blocking", "stopping"):
            assert any(words in line for line in process.stderr)
            process.send_signal(number)
        stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == code
    assert stderr == ""
    if "--json" not in arguments:
        assert stdout == ""
        return
    assert [item["code"] for item in json.loads(stdout)["warnings"]] == ["INTERRUPTED"]


@pytest.mark.parametrize(
    ("kind", "model"),
    [("llm", "stream-base"), ("tts", "create-error"), ("tts", "stream-generator")],
)
def test_whatever_it_raises_leaves_one_document_without_a_key(plugins, tmp_path, kind, model):
    result = echotrace(
        *("probe", kind, "--provider", f"evil:{model}", "-o", "report.json", "--debug", *QUICK),
        home=tmp_path,
        PYTHONPATH=plugins,
        ACME_KEY=KEY,
        ECHOTRACE_LLM_SPACING_S="0",
        ECHOTRACE_TTS_SPACING_S="0",
    )
    assert result.code == 4, result.stderr
    assert result.document["status"] == "partial"
    said = result.stdout + result.stderr + (tmp_path / "report.json").read_text()
    assert [piece for piece in pieces_of_key() if piece in said] == []


def test_a_ctrl_c_of_its_own_is_none_of_the_users(plugins, tmp_path):
    result = echotrace(
        *("probe", "llm", "--provider", "evil:stream-keyboard", *QUICK),
        home=tmp_path,
        PYTHONPATH=plugins,
    )
    assert result.code == 70
    assert "KeyboardInterrupt" in result.stderr
    assert result.document["status"] == "failed"
