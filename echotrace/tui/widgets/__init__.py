"""One widget a file; each draws its part of a run's state."""
