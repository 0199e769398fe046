"""What two runs were made with: where that differs, their figures are not of one kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from echotrace.comparison.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from echotrace.model.report import LlmProbe, Report, Source, Transcription, TtsProbe

__all__ = ["Condition", "conditions_of", "why_limits_unknown", "why_other_counting"]

_NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One thing that both runs had; ``why`` says what a difference means for the figures."""

    label: str
    a: str
    b: str
    verdict: Verdict
    why: str


def conditions_of(a: Report, b: Report) -> tuple[Condition, ...]:
    """Return what the runs were made with, the recording first; what neither had is left out."""
    rows = (
        _recording(a.source, b.source),
        *_plain(a, b, _BEFORE),
        _gold(a.transcription, b.transcription),
        _normalizer(a.transcription, b.transcription),
        _thresholds(a, b),
        *_plain(a, b, _AFTER),
    )
    return tuple(row for row in rows if not row.a == row.b == _NONE)


def _same_gold(a: Transcription, b: Transcription) -> bool:
    """Tell whether both were measured against one text, as it is or as it was normalised."""
    if a.gold == b.gold:
        return True
    one, other = (tuple(word for op in item.diff for word in op.gold) for item in (a, b))
    return bool(one) and one == other


def why_other_counting(a: Transcription, b: Transcription) -> str:
    """Say why error rates of the two do not count the same thing; empty where they do."""
    if not _same_gold(a, b):
        return "the two stand against different gold texts"
    return "" if a.normalizer == b.normalizer else "their words were normalised in different ways"


def why_limits_unknown(a: Report, b: Report) -> str:
    """Say why points and bands of two reports cannot be judged against each other.

    A user may change single limits of a profile and it keeps its name; a report does not hold
    them.
    """
    if a.score.profile != b.score.profile:
        return "bands and points follow the limits of another profile"
    return f"both name the profile {a.score.profile}; its limits are not in the report"


def _recording(a: Source, b: Source) -> Condition:
    """Compare by content; a recording that was never read is like no other, not even itself."""
    keys = _hashes(a), _hashes(b)
    if None in keys:
        verdict = Verdict.UNKNOWN if keys[0] == keys[1] else Verdict.UNLIKE
        why = "it is not known whether the recordings are the same: turns and words are not paired"
    elif keys[0] == keys[1]:
        verdict, why = Verdict.SAME, ""
    else:
        verdict = Verdict.CHANGED
        why = "different recordings: their turns and words are not the same ones"
    return Condition(label="recording", a=_named(a), b=_named(b), verdict=verdict, why=why)


def _hashes(source: Source) -> tuple[str, ...] | None:
    if source.files:
        return tuple(item.sha256 for item in source.files)
    return (source.sha256,) if source.sha256 else None


def _named(source: Source) -> str:
    name = PurePath(source.path).name or source.path
    return f"{name} {source.sha256[:8]}" if source.sha256 else name


def _plain(a: Report, b: Report, rows: _Rows) -> Iterator[Condition]:
    for label, why, read in rows:
        yield _told(label, (read(a), read(b)), why)


def _told(label: str, sides: Sequence[str], why: str, *, alike: bool | None = None) -> Condition:
    a, b = sides
    same = a == b if alike is None else alike
    verdict = Verdict.SAME if same else Verdict.CHANGED
    return Condition(label=label, a=a, b=b, verdict=verdict, why="" if same else why)


def _cut(source: Source) -> str:
    end = source.end_s
    if not source.start_s and end is None:
        return "whole"
    return f"{source.start_s:g} s to {'the end' if end is None else f'{end:g} s'}"


def _channels(report: Report) -> str:
    parts = []
    if report.signal:
        parts.append(f"signal {report.signal.scored_channel}")
    if report.transcription:
        parts.append(f"words {report.transcription.channel_index}")
    return ", ".join(parts) or _NONE


def _engine(report: Report) -> str:
    return report.transcription.engine if report.transcription else _NONE


def _gold(a: Transcription | None, b: Transcription | None) -> Condition:
    """Compare the texts themselves; where only those differ, the first other word is told."""
    texts = [item.gold if item else None for item in (a, b)]
    sides = [_gold_side(item) for item in (a, b)]
    alike = _same_gold(a, b) if a and b else texts[0] == texts[1]
    if not alike and sides[0] == sides[1]:
        words = [(text or "").split() for text in texts]
        at = next((at for at, pair in enumerate(zip(*words, strict=False)) if len({*pair}) > 1), 0)
        sides = [
            f"{side}, word {at + 1:,} {_word(said, at)}"
            for side, said in zip(sides, words, strict=True)
        ]
    return _told("gold", sides, "the error rates are against another text", alike=alike)


def _gold_side(result: Transcription | None) -> str:
    if result is None or result.gold is None:
        return _NONE
    return f"{result.gold_source or 'gold'}, {len(result.gold.split()):,} words"


def _word(words: Sequence[str], at: int) -> str:
    return repr(words[at]) if at < len(words) else _NONE


def _normalizer(a: Transcription | None, b: Transcription | None) -> Condition:
    found = [item.normalizer if item else None for item in (a, b)]
    sides = [
        f"{item.name} {item.version}, {len(item.repairs):,} repairs" if item else _NONE
        for item in found
    ]
    alike = found[0] == found[1]
    return _told("normaliser", sides, "words are counted by other rules", alike=alike)


def _thresholds(a: Report, b: Report) -> Condition:
    sides = a.score.profile, b.score.profile
    verdict = Verdict.UNKNOWN if sides[0] == sides[1] else Verdict.CHANGED
    return Condition(
        label="thresholds", a=sides[0], b=sides[1], verdict=verdict, why=why_limits_unknown(a, b)
    )


def _llm(report: Report) -> str:
    probe = report.probes.llm if report.probes else None
    return _service(probe) if probe else _NONE


def _tts(report: Report) -> str:
    probe = report.probes.tts if report.probes else None
    if probe is None:
        return _NONE
    return ":".join(filter(None, (_service(probe), probe.voice)))


def _service(probe: LlmProbe | TtsProbe) -> str:
    return ":".join(filter(None, (probe.provider, probe.model)))


_Rows = tuple[tuple[str, str, "Callable[[Report], str]"], ...]
_BEFORE: _Rows = (
    ("cut", "not the same stretch was analysed", lambda item: _cut(item.source)),
    ("channel", "signal and words are those of another channel", _channels),
    ("engine", "another engine hears other words", _engine),
)
_AFTER: _Rows = (
    ("LLM", "another service answered", _llm),
    ("TTS", "another service spoke", _tts),
    ("EchoTrace", "a figure may be made in another way", lambda item: item.tool.version),
    ("status", "one run could not do all", lambda item: item.status.value),
)
"""Name on the screen, what a difference means, and where it stands in a report."""
