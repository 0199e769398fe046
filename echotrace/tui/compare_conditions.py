"""What two runs were made with: where that differs, their figures are not of one kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from echotrace.tui.compare_verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.model.report import LlmProbe, Report, Source, TtsProbe

__all__ = ["Condition", "conditions_of"]

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
    return (_recording(a.source, b.source), *_plain(a, b))


def _recording(a: Source, b: Source) -> Condition:
    """Compare by content; a recording that was never read is like no other, not even itself."""
    keys = _hashes(a), _hashes(b)
    if None in keys:
        unknown = keys[0] == keys[1]
        verdict, why = (
            Verdict.UNKNOWN if unknown else Verdict.UNLIKE,
            "it is not known whether the recordings are the same",
        )
    elif keys[0] == keys[1]:
        verdict, why = Verdict.SAME, ""
    else:
        verdict = Verdict.CHANGED
        why = "another call: figures differ for that reason too, and turns are paired by number"
    return Condition(label="recording", a=_named(a), b=_named(b), verdict=verdict, why=why)


def _hashes(source: Source) -> tuple[str, ...] | None:
    if source.files:
        return tuple(item.sha256 for item in source.files)
    return (source.sha256,) if source.sha256 else None


def _named(source: Source) -> str:
    name = PurePath(source.path).name or source.path
    return f"{name} {source.sha256[:8]}" if source.sha256 else name


def _plain(a: Report, b: Report) -> Iterator[Condition]:
    for label, why, left, right in (
        ("cut", "not the same stretch was analysed", _cut(a.source), _cut(b.source)),
        (
            "channel",
            "signal and words are those of another channel",
            _channels(a),
            _channels(b),
        ),
        ("engine", "another engine hears other words", _engine(a), _engine(b)),
        ("gold", "the error rates are against another text", _gold(a), _gold(b)),
        (
            "normaliser",
            "words are counted by other rules",
            _normalizer(a),
            _normalizer(b),
        ),
        ("thresholds", "bands and points follow other limits", a.score.profile, b.score.profile),
        ("LLM", "another service answered", _llm(a), _llm(b)),
        ("TTS", "another service spoke", _tts(a), _tts(b)),
        ("EchoTrace", "a figure may be made in another way", a.tool.version, b.tool.version),
        ("status", "one run could not do all", a.status.value, b.status.value),
    ):
        if left == right == _NONE:
            continue
        alike = left == right
        yield Condition(
            label=label,
            a=left,
            b=right,
            verdict=Verdict.SAME if alike else Verdict.CHANGED,
            why="" if alike else why,
        )


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


def _gold(report: Report) -> str:
    result = report.transcription
    if result is None or result.gold is None:
        return _NONE
    return f"{result.gold_source or 'gold'}, {len(result.gold.split()):,} words"


def _normalizer(report: Report) -> str:
    found = report.transcription.normalizer if report.transcription else None
    return f"{found.name} {found.version}" if found else _NONE


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
