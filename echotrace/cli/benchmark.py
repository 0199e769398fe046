"""``echotrace benchmark``: engines against clips, resumable, with figures, a baseline and gates."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from echotrace.cli.benchmark_live import Shown, signals_heard, tell_skipped
from echotrace.cli.streams import reserve_stdout, tell, tell_error
from echotrace.errors import EchoTraceError, ExitCode, StorageError, UsageError, worst_exit_code
from echotrace.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from echotrace.benchmark.plan import Plan
    from echotrace.benchmark.run_file import RunFile
    from echotrace.config.settings import Settings
    from echotrace.model.benchmark import BenchmarkRun, RunHeader

__all__ = ["benchmark"]


def benchmark(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MANIFEST|DIR|FILES]...",
            help="A manifest of fixtures, folders of clips (any depth), or recordings.",
            show_default=False,
        ),
    ] = None,
    engines: Annotated[
        str | None,
        typer.Option(
            "--engines", help="Recognisers, as for --stt, with commas. Default: the configured one."
        ),
    ] = None,
    llm: Annotated[
        str | None, typer.Option("--llm", help="Language models to probe, with commas.")
    ] = None,
    repeat: Annotated[
        int, typer.Option("--repeat", help="How often each item is made.", min=1, max=1000)
    ] = 1,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs",
            "-j",
            help="Worker processes. With more than one, real-time factors are estimates.",
            min=1,
            max=256,
        ),
    ] = 1,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="The run file. Default: echotrace-run-TIME.jsonl, here."
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with --output; what failed in it is tried again."),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Let --output and --export replace files that exist.")
    ] = False,
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", help="A run to compare with: a name of `baseline`, or a file."),
    ] = None,
    no_baseline: Annotated[
        bool,
        typer.Option(
            "--no-baseline",
            help="Leave out the configured baseline and the gates on it: for the first run.",
        ),
    ] = False,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on",
            help='Gate: what must not hold: "wer > 0.10", "heard.p95 > 1500", "wer regression".',
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            help="How much worse than the baseline is no regression, as a share of its figure.",
        ),
    ] = None,
    export: Annotated[
        list[str] | None,
        typer.Option(
            "--export", help="Also write html, markdown, junit, csv, json or github=PATH."
        ),
    ] = None,
    key_terms: Annotated[
        Path | None,
        typer.Option("--key-terms", help="A file of words that must not be misheard, one a line."),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Forbid every connection but to this machine.")
    ] = False,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Transcribe anew, and keep nothing for later runs.")
    ] = False,
    caller_channel: Annotated[
        str | None,
        typer.Option("--caller-channel", help="The caller's channel: left, right or a number."),
    ] = None,
    profile: Annotated[
        str | None, typer.Option("--profile", help="The threshold profile to judge by.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="Use this file as the user's configuration.")
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", "--export-only", help="Print exactly one JSON document."),
    ] = False,
    color: Annotated[
        bool | None, typer.Option("--color/--no-color", help="Force colour on or off.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Tell no progress.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> int:
    """Run engines over clips and tell which engine breaks where, with statistics."""
    if not paths and llm is None:
        raise UsageError(
            "there is nothing to benchmark",
            hint="echotrace benchmark FOLDER --engines sphinx, or --llm PROVIDER:MODEL",
        )
    if resume and force:
        raise UsageError("--resume goes on with a run and --force begins it anew: give one of them")
    if resume and output is None:
        raise UsageError(
            "--resume needs --output", why="it names the run to go on with", hint=_last_run()
        )
    if no_baseline and baseline is not None:
        raise UsageError("--baseline and --no-baseline exclude each other")
    from echotrace.cli.options import caller_index, load, read_terms

    flags: dict[str, Any] = {
        "audio.caller_channel": caller_index(caller_channel),
        "cache.enabled": False if no_cache else None,
        "offline": offline or None,
        "profile": profile,
        "gates.baseline": baseline,
        "gates.tolerance": tolerance,
    }
    settings = load(flags, config, quiet=quiet)
    asked = _Asked(
        paths=tuple(paths or ()),
        engines=engines,
        llm=llm,
        repeat=repeat,
        jobs=jobs,
        key_terms=read_terms(key_terms),
        output=output or _default_output(),
        resume=resume,
        force=force,
        quiet=quiet,
    )
    after = _After.read(
        _without_baseline(settings) if no_baseline else settings,
        fail_on=fail_on or (),
        exports=export or (),
        force=force,
        inputs=[*asked.paths, *(str(path) for path in (key_terms, config) if path)],
        output=asked.output,
    )
    outputs = [asked.output, *(item.path for item in after.exports if item.path)]
    with reserve_stdout() as stdout:
        run, code = _make(asked, settings, outputs)
        if run is None:
            return code
        return _conclude(run, code, after, stdout, as_json=as_json, color=color)


def _without_baseline(settings: Settings) -> Settings:
    """Return the settings without their baseline and the gates that need one."""
    from echotrace.benchmark.gates import asks_for_regression

    kept = tuple(text for text in settings.gates.fail_on if not asks_for_regression(text))
    return replace(settings, gates=replace(settings.gates, baseline=None, fail_on=kept))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is to be run, and where it goes."""

    paths: tuple[str, ...]
    engines: str | None
    llm: str | None
    repeat: int
    jobs: int
    key_terms: tuple[str, ...]
    output: Path
    resume: bool
    force: bool
    quiet: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _After:
    """What is done with the figures; all of it is read before the run begins."""

    gates: tuple[Any, ...]
    baseline: BenchmarkRun | None
    baseline_name: str
    tolerance: float
    exports: tuple[Any, ...]

    @classmethod
    def read(
        cls,
        settings: Settings,
        *,
        fail_on: Sequence[str],
        exports: Sequence[str],
        force: bool,
        inputs: Sequence[str],
        output: Path,
    ) -> _After:
        """Read the gates, the baseline and where exports go.

        Raises:
            EchoTraceError: one of them does not fit.
        """
        from echotrace.cli.exports import read_exports

        baseline = settings.gates.baseline
        gates: tuple[Any, ...] = ()
        if texts := (*settings.gates.fail_on, *fail_on):
            from echotrace.benchmark.gates import read_run_gates

            gates = read_run_gates(texts, has_baseline=baseline is not None)
        then = None
        if baseline is not None:
            from echotrace.benchmark.baselines import resolve_baseline
            from echotrace.benchmark.run_file import read_run
            from echotrace.benchmark.summary import summarise

            path = resolve_baseline(baseline, Path.cwd())
            stored = read_run(path)
            then = summarise(stored.header, stored.items)
            inputs = [*inputs, str(path)]
            _refuse_inputs([str(path)], [output])
        return cls(
            gates=gates,
            baseline=then,
            baseline_name=printable(baseline or ""),
            tolerance=settings.gates.tolerance,
            exports=read_exports(list(exports), force=force, inputs=inputs, outputs=[output]),
        )


