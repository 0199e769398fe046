"""Benchmark runs as the renderers and the statistics meet them, made without any engine."""

import hashlib
import random

from echotrace.model.benchmark import (
    BenchmarkRun,
    Cell,
    ClipCondition,
    EngineInfo,
    FigureComparison,
    Frontier,
    FrontierPoint,
    ItemError,
    LlmCell,
    MovedClip,
    RunComparison,
    RunHeader,
    RunItem,
    SkippedFile,
    WorstClip,
)
from echotrace.model.measure import Finding, Measurement, RunStatus, Severity
from echotrace.model.report import DiffOp, GateResult, Normalizer, WordCounts
from echotrace.stats.percentiles import percentiles

ENGINES = ("sphinx", "faster-whisper:tiny")
CONDITIONS = (
    ClipCondition(),
    ClipCondition(noise="white", snr_db=20.0),
    ClipCondition(noise="white", snr_db=10.0),
    ClipCondition(noise="white", snr_db=5.0),
    ClipCondition(codec="mulaw"),
)
_RATES = {
    "sphinx": (0.12, 0.2, 0.45, 0.8, 0.3),
    "faster-whisper:tiny": (0.05, 0.06, 0.1, 0.2, 0.07),
}
_WORDS = (
    "please book the blue room for nine people on the third of march at seven".split()  # noqa: SIM905
)


def example_header(*, clips=12, engines=ENGINES, conditions=CONDITIONS, llm=(), **changes):
    """Return a header of so many clips under each condition."""
    values = {
        "run_id": "0123456789abcdef",
        "created_at": "2026-11-20T09:30:00Z",
        "plan_sha256": hashlib.sha256(repr((clips, engines, conditions)).encode()).hexdigest(),
        "items": clips * len(conditions) * len(engines) + len(llm),
        "clips": clips * len(conditions),
        "engines": tuple(
            [EngineInfo(name=name, identity={"version": "1"}) for name in engines]
            + [EngineInfo(name=name, kind="llm") for name in llm]
        ),
        "manifest": "fixtures/echotrace-fixtures.toml",
        "manifest_sha256": "ab" * 32,
        "settings": {"profile": "default", "normalizer": "auto", "language": "en"},
    }
    return RunHeader(**(values | changes))


def example_item(clip, engine, condition=CONDITIONS[0], *, words=12, edits=1, **changes):
    """Return one item whose first words are substituted, as many as there are edits."""
    said = [_WORDS[at % len(_WORDS)] for at in range(words)]
    wrong = min(edits, words)
    diff = []
    if wrong:
        heard = tuple(f"{word}x" for word in said[:wrong])
        diff.append(DiffOp(op="substitute", gold=tuple(said[:wrong]), actual=heard))
    if words > wrong:
        diff.append(DiffOp(op="equal", gold=tuple(said[wrong:]), actual=tuple(said[wrong:])))
    if edits > wrong:
        diff.append(DiffOp(op="insert", actual=("uh",) * (edits - wrong)))
    values = {
        "clip": clip,
        "engine": engine,
        "audio": f"{clip}.wav",
        "sha256": hashlib.sha256(clip.encode()).hexdigest(),
        "duration_s": words / 2.5,
        "condition": condition,
        "true_snr_db": condition.snr_db,
        "snr_db": Measurement.measured((condition.snr_db or 40.0) + 0.6, "dB"),
        "counts": WordCounts(
            reference_words=words,
            hypothesis_words=words + max(0, edits - wrong),
            hits=words - wrong,
            substitutions=wrong,
            deletions=0,
            insertions=max(0, edits - wrong),
        ),
        "normalizer": Normalizer(name="whisper-en", version="0.1.15"),
        "diff": tuple(diff),
        "hallucinated_words": 0,
        "entities_said": 2,
        "entities_found": 2 - (edits > words / 2),
        "audio_s": words / 2.5,
        "inference_ms": words * 40.0,
        "wall_ms": words * 50.0,
        "made_at": "2026-11-20T09:30:05Z",
    }
    return RunItem(**(values | changes))


