"""``assert_voice`` passes when every expression holds, and else says where to look.

Its failures are read whole, because they are what a person has.
"""

import re
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.errors import UsageError
from echotrace.expressions import parse
from echotrace.gates import ALIASES, evaluate_gates
from echotrace.printable import printable
from echotrace.testing import assert_voice
from tests.fakes.audit_reports import audited_call_report, audited_report, hostile_audit_report
from tests.fakes.reports import (
    call_report,
    complete_report,
    failed_report,
    hostile_report,
    mock_report,
    mono_report,
    no_speech_report,
    two_files_report,
)

REPORTS = (
    audited_call_report(),
    call_report(),
    complete_report(),
    failed_report(),
    hostile_audit_report(),
    hostile_report(),
    mock_report(),
    mono_report(),
    no_speech_report(),
    two_files_report(),
)


def failure(report, *expressions):
    with pytest.raises(AssertionError) as raised:
        assert_voice(report, *expressions)
    return str(raised.value)


_COMPARISONS = st.builds(
    "{} {} {}".format,
    st.sampled_from([*ALIASES, "signal.channels.0.snr_db", "signal.peak_dbfs", "status"]),
    st.sampled_from(["<", ">=", "=", "!="]),
    st.sampled_from(["0", "0.1", "50", "1500", "complete"]),
)
_EXPRESSIONS = _COMPARISONS | st.builds(
    "{} {} {}".format, _COMPARISONS, st.sampled_from(["and", "or"]), _COMPARISONS
)


@given(st.sampled_from(REPORTS), st.lists(_EXPRESSIONS, min_size=1, max_size=3))
def test_it_passes_exactly_when_each_expression_holds(report, expressions):
    gates = evaluate_gates(report, tuple(map(parse, expressions)))
    broken = [gate.expression for gate in gates if gate.outcome != "fail"]  # a gate must not hold
    if not broken:
        assert_voice(report, *expressions)
        return
    told = failure(report, *expressions)
    assert all(text in told for text in broken)
    assert all(printable(line) == line for line in told.split("\n"))


def test_the_value_its_interval_and_the_wrong_words_are_told():
    report = audited_report()
    words = [error.message for error in report.transcription.errors]
    assert len(words) > 3
    first, value, *rest = failure(report, "wer < 0.01", "snr > 5").split("\n")
    assert first.endswith(": wer < 0.01 is false")
    assert value.startswith("    wer is 0.")
    assert "95 % interval" in value
    assert [line.strip() for line in rest[:3]] == words[:3]
    assert rest[3].strip() == f"and {len(words) - 3} more wrong words"


def test_the_worst_turn_and_its_time_are_told():
    told = failure(call_report(), "heard.worst < 1500", "yield < 100")
    heads = [line for line in told.split("\n") if "worst: turn" in line]
    worst = max(
        (turn for turn in call_report().conversation.turns if turn.heard_gap_ms.value is not None),
        key=lambda turn: turn.heard_gap_ms.value,
    )
    assert f"worst: turn {worst.id} (" in heads[0]
    assert f"heard gap {worst.heard_gap_ms.value:,.0f} ms" in heads[0]
    assert "the agent fell silent after" in heads[1]
    assert ", and 1 more of 2 do not hold" in told.split("\n")[0]


def test_an_incident_is_told_with_its_time():
    told = failure(call_report(), "missed_responses = 0", "dead_air < 1")
    (missed,) = (
        each for each in call_report().conversation.incidents if each.type == "missed_response"
    )
    assert f"missed response at {missed.at_s:.2f} s" in told
    assert "dead air at " in told


def test_the_deductions_of_a_score_are_told_worst_first():
    told = failure(call_report(), "score > 99")
    assert "score is 65" in told
    points = [int(line.split()[0]) for line in told.split("\n") if " points: " in line]
    assert points == sorted(points)
    assert points[0] < 0


def test_the_speech_with_the_lowest_snr_is_told():
    assert "lowest SNR of speech: " in failure(complete_report(), "snr > 90")


def test_entities_that_were_not_found_are_told():
    report = audited_report()
    wrong = [item for item in report.transcription.entities.items if item.outcome != "found"]
    told = failure(report, "entity_recall > 1.5")
    assert wrong
    assert f"{wrong[0].type.replace('_', ' ')} {wrong[0].outcome}: " in told


@pytest.mark.parametrize(
    ("report", "expression", "reason"),
    [
        (mono_report(), "heard.p50 < 1500", "nobody's turns can be told apart"),
        (mock_report(), "ttft < 10000", "simulated: "),
        (no_speech_report(), "wer < 1", "wer does not count: "),
        (complete_report(), "pipeline < 1e9", "pipeline does not count: "),
    ],
)
def test_what_was_not_measured_does_not_hold_and_says_why(report, expression, reason):
    for text in (expression, f"not {expression}"):  # neither it nor its opposite is known
        told = failure(report, text)
        assert told.split("\n")[0].endswith(f"{text} is not known, for want of evidence")
        assert reason in told


def test_a_command_is_told_only_where_the_recording_is_still_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = call_report()
    report = replace(report, source=replace(report.source, path="my call.wav"))
    assert "look: " not in failure(report, "heard < 1")
    (tmp_path / "my call.wav").write_bytes(b"")
    told = failure(report, "heard < 1", "wer < 0.01")
    assert "look: echotrace analyze 'my call.wav' --stages turns --start " in told
    spoken = replace(report.transcription, gold_source="reference", gold="it's 4")
    told = failure(replace(report, transcription=spoken), "wer < 0.01")
    assert """analyze 'my call.wav' --stages transcription --reference 'it'"'"'s 4'""" in told


@pytest.mark.parametrize(
    ("expressions", "problem"),
    [
        (("wre < 0.1",), "did you mean 'wer'?"),
        (("wer <",), "a number or a word is expected"),
        ((), "nothing that must hold"),
        ((0.1,), "an expression is a text, not float"),
        (("wer < 1", "wer"), "one of > >= < <= = != is expected"),
    ],
)
def test_what_cannot_be_read_is_no_pass(expressions, problem):
    with pytest.raises(UsageError, match=re.escape(problem)):
        assert_voice(complete_report(), *expressions)


def test_what_is_no_report_is_refused():
    with pytest.raises(TypeError, match="takes a Report first, not str"):
        assert_voice("wer < 0.1")


def test_it_needs_no_pytest_and_shows_no_frame_of_its_own_under_it():
    code = (
        "import sys; from echotrace.testing import assert_voice, LlmConformance; "
        "print('pytest' in sys.modules, '_pytest' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False False\n"
    with pytest.raises(AssertionError) as raised:
        assert_voice(call_report(), "heard < 1")
    shown = raised.traceback.filter(raised)
    assert [entry.path.name for entry in shown] == ["test_assertions.py"]
