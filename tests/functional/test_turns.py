"""What the caller heard, by the real command: exact truth, and recordings without turns."""

import json
from functools import cache

import numpy as np
import pytest
import soundfile

from echotrace.fixtures.calls import build_call, find_speech_clips
from tests.fakes.cli import DEMO, echotrace

CALL = DEMO / "call.wav"
SAID = {
    "caller": ((4.3, 9.25), (13.5, 16.8), (21.3, 24.4), (30.7, 32.8), (40.1, 43.1)),
    "agent": ((0.2, 4.2), (9.2, 12.9), (18.1, 21.8), (24.7, 28.5), (38.4, 40.1)),
}


@pytest.fixture(scope="module")
def call():
    return soundfile.read(CALL)


@pytest.fixture(scope="module")
def clips(tmp_path_factory, call):
    folder = tmp_path_factory.mktemp("speech")
    samples, rate_hz = call
    for index, side in enumerate(("caller", "agent")):
        (folder / side).mkdir()
        for number, (start_s, end_s) in enumerate(SAID[side]):
            cut = samples[int(start_s * rate_hz) : int(end_s * rate_hz), index]
            soundfile.write(folder / side / f"{number}.wav", cut, rate_hz)
    return find_speech_clips(folder)


@pytest.fixture(scope="module")
def made(tmp_path_factory, clips):
    """Make the call with exact truth in a condition, once for all tests; give its file too."""

    @cache
    def of(condition):
        built = build_call(clips, seed=11, index=3, condition=condition)
        path = tmp_path_factory.mktemp(condition) / "call.wav"
        soundfile.write(path, built.samples.T, built.sample_rate_hz, subtype="PCM_16")
        return built, path

    return of


def heard(home, *arguments, code=0):
    result = echotrace("analyze", *arguments, "--stages", "turns", "--json", home=home)
    assert result.code == code, result.stderr
    return result.document


def codes(document):
    return {item["code"] for item in document["warnings"]}


def matched(document, truth):
    """Pair each true gap with the turn that shares most of its caller's time."""
    found = [turn for turn in document["conversation"]["turns"] if turn.get("user")]
    for turn in truth.turns:
        if turn.user is None or turn.heard_gap_ms is None:
            continue

        def shared(other, user=turn.user):
            mine = other["user"]
            return min(mine["end_s"], user.end_s) - max(mine["start_s"], user.start_s)

        best = max(found, key=shared)
        assert shared(best) > 0
        yield turn, best


@pytest.mark.parametrize("condition", ["clean", "white10", "bleed20"])
def test_gaps_barge_ins_and_silences_are_those_of_a_call_with_exact_truth(
    tmp_path, made, condition
):
    worst_ms, mean_ms = {"clean": (60, 20), "white10": (200, 60), "bleed20": (80, 25)}[condition]
    built, path = made(condition)
    document = heard(tmp_path, path, "--caller-channel", str(built.truth.caller_channel))
    errors = []
    for true, found in matched(document, built.truth):
        gap = found["heard_gap_ms"]
        if gap["status"] == "measured":
            errors.append(abs(gap["value"] - true.heard_gap_ms))
            assert gap["low"] <= gap["value"] <= gap["high"] <= gap["low"] + 400
    assert len(errors) >= 0.85 * sum(turn.heard_gap_ms is not None for turn in built.truth.turns)
    assert max(errors) <= worst_ms
    assert np.mean(errors) <= mean_ms
    kinds = [item["type"] for item in document["conversation"]["incidents"]]
    for kind in ("barge_in", "backchannel", "dead_air", "missed_response", "early_start"):
        true = [item for item in built.truth.incidents if item.type == kind]
        assert kinds.count(kind) == len(true), kind
    leaks = document["conversation"]["bleed"]
    if condition == "bleed20":
        (leak,) = leaks
        assert leak["attenuation_db"]["value"] == pytest.approx(20.0, abs=3.0)
        assert leak["delay_ms"] == pytest.approx(built.truth.condition["bleed_delay_ms"], abs=10.0)
        assert "BLEED" in codes(document)
    else:
        assert leaks == []


