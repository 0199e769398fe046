"""The built-in analyzers, one module each; they are found by entry points and loaded when run."""
