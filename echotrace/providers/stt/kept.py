"""Engines that stay loaded between recordings, where somebody makes many of them in one process.

A run of one recording loads its engine and frees it. A worker of a benchmark opens a keeper first:
inside it an engine of the same name and settings is the same object, which is loaded once.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.config.settings import Settings, SttSettings
    from echotrace.providers.stt.base import SttEngine
    from echotrace.telemetry import TelemetryCollector

__all__ = ["EngineKeeper", "LoadTimes", "close_engine", "current_keeper", "keep_engines", "load"]


@dataclass(frozen=True, slots=True)
class LoadTimes:
    """How long an engine took to load and to warm up, whenever it did; None: it was not asked."""

    load_ms: float
    warm_up_ms: float | None


class EngineKeeper:
    """The engines of one worker; used by one run at a time, from any thread.

    ``loads`` counts the models that were loaded.
    """

    def __init__(self) -> None:
        self.loads = 0
        self._engines: dict[tuple[str, SttSettings, bool], SttEngine] = {}
        self._times: dict[int, LoadTimes] = {}

    def find(self, name: str, settings: Settings) -> SttEngine | None:
        """Return the engine that was kept under a name and its settings."""
        return self._engines.get(_key(name, settings))

    def keep(self, name: str, settings: Settings, engine: SttEngine) -> None:
        """Keep an engine, loaded or not."""
        self._engines[_key(name, settings)] = engine

    def holds(self, engine: SttEngine) -> bool:
        """Whether this very object is kept."""
        return any(engine is each for each in self._engines.values())

    def load(self, engine: SttEngine, collector: TelemetryCollector, *, warm_up: bool) -> LoadTimes:
        """Load a kept engine the first time; later return how long that took."""
        times = self._times.get(id(engine))
        if times is None:
            times = _loaded(engine, collector, warm_up=warm_up)
            self.loads += 1
            self._times[id(engine)] = times
        return times

    def drop(self, engine: SttEngine) -> None:
        """Close an engine and forget it: it failed, and what state it is in is not known."""
        self._times.pop(id(engine), None)
        self._engines = {key: each for key, each in self._engines.items() if each is not engine}
        engine.close()

    def drop_others(self, names: set[str]) -> None:
        """Close all but those of these names: two large models need not be in memory at once."""
        for (name, *_), engine in list(self._engines.items()):
            if name not in names:
                self.drop(engine)

    def close(self) -> None:
        """Close them all."""
        self.drop_others(set())


_KEEPER: ContextVar[EngineKeeper | None] = ContextVar("echotrace_engines", default=None)


@contextmanager
def keep_engines() -> Iterator[EngineKeeper]:
    """Keep engines loaded for the runs inside the block, and close them at its end."""
    keeper = EngineKeeper()
    token = _KEEPER.set(keeper)
    try:
        yield keeper
    finally:
        _KEEPER.reset(token)
        keeper.close()


def current_keeper() -> EngineKeeper | None:
    """Return the keeper of the running code, or None where engines are not kept."""
    return _KEEPER.get()


def load(engine: SttEngine, collector: TelemetryCollector, *, warm_up: bool) -> LoadTimes:
    """Load an engine, unless it is kept and loaded."""
    keeper = _KEEPER.get()
    if keeper is not None and keeper.holds(engine):
        return keeper.load(engine, collector, warm_up=warm_up)
    return _loaded(engine, collector, warm_up=warm_up)


def close_engine(engine: SttEngine, *, failed: bool) -> None:
    """Free an engine, unless it is kept; one that failed is not kept any longer."""
    keeper = _KEEPER.get()
    if keeper is None or not keeper.holds(engine):
        engine.close()
    elif failed:
        keeper.drop(engine)


def _loaded(engine: SttEngine, collector: TelemetryCollector, *, warm_up: bool) -> LoadTimes:
    load_ms = engine.load(collector)
    return LoadTimes(load_ms, engine.warm_up(collector) if warm_up else None)


def _key(name: str, settings: Settings) -> tuple[str, SttSettings, bool]:
    return name, _alike(settings.stt), settings.offline


def _alike(settings: SttSettings) -> SttSettings:
    """The engine's own name is in the key already, and the gold engine is asked with the same."""
    from dataclasses import replace

    return replace(settings, engine="", gold=None)
