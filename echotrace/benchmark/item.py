"""One item: a clip analysed by one engine, or a model probed, as a line of the run file."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from echotrace.errors import EchoTraceError, ExitCode
from echotrace.model.benchmark import ItemError, RunItem
from echotrace.model.measure import Status
from echotrace.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.benchmark.inputs import Clip
    from echotrace.benchmark.plan import Task
    from echotrace.config.settings import Settings
    from echotrace.model.report import Report, Transcription
    from echotrace.model.run import RunOutcome, RunRequest

__all__ = ["died_item", "failed_item", "item_of", "make_item", "work_settings"]

_STAGES: Final = ("signal", "transcription")
_ORDER: Final = {"audio": 0, "transcription": 1, "llm": 2}
_DIGITS: Final = 3
NO_REFERENCE: Final = "no reference: put what is said into clip.txt beside clip.wav"


async def make_item(task: Task, settings: Settings, key_terms: Sequence[str] = ()) -> RunItem:
    """Do one task; whatever fails in it is in the item."""
    from echotrace.orchestrator import run

    begun = perf_counter()
    try:
        request = _request(task, key_terms)
        outcome = await run(request, work_settings(task, settings))
        item = item_of(task, outcome)
    except Exception as error:  # noqa: BLE001 - one clip must not take the run down
        item = failed_item(task, error)
    return replace(item, wall_ms=round((perf_counter() - begun) * 1e3, _DIGITS), made_at=_now())


def work_settings(task: Task, settings: Settings) -> Settings:
    """Return the settings of one task: its engine, and no cached answer to a repeated question."""
    if task.clip is None:
        return replace(settings, llm=replace(settings.llm, provider=task.column.asked))
    stt = replace(settings.stt, engine=task.column.asked)
    cache = replace(settings.cache, enabled=settings.cache.enabled and task.repeat == 1)
    return replace(settings, stt=stt, cache=cache)


def _request(task: Task, key_terms: Sequence[str]) -> RunRequest:
    from echotrace.model.outcome import Inputs
    from echotrace.model.report import NO_RECORDING
    from echotrace.model.run import RunRequest

    if task.clip is None:
        return RunRequest(
            path=NO_RECORDING, has_recording=False, stages=("llm",), required=("llm",)
        )
    _check(task.clip)
    channels = _channels(task.clip.path)
    return RunRequest(
        path=task.clip.path,
        stages=_STAGES if channels == 1 else (*_STAGES, "turns"),
        inputs=Inputs(reference=task.clip.reference, key_terms=tuple(key_terms)),
    )


def _check(clip: Clip) -> None:
    """Refuse a clip that is not the one of the plan.

    Raises:
        InputError: it is missing, cannot be read, or holds something else.
    """
    from echotrace.errors import InputError
    from echotrace.fixtures.manifest_file import file_sha256

    try:
        found = file_sha256(Path(clip.path))
    except FileNotFoundError:
        raise InputError(
            f"{clip.audio} is missing", why="there is no such file", code="CLIP_MISSING"
        ) from None
    except OSError as error:
        why = error.strerror or str(error)
        raise InputError(f"{clip.audio} cannot be read", why=why, code="CLIP_UNREADABLE") from None
    if found != clip.sha256:
        raise InputError(
            f"{clip.audio} was changed",
            why=f"its sha256 is {found[:12]}, not {clip.sha256[:12]}",
            code="CLIP_CHANGED",
        )


def _channels(path: str) -> int | None:
    """Return how many channels the header tells; looking for turns in one costs more than that."""
    from echotrace.audio.choose import plan
    from echotrace.audio.decoder import Rejected
    from echotrace.audio.door import open_recording

    with open_recording(path, max_bytes=0) as recording:
        for opener in plan(recording).openers:
            with suppress(Rejected), closing(opener()) as decoder:
                return decoder.format.channels
    return None


def item_of(task: Task, outcome: RunOutcome) -> RunItem:
    """Return the item of a run; a stage that failed makes it a failed one."""
    if outcome.failures:
        first = min(outcome.failures, key=lambda each: _ORDER.get(each.stage, 9))
        return failed_item(task, first.error)
    report = outcome.report
    if task.clip is None:
        return replace(_blank(task), **_probed(report), **_cost(report))
    if report.transcription is None:
        reason = next((each.reason for each in report.analyzers.values() if each.reason), None)
        return replace(
            _blank(task),
            status="failed",
            error=ItemError(code="NO_TRANSCRIPT", message="nothing was transcribed", why=reason),
        )
    return replace(
        _blank(task),
        duration_s=report.source.duration_s,
        snr_db=_snr(report, report.transcription.channel_index),
        **_heard(task, report.transcription, report.source.duration_s),
        **_talked(report),
        **_cost(report),
    )


def failed_item(task: Task, error: BaseException) -> RunItem:
    """Return the item of a task that failed."""
    if isinstance(error, EchoTraceError):
        told = ItemError(
            code=error.code,
            message=printable(error.what),
            why=printable(error.why) or None,
            exit_code=int(error.exit_code),
        )
    else:
        from echotrace.providers.known_secrets import unexpected

        told = ItemError(
            code="INTERNAL_ERROR",
            message="it failed inside EchoTrace",
            why=unexpected(error),
            exit_code=int(ExitCode.INTERNAL),
        )
    return replace(_blank(task), status="failed", error=told)


def died_item(task: Task, why: str) -> RunItem:
    """Return the item of a task whose worker ended in the middle of it."""
    error = ItemError(code="WORKER_DIED", message="its worker process ended", why=why)
    return replace(_blank(task), status="failed", error=error, made_at=_now())


def _blank(task: Task) -> RunItem:
    kind, clip, engine, repeat = task.key
    item = RunItem(clip=clip, engine=engine, kind=kind, repeat=repeat, doubt=task.column.info.doubt)
    if task.clip is None:
        return item
    return replace(
        item,
        audio=task.clip.audio,
        sha256=task.clip.sha256,
        condition=task.clip.condition,
        true_snr_db=task.clip.true_snr_db,
    )


def _snr(report: Report, index: int) -> Any:
    channels = report.signal.channels if report.signal else ()
    return next((each.snr_db for each in channels if each.index == index), None)


def _heard(task: Task, heard: Transcription, duration_s: float | None) -> dict[str, Any]:
    """Return what the engine made of the scored channel."""
    doubt = task.column.info.doubt
    if doubt is None and heard.wer.status is Status.ESTIMATED:
        doubt = heard.wer.reason
    timing = heard.timing.inference_ms if heard.timing else None
    entities = heard.entities if heard.gold is not None else None
    return {
        "counts": heard.counts,
        "why_no_wer": _why_no_wer(heard),
        "doubt": doubt,
        "normalizer": heard.normalizer,
        "diff": heard.diff,
        "hallucinated_words": heard.hallucinated_words,
        "entities_said": sum(each.reference for each in entities.types) if entities else None,
        "entities_found": sum(each.found for each in entities.types) if entities else None,
        "audio_s": duration_s if timing and timing.value is not None else None,
        "inference_ms": timing.value if timing else None,
        "cached": heard.cached_at is not None,
    }


def _why_no_wer(heard: Transcription) -> str | None:
    if heard.gold is None:
        return NO_REFERENCE
    return heard.wer.reason if heard.wer.value is None else None


def _talked(report: Report) -> dict[str, Any]:
    """Return the heard gaps of a call; a recording of one voice has none."""
    talk = report.conversation
    if talk is None or talk.status != "measured":
        return {}
    gaps = [turn.heard_gap_ms.value for turn in talk.turns if turn.user and turn.agent]
    return {
        "is_call": True,
        "heard_gaps_ms": tuple(gap for gap in gaps if gap is not None),
        "turns_unmeasured": gaps.count(None),
        "missed_responses": talk.summary.missed_responses,
        "worst_yield_ms": talk.summary.yield_ms.worst.value,
    }


def _probed(report: Report) -> dict[str, Any]:
    probe = report.probes.llm if report.probes else None
    if probe is None:
        error = ItemError(code="NO_PROBE", message="the language model was not probed")
        return {"status": "failed", "error": error}
    times = [sample.ttft_ms for sample in probe.samples if not sample.cold]
    measured = tuple(time for time in times if time is not None)
    return {
        "ttft_ms": measured,
        "ttft_not_measured": max(0, probe.asked - len(measured)),
        "simulated": probe.simulated,
    }


def _cost(report: Report) -> dict[str, Any]:
    if report.cost is None:
        return {}
    return {"cost_usd": report.cost.total_usd.value, "cost_leaves_out": report.cost.leaves_out}


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
