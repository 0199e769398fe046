"""A contributor's package."""
