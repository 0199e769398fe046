"""What the help page says: the keys that are heard here, then those of every other screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from echotrace.tui.keymap import bound_here, owners

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from textual.app import App
    from textual.binding import Binding
    from textual.screen import Screen

__all__ = ["TITLES", "KeyLine", "KeySection", "key_sections", "key_shown"]

_SIGNS = {
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "plus": "+",
    "minus": "-",
    "equals_sign": "=",
    "slash": "/",
    "full_stop": ".",
    "comma": ",",
    "underscore": "_",
    "pageup": "page up",
    "pagedown": "page down",
}

TITLES = {
    "EchoTraceApp": "Overview",
    "OverviewScreen": "Overview",
    "Panel": "A panel",
    "ScorePanel": "A panel",
    "TimelinePanel": "A panel",
    "TranscriptPanel": "A panel",
    "WaterfallPanel": "A panel",
    "TurnsPanel": "The turns",
    "TurnTable": "The turns",
    "MisheardTable": "The misheard words",
    "RequestTable": "The requests of the probes",
    "FullScreen": "Every full screen",
    "TimelineScreen": "Timeline",
    "WaterfallScreen": "Waterfall",
    "TranscriptScreen": "Text",
    "AlignedText": "Text",
    "ScoreScreen": "Score",
    "CompareScreen": "Diff",
    "RowList": "A list",
    "SheetScreen": "The sheet of a turn, a word or a request",
    "TurnScreen": "The sheet of a turn",
    "ExportScreen": "Export",
    "HelpScreen": "This page",
}
"""What an owner of keys is called on the page, in the order of the page."""

_TOLD = {
    "app.focus_next": "Next panel",
    "app.focus_previous": "Previous panel",
    "command_palette": "Every action by name",
    "scroll_up": "Scroll up",
    "scroll_down": "Scroll down",
    "scroll_home": "To the beginning",
    "scroll_end": "To the end",
    "page_up": "A page up",
    "page_down": "A page down",
}
"""What actions that are not ours do, in our words; those that are nowhere else are left out."""


class KeyLine(NamedTuple):
    """The keys of an action as a reader knows them, what it does, and its id for the keymap."""

    keys: str
    told: str
    id: str


class KeySection(NamedTuple):
    """The keys of one place."""

    title: str
    lines: tuple[KeyLine, ...]


def key_shown(key: str) -> str:
    """Return a key as it is printed on a keyboard."""
    modifiers, plus, last = key.rpartition("+")
    return f"{modifiers}{plus}{_SIGNS.get(last, last.replace('_', ' '))}"


def key_sections(app: App[Any], screen: Screen[Any]) -> list[KeySection]:
    """Return what is heard on this screen by what has the focus, then what other screens hear."""
    bound = [(key, active.binding) for key, active in screen.active_bindings.items()]
    here = _lines((key, binding) for key, binding in bound if not binding.system)
    merged: dict[str, tuple[KeyLine, ...]] = {}
    merged[TITLES.get(type(screen).__name__, "Here")] = here
    told = {line.id for line in here if line.id}
    places = list(TITLES)
    for owner in sorted(owners(), key=lambda owner: places.index(owner.__name__)):
        lines = _lines(
            (key, binding)
            for binding in bound_here(owner)
            for key in _keys(binding, app._keymap)
            if binding.id not in told
        )
        title = TITLES[owner.__name__]
        merged[title] = (*merged.get(title, ()), *lines)
    return [KeySection(title, lines) for title, lines in merged.items() if lines]


def _keys(binding: Binding, keymap: Mapping[str, str]) -> Sequence[str]:
    """Return the keys of a binding as the user has them."""
    return (keymap.get(binding.id or "") or binding.key).split(",")


def _lines(bound: Iterable[tuple[str, Binding]]) -> tuple[KeyLine, ...]:
    found: dict[tuple[str, str], list[str]] = {}
    for key, binding in bound:
        ours = binding.tooltip or binding.description
        told = ours if binding.id else _TOLD.get(binding.action, "")
        if told:
            found.setdefault((told, binding.id or ""), []).append(key_shown(key))
    return tuple(
        KeyLine(", ".join(dict.fromkeys(keys)), told, name) for (told, name), keys in found.items()
    )