def example_items(
    *, clips=12, engines=ENGINES, conditions=CONDITIONS, repeat=1, seed=1, worse=0.0, llm=()
):
    """Return the items of a run; ``worse`` is added to every error rate."""
    items = []
    for engine in engines:
        rates = _RATES.get(engine, (0.1,) * len(conditions))
        for at, condition in enumerate(conditions):
            for number in range(clips):
                for turn in range(1, repeat + 1):
                    clip = f"{condition.label.replace(' ', '-').replace(',', '')}/clip-{number:04}"
                    draw = random.Random(f"{seed} {clip} {engine} {turn}")
                    words = draw.randint(8, 30)
                    rate = rates[at % len(rates)] + worse
                    edits = sum(draw.random() < rate for _ in range(words))
                    items.append(
                        example_item(clip, engine, condition, words=words, edits=edits, repeat=turn)
                    )
    for name in llm:
        times = tuple(400.0 + 13.0 * step for step in range(5))
        items.append(RunItem(clip="", engine=name, kind="llm", ttft_ms=times, cost_usd=0.001))
    return tuple(items)


def failed_item(clip="clip-9999", engine=ENGINES[0], **changes):
    """Return an item that has no result."""
    values = {
        "clip": clip,
        "engine": engine,
        "status": "failed",
        "audio": f"{clip}.wav",
        "error": ItemError(code="NO_AUDIO", message=f"{clip}.wav holds no audio", why="0 frames"),
    }
    return RunItem(**(values | changes))


def _rate(value, low, high, n=12):
    return Measurement.measured(value, "ratio", low=low, high=high, n=n, method="WER, pooled")


def _cell(engine, condition, rate, clips=12):
    return Cell(
        engine=engine,
        condition=condition,
        clips=clips,
        failed=1 if condition is None and engine == ENGINES[0] else 0,
        wer=_rate(rate, rate * 0.8, rate * 1.25, clips),
        entity_recall=Measurement.measured(max(0.0, 1 - rate), "ratio", n=2 * clips),
        hallucinated_words=Measurement.measured(3.0 if rate > 0.3 else 0.0, "words", n=clips),
        snr_error_db=Measurement.measured(0.6, "dB", n=clips)
        if condition is None or condition.snr_db
        else Measurement.not_measurable("dB", "the true SNR of these clips is not known"),
        snr_bias_db=Measurement.measured(0.6, "dB", n=clips)
        if condition is None or condition.snr_db
        else Measurement.not_measurable("dB", "the true SNR of these clips is not known"),
        heard_gap_ms=percentiles([], "ms", what="turn"),
        missed_responses=Measurement.not_measurable("", "no clip is a call of two channels"),
        rtf=Measurement.measured(0.1, "ratio", n=clips),
        cost_usd=Measurement.not_run("USD", "no request was made that is charged for"),
    )


def example_run(**changes):
    """Return a run of two engines under five conditions, with a failure, gates and warnings."""
    items = (*example_items(), failed_item())
    cells = []
    frontiers = []
    for engine in ENGINES:
        rates = _RATES[engine]
        cells.append(_cell(engine, None, sum(rates) / len(rates), clips=60))
        cells += [_cell(engine, each, rate) for each, rate in zip(CONDITIONS, rates, strict=True)]
        points = tuple(
            FrontierPoint(
                label=each.label, value=each.snr_db, wer=_rate(rate, rate * 0.8, rate * 1.2)
            )
            for each, rate in zip(CONDITIONS[:4], rates[:4], strict=True)
        )
        frontiers.append(
            Frontier(
                engine=engine,
                axis="snr_db",
                unit="dB",
                series="white",
                points=points,
                breakpoint=Measurement.measured(17.5 if engine == "sphinx" else 10.0, "dB"),
            )
        )
    worst = tuple(
        WorstClip(
            clip=item.clip,
            engine=item.engine,
            condition=item.condition,
            why="most errors above the engine's average",
            wer=item.counts.substitutions / item.counts.reference_words,
            edits=item.counts.substitutions,
            words=item.counts.reference_words,
            audio=item.audio,
        )
        for item in sorted(
            (each for each in items if each.counts), key=lambda one: -one.counts.substitutions
        )[:5]
    )
    values = {
        "header": example_header(
            items=len(items),
            llm=("groq:llama-3.1-8b-instant",),
            skipped=(SkippedFile(path="notes.wav", reason="it looks like text, not like audio"),),
        ),
        "status": RunStatus.PARTIAL,
        "cells": tuple(cells),
        "llm_cells": (
            LlmCell(
                engine="groq:llama-3.1-8b-instant",
                ttft_ms=percentiles([400.0 + 7 * step for step in range(25)], "ms"),
                failed=0,
                simulated=False,
                cost_usd=Measurement.measured(0.0012, "USD"),
            ),
        ),
        "frontiers": tuple(frontiers),
        "worst": worst,
        "items": items,
        "gates": (
            GateResult(expression="wer > 0.10", outcome="fail", value=0.374, subject="sphinx"),
            GateResult(
                expression="wer > 0.10", outcome="pass", value=0.096, subject="faster-whisper:tiny"
            ),
            GateResult(
                expression="heard.p95 > 1500",
                outcome="not_enough_evidence",
                reason="no clip is a call of two channels",
                subject="sphinx",
            ),
        ),
        "warnings": (
            Finding(
                code="ITEMS_FAILED",
                severity=Severity.WARNING,
                message="1 of 121 items failed",
                hint="run again with --resume",
            ),
        ),
    }
    return BenchmarkRun(**(values | changes))


