"""A run from its plan to its figures; whatever stops it, the file holds what was done."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from echotrace.benchmark.plan import Setup
from echotrace.benchmark.pool import work_through
from echotrace.benchmark.shared_cores import jobs_of
from echotrace.errors import StorageError
from echotrace.model.benchmark import BenchmarkRun, RunHeader
from echotrace.model.measure import Finding, RunStatus, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from echotrace.benchmark.plan import Plan
    from echotrace.benchmark.run_file import RunFile
    from echotrace.config.settings import Settings
    from echotrace.errors import EchoTraceError
    from echotrace.model.benchmark import RunItem

__all__ = ["do_run", "failed_run", "finish_run"]


def do_run(
    plan: Plan,
    file: RunFile,
    settings: Settings,
    *,
    key_terms: Sequence[str] = (),
    jobs: int = 1,
    on_item: Callable[[RunItem], None],
    wake: int | None = None,
) -> None:
    """Do the tasks that the file has no result of; each item is in it before ``on_item`` hears.

    Language models are probed first and alone: beside busy cores they would seem slow.

    Raises:
        StorageError: the file cannot be written.
        StoppedError: the user stopped it.
        InternalError: a worker does not start.
    """
    setup = Setup(settings=_shared(settings, jobs), key_terms=tuple(key_terms))
    left = [task for task in plan.tasks if task.key not in file.items]

    def keep(item: RunItem) -> None:
        file.append(item)
        on_item(item)

    probes = [task for task in left if task.clip is None]
    clips = [task for task in left if task.clip is not None]
    work_through(probes, setup, jobs=1, on_item=keep, wake=wake)
    work_through(clips, setup, jobs=jobs, on_item=keep, wake=wake)


def finish_run(plan: Plan, file: RunFile) -> tuple[BenchmarkRun, StorageError | None]:
    """Put the file into the plan's order, and return the figures.

    What keeps the file from that is returned beside them: it has each item all the same.
    """
    from echotrace.benchmark.summary import summarise

    jobs = max(jobs_of(file.header), jobs_of(plan.header))
    settings = {**file.header.settings, "jobs": jobs}
    header = replace(file.header, settings=settings, skipped=plan.header.skipped)
    items = [file.items[task.key] for task in plan.tasks if task.key in file.items]
    problem = None
    try:
        file.finish(header, items)
    except StorageError as error:
        problem = error
    return summarise(header, items), problem


def failed_run(error: EchoTraceError) -> BenchmarkRun:
    """Return the document of a run that never began: no figures, and the error as its finding."""
    finding = Finding(
        code=error.code,
        severity=Severity.CRITICAL,
        message=f"{error.what}: {error.why}" if error.why else error.what,
        hint=error.hint or None,
    )
    header = RunHeader(run_id="", created_at="", plan_sha256="", items=0, clips=0)
    return BenchmarkRun(
        header=header,
        status=RunStatus.FAILED,
        cells=(),
        llm_cells=(),
        frontiers=(),
        worst=(),
        items=(),
        warnings=(finding,),
    )


def _shared(settings: Settings, jobs: int) -> Settings:
    """Divide the cores among the workers, where the user does not say how many threads."""
    if jobs < 2 or settings.stt.cpu_threads:
        return settings
    threads = max(1, min(4, os.cpu_count() or 1) // jobs)
    return replace(settings, stt=replace(settings.stt, cpu_threads=threads))
