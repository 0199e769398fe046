"""Many recordings through many engines: inputs, the run file, the figures, comparison, gates."""
