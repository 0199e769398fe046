"""The example of a home-made pipeline: its file lies over the call that it plays."""

import json
import subprocess
import sys

import pytest

from tests.fakes.cli import DEMO, REPOSITORY, echotrace, environment

EXAMPLE = REPOSITORY / ".extras/examples/live_agent.py"

pytestmark = pytest.mark.skipif(not EXAMPLE.exists(), reason="the examples are not here")


def test_a_home_made_pipeline_gets_the_whole_picture(tmp_path):
    trace = tmp_path / "agent.trace.jsonl"
    subprocess.run(
        [sys.executable, "-W", "error", EXAMPLE, trace],
        cwd=REPOSITORY,
        env=environment(tmp_path) | {"PYTHONPATH": str(REPOSITORY)},
        timeout=30,
        check=True,
    )
    exports = [tmp_path / "a.perfetto.json", tmp_path / "a.otlp.json"]
    result = echotrace(
        *("analyze", DEMO / "call.wav", "--caller-channel", "0", "--trace", trace),
        *("--stages", "turns,trace", "--json"),
        *("--export", f"perfetto={exports[0]}", "--export", f"otlp={exports[1]}"),
        home=tmp_path,
    )
    assert result.code == 0
    found = result.document["pipeline"]["trace"]
    assert found["kind"] == "echotrace"
    assert found["clock"]["status"] == "fitted"
    assert found["clock"]["offset_ms"]["value"] == pytest.approx(348, abs=15)
    heard = {
        turn["turn_id"]: (turn["heard_gap_ms"]["value"], turn["claimed_gap_ms"]["value"])
        for turn in found["turns"]
        if turn["heard_gap_ms"].get("value") is not None
        and turn["claimed_gap_ms"].get("value") is not None
    }
    assert len(heard) == 4
    for turn in found["turns"]:
        if turn["turn_id"] in heard:
            added = [part["ms"]["value"] for part in turn["parts"] if not part.get("inside")]
            assert sum(added) == pytest.approx(heard[turn["turn_id"]][0], abs=0.05)
            assert {part["owner"] for part in turn["parts"]} >= {"acme:llm-1", "acme:tts-1"}
    events = json.loads(exports[0].read_text("utf-8"))["traceEvents"]
    assert {each["name"] for each in events} >= {"llm_inference", "heard gap", "search"}
    again = echotrace("analyze", "--trace", exports[1], "--json", home=tmp_path).document
    assert len(again["pipeline"]["trace"]["spans"]) == len(found["spans"])
