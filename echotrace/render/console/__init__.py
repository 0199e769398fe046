"""The report for a terminal, a pipe or a CI log; loaded only when one is printed."""

from echotrace.render.console.page import ConsoleRenderer, render_console

__all__ = ["ConsoleRenderer", "render_console"]
