"""The user's own keys: what is understood, what is refused, and what the help page then says."""

import asyncio

import pytest
from textual.binding import Binding

from echotrace.errors import ConfigError
from echotrace.tui.key_help import TITLES, key_sections, key_shown
from echotrace.tui.keymap import INTERRUPT, bound_here, keymap_of, owners
from echotrace.tui.theme import theme_named
from tests.fakes.reports import call_report, mock_report
from tests.fakes.tui_apps import saved_app, settled


def test_every_action_of_ours_can_be_named():
    for owner in owners():
        for binding in bound_here(owner):
            assert isinstance(binding, Binding)
            assert binding.id, binding
            if binding.id != INTERRUPT:
                assert keymap_of(f"{binding.id}=ctrl+y") == {binding.id: "ctrl+y"}


def test_every_class_that_binds_keys_has_a_title_on_the_help_page():
    names = {owner.__name__ for owner in owners()}
    assert {"EchoTraceApp", "TimelineScreen", "TurnTable", "SheetScreen"} <= names
    assert names <= set(TITLES)
    assert set(TITLES) <= names


def test_an_id_stands_for_one_action():
    actions = {}
    for owner in owners():
        for binding in bound_here(owner):
            kept = actions.setdefault((owner.__name__, binding.id), binding.action)
            assert kept == binding.action, binding.id


def test_nothing_is_no_keymap():
    assert keymap_of("") == {}
    assert keymap_of("  ") == {}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("view.turns", "no pair"),
        ("view.turns=", "no pair"),
        ("view.tuns=T", "no action view.tuns"),
        ("view.turns=T view.words=T", "the key T of view.turns is that of view.words too"),
        ("view.turns=x", "the key x of view.turns is that of view.transcript too"),
        ("turns.down=f", "the key f of turns.down is that of view.waterfall too"),
        ("screen.back=b", "the key b of screen.back is that of waterfall.bottleneck too"),
        ("view.turns=]", "the key right_square_bracket of view.turns is that of report.next too"),
        ("view.turns=" + "x" * 40, "has a key that is none"),
        ("view.turns=nosuchkey", "has a key that is none: nosuchkey"),
        ("view.turns=ctrl+", "has a key that is none: ctrl+"),
        ("view.turns=hypr+x", "has a key that is none: hypr+x"),
        ("view.turns=T view.turns=U", "view.turns is named twice"),
        ("app.interrupt=x", "app.interrupt always is ctrl+c"),
        ("view.turns=ctrl+c", "ctrl+c leaves the app from every screen"),
        ("view.turns=a,,b", "has a key that is none"),
    ],
)
def test_what_is_no_keymap_is_refused(text, what):
    with pytest.raises(ConfigError) as caught:
        keymap_of(text)
    assert what in caught.value.what
    assert caught.value.hint


def test_the_nearest_action_is_the_hint():
    with pytest.raises(ConfigError) as caught:
        keymap_of("view.tuns=T")
    assert caught.value.hint == "did you mean view.turns?"


def test_keys_of_two_screens_never_meet():
    assert keymap_of("timeline.fit=Z text.search=Z view.turns=Z")


def test_two_keys_can_be_swapped():
    assert keymap_of("view.turns=x view.transcript=t") == {
        "view.turns": "x",
        "view.transcript": "t",
    }


def test_two_widgets_may_have_one_key_and_a_character_is_a_key():
    assert keymap_of("turns.open=. panel.open=.")["turns.open"] == "full_stop"


@pytest.mark.parametrize(
    ("key", "shown"),
    [("question_mark", "?"), ("T", "T"), ("t", "t"), ("right_square_bracket", "]")],
)
def test_a_key_is_told_as_it_is_printed_on_the_keyboard(key, shown):
    assert key_shown(key) == shown


def test_the_help_tells_the_users_own_key():
    app = saved_app(call_report(), mock_report(), keymap={"view.turns": "T", "timeline.fit": "Z"})

    async def steps():
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(pilot)
            await pilot.press("tab", "tab")
            await pilot.press("T")
            await pilot.pause()
            return key_sections(app, app.screen), type(app.focused).__name__

    sections, focused = asyncio.run(steps())
    assert focused == "TurnTable"
    lines = {line.id: line.keys for section in sections for line in section.lines}
    assert lines["view.turns"] == "T"
    assert lines["timeline.fit"] == "Z"
    titles = [section.title for section in sections]
    assert len(set(titles)) == len(titles)
    assert {"Timeline", "Waterfall", "Text", "Score", "Diff"} <= set(titles)


@pytest.mark.parametrize(
    "key", ["T", "ctrl+t", "f5", "space", "ctrl+shift+left", "$", "dollar_sign", "é"]
)
def test_a_key_of_a_keyboard_is_one(key):
    assert keymap_of(f"view.words={key}")


def test_a_theme_that_is_none_is_refused_with_the_nearest():
    assert theme_named("nord") == "nord"
    with pytest.raises(ConfigError) as caught:
        theme_named("norf")
    assert caught.value.hint == "did you mean nord?"
    assert "textual-dark" in caught.value.why