def _make(
    asked: _Asked, settings: Settings, outputs: Sequence[Path]
) -> tuple[BenchmarkRun | None, ExitCode]:
    """Do the run; None and an exit code are of one that was stopped."""
    from echotrace.benchmark.inputs import find_clips
    from echotrace.benchmark.plan import find_engines, find_models, make_plan, split_names
    from echotrace.benchmark.run_file import check_unused

    check_unused(asked.output, resume=asked.resume, force=asked.force)
    names = split_names("--engines", asked.engines)
    models = find_models(split_names("--llm", asked.llm), settings)
    if names and not asked.paths:
        raise UsageError("--engines has no meaning without a clip", hint="name a folder or files")
    columns = find_engines(names, settings) if asked.paths else ()
    found = find_clips(asked.paths)
    _refuse_inputs(found.files, outputs)
    tell_skipped(found.skipped)
    plan = make_plan(
        found,
        columns,
        models,
        settings,
        repeat=asked.repeat,
        key_terms=asked.key_terms,
        jobs=asked.jobs,
    )
    with _opened(asked, plan.header) as run_file:
        return _work(plan, run_file, asked, settings)


def _refuse_inputs(files: Sequence[str], outputs: Sequence[Path]) -> None:
    """Refuse to write over what the run reads: a clip of a folder, the manifest."""
    there = [output for output in outputs if output.exists()]
    for output, file in product(there, files):
        if Path(file).exists() and output.samefile(file):
            raise UsageError(
                f"{printable(output)} is read by this run and cannot be its output",
                hint="name another file",
                code="OUTPUT_IS_INPUT",
            )


