"""Who is who: the user's word first, then the sound, and a remark where the two disagree."""

import numpy as np
import pytest
import soundfile

from echotrace.audio.assign import ENOUGH, assign_roles
from echotrace.audio.handle import AudioOptions, open_audio
from echotrace.audio.roles import RoleGuess
from echotrace.errors import UsageError
from tests.fakes.cli import DEMO

CALL = DEMO / "call.wav"


@pytest.fixture
def guessed(monkeypatch):
    def as_if(caller, confidence):
        guess = RoleGuess(
            caller=caller, agent=1 - caller, confidence=confidence, evidence=("it greets",)
        )
        monkeypatch.setattr("echotrace.audio.assign.infer_roles", lambda features: guess)

    return as_if


def roles(assigned):
    return [(item.role, item.role_source, item.role_confidence) for item in assigned.channels]


def test_the_demo_call_is_told_apart_by_its_sound_in_either_order(tmp_path):
    samples, rate_hz = soundfile.read(CALL)
    turned = tmp_path / "turned.wav"
    soundfile.write(turned, samples[:, ::-1], rate_hz)
    for path, caller in ((CALL, 0), (turned, 1)):
        with open_audio(path, options=AudioOptions()) as audio:
            (mine,) = [item for item in audio.source.channels if item.role == "caller"]
            assert (mine.index, mine.role_source) == (caller, "inferred")
            assert 0.5 < mine.role_confidence <= 1.0
            assert audio.caller_known == (mine.role_confidence >= ENOUGH)


def test_a_confident_guess_makes_the_caller_known_and_a_weak_one_does_not(guessed):
    guessed(1, 0.95)
    sure = assign_roles(2, (None, None), identical=False, caller=None)
    assert sure.caller == 1
    assert roles(sure) == [("agent", "inferred", 0.95), ("caller", "inferred", 0.95)]
    guessed(1, 0.6)
    weak = assign_roles(2, (None, None), identical=False, caller=None)
    assert weak.caller is None
    assert [item.role for item in weak.channels] == ["agent", "caller"]


def test_a_flag_is_obeyed_and_doubted_where_the_sound_says_otherwise(guessed):
    guessed(1, 0.97)
    named = assign_roles(2, (None, None), identical=False, caller=0)
    assert named.caller == 0
    assert roles(named) == [("caller", "flag", None), ("agent", "flag", None)]
    (finding,) = named.findings
    assert finding.code == "CHANNELS_SWAPPED"
    assert "97 % sure: it greets" in finding.message
    assert finding.hint.endswith("--caller-channel 1")
    guessed(1, 0.7)
    assert assign_roles(2, (None, None), identical=False, caller=0).findings == ()


def test_one_signal_or_many_channels_have_no_inferred_roles():
    assert roles(assign_roles(2, (), identical=True, caller=None)) == [("mixed", None, None)]
    assert [role for role, *_ in roles(assign_roles(4, (), identical=False, caller=None))] == [
        "unknown"
    ] * 4
    named = assign_roles(4, (), identical=False, caller=2)
    assert roles(named)[2] == ("caller", "flag", None)
    assert roles(named)[0] == ("unknown", None, None)


@pytest.mark.parametrize("count", [1, 2])
def test_a_channel_that_is_not_there_cannot_be_the_callers(count):
    with pytest.raises(UsageError, match=f"there is no channel {count}"):
        assign_roles(count, (), identical=False, caller=count)


def test_silence_on_both_sides_names_nobody(tmp_path):
    path = tmp_path / "silent.wav"
    noise = np.random.default_rng(1).normal(0, 1e-4, (16_000, 2))
    soundfile.write(path, noise, 16_000)
    with open_audio(path, options=AudioOptions()) as audio:
        assert [item.role for item in audio.source.channels] == ["unknown", "unknown"]
