"""The version, in one place; the build and ``--version`` read it from here."""

__version__ = "0.1.0.dev0"