def _opened(asked: _Asked, header: RunHeader) -> RunFile:
    from echotrace.benchmark.run_file import RunFile

    if asked.resume:
        return RunFile.resume(asked.output, header)
    return RunFile.create(asked.output, header, force=asked.force)


def _work(
    plan: Plan, file: RunFile, asked: _Asked, settings: Settings
) -> tuple[BenchmarkRun | None, ExitCode]:
    from echotrace.benchmark.pool import StoppedError
    from echotrace.benchmark.progress import Progress
    from echotrace.benchmark.run import do_run, finish_run

    name = printable(file.path)
    done = sum(task.key in file.items for task in plan.tasks)
    if not asked.quiet:
        kept = f", {done} of them done before" if done else ""
        tell(f"echotrace: {len(plan.tasks)} items{kept}, one line each in {name}")
    progress = Progress(len(plan.tasks), done)
    with Shown(progress, quiet=asked.quiet) as shown, signals_heard() as stop:
        try:
            do_run(
                plan,
                file,
                settings,
                key_terms=asked.key_terms,
                jobs=asked.jobs,
                on_item=shown.add,
                wake=stop.wake,
            )
        except StoppedError:
            shown.end()
            tell(
                f"echotrace: stopped; {progress.done} of {progress.total} items are in {name}: "
                "run again with --resume"
            )
            return None, stop.code
        except StorageError:
            raise
        except EchoTraceError as error:
            error.hint = f"{error.hint}; then run again with --resume" if error.hint else "--resume"
            raise
    run, problem = finish_run(plan, file)
    if problem is not None:  # each item is in the file, and the figures go to stdout
        tell_error(problem.what, why=problem.why, hint="make room, then run again with --resume")
        return run, problem.exit_code
    if not asked.quiet:
        tell(f"echotrace: the run is in {name}")
    return run, ExitCode.PASS


def _conclude(
    run: BenchmarkRun,
    code: ExitCode,
    after: _After,
    stdout: TextIO,
    *,
    as_json: bool,
    color: bool | None,
) -> int:
    """Compare, judge, show and export; return the exit code."""
    from echotrace.cli.document import DOCUMENT
    from echotrace.cli.exports import write_run_exports
    from echotrace.render.base import RenderOptions, get_run_renderer

    if after.baseline is not None:
        from echotrace.benchmark.compare import compare_runs

        compared = compare_runs(
            after.baseline,
            run,
            a_name=after.baseline_name,
            b_name="this run",
            tolerance=after.tolerance,
        )
        run = replace(run, comparison=compared)
    if after.gates:
        from echotrace.benchmark.gates import evaluate_run_gates

        run = replace(run, gates=evaluate_run_gates(run, after.gates))
    codes = [code, _code_of(run)]
    try:
        write_run_exports(run, after.exports)
    except EchoTraceError as error:  # the figures still go to stdout
        tell_error(error.what, why=error.why, hint=error.hint)
        codes.append(error.exit_code)
    renderer = get_run_renderer("json" if as_json else "console")
    text = renderer.render_run(run, RenderOptions.for_stream(stdout, color=color))
    DOCUMENT.begun = True
    try:
        with suppress(BrokenPipeError):
            stdout.write(text)
            stdout.flush()
    except OSError as error:
        raise StorageError("stdout cannot be written", why=error.strerror or str(error)) from None
    return worst_exit_code(codes)


def _code_of(run: BenchmarkRun) -> ExitCode:
    codes = []
    if run.missing or run.header.skipped or any(item.status != "ok" for item in run.items):
        codes.append(ExitCode.BATCH)
    for gate in run.gates:
        if gate.outcome == "fail":
            codes.append(ExitCode.GATE_FAILED)
        elif gate.outcome == "not_enough_evidence":
            codes.append(ExitCode.EVIDENCE)
    return worst_exit_code(codes)


def _default_output() -> Path:
    from datetime import datetime

    return Path(f"echotrace-run-{datetime.now().astimezone():%Y%m%d-%H%M%S}.jsonl")


def _last_run() -> str:
    with suppress(OSError):
        runs = sorted(Path.cwd().glob("echotrace-run-*.jsonl"))
        if runs:
            return f"--output {printable(runs[-1].name)}"
    return "--output RUN.jsonl"
