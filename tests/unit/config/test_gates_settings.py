"""A setting that is a list of texts: the gates of a benchmark, in files, variables and flags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.config.describe import setting_keys
from echotrace.config.settings import GateSettings
from echotrace.config.values import BadValue, from_text, from_toml
from echotrace.errors import ConfigError

GATES = ("wer > 0.10", "heard.p95 > 1500", "wer regression")
KEY = setting_keys()["gates", "fail_on"]


def test_without_a_table_there_are_no_gates(place):
    assert place.load().settings.gates == GateSettings(fail_on=(), baseline=None, tolerance=0.1)


@pytest.mark.parametrize("write", ["project", "user"])
def test_a_file_of_the_project_or_the_user_sets_them(place, write):
    path = getattr(place, write)(
        "[gates]\n"
        "fail_on = [\n"
        '    "wer > 0.10", # too many words wrong\n'
        '    "heard.p95 > 1500", "wer regression",\n'
        "]\n"
        'baseline = "main"\n'
        "tolerance = 0.05\n"
    )
    loaded = place.load()
    assert loaded.settings.gates == GateSettings(fail_on=GATES, baseline="main", tolerance=0.05)
    assert loaded.origins["gates.fail_on"].path == path
    assert loaded.origins["gates.fail_on"].line == 2
    assert loaded.origins["gates.baseline"].line == 6


def test_they_stand_in_pyproject_too(place):
    place.project('[tool.echotrace.gates]\nfail_on = ["wer > 0.10"]\n', "pyproject.toml")
    assert place.load().settings.gates.fail_on == ("wer > 0.10",)


def test_a_variable_separates_them_by_semicolons_and_wins_over_the_file(place):
    place.project('[gates]\nfail_on = ["cost > 1"]\n')
    place.extra["ECHOTRACE_GATES_FAIL_ON"] = f" {'; '.join(GATES)} ;"
    loaded = place.load()
    assert loaded.settings.gates.fail_on == GATES
    assert str(loaded.origins["gates.fail_on"]) == "ECHOTRACE_GATES_FAIL_ON"
    place.extra["ECHOTRACE_GATES_FAIL_ON"] = ";"  # none at all, whatever the file says
    assert place.load().settings.gates.fail_on == ()


def test_a_flag_may_come_as_a_list_or_as_one_text(place):
    for raw in (GATES, list(GATES), ";".join(GATES)):
        assert place.load({"gates.fail_on": raw}).settings.gates.fail_on == GATES


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('fail_on = "wer > 0.1"', "must be a list of texts, not 'wer > 0.1'"),
        ("fail_on = 0.1", "must be a list of texts, not 0.1"),
        ("fail_on = [0.1]", "must be a list of texts: text 1 is 0.1"),
        ('fail_on = ["wer > 0.1", " "]', "text 2 is empty"),
        ('fail_on = ["wer\\n> 0.1"]', "text 1 holds a line break"),
        ('fail_on = [["wer > 0.1"]]', "text 1 is an array"),
        (f"fail_on = {['wer > 0.1'] * 101}", "it has 101 texts, and at most 100 are read"),
        ("tolerance = -0.1", "must be a number of at least 0, not -0.1"),
        ("tolerance = nan", "must be a number of at least 0, not nan"),
        ("baseline = []", "must be text, not an array"),
    ],
)
def test_what_does_not_fit_is_refused_with_file_and_line(place, line, problem):
    place.project(f"[gates]\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        place.load()
    assert caught.value.what.startswith(f".echotrace.toml:2: gates.{line.partition(' ')[0]} must")
    assert problem in caught.value.what
    assert caught.value.code == "BAD_VALUE"
    if line.startswith("fail_on"):
        assert caught.value.hint.startswith('write fail_on = ["wer > 0.1')


def test_a_name_that_is_nearly_right_is_told(place):
    place.project('[gates]\nfailon = ["wer > 0.1"]\n')
    with pytest.raises(ConfigError) as caught:
        place.load()
    assert caught.value.what == ".echotrace.toml:2: unknown key gates.failon"
    assert caught.value.hint == "did you mean gates.fail_on?"


def test_the_help_says_whose_gates_they_are():
    assert "`benchmark`" in KEY.help
    assert "analyze reads none" in KEY.help
    assert (KEY.expected, KEY.env) == ("a list of texts", "ECHOTRACE_GATES_FAIL_ON")


_TEXTS = st.lists(st.text("ab >.0\"'[]#", min_size=1).filter(str.strip).map(str.strip))


@given(_TEXTS)
def test_a_variable_and_a_file_say_the_same(texts):
    assert from_text(KEY, ";".join(texts)) == from_toml(KEY, texts) == tuple(texts)


@given(st.text())
def test_no_variable_breaks_the_reader(text):
    try:
        found = from_text(KEY, text)
    except BadValue as error:
        found = (str(error),)
    assert all(part.strip() == part and part for part in found)
