"""What the app itself can be asked for: by the command palette's entries, and by its keys."""

from __future__ import annotations

from typing import Final, NamedTuple

from textual.binding import Binding, BindingType

from echotrace.tui.keymap import INTERRUPT

__all__ = ["APP_BINDINGS", "COMMANDS", "Command", "told"]


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


APP_BINDINGS: Final[list[BindingType]] = [
    Binding("l", "timeline", "Timeline", tooltip=told("timeline"), id="view.timeline"),
    Binding("t", "turns", "Turns", tooltip=told("turns"), id="view.turns"),
    Binding("x", "transcript", "Text", tooltip=told("transcript"), id="view.transcript"),
    Binding("f", "waterfall", "Waterfall", tooltip=told("waterfall"), id="view.waterfall"),
    Binding("s", "score", "Score", tooltip=told("score"), id="view.score"),
    Binding("d", "diff", "Diff", tooltip=told("diff"), id="view.diff"),
    Binding("w", "words", "Words", tooltip=told("words"), id="view.words"),
    Binding("a", "probes", "Probes", tooltip=told("probes"), id="view.probes"),
    Binding("z", "zoom", "Zoom", tooltip=told("zoom"), show=False, id="view.zoom"),
    Binding("r", "rerun", "Run again", tooltip=told("rerun"), id="run.again"),
    Binding("e", "export", "Export", tooltip=told("export"), id="report.export"),
    Binding(
        "right_square_bracket",
        "next_report",
        "Next",
        tooltip=told("next_report"),
        show=False,
        id="report.next",
    ),
    Binding(
        "left_square_bracket",
        "previous_report",
        "Previous",
        tooltip=told("previous_report"),
        show=False,
        id="report.previous",
    ),
    Binding("q", "quit", "Quit", tooltip=told("quit"), id="app.quit"),
    Binding(
        "ctrl+c",
        "quit",
        "Leave at once",
        tooltip="Leave at once, from every screen and dialog",
        show=False,
        priority=True,
        id=INTERRUPT,
    ),
    Binding("ctrl+z", "suspend_process", "To the background", show=False, id="app.suspend"),
    Binding("question_mark", "help", "Help", tooltip=told("help"), id="app.help"),
]
"""The keys that are the app's own, in the order of the footer."""
