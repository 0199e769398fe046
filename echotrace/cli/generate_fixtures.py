"""``echotrace generate-fixtures``: one folder of speech under known noise, codecs and losses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from echotrace.cli.rate import Meter, size_text
from echotrace.cli.streams import reserve_stdout, tell
from echotrace.errors import EchoTraceError, ExitCode, StorageError, UsageError
from echotrace.printable import printable, printable_line

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from echotrace.fixtures.fixture_plan import FixturePlan, FixtureRequest
    from echotrace.fixtures.generate import FixtureResult
    from echotrace.fixtures.task import Failed
    from echotrace.model.benchmark import SkippedFile

__all__ = ["generate_fixtures"]

_NAMED = 10
"""How many skipped files are named before the rest is only counted."""
_SCHEMA = "echotrace.generate-fixtures/1"
_GO_ON = "run the same command again to go on"


def generate_fixtures(
    speech_dir: Annotated[
        Path,
        typer.Option(
            "--speech-dir", help="Speech, any depth: LibriSpeech, Common Voice, or clip.txt beside."
        ),
    ],
    out_dir: Annotated[Path, typer.Option("--out-dir", help="Where the clips go.")],
    noise_dir: Annotated[
        Path | None,
        typer.Option(
            "--noise-dir",
            help="Recordings of noise; --noise takes the names of its files and folders, "
            "and `recorded` for all of them.",
        ),
    ] = None,
    max_clips: Annotated[
        int, typer.Option("--max-clips", help="How many recordings of speech.", min=1)
    ] = 50,
    snr: Annotated[
        str | None, typer.Option("--snr", help="In dB, separated by commas. [default: 20,10,5]")
    ] = None,
    noise: Annotated[
        str | None,
        typer.Option(
            "--noise",
            help="Each is mixed at each SNR: white, pink, brown, babble, hum, office, car. "
            "[default: the first five, or nothing where only other lists are given]",
        ),
    ] = None,
    codec: Annotated[
        str | None,
        typer.Option("--codec", help="Such as none,mulaw,opus:16k,mp3:32k. [default: none]"),
    ] = None,
    packet_loss: Annotated[
        str | None, typer.Option("--packet-loss", help="In percent, such as 0,5,10. [default: 0]")
    ] = None,
    reverb: Annotated[
        str | None,
        typer.Option("--reverb", help="RT60 in seconds, such as 0,0.3,0.6. [default: 0]"),
    ] = None,
    seed: Annotated[
        int,
        typer.Option("--seed", help="The same seed gives the same bytes.", min=0, max=2**63 - 1),
    ] = 0,
    snr_definition: Annotated[
        str,
        typer.Option(
            "--snr-definition",
            help="The speech's level: active (ITU-T P.56, without pauses) or rms (all of it).",
        ),
    ] = "active",
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            help="Processes. [default: as many as are worth their start]",
            min=1,
            max=256,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List what would be made and write nothing.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Make everything anew, in whatever folder.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Tell no progress.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Mix, code and damage recordings of speech by known amounts, for `echotrace benchmark`.

    Every combination of the lists is made of every clip, the clip as it came first. The SNR of
    each file is checked after it was written; echotrace-fixtures.toml tells all of them. A run that
    was stopped goes on where it was.
    """
    from echotrace.fixtures.fixture_plan import FixtureRequest
    from echotrace.fixtures.grid import GridLists

    request = FixtureRequest(
        speech_dir=speech_dir,
        out_dir=out_dir,
        noise_dir=noise_dir,
        lists=GridLists(snr=snr, noise=noise, codec=codec, packet_loss=packet_loss, reverb=reverb),
        max_clips=max_clips,
        seed=seed,
        snr_definition=snr_definition,
        jobs=jobs,
        force=force,
    )
    with reserve_stdout() as stdout:
        try:
            return _run(request, stdout, dry_run=dry_run, quiet=quiet, as_json=as_json)
        except EchoTraceError as error:
            if as_json:
                _print(stdout, {"schema": _SCHEMA, "status": "failed", "error": _plain(error)})
            raise
        except (KeyboardInterrupt, typer.Exit):
            if as_json:
                _print(stdout, {"schema": _SCHEMA, "status": "interrupted"})
            raise


def _run(
    request: FixtureRequest, stdout: TextIO, *, dry_run: bool, quiet: bool, as_json: bool
) -> int:
    from echotrace.fixtures.fixture_plan import check_out_dir, plan_fixtures

    if request.snr_definition not in ("active", "rms"):
        raise UsageError(
            f"--snr-definition cannot be {printable_line(request.snr_definition)}",
            hint="active or rms",
            code="BAD_SNR_DEFINITION",
        )
    if not dry_run:
        check_out_dir(request)
    planned = plan_fixtures(request)
    _tell_skipped(planned.skipped)
    if not quiet:
        tell(f"echotrace: {_outlook(planned)}{'; nothing is written' if dry_run else ''}")
    if not dry_run:
        return _make(planned, stdout, quiet=quiet, as_json=as_json)
    if as_json:
        _print(stdout, _plan_document(planned))
    else:
        _list(stdout, planned)
    return ExitCode.BATCH if planned.skipped else ExitCode.PASS


