"""A trace laid over a recording: the clock between them, and the parts of each turn."""
