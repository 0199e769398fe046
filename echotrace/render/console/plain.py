"""Data made safe to print: a name or a transcript never moves the cursor or reads as markup."""

from __future__ import annotations

from rich.cells import cell_len

__all__ = ["clean", "cut_middle", "pieces"]

_MAX_COMBINING = 4
_JOINERS = {"\u200d": "", "\ufe0e": "", "\ufe0f": ""}
_DROP = str.maketrans(_JOINERS)
_ZERO_WIDTH_NON_JOINER = "\u200c"
_FILLERS = "\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5"


def clean(data: object, *, ascii_only: bool = False) -> str:
    r"""Return data as one printable line.

    White space of every kind becomes one space; control, bidi, invisible and unassigned characters
    stand as ``\xNN`` or ``\uNNNN``. Emoji joiners and variation selectors go, because terminals do
    not agree on how wide they make a character. With ``ascii_only`` whatever is not ASCII is
    escaped.
    """
    text = " ".join(str(data).split())
    if text.isascii() and text.isprintable():
        return text
    if ascii_only:
        return "".join(char if _is_plain_ascii(char) else _escape(char) for char in text)
    shown: list[str] = []
    combining = 0
    for char in text.translate(_DROP):
        if not (char.isprintable() or char == _ZERO_WIDTH_NON_JOINER) or char in _FILLERS:
            shown.append(_escape(char))
            continue
        combining = combining + 1 if cell_len(char) == 0 else 0
        shown.append(char if combining <= _MAX_COMBINING else _escape(char))
    return "".join(shown)


def cut_middle(text: str, width: int, *, ellipsis: str = "...") -> str:
    """Return cleaned text of at most ``width`` cells; the ends of a name tell it from others."""
    if cell_len(text) <= width:
        return text
    room = max(0, width - len(ellipsis))
    tail = _fit(text[::-1], room // 2)[::-1]
    head = _fit(text, room - cell_len(tail))
    return (head + ellipsis + tail)[: max(width, 0)] if room == 0 else head + ellipsis + tail


def pieces(text: str, width: int) -> list[str]:
    """Split cleaned text into parts of at most ``width`` cells each, losing nothing."""
    parts: list[str] = []
    rest = text
    while cell_len(rest) > width:
        part = _fit(rest, width) or rest[0]
        parts.append(part)
        rest = rest[len(part) :]
    return [*parts, rest] if rest or not parts else parts


def _fit(text: str, width: int) -> str:
    cells = 0
    for index, char in enumerate(text):
        cells += cell_len(char)
        if cells > width:
            return text[:index]
    return text


def _is_plain_ascii(char: str) -> bool:
    return char.isascii() and char.isprintable()


def _escape(char: str) -> str:
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
