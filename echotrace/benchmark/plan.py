"""What a run is going to do: its engines, its items in their order, and the header that says so."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from echotrace._version import __version__
from echotrace.benchmark.inputs import Clip
from echotrace.config.settings import Settings
from echotrace.errors import UsageError
from echotrace.model.benchmark import EngineInfo, RunHeader
from echotrace.model.codec import to_plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.benchmark.inputs import FoundClips

__all__ = [
    "Column",
    "Plan",
    "Setup",
    "Task",
    "find_engines",
    "find_models",
    "make_plan",
    "split_names",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """An engine or a language model of the matrix; ``asked`` is the setting that chooses it."""

    info: EngineInfo
    asked: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One item to be made; ``clip`` is None for the probes of a language model."""

    column: Column
    clip: Clip | None
    repeat: int = 1

    @property
    def key(self) -> tuple[str, str, str, int]:
        """The key of its item."""
        clip, kind = ("", "llm") if self.clip is None else (self.clip.id, "clip")
        return kind, clip, self.column.info.name, self.repeat


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What holds for all tasks of a worker."""

    settings: Settings
    key_terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The header, and the tasks in the order that a whole run file has."""

    header: RunHeader
    tasks: tuple[Task, ...]


def split_names(flag: str, text: str | None) -> tuple[str, ...]:
    """Return the names of a comma-separated list, each once, in its order.

    Raises:
        UsageError: there is none.
    """
    if text is None:
        return ()
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names:
        raise UsageError(f"{flag} names nothing", hint=f"{flag} NAME,NAME")
    return names


def find_engines(names: Sequence[str], settings: Settings) -> tuple[Column, ...]:
    """Find the recognisers, checked; of no names the one of the settings.

    Raises:
        UsageError: no engine has this name, or two are the same.
        MissingDependencyError: an engine is not on this machine.
        ProviderError: a server cannot be asked.
    """
    from echotrace.providers.stt.choose import choose_engine
    from echotrace.telemetry import TelemetryCollector

    columns: list[Column] = []
    for name in names or (settings.stt.engine,):
        chosen = replace(settings, stt=replace(settings.stt, engine=name))
        choice = choose_engine(chosen, TelemetryCollector())
        engine = choice.engine
        info = EngineInfo(
            name=engine.name,
            note=engine.note,
            doubt=choice.doubt,
            identity=json.loads(json.dumps(dict(engine.identity()), default=str)),
        )
        # the engine that stands for "auto" now is the one to be asked, whatever happens meanwhile
        asked = engine.name if name == "auto" else name
        columns.append(Column(info=info, asked=asked))
    return _told_apart(columns, "--engines")


def find_models(names: Sequence[str], settings: Settings) -> tuple[Column, ...]:
    """Find the language models to be probed.

    Raises:
        UsageError: no provider has this name, or two are the same.
        ProviderError: it cannot be asked: it has no key, or the run is offline.
    """
    from echotrace.providers.llm.choose import choose

    columns = []
    for name in names:
        choice = choose(replace(settings, llm=replace(settings.llm, provider=name)))
        if choice.blocked is not None:
            raise choice.blocked
        label = f"{choice.name}:{choice.model}" if choice.model else choice.name
        info = EngineInfo(
            name=label,
            kind="llm",
            identity={"sent_to": choice.sent_to, "simulated": choice.simulated},
        )
        columns.append(Column(info=info, asked=name))
    return _told_apart(columns, "--llm")


def _told_apart(columns: Sequence[Column], flag: str) -> tuple[Column, ...]:
    """Call those that bear one name by what was asked for."""
    names = [column.info.name for column in columns]
    found = tuple(
        column
        if names.count(column.info.name) == 1
        else replace(column, info=replace(column.info, name=column.asked))
        for column in columns
    )
    seen: set[str] = set()
    for column in found:
        if column.info.name in seen:
            raise UsageError(f"{flag} names {column.info.name} more than once")
        seen.add(column.info.name)
    return found


def make_plan(
    found: FoundClips,
    engines: Sequence[Column],
    models: Sequence[Column],
    settings: Settings,
    *,
    repeat: int = 1,
    key_terms: Sequence[str] = (),
    jobs: int = 1,
) -> Plan:
    """Return the plan of a run.

    Its hash covers everything that decides which items there are and what they mean; the cache,
    the number of jobs and where the clips lie are not in it.
    """
    engines = engines if found.clips else ()
    told = _told_settings(settings, key_terms, asks_llm=bool(models))
    described = {
        "version": __version__,
        "clips": [
            [clip.id, clip.sha256, clip.reference, to_plain(clip.condition), clip.true_snr_db]
            for clip in found.clips
        ],
        "columns": [to_plain(column.info) for column in (*engines, *models)],
        "repeat": repeat,
        "settings": told,
    }
    digest = hashlib.sha256(_canonical(described).encode()).hexdigest()
    tasks = [
        Task(column=column, clip=clip, repeat=turn)
        for column in engines
        for turn in range(1, repeat + 1)
        for clip in found.clips
    ]
    tasks += [
        Task(column=column, clip=None, repeat=turn)
        for column in models
        for turn in range(1, repeat + 1)
    ]
    header = RunHeader(
        run_id=digest[:16],
        created_at=datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z"),
        plan_sha256=digest,
        items=len(tasks),
        clips=len(found.clips),
        repeat=repeat,
        engines=tuple(column.info for column in (*engines, *models)),
        manifest=found.manifest,
        manifest_sha256=found.manifest_sha256,
        settings={**told, "jobs": jobs},
        skipped=found.skipped,
    )
    return Plan(header=header, tasks=tuple(tasks))


def _told_settings(
    settings: Settings, key_terms: Sequence[str], *, asks_llm: bool
) -> dict[str, Any]:
    stt, llm = settings.stt, settings.llm
    told: dict[str, Any] = {
        "profile": settings.profile,
        "language": stt.language,
        "normalizer": stt.normalizer,
        "gold": stt.gold,
        "device": stt.device,
        "compute_type": stt.compute_type,
        "beam_size": stt.beam_size,
        "cpu_threads": stt.cpu_threads,
        "warm_up": stt.warm_up,
        "caller_channel": settings.audio.caller_channel,
        "key_terms": len(key_terms),
    }
    if key_terms:
        told["key_terms_sha256"] = hashlib.sha256("\n".join(key_terms).encode()).hexdigest()
    if asks_llm:
        told |= {"llm.probes": llm.probes, "llm.concurrency": llm.concurrency}
        told |= {"llm.max_tokens": llm.max_tokens, "llm.system_prompt": llm.system_prompt}
    return told


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
