"""The command line: parses, calls, picks a renderer, maps errors to exit codes; no logic."""