def example_comparison(**changes):
    """Return a comparison with one figure of each outcome, and a clip that moved."""
    figures = (
        FigureComparison(
            metric="wer",
            label="WER",
            unit="ratio",
            subject="sphinx",
            paired=True,
            n=60,
            a=_rate(0.374, 0.33, 0.42, 60),
            b=_rate(0.431, 0.38, 0.48, 60),
            difference=Measurement.measured(0.057, "ratio", low=0.021, high=0.094, n=60),
            improvement_probability=0.002,
            minimum_detectable_effect=0.052,
            outcome="regression",
            reason="the whole interval lies on the worse side",
        ),
        FigureComparison(
            metric="entity_recall",
            label="entity recall",
            unit="ratio",
            subject="sphinx",
            paired=True,
            n=60,
            a=Measurement.measured(0.8, "ratio", n=120),
            b=Measurement.measured(0.81, "ratio", n=120),
            difference=Measurement.measured(0.01, "ratio", low=-0.12, high=0.13, n=60),
            improvement_probability=0.55,
            minimum_detectable_effect=0.18,
            outcome="not_enough_evidence",
            reason="it could be worse by more than the tolerance",
            more_is_better=True,
        ),
        FigureComparison(
            metric="wer",
            label="WER",
            unit="ratio",
            subject="faster-whisper:tiny",
            paired=True,
            n=60,
            a=_rate(0.096, 0.08, 0.11, 60),
            b=_rate(0.095, 0.08, 0.11, 60),
            difference=Measurement.measured(-0.001, "ratio", low=-0.004, high=0.002, n=60),
            improvement_probability=0.71,
            minimum_detectable_effect=0.004,
            outcome="pass",
            reason="it cannot be worse by more than the tolerance",
        ),
    )
    values = {
        "a": "main.jsonl",
        "b": "branch.jsonl",
        "outcome": "regression",
        "reason": "WER of sphinx got worse beyond chance",
        "figures": figures,
        "moved": (
            MovedClip(
                clip="white-10-dB/clip-0003",
                subject="sphinx",
                condition=CONDITIONS[2],
                edits_a=2,
                edits_b=9,
                words=14,
                diff_a=(
                    DiffOp(op="substitute", gold=("please", "book"), actual=("police", "hook")),
                    DiffOp(
                        op="equal", gold=("the", "blue", "room"), actual=("the", "blue", "room")
                    ),
                ),
                diff_b=(
                    DiffOp(op="delete", gold=("please", "book", "the")),
                    DiffOp(op="substitute", gold=("blue", "room"), actual=("glue", "broom")),
                ),
            ),
        ),
        "clips_in_both": 60,
        "only_in_a": 0,
        "only_in_b": 2,
    }
    return RunComparison(**(values | changes))
