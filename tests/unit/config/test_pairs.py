"""A setting that is a table of texts: the app's keys, in a file and in a variable."""

import pytest

from echotrace.errors import ConfigError


@pytest.mark.parametrize(
    "text",
    [
        '[tui.keymap]\n"view.turns" = "T"\n"report.next" = ["n", "space"]\n',
        '[tui.keymap]\nview.turns = "T"\nreport.next = "n,space"\n',
        '[tui]\nkeymap = { "view.turns" = "T", "report.next" = "n,space" }\n',
        '[tui]\nkeymap = "view.turns=T report.next=n,space"\n',
    ],
)
def test_pairs_can_be_written_in_every_way_that_toml_has(place, text):
    path = place.user(text)
    loaded = place.load()
    assert loaded.settings.tui.keymap == "view.turns=T report.next=n,space"
    assert loaded.origins["tui.keymap"].path == path


def test_a_variable_wins_over_the_table(place):
    place.user('[tui.keymap]\n"view.turns" = "T"\n')
    place.extra["ECHOTRACE_TUI_KEYMAP"] = "view.words=W"
    assert place.load().settings.tui.keymap == "view.words=W"


def test_an_empty_table_is_no_pair(place):
    place.user("[tui.keymap]\n")
    assert place.load().settings.tui.keymap == ""


@pytest.mark.parametrize(
    "value",
    ["1", "true", '{ "view.turns" = 1 }', '{ "view.turns" = "" }', "{ a = [] }", '{ a = "x y" }'],
)
def test_what_is_no_pair_is_refused_with_its_place(place, value):
    place.user(f"[tui]\nkeymap = {value}\n")
    with pytest.raises(ConfigError) as caught:
        place.load()
    assert "tui.keymap" in caught.value.what
    assert "a table of texts" in caught.value.what
    assert caught.value.code == "BAD_VALUE"
