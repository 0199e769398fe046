"""The command palette's entries: every action of the app by a name that can be searched."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["COMMANDS", "Command"]


class Command(NamedTuple):
    """A title under its group, what it does, and the action that does it."""

    title: str
    told: str
    action: str


COMMANDS = (
    Command("report: run again", "Profile the recording anew; cancels the run that is on", "rerun"),
    Command("report: export JSON", "Write the report to a file that you name", "export"),
    Command("report: next", "Show the next report of this session", "next_report"),
    Command("report: previous", "Show the previous report of this session", "previous_report"),
    Command("view: turns", "Go to the turns of the call, the worst first", "turns"),
    Command("view: words", "Go to the misheard words; enter opens one", "words"),
    Command("view: probes", "Go to the probes' requests; enter opens one", "probes"),
    Command("view: panel to full screen", "Let the panel with the focus fill the screen", "zoom"),
    Command("view: dark or light", "Switch between the dark and the light theme", "dark_light"),
    Command("view: theme", "Choose another theme", "change_theme"),
    Command("help: keys", "List every key", "help"),
    Command("app: quit", "Leave; a run that is on is cancelled", "quit"),
)
