"""The line of keys at the bottom: where it is too long, the keys that are least needed give way.

It is one line of text and no row of widgets: it is drawn anew whenever the focus moves, and thirty
widgets that are made anew at every key are felt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

if TYPE_CHECKING:
    from textual import events
    from textual.app import RenderResult
    from textual.screen import Screen

__all__ = ["KeyBar"]

_GIVE_WAY = (
    "command_palette",
    "export",
    "rerun",
    "words",
    "probes",
    "score",
    "diff",
    "order",
    "waterfall",
    "filter",
    "transcript",
    "turns",
    "timeline",
    "play",
    "previous",
)
"""Actions in the order in which their keys leave the line; the help page still lists them."""


class _Key(NamedTuple):
    key: str
    shown: str
    told: str
    action: str
    enabled: bool

    @property
    def cells(self) -> int:
        return cell_len(self.shown) + cell_len(self.told) + 3


class KeyBar(Widget):
    """Shows the keys that can be pressed now; a click presses one."""

    DEFAULT_CSS = """
    KeyBar {
        dock: bottom;
        height: 1;
        text-wrap: nowrap;
        color: $footer-foreground;
        background: $footer-background;
    }
    """
    ALLOW_SELECT = False

    keys: reactive[tuple[_Key, ...]] = reactive(())

    def on_mount(self) -> None:
        """Follow the keys that the screen hears."""
        self.screen.bindings_updated_signal.subscribe(self, self._follow)

    def _follow(self, screen: Screen[object]) -> None:
        found: dict[str, _Key] = {}
        for key, active in screen.active_bindings.items():
            binding = active.binding
            if binding.show or binding.action.endswith("command_palette"):
                shown = self.app.get_key_display(binding)
                entry = _Key(key, shown, binding.description, binding.action, active.enabled)
                found.setdefault(binding.action, entry)
        palette = [name for name in found if name.endswith("command_palette")]
        for name in palette:  # it comes last
            found[name] = found.pop(name)
        self.keys = tuple(found.values())

    def render(self) -> RenderResult:
        """Return the keys that fit, in their order."""
        parts = []
        for key in self._fitting():
            style = "$footer-key-foreground" if key.enabled else "$foreground 40%"
            told = "$footer-description-foreground" if key.enabled else "$foreground 40%"
            parts.append(
                Content.assemble((f" {key.shown}", f"bold {style}"), (f" {key.told} ", told))
            )
        return Content("").join(parts)

    def on_click(self, event: events.Click) -> None:
        """Press the key under the pointer."""
        left = 0
        for key in self._fitting():
            if left <= event.x < left + key.cells:
                if key.enabled:
                    self.app.simulate_key(key.key)
                else:
                    self.app.bell()
                return
            left += key.cells

    def _fitting(self) -> list[_Key]:
        keys = list(self.keys)
        spare = self.size.width - sum(key.cells for key in keys)
        for action in _GIVE_WAY:
            for key in [key for key in keys if spare < 0 and _is(key, action)]:
                spare += key.cells
                keys.remove(key)
        return keys


def _is(key: _Key, action: str) -> bool:
    return key.action.rpartition(".")[2] == action
