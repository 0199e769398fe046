"""A language model of one text, so that a recogniser hears little else than that text.

With it even a weak recogniser finds most words of a known text in long audio (Moreno et al., "A
recursive algorithm for the forced alignment of very long audio segments", 1998), and passes over
what the text has wrong.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import log10
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["guide_model"]

_DISCOUNT: Final = 0.3
_LEAST: Final = 1e-3


def guide_model(words: Sequence[str]) -> str:
    """Return a trigram model of the text in ARPA format, with absolute discounting.

    Each context keeps 0.3 of every count for words that never followed it in the text.
    """
    text = ["<s>", *words, "</s>"]
    single = Counter(text)
    pairs = Counter(pairwise(text))
    triples = Counter(zip(text, text[1:], text[2:], strict=False))
    total = len(text) + len(single)
    after_one, kinds_one = _contexts(pairs)
    after_two, kinds_two = _contexts(triples)
    known = Counter[str]()
    for first, second in pairs:
        known[first] += single[second] + 1
    lines = ["\\data\\", f"ngram 1={len(single)}", f"ngram 2={len(pairs)}"]
    lines += [f"ngram 3={len(triples)}", "", "\\1-grams:"]
    for word in sorted(single):
        back = 1.0
        if after_one[(word,)]:
            kept = _DISCOUNT * kinds_one[(word,)] / after_one[(word,)]
            back = kept / max(_LEAST, 1.0 - known[word] / total)
        lines.append(f"{_log((single[word] + 1) / total)} {word} {_log(max(_LEAST, back))}")
    lines += ["", "\\2-grams:"]
    for pair in sorted(pairs):
        share = (pairs[pair] - _DISCOUNT) / after_one[pair[:1]]
        back = _DISCOUNT * kinds_two[pair] / after_two[pair] if after_two[pair] else 1.0
        lines.append(f"{_log(share)} {pair[0]} {pair[1]} {_log(back)}")
    lines += ["", "\\3-grams:"]
    for triple in sorted(triples):
        share = (triples[triple] - _DISCOUNT) / after_two[triple[:2]]
        lines.append(f"{_log(share)} {triple[0]} {triple[1]} {triple[2]}")
    return "\n".join([*lines, "", "\\end\\", ""])


def _contexts(
    grams: Counter[tuple[str, str]] | Counter[tuple[str, str, str]],
) -> tuple[Counter[tuple[str, ...]], Counter[tuple[str, ...]]]:
    """Return how often, and by how many different words, each context is followed."""
    often, kinds = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for gram, count in grams.items():
        often[gram[:-1]] += count
        kinds[gram[:-1]] += 1
    return often, kinds


def _log(share: float) -> str:
    return f"{log10(share):.4f}"