def _make(planned: FixturePlan, stdout: TextIO, *, quiet: bool, as_json: bool) -> int:
    from echotrace.fixtures.generate import Progress, generate

    told: list[Failed] = []

    def on_failed(failed: Failed) -> None:
        told.append(failed)
        if len(told) <= _NAMED:
            tell(
                f"echotrace: skipped {printable_line(failed.name)}: {printable_line(failed.reason)}"
            )

    latest = Progress(files=planned.files)
    with Meter("files", planned.files, quiet=quiet) as meter:

        def on_progress(progress: Progress) -> None:
            nonlocal latest
            latest = progress
            meter.show(progress.done, already=progress.kept)

        try:
            result = generate(planned, on_progress=on_progress, on_failed=on_failed)
        except StorageError as error:
            if latest.done:
                error.hint = f"{error.hint}; then {_GO_ON}"
                tell(f"echotrace: {_there(latest)}")
            raise
        except (KeyboardInterrupt, typer.Exit):
            tell(f"echotrace: stopped; {_there(latest)}; {_GO_ON}")
            raise
    _tell_skipped(result.skipped[len(planned.skipped) :])
    if len(told) > _NAMED:
        tell(f"echotrace: skipped {len(told)} in all")
    _tell_result(result, quiet=quiet)
    if as_json:
        _print(stdout, _document(planned, result))
    return ExitCode.BATCH if result.failed or result.skipped else ExitCode.PASS


def _there(progress: Any) -> str:
    return f"{progress.made + progress.kept} of {progress.files} files are whole"


def _tell_skipped(skipped: Sequence[SkippedFile]) -> None:
    for file in skipped[:_NAMED]:
        tell(f"echotrace: skipped {printable_line(file.path)}: {printable_line(file.reason)}")
    if len(skipped) > _NAMED:
        tell(f"echotrace: skipped {len(skipped)} files in all")


def _tell_result(result: FixtureResult, *, quiet: bool) -> None:
    progress = result.progress
    if result.others:
        are = "file is" if result.others == 1 else "files are"
        folder = printable(result.manifest.parent)
        tell(f"echotrace: {result.others} other sound {are} in {folder}, not of this set")
    if quiet:
        return
    kept = f", {progress.kept} were there already" if progress.kept else ""
    failed = f", {progress.failed} could not be made" if progress.failed else ""
    tell(f"echotrace: {progress.made} files made{kept}{failed}: {printable(result.manifest)}")


def _outlook(planned: FixturePlan) -> str:
    clips, levels = len(planned.clips), len(planned.conditions)
    of = f" of {planned.found}" if planned.found > clips else ""
    plural = "" if clips == 1 and not of else "s"
    conditions = "1 condition" if levels == 1 else f"{levels} conditions"
    files = "1 file" if planned.files == 1 else f"{planned.files} files"
    return f"{clips}{of} clip{plural} under {conditions}: {files}, {size_text(planned.bytes)}"


def _list(stdout: TextIO, planned: FixturePlan) -> None:
    from echotrace.fixtures.grid import slug

    for condition in planned.conditions:
        stdout.write(f"{slug(condition)}/  {printable_line(condition.label)}\n")
    for clip in planned.clips:
        text = "without text" if clip.reference is None else printable_line(clip.reference)
        stdout.write(f"{printable_line(clip.id)}  {text}\n")
    stdout.flush()


def _plan_document(planned: FixturePlan) -> dict[str, Any]:
    from echotrace.fixtures.grid import slug

    return {
        "schema": _SCHEMA,
        "status": "planned",
        "files": planned.files,
        "bytes": planned.bytes,
        "conditions": [slug(condition) for condition in planned.conditions],
        "clips": [clip.id for clip in planned.clips],
        "skipped": [{"path": file.path, "reason": file.reason} for file in planned.skipped],
    }


def _document(planned: FixturePlan, result: FixtureResult) -> dict[str, Any]:
    progress = result.progress
    return _plan_document(planned) | {
        "status": "partial" if result.failed or result.skipped else "complete",
        "manifest": printable(result.manifest),
        "made": progress.made,
        "kept": progress.kept,
        "failed": [
            {"name": each.name, "reason": each.reason, "files": each.files}
            for each in result.failed
        ],
        "skipped": [{"path": file.path, "reason": file.reason} for file in result.skipped],
    }


def _plain(error: EchoTraceError) -> dict[str, str]:
    return {"code": error.code, "what": error.what, "why": error.why, "hint": error.hint}


def _print(stdout: TextIO, document: dict[str, Any]) -> None:
    stdout.write(json.dumps(document, allow_nan=False, indent=2) + "\n")
    stdout.flush()
