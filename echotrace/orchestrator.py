"""One run: open the recording once, gather the analyzers, leave a Report whatever fails.

The order of stages follows from what each analyzer requires. Analyzers run concurrently, but their
timed sections do not: on two cores a stage that shares them reads three times too slow, so one
lock lets a single CPU-bound or timed section run at a time. A stage that fails costs its own result
and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from echotrace.aggregator import Parts, aggregate
from echotrace.errors import EchoTraceError, ExitCode, UsageError
from echotrace.isolation import plain_result, run_isolated
from echotrace.model.measure import Finding, Measurement, Severity, Status
from echotrace.model.outcome import Outcome
from echotrace.model.report import NO_RECORDING, AnalyzerResult, Report, Source, SpanRecord
from echotrace.model.run import RunEvent, RunOutcome, RunRequest, StageFailure
from echotrace.plugins import PluginRef, find_plugins
from echotrace.pricing import PriceTable, load_prices
from echotrace.stage_failures import (
    TRACE_STAGE,
    cancelled_itself,
    check_trace,
    failed,
    refused_trace,
    unknown_stage,
)
from echotrace.telemetry import TelemetryCollector, use_collector
from echotrace.telemetry.waterfall import span_records, waterfall

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from echotrace.audio.handle import Audio, AudioOptions
    from echotrace.config.settings import Settings

__all__ = ["run"]

_LOG = logging.getLogger("echotrace")


Listener = Callable[[RunEvent], None]


async def run(
    request: RunRequest,
    settings: Settings,
    *,
    collector: TelemetryCollector | None = None,
    on_event: Listener | None = None,
) -> RunOutcome:
    """Analyse one recording.

    Raises:
        InputError: the recording cannot be used.
        UsageError: a stage, an engine or a provider is unknown, or the cut does not fit.
    """
    return await _Run(request, settings, collector or TelemetryCollector(), on_event).go()


class _Run:
    def __init__(
        self,
        request: RunRequest,
        settings: Settings,
        collector: TelemetryCollector,
        on_event: Listener | None,
    ) -> None:
        self._request = request
        self._settings = settings
        self._collector = collector
        self._on_event = on_event
        self._lock = asyncio.Lock()
        self._stop = threading.Event()
        self._audio: asyncio.Future[Audio] = asyncio.get_running_loop().create_future()
        self._done: dict[str, asyncio.Event] = {}
        self._results: dict[str, Any] = {}
        self._entries: dict[str, AnalyzerResult] = {}
        self._findings: list[Finding] = []
        self._failures: list[StageFailure] = []
        self._prices: PriceTable | None = None

    async def go(self) -> RunOutcome:
        registry = find_plugins("analyzers")
        self._findings += registry.findings
        check_trace(self._request)
        asked = self._request.stages or self._wanted(registry.plugins)
        self._prices = load_prices(self._settings.cost.prices_file)
        classes = self._load(asked, registry.plugins)
        with use_collector(self._collector), self._collector.span("analyze") as root:
            await self._gather(classes)
        report = self._report(asked, total_ms=(root.end_ns - root.start_ns) / 1e6)
        return RunOutcome(report=report, failures=tuple(self._failures))

    def _load(
        self, asked: tuple[str, ...], plugins: Mapping[str, PluginRef]
    ) -> dict[str, tuple[PluginRef, Any]]:
        """Load the classes of the stages and of all that they require, in a runnable order."""
        order: dict[str, tuple[PluginRef, Any]] = {}

        def visit(name: str, path: tuple[str, ...]) -> None:
            if name in order or name in self._entries:
                return
            if name in path:
                circle = " -> ".join((*path, name))
                raise UsageError(f"analyzers require each other in a circle: {circle}")
            if name not in plugins:
                raise unknown_stage(name, tuple(plugins))
            try:
                kind = plugins[name].load()
                required = self._required(kind)
                if plugins[name].built_in and (reason := self._idle(kind)):
                    self._leave_out(name, reason)
                    return
                if plugins[name].built_in and hasattr(kind, "preflight"):
                    kind.preflight(self._settings)
            except (UsageError, KeyboardInterrupt):
                raise
            except BaseException as error:  # noqa: BLE001 - a plug-in may raise anything at import
                self._fail(name, error, built_in=plugins[name].built_in)
                return
            for other in required:
                if other not in plugins:
                    self._not_run(name, f"it needs {other!r}, which is not installed")
                    return
                visit(other, (*path, name))
            order[name] = (plugins[name], kind)

        for name in asked:
            visit(name, ())
        return order

    def _wanted(self, plugins: Mapping[str, PluginRef]) -> tuple[str, ...]:
        """Return every stage that there is something for; a trace is laid over what is named."""
        has_trace = self._request.inputs.trace_path is not None
        return tuple(name for name in plugins if name != TRACE_STAGE or has_trace)

    def _required(self, kind: Any) -> tuple[str, ...]:
        """Name the results that an analyzer needs; none where it does without the recording."""
        if _does_without(kind) and not self._request.has_recording:
            return ()
        return tuple(getattr(kind, "requires", ()))

    def _needs_audio(self, kind: Any) -> bool:
        if _does_without(kind) and not self._request.has_recording:
            return False
        return bool(getattr(kind, "needs_audio", True))

    def _idle(self, kind: Any) -> str | None:
        """Say why a built-in stage has nothing to do with these settings."""
        reason: str | None = kind.idle(self._settings) if hasattr(kind, "idle") else None
        return reason

    def _leave_out(self, name: str, reason: str) -> None:
        if self._request.stages is not None and name in self._request.stages:
            raise UsageError(f"the stage {name!r} has nothing to do", why=reason)
        self._entries[name] = AnalyzerResult(status="not_run", reason=reason)

    async def _gather(self, classes: dict[str, tuple[PluginRef, Any]]) -> None:
        self._done = {name: asyncio.Event() for name in classes}
        if not self._request.has_recording:
            self._refuse_recordings(classes)
        tasks = [asyncio.create_task(self._open_audio())] if self._request.has_recording else []
        tasks += [
            asyncio.create_task(self._stage(name, ref, kind))
            for name, (ref, kind) in classes.items()
        ]
        if not tasks:
            return
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            self._stop.set()
            for task in tasks:  # once: a task that cleans up must not be cancelled again
                task.cancel()
            await asyncio.wait(tasks)
            if self._audio.done() and not self._audio.cancelled() and not self._audio.exception():
                self._audio.result().close()
        for task in tasks:
            if not task.cancelled() and (error := task.exception()):
                raise error

    async def _open_audio(self) -> None:
        from echotrace.audio.handle import AudioOptions

        request, limits = self._request, self._settings.audio
        options = AudioOptions(
            start_s=request.start_s,
            end_s=request.end_s,
            caller_channel=limits.caller_channel,
            max_duration_s=limits.max_duration_s,
            max_decoded_mib=limits.max_decoded_mib,
            keep_samples=set(self._done) != {"signal"} or request.spectral or request.mos,
        )
        self._emit("started", "audio")
        async with self._lock:
            opening = asyncio.create_task(asyncio.to_thread(self._open, options))
            try:
                audio = await asyncio.shield(opening)
            except asyncio.CancelledError:
                await self._abandon(opening)
                raise
        self._findings += audio.findings
        self._audio.set_result(audio)
        self._emit("finished", "audio")

    def _open(self, options: AudioOptions) -> Audio:
        from echotrace.audio.handle import open_audio
        from echotrace.audio.pair import open_pair

        request, stop = self._request, self._stop.is_set
        if request.agent_path is not None:
            return open_pair(
                request.path,
                request.agent_path,
                agent_offset_ms=request.agent_offset_ms,
                options=options,
                collector=self._collector,
                should_stop=stop,
            )
        return open_audio(
            request.path,
            options=options,
            collector=self._collector,
            stdin=request.stdin,
            should_stop=stop,
        )

    async def _abandon(self, opening: asyncio.Task[Audio]) -> None:
        """Wait until the thread has noticed, which takes a block, and close what it opened."""
        self._stop.set()
        while not opening.done():
            with suppress(asyncio.CancelledError):  # the caller raises the first one
                await asyncio.wait([opening])
        if not opening.cancelled() and opening.exception() is None:
            opening.result().close()

    async def _stage(self, name: str, ref: PluginRef, kind: Any) -> None:
        try:
            await self._run_stage(name, ref, kind)
        finally:
            self._done[name].set()

    async def _run_stage(self, name: str, ref: PluginRef, kind: Any) -> None:
        audio = None
        if self._needs_audio(kind):
            audio = await asyncio.shield(self._audio)
        for other in self._required(kind):
            if other in self._done:
                await self._done[other].wait()
            if other not in self._results:
                self._not_run(name, f"it needs the result of {other!r}, which there is none of")
                return
        if ref.built_in and hasattr(kind, "waits_for"):
            for other in kind.waits_for(self._request.inputs, self._settings):
                if other in self._done:
                    await self._done[other].wait()
        self._emit("started", name)
        try:
            result = await self._analyze(ref, kind, audio)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError):
                if self._stop.is_set():
                    raise
                error = cancelled_itself(name)
            self._fail(name, error, built_in=ref.built_in)
            return
        self._keep(name, ref, result)
        self._emit("finished", name)

    async def _analyze(self, ref: PluginRef, kind: Any, audio: Audio | None) -> Any:
        arguments: dict[str, Any] = {
            "audio": audio,
            "settings": self._settings,
            "results": dict(self._results),
            "inputs": self._request.inputs,
            "spectral": self._request.spectral,
            "mos": self._request.mos,
            "streaming": self._request.streaming,
        }
        if ref.built_in:
            analyzer = kind(self._collector)
            return await analyzer.analyze(
                self._request.path, timed_section=self._timed_section, **arguments
            )
        async with self._lock:
            with self._collector.span(ref.name, analyzer=ref.target):
                return await run_isolated(
                    kind,
                    self._collector,
                    self._request.path,
                    arguments,
                    timeout_s=self._settings.analyzer_timeout_s,
                )

    def _timed_section(self) -> AbstractAsyncContextManager[None]:
        return self._lock

    def _keep(self, name: str, ref: PluginRef, result: Any) -> None:
        if isinstance(result, Outcome):
            self._findings += result.findings
            result = result.data
        self._results[name] = result
        if ref.built_in:
            self._entries[name] = AnalyzerResult(status="ok")
            return
        data, masked = plain_result(result)
        self._entries[name] = AnalyzerResult(status="ok", data=data)
        if masked:
            self._findings.append(
                Finding(
                    code="NON_FINITE_RESULT",
                    severity=Severity.WARNING,
                    message=f"analyzer {name!r} returned NaN or infinity at {', '.join(masked)}",
                    hint="return None where there is nothing to measure",
                )
            )

    def _not_run(self, name: str, reason: str) -> None:
        self._entries[name] = AnalyzerResult(status="not_run", reason=reason)
        self._emit("failed", name, reason)

    def _fail(self, name: str, error: BaseException, *, built_in: bool) -> None:
        _LOG.debug("stage %s failed", name, exc_info=error)
        told = failed(name, error, built_in=built_in)
        self._entries[name] = told.entry
        self._findings.append(told.finding)
        self._failures.append(told.failure)
        self._emit("failed", name, told.reason)

    def _report(self, asked: tuple[str, ...], *, total_ms: float) -> Report:
        llm, tts = self._results.get("llm"), self._results.get("tts")
        if llm is not None:
            self._require("llm", llm.ttft_ms)
        if tts is not None:
            self._require("tts", tts.ttfb_ms)
        trace = self._results.get("trace")
        if trace is not None and trace.clock.status == "refused":
            refused = refused_trace(TRACE_STAGE, trace.clock.reason)
            self._entries[TRACE_STAGE] = refused.entry
            self._failures.append(refused.failure)
        records = span_records(self._collector.spans)
        return aggregate(
            Parts(
                source=self._source(),
                stages=asked,
                settings=self._settings,
                signal=self._results.get("signal"),
                conversation=self._results.get("turns"),
                transcription=self._results.get("transcription"),
                llm=llm,
                tts=tts,
                trace=trace,
                spans=records,
                total_ms=total_ms,
                bottleneck=_bottleneck(records),
                analyzers=self._entries,
                findings=tuple(self._findings),
                prices=self._prices,
            )
        )

    def _require(self, stage: str, figure: Measurement) -> None:
        """Keep the failure of a probe; it decides the exit code where its provider was named."""
        if figure.status is not Status.UNAVAILABLE:
            return
        code = f"{stage.upper()}_UNAVAILABLE"
        hint = next((item.hint for item in self._findings if item.code == code), None) or ""
        error = EchoTraceError(str(figure.reason), hint=hint, code=code)
        exit_code = ExitCode.PROVIDER if stage in self._request.required else ExitCode.PASS
        self._failures.append(StageFailure(stage=stage, error=error, exit_code=exit_code))

    def _refuse_recordings(self, classes: Mapping[str, tuple[PluginRef, Any]]) -> None:
        for name, (_, kind) in classes.items():
            if self._needs_audio(kind):
                raise UsageError(f"the stage {name!r} needs a recording, and there is none")

    def _source(self) -> Source:
        if not self._request.has_recording:
            return Source(path=NO_RECORDING)
        return replace(self._audio.result().source, synthetic=self._request.synthetic)

    def _emit(self, kind: str, stage: str, reason: str | None = None) -> None:
        if self._on_event:
            self._on_event(RunEvent(kind=kind, stage=stage, reason=reason))


def _bottleneck(records: Sequence[SpanRecord]) -> str | None:
    """Name the longest part of the critical path; simulated spans and the run's own are none."""
    return waterfall([item for item in records if item.parent and not item.simulated]).bottleneck


def _does_without(kind: Any) -> bool:
    """Whether an analyzer works with a recording and without one."""
    return bool(getattr(kind, "recording_optional", False))
