"""What can be asked for, and how a question that cannot be is refused."""

from __future__ import annotations

import pytest

from echotrace.errors import ExitCode, UsageError
from echotrace.whatif.ask import check_targets
from echotrace.whatif.change import CHANGEABLE, Change, read_changes


def test_assignments_come_in_the_order_in_which_a_turn_goes_through_its_parts():
    found = read_changes(["speech_synthesis=120", "endpointing-wait=3e2"], ["LLM_inference=.5"])
    assert found == (
        Change(key="endpointing_wait", how="set", value=300.0),
        Change(key="llm_inference", how="scale", value=0.5),
        Change(key="speech_synthesis", how="set", value=120.0),
    )
    assert [change.of(400.0) for change in found] == [300.0, 200.0, 120.0]


@pytest.mark.parametrize("key", CHANGEABLE)
def test_every_part_can_be_set_not_only_settings(key):
    assert read_changes([f"{key}=0"], [])[0] == Change(key=key, how="set", value=0.0)


@pytest.mark.parametrize(
    ("sets", "scales", "code", "told"),
    [
        ([], [], "NO_CHANGE", "nothing is changed"),
        (["endpointing_wait"], [], "NO_ASSIGNMENT", "KEY=NUMBER"),
        (["endpoint_wait=300"], [], "UNKNOWN_PART", "did you mean endpointing_wait?"),
        (["llm=300"], [], "UNKNOWN_PART", "endpointing_wait"),
        (["\x1b[2J=300"], [], "UNKNOWN_PART", "\\x1b[2J"),
        (["unaccounted=0"], [], "UNKNOWN_PART", "remainder"),
        (["endpointing_wait=-1"], [], "BAD_VALUE", "from 0 to"),
        (["endpointing_wait=nan"], [], "BAD_VALUE", "from 0 to"),
        (["endpointing_wait=inf"], [], "BAD_VALUE", "from 0 to"),
        (["endpointing_wait=1e300"], [], "BAD_VALUE", "from 0 to"),
        (["endpointing_wait=300ms"], [], "BAD_VALUE", "a wait in ms"),
        (["endpointing_wait="], [], "BAD_VALUE", "a wait in ms"),
        ([], ["llm_inference=-0.5"], "BAD_VALUE", "a factor"),
        ([], ["llm_inference=nan"], "BAD_VALUE", "a factor"),
        (["llm_inference=3"], ["llm_inference=1"], "CHANGED_TWICE", "changed twice"),
        (["llm_inference=3", "llm_inference=3"], [], "CHANGED_TWICE", "changed twice"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_with_what_to_write(sets, scales, code, told):
    with pytest.raises(UsageError) as raised:
        read_changes(sets, scales)
    error = raised.value
    assert (error.code, error.exit_code) == (code, ExitCode.USAGE)
    assert told in f"{error.what} {error.why} {error.hint}"
    assert "\x1b" not in error.what


def test_targets_are_those_of_the_bands_unless_some_are_named():
    assert check_targets([]) == (800.0, 1500.0)
    assert check_targets([900.0, 500.0, 900.0]) == (500.0, 900.0)


@pytest.mark.parametrize("target", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_target_is_refused(target):
    with pytest.raises(UsageError, match="--target-ms"):
        check_targets([800.0, target])
