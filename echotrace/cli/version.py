"""``echotrace version``: the version, and what it runs on."""

from __future__ import annotations

import platform

import typer

from echotrace._version import __version__

__all__ = ["version"]


def version() -> None:
    """Show the version and the Python that it runs on."""
    typer.echo(
        f"echotrace {__version__} (Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()})"
    )