def test_the_same_call_as_two_mono_files_has_the_same_turns(tmp_path, call):
    samples, rate_hz = call
    soundfile.write(tmp_path / "a.wav", samples[:, 0], rate_hz)
    soundfile.write(tmp_path / "b.wav", samples[rate_hz // 4 :, 1], rate_hz)
    whole = heard(tmp_path, CALL, "--caller-channel", "0")
    apart = heard(
        tmp_path,
        *("--caller", tmp_path / "a.wav", "--agent", tmp_path / "b.wav"),
        *("--agent-offset-ms", "250"),
    )
    gaps = [
        [turn["heard_gap_ms"].get("value") for turn in document["conversation"]["turns"]]
        for document in (whole, apart)
    ]
    assert len(gaps[0]) == len(gaps[1]) == 6
    for one, other in zip(*gaps, strict=True):
        assert one == other or abs(one - other) <= 16
    assert [item["role"] for item in apart["source"]["files"]] == ["caller", "agent"]
    assert apart["source"]["path"].endswith("a.wav + " + str(tmp_path / "b.wav"))
    assert {item["role_source"] for item in apart["source"]["channels"]} == {"files"}


def stereo(left, right):
    return np.stack([left, right], axis=1)


def noise(like):
    return np.random.default_rng(1).normal(0, 0.003, len(like))


def late(samples, frames):
    return np.concatenate([np.zeros(frames), samples[:-frames]])


ONE_TRACK = {
    "mono": (lambda left, right: left + right, "the recording has one channel"),
    "identical": (lambda left, right: stereo(left, left), "same signal"),
    "anti-phase": (lambda left, right: stereo(left, -left), "sign turned"),
    "three": (
        lambda left, right: np.stack([left, right, 0.9 * right], axis=1),
        "the recording has 3 channels",
    ),
    "late copy": (
        lambda left, right: stereo(left + right, late(left + right, 160)),
        "the same voices at the same times",
    ),
    "soft copy": (
        lambda left, right: stereo(left + right, 0.5 * late(left + right, 800)),
        "channel 1 carries only channel 0 again, 6 dB lower and 50 ms later",
    ),
}
ONE_SIDED = {
    "dead agent": (lambda left, right: stereo(left, 0 * left), "channel 1 carries no speech"),
    "dead caller": (lambda left, right: stereo(0 * left, right), "channel 0 carries no speech"),
    "noise": (lambda left, right: stereo(left, noise(left)), "channel 1 carries no speech"),
    "nobody": (lambda left, right: stereo(noise(left), 0 * left), "neither channel carries speech"),
    "silence": (lambda left, right: 0 * left, "the recording has one channel"),
}


def without_turns(home, call, make, reason, *gates, code=0):
    """Judge what is made of 22 s of the call, with its one long silence from 32.8 to 38.4 s."""
    samples, rate_hz = call
    part = samples[24 * rate_hz : 46 * rate_hz]
    path = home / "x.wav"
    soundfile.write(path, make(part[:, 0], part[:, 1]), rate_hz)
    document = heard(home, path, *gates, code=code)
    conversation = document["conversation"]
    assert conversation["status"] == "not_measurable"
    assert reason in conversation["reason"]
    assert conversation["hint"]
    assert conversation["turns"] == []
    assert conversation["summary"]["heard_gap_ms"]["p50"]["status"] == "not_measurable"
    assert "TURNS_NOT_MEASURABLE" in codes(document)
    return conversation


@pytest.mark.parametrize("case", ONE_TRACK)
def test_a_recording_with_one_voice_track_says_why_and_keeps_its_silences(tmp_path, call, case):
    gate = ("--max-dead-air-s", "3")
    conversation = without_turns(tmp_path, call, *ONE_TRACK[case], *gate, code=1)
    longest = conversation["summary"]["dead_air_s"]
    assert longest["value"] > 3
    assert {item["type"] for item in conversation["incidents"]} == {"dead_air"}
    if case in ("mono", "three", "late copy", "soft copy"):
        assert longest["value"] == pytest.approx(6.0, abs=0.2)
        assert len(conversation["incidents"]) == 1


@pytest.mark.parametrize("case", ONE_SIDED)
def test_where_a_side_is_missing_nobody_says_that_nobody_spoke(tmp_path, call, case):
    gate = ("--max-dead-air-s", "3")
    conversation = without_turns(tmp_path, call, *ONE_SIDED[case], *gate, code=8)
    assert conversation["summary"]["dead_air_s"]["status"] == "not_measurable"
    assert conversation["incidents"] == []


def test_two_files_that_never_overlap_are_no_conversation(tmp_path, call):
    samples, rate_hz = call
    for index, name in enumerate(("a.wav", "b.wav")):
        soundfile.write(tmp_path / name, samples[: 10 * rate_hz, index], rate_hz)
    sides = ("--caller", "a.wav", "--agent", "b.wav", "--agent-offset-ms", "11000")
    document = heard(tmp_path, *sides)
    assert "do not overlap" in document["conversation"]["reason"]
    assert "--agent-offset-ms" in document["conversation"]["hint"]
    assert document["conversation"]["incidents"] == []
    assert {"NO_OVERLAP", "TURNS_NOT_MEASURABLE"} <= codes(document)


HOLD = {
    "--max-heard-gap-ms": "9000",
    "--max-yield-ms": "1000",
    "--fail-on": "missed_responses > 0 or early_starts > 0",
}
FAIL = {"--max-heard-gap-ms": "3000", "--max-yield-ms": "100", "--max-dead-air-s": "3"}
UNSURE = {"--max-heard-p50-ms": "9000", "--max-heard-p95-ms": "9000"}


@pytest.mark.parametrize(
    ("gates", "outcomes", "code"),
    [
        (HOLD, ["pass"] * 3, 0),
        (FAIL, ["fail"] * 3, 1),
        (HOLD | UNSURE, ["not_enough_evidence"] * 2 + ["pass"] * 3, 8),
        ({"--max-heard-gap-ms": "inf"}, None, 2),
    ],
)
def test_gates_on_the_conversation_decide_the_exit_code(tmp_path, gates, outcomes, code):
    flags = [part for gate in gates.items() for part in gate]
    document = heard(tmp_path, CALL, "--caller-channel", "left", *flags, code=code)
    if code != 2:
        assert document["conversation"]["status"] == "measured"
        assert sorted(gate["outcome"] for gate in document["gates"]) == outcomes


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "there is no recording"),
        (["--caller", CALL], "--agent is missing"),
        (["--agent", CALL], "--caller is missing"),
        ([CALL, "--caller", CALL], "exclude each other"),
        ([CALL, "--agent-offset-ms", "5"], "--agent-offset-ms needs --caller and --agent"),
        (["--caller", CALL, "--agent", CALL, "--caller-channel", "0"], "no meaning"),
        (["--caller", CALL, "--agent", CALL, "--agent-offset-ms", "nan"], "is no number"),
    ],
)
def test_what_does_not_fit_together_is_a_usage_error(tmp_path, arguments, said):
    result = echotrace("analyze", *arguments, "--json", home=tmp_path)
    assert result.code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_side_that_is_stereo_or_missing_is_unusable_input(tmp_path, call):
    samples, rate_hz = call
    mono = tmp_path / "a.wav"
    soundfile.write(mono, samples[:, 0], rate_hz)
    for other, said in ((CALL, "call.wav"), (tmp_path / "none.wav", "none.wav")):
        result = echotrace("analyze", "--caller", mono, "--agent", other, "--json", home=tmp_path)
        assert result.code == 3
        assert said in result.stderr
        assert json.loads(result.stdout)["status"] == "failed"


def test_the_agents_file_is_never_replaced_by_the_report(tmp_path, call):
    samples, rate_hz = call
    for index, name in enumerate(("a.wav", "b.wav")):
        soundfile.write(tmp_path / name, samples[:, index], rate_hz)
    before = (tmp_path / "b.wav").read_bytes()
    arguments = ("--caller", "a.wav", "--agent", "b.wav", "-o", "b.wav", "--force")
    result = echotrace("analyze", *arguments, home=tmp_path)
    assert result.code in (2, 6)
    assert (tmp_path / "b.wav").read_bytes() == before


def test_swapped_channels_are_named_when_the_sound_is_sure(tmp_path, made):
    built, path = made("clean")
    right = heard(tmp_path, path)
    wrong = heard(tmp_path, path, "--caller-channel", str(1 - built.truth.caller_channel))
    sure = next(item for item in right["source"]["channels"] if item["role"] == "caller")
    assert sure["index"] == built.truth.caller_channel
    assert ("CHANNELS_SWAPPED" in codes(wrong)) == (sure["role_confidence"] >= 0.9)
