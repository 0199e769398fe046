"""The terminal app: a Report, or a run on its way to one, on one screen."""
