"""A pipeline's own trace beside the recording, by the real command and from Python."""

import gzip
import json

import numpy as np
import pytest
import soundfile

import echotrace as package
from echotrace.errors import UsageError
from echotrace.fixtures.calls import build_call, find_speech_clips
from echotrace.fixtures.traced_call import minimal_lines, pipecat_document, trace_of, unhurried
from tests.fakes.cli import DEMO, echotrace
from tests.fakes.trace_files import CAPTURES

CALL = DEMO / "call.wav"
SAID = {
    "caller": ((4.3, 9.25), (13.5, 16.8), (21.3, 24.4), (30.7, 32.8), (40.1, 43.1)),
    "agent": ((0.2, 4.2), (9.2, 12.9), (18.1, 21.8), (24.7, 28.5), (38.4, 40.1)),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Make a call from the demo's voices, its recording, and the trace of its pipeline."""
    folder = tmp_path_factory.mktemp("traced")
    samples, rate_hz = soundfile.read(CALL)
    for index, side in enumerate(("caller", "agent")):
        (folder / "speech" / side).mkdir(parents=True)
        for number, (start_s, end_s) in enumerate(SAID[side]):
            cut = samples[int(start_s * rate_hz) : int(end_s * rate_hz), index]
            soundfile.write(folder / "speech" / side / f"{number}.wav", cut, rate_hz)
    clips = find_speech_clips(folder / "speech")
    built = unhurried(build_call(clips, seed=11, index=3, condition="clean"))
    soundfile.write(folder / "call.wav", built.samples.T, built.sample_rate_hz, subtype="PCM_16")
    traced = trace_of(built.truth, seed=2)
    (folder / "spans.json").write_text(json.dumps(pipecat_document(traced)), "utf-8")
    (folder / "trace.jsonl").write_text(minimal_lines(traced), "utf-8")
    return built, traced, folder


def laid(home, made, trace, *arguments, code=0):
    built, _, folder = made
    result = echotrace(
        "analyze",
        *(folder / "call.wav", "--trace", folder / trace, "--stages", "turns,trace"),
        *("--caller-channel", str(built.truth.caller_channel), "--json", *arguments),
        home=home,
    )
    assert result.code == code, result.stderr
    return result.document


@pytest.fixture(scope="module")
def document(tmp_path_factory, made):
    """The report of that call; one of its gates fails."""
    gates = ("--fail-on", "claimed > 60000", "--fail-on", "difference > 0")
    return laid(tmp_path_factory.mktemp("home"), made, "spans.json", *gates, code=1)


def traced_turns(document):
    """The turns that both sides have, whether they are counted or not."""
    turns = document["pipeline"]["trace"]["turns"]
    return [turn for turn in turns if turn["difference_ms"].get("value") is not None]


def test_claimed_and_heard_of_a_generated_call(made, document):
    check(document, made)


@pytest.mark.slow
def test_claimed_and_heard_by_the_minimal_lines(tmp_path, made):
    check(laid(tmp_path, made, "trace.jsonl"), made)


def check(document, made):
    _, known, _ = made
    found = document["pipeline"]["trace"]
    assert document["status"] == "complete"
    assert document["pipeline"]["kind"] == "trace"
    assert document["analyzers"]["trace"]["status"] == "ok"
    assert found["clock"]["status"] == "fitted"
    true_ms = known.to_recording(found["clock"]["origin_s"]) * 1000
    assert found["clock"]["offset_ms"]["value"] == pytest.approx(true_ms, abs=15.0)
    turns = traced_turns(document)
    assert len(turns) >= 10
    for turn in turns:
        own = [part for part in turn["parts"] if not part["inside"]]
        assert sum(round(part["ms"]["value"] * 10) for part in own) == round(
            turn["heard_gap_ms"]["value"] * 10
        )
        true = next(item for item in known.turns if item.turn_id == turn["trace_turn_id"])
        drawn = {part.key: part.ms for part in true.parts}
        parts = {part["key"]: part["ms"] for part in own}
        for key in drawn.keys() & {"llm_inference", "speech_synthesis"}:
            assert parts[key]["value"] == pytest.approx(drawn[key], abs=25.0)
        for key in drawn.keys() & {"tts_leading_silence", "output_transport"}:
            assert parts[key]["low"] <= drawn[key] <= parts[key]["high"]
    differences = [turn["difference_ms"]["value"] for turn in turns]
    assert np.median(differences) == pytest.approx(270.0, abs=20.0)
    assert sum(turn["counted"] for turn in turns) < len(turns)
    assert found["interrupted"] > 0


def test_the_trace_of_another_call_is_an_input_that_cannot_be_used(tmp_path, made):
    _, _, folder = made
    result = echotrace(
        "analyze",
        *(folder / "call.wav", "--trace", CAPTURES["pipecat-1.14"]),
        *("--stages", "turns,trace", "--json"),
        home=tmp_path,
    )
    assert result.code == 3
    document = result.document
    assert document["status"] == "partial"
    assert document["analyzers"]["trace"]["code"] == "CLOCK_REFUSED"
    assert document["conversation"]["turns"]
    assert document["pipeline"]["trace"]["clock"]["status"] == "refused"
    assert [item["code"] for item in document["warnings"]].count("CLOCK_REFUSED") == 1
    assert "--offset-ms" in result.stderr


@pytest.mark.slow
def test_an_offset_that_is_given_is_no_question(tmp_path, made, document):
    _, known, _ = made
    first_s = document["pipeline"]["trace"]["clock"]["origin_s"]
    given = known.to_recording(first_s) * 1000
    found = laid(tmp_path, made, "spans.json", "--offset-ms", f"{given:.3f}")
    assert found["pipeline"]["trace"]["clock"]["status"] == "given"
    assert traced_turns(found)


@pytest.mark.parametrize("name", ["pipecat-1.14", "livekit-1.8"])
def test_a_trace_alone_tells_what_the_pipeline_claims(tmp_path, name):
    result = echotrace("analyze", "--trace", CAPTURES[name], "--json", home=tmp_path)
    assert result.code == 0, result.stderr
    document = result.document
    trace = document["pipeline"]["trace"]
    assert (trace["has_recording"], trace["clock"]["status"]) == (False, "none")
    assert document["conversation"] is None
    assert set(document["analyzers"]) == {"trace"}
    for turn in trace["turns"]:
        if turn["parts"]:
            own = [part for part in turn["parts"] if not part.get("inside")]
            assert sum(round(part["ms"]["value"] * 10) for part in own) == round(
                turn["claimed_gap_ms"]["value"] * 10
            )
    printed = echotrace("analyze", "--trace", CAPTURES[name], "-q", home=tmp_path)
    assert printed.code == 0
    assert "<script>" not in printed.stderr


def test_gates_read_the_claimed_gap_and_the_difference(tmp_path, document):
    assert [gate["outcome"] for gate in document["gates"]] == ["pass", "fail"]
    result = echotrace(
        "analyze",
        *("--trace", CAPTURES["pipecat-1.14"], "--json", "--fail-on", "difference > 1"),
        home=tmp_path,
    )
    assert result.code == 8
    assert result.document["gates"][0]["outcome"] == "not_enough_evidence"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "TRACE_UNREADABLE"),
        (b"", "TRACE_EMPTY"),
        (b'{"resourceSpans": [', None),
        (gzip.compress(b"no json at all"), None),
        (b'{"a": 1}', "TRACE_KIND_UNKNOWN"),
    ],
)
def test_a_trace_that_cannot_be_read_costs_its_own_result(tmp_path, content, code):
    path = tmp_path / "spans.json"
    if content is not None:
        path.write_bytes(content)
    output = tmp_path / "report.json"
    result = echotrace("analyze", "--trace", path, "--json", "--output", output, home=tmp_path)
    assert result.code == 3
    entry = result.document["analyzers"]["trace"]
    assert entry["status"] == "unavailable"
    assert code is None or entry["code"] == code
    assert json.loads(output.read_text("utf-8"))["job_id"] == result.document["job_id"]
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((CALL, "--trace-kind", "pipecat"), "--trace-kind would have no effect"),
        ((CALL, "--offset-ms", "3700"), "--offset-ms would have no effect"),
        (("--trace", "t.json", "--offset-ms", "3700"), "--offset-ms would have no effect"),
        ((CALL, "--trace", "t.json", "--offset-ms", "nan"), "no number of milliseconds"),
        ((CALL, "--trace", ""), "--trace is empty"),
        ((CALL, "--trace", "t.json", "--trace-kind", "pipecta"), "did you mean 'pipecat'"),
        ((CALL, "--trace", "t.json", "--stages", "signal"), "the trace would have no effect"),
        ((CALL, "--stages", "trace"), "the stage 'trace' has nothing to do"),
        (("--trace", "t.json", "--start", "3"), "--start would have no effect"),
        (("--trace", "t.json", "--stages", "turns,trace"), "needs a recording"),
    ],
)
def test_flags_that_fit_nothing_are_refused(tmp_path, arguments, said):
    result = echotrace("analyze", *arguments, home=tmp_path)
    assert result.code == 2, result.stderr
    assert said in result.stderr
    assert result.stdout == ""


def test_a_trace_is_never_overwritten(tmp_path):
    path = tmp_path / "spans.json"
    path.write_bytes(CAPTURES["pipecat-1.14"].read_bytes())
    result = echotrace("analyze", "--trace", path, "--output", path, "--force", home=tmp_path)
    assert result.code == 2
    assert path.read_bytes() == CAPTURES["pipecat-1.14"].read_bytes()


def test_a_run_without_a_trace_has_no_such_stage(tmp_path):
    result = echotrace("analyze", CALL, "--stages", "turns", "--json", home=tmp_path)
    assert set(result.document["analyzers"]) == {"turns"}
    assert result.document["pipeline"] is None


def test_from_python(made):
    _, _, folder = made
    alone = package.analyze(trace=folder / "spans.json")
    assert alone.pipeline.kind == "trace"
    assert alone.pipeline.trace.has_recording is False
    assert package.Report.from_json(alone.to_json()) == alone
    with pytest.raises(UsageError):
        package.analyze()
    with pytest.raises(UsageError):
        package.analyze(trace=folder / "spans.json", trace_offset_ms=3.0)
