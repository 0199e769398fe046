"""The command palette's entries: every action of the app by a name that can be searched."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["COMMANDS", "Command", "told"]


class Command(NamedTuple):
    """A title under its group, what it does, and the action that does it."""

    title: str
    told: str
    action: str


COMMANDS = (
    Command("report: run again", "Run again; cancels the run that is on", "rerun"),
    Command("report: export JSON", "Write the report as JSON to a file that you name", "export"),
    Command("report: next", "Show the next report of this session", "next_report"),
    Command("report: previous", "Show the previous report of this session", "previous_report"),
    Command(
        "view: timeline", "Open the timeline; there n and p go from place to place", "timeline"
    ),
    Command(
        "view: transcript", "Open what was said over what was heard; there / searches", "transcript"
    ),
    Command("view: waterfall", "Open the spans of this run", "waterfall"),
    Command("view: score", "Open what cost the score its points, place by place", "score"),
    Command("view: diff", "Lay this report beside the next one of this session", "diff"),
    Command("view: turns", "Go to the turns of the call, the worst first", "turns"),
    Command("view: words", "Go to the misheard words; enter opens one", "words"),
    Command("view: probes", "Go to the probes' requests; enter opens one", "probes"),
    Command("view: panel to full screen", "Panel to full screen and back", "zoom"),
    Command("view: dark or light", "Switch between the dark and the light theme", "dark_light"),
    Command("view: theme", "Choose another theme", "change_theme"),
    Command("help: keys", "List every key", "help"),
    Command("app: quit", "Quit; a run that is on is cancelled", "quit"),
)


def told(action: str) -> str:
    """Return what an action does, for the help page and the mouse."""
    return next(command.told for command in COMMANDS if command.action == action)
