"""Where normalised tokens came from: for each, the range of raw words that it stands for.

The rules rewrite whole texts ("twenty five dollars" is "$25"), so no word carries its place through
them. Each raw word is normalised alone, the tokens that come out equal anchor the two sides, and
what lies between two anchors on one side belongs to what lies between them on the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.text.normalize import TextNormalizer

__all__ = ["locate"]

_MARK: Final = "zqxjkz"
"""A plain word that no rule knows, between words that are normalised in one go."""
_UNSAID: Final = ("a", "one")
"""Words that vanish before "hundred" or "thousand", which alone are 100 and 1000 already."""
_UNSAID_AFTER: Final = "oclock"
"""A word that vanishes after a number."""
_BRACKETS: Final = str.maketrans("", "", "<>[](){}")
_QUOTES: Final = "'`\u00b4\u2018\u2019\u2032\u02bc\uff07 "


def locate(
    words: Sequence[str], tokens: Sequence[str], normalizer: TextNormalizer
) -> tuple[tuple[int, int] | None, ...]:
    """Return for each token the range [first, end) of the words it came from.

    Neither end of a range ever lies before that of the token before. A token is None where no word
    is left for it. The tokens may come from a text that differs a little from the words.
    """
    from rapidfuzz.distance import Levenshtein

    parts: list[str] = []
    owners: list[int] = []
    alone = _alone(words, normalizer)
    for index, word in enumerate(words):
        own = alone[word]
        parts += own
        owners += [index] * len(own)
    ids: dict[str, int] = {}
    left = [ids.setdefault(part, len(ids)) for part in parts]
    right = [ids.setdefault(token, len(ids)) for token in tokens]
    places: list[tuple[int, int] | None] = [None] * len(tokens)
    part = token = 0  # where the stretch since the last anchor begins
    for op in Levenshtein.opcodes(left, right):
        if op.tag != "equal":
            continue
        _share(places, (token, op.dest_start), _between(owners, part, op.src_start, len(words)))
        for offset, owner in enumerate(owners[op.src_start : op.src_end]):
            places[op.dest_start + offset] = (owner, owner + 1)
        if token == op.dest_start and part < op.src_start:
            before, number = parts[op.src_start - 1], tokens[token]
            if before in _UNSAID and number.endswith("00"):
                places[token] = (owners[op.src_start - 1], owners[op.src_start] + 1)
        if token == op.dest_start and parts[part : op.src_start] == [_UNSAID_AFTER]:
            _widen(places, token - 1, owners[part])
        part, token = op.src_end, op.dest_end
    if token == len(tokens) and parts[part:] == [_UNSAID_AFTER]:
        _widen(places, token - 1, owners[part])
    _share(places, (token, len(tokens)), _between(owners, part, len(owners), len(words)))
    return tuple(places)


def _between(owners: Sequence[int], begin: int, end: int, words: int) -> tuple[int, int]:
    """Return the words of the parts [begin, end), else the words that left no part there."""
    if begin < end:
        return owners[begin], owners[end - 1] + 1
    first = owners[begin - 1] + 1 if begin else 0
    return first, owners[end] if end < len(owners) else words


def _widen(places: list[tuple[int, int] | None], token: int, owner: int) -> None:
    if token >= 0 and (place := places[token]):
        places[token] = (place[0], owner + 1)


def _share(
    places: list[tuple[int, int] | None], tokens: tuple[int, int], words: tuple[int, int]
) -> None:
    """Deal the words between two anchors out to the tokens between them, in order."""
    begin, count = words[0], words[1] - words[0]
    wanted = tokens[1] - tokens[0]
    if count <= 0:
        return
    for index in range(wanted):
        first = begin + index * count // wanted
        last = begin + -(-(index + 1) * count // wanted)
        places[tokens[0] + index] = (first, last)


def _alone(words: Sequence[str], normalizer: TextNormalizer) -> dict[str, list[str]]:
    """Normalise each different word by itself, all in one call where that is the same."""
    unique = list(dict.fromkeys(words))
    found: list[list[str]] = [[]]
    if normalizer.info.name != "none":
        loose = [word.translate(_BRACKETS).strip(_QUOTES) for word in unique]
        for token in normalizer(f" {_MARK} ".join(loose)):
            if token == _MARK:
                found.append([])
            else:
                found[-1].append(token)
    if len(found) != len(unique):
        return {word: normalizer(word) for word in unique}
    return dict(zip(unique, found, strict=True))
