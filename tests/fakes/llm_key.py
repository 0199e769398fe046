"""A key that is planted in tests and must never be found in anything that comes out."""

KEY = "gsk_PLANTEDk3yQ7wZx92LmNopRstUvAbCdEf0123456789"


def pieces_of_key(length: int = 8) -> set[str]:
    """Every piece of the key that is long enough to matter."""
    return {KEY[at : at + length] for at in range(len(KEY) - length + 1)}
