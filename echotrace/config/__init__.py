"""Settings, where each value came from, paths, secrets and threshold profiles."""
