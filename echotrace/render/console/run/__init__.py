"""A benchmark run, and a comparison of two, for a terminal, a pipe or a CI log."""

from echotrace.render.console.run.page import RunConsoleRenderer

__all__ = ["RunConsoleRenderer"]
