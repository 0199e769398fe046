"""``echotrace setup``: choose language model, speech engines and thresholds, once."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from echotrace.cli.wizard import Wizard
    from echotrace.setup.answers import Plan
    from echotrace.setup.detect import Detected
    from echotrace.setup.interview import Interview
    from echotrace.setup.unattended import Flags

__all__ = ["setup"]


def setup(
    provider: Annotated[
        str | None,
        typer.Option(
            "--provider", help="The language model service: groq, ollama, openai or mock."
        ),
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="Its model.")] = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            "--llm-base-url", help="Its address: any OpenAI-compatible server is a provider openai."
        ),
    ] = None,
    stt: Annotated[
        str | None,
        typer.Option(
            "--stt", help="The engine under audit: auto, sphinx, a Whisper size or a folder."
        ),
    ] = None,
    gold: Annotated[
        str | None,
        typer.Option("--gold", help="The engine of the gold transcript: a size, folder or none."),
    ] = None,
    profile: Annotated[
        str | None, typer.Option("--profile", help="The threshold profile to judge by.")
    ] = None,
    offline: Annotated[
        bool | None,
        typer.Option("--offline/--no-offline", help="Forbid every connection but to this machine."),
    ] = None,
    allow_download: Annotated[
        bool | None,
        typer.Option(
            "--allow-download/--no-allow-download",
            help="Let a run fetch a missing speech model. Setup itself fetches nothing.",
        ),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", "-y", help="Ask nothing: change what the flags name; alone, take the defaults."
        ),
    ] = False,
    from_env: Annotated[
        bool,
        typer.Option(
            "--from-env",
            help="Ask nothing: take ECHOTRACE_* settings, addresses and keys from the environment "
            "and store them.",
        ),
    ] = False,
    skip_tests: Annotated[
        bool, typer.Option("--skip-tests", help="Write without trying the choices first.")
    ] = False,
    color: Annotated[
        bool | None, typer.Option("--color/--no-color", help="Force colour on or off.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> int:
    """Choose language model, speech engines and thresholds; try them, then write config.toml.

    A key is never a flag: every user of a machine can read a command line. It is typed hidden, or
    taken from the environment.
    """
    del debug  # read from the command line by main
    from echotrace.errors import ExitCode, UsageError
    from echotrace.setup.unattended import Flags

    flags = Flags(
        provider=provider,
        model=model,
        base_url=base_url,
        stt=stt,
        gold=gold,
        profile=profile,
        offline=offline,
        allow_download=allow_download,
        from_env=from_env,
    )
    unattended = yes or from_env
    if not unattended and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "setup asks questions, and nobody can answer them here",
            why="this is not a terminal",
            hint="echotrace setup --yes --provider NAME --model MODEL, or --from-env",
            code="NOT_A_TERMINAL",
        )
    from echotrace.cli.wizard import Wizard

    wizard = Wizard(os.environ, color=color)
    detected = _detect(wizard, offline)
    if unattended:
        return _unattended(wizard, detected, flags, test=not skip_tests)
    try:
        return _attended(wizard, detected, flags, test=not skip_tests)
    except (EOFError, KeyboardInterrupt):
        from echotrace.cli.streams import tell

        tell("")
        tell("echotrace: left without writing anything")
        return ExitCode.INTERRUPTED


def _detect(wizard: Wizard, offline: bool | None) -> Detected:
    from echotrace.setup.detect import detect

    try:
        cwd: Path | None = Path.cwd()
    except OSError:  # the folder was removed under us
        cwd = None
    with wizard.looking():
        return detect(os.environ, cwd, offline=offline)


def _attended(wizard: Wizard, detected: Detected, flags: Flags, *, test: bool) -> int:
    from echotrace.errors import ExitCode
    from echotrace.setup.interview import Interview

    interview = Interview.begin(detected, test=test)
    _prefill(interview, flags)
    wizard.show_found(detected)
    plan = wizard.converse(interview)
    if plan is None:
        wizard.note("Nothing was written.")
        return ExitCode.PASS
    return _write(wizard, detected, plan)


def _prefill(interview: Interview, flags: Flags) -> None:
    """Answer by flags what they name; the other questions are asked."""
    flags = flags.split()
    network = None if flags.offline is None else ("no" if flags.offline else "yes")
    download = None if flags.allow_download is None else ("yes" if flags.allow_download else "no")
    given = {
        "network": network,
        "provider": flags.provider,
        "address": flags.base_url,
        "model": flags.model,
        "stt": flags.stt,
        "gold": flags.gold,
        "download": download,
        "profile": flags.profile,
    }
    for name, value in given.items():
        if value is not None:
            interview.prefill(name, value)


def _unattended(wizard: Wizard, detected: Detected, flags: Flags, *, test: bool) -> int:
    from echotrace.errors import worst_exit_code
    from echotrace.setup.answers import plan_of
    from echotrace.setup.unattended import answers_from, due_checks

    answers = answers_from(detected, flags, os.environ)
    plan = plan_of(detected.saved, answers)
    if test:
        results = [
            wizard.check(name, detected, answers) for name in due_checks(detected, flags, answers)
        ]
        failed = [result.exit_code for result in results if not result.ok]
        if failed:
            wizard.note("Nothing was written; --skip-tests writes anyway.")
            return worst_exit_code(failed)
    return _write(wizard, detected, plan)


def _write(wizard: Wizard, detected: Detected, plan: Plan) -> int:
    from echotrace.config.write import commit
    from echotrace.errors import ExitCode
    from echotrace.printable import printable

    written = commit(plan.changes)
    if not written:
        typer.echo(f"nothing to change in {printable(detected.saved.config_path)}")
    for path in written:
        typer.echo(f"written: {printable(path)}")
    for name, where in detected.overrides.items():
        if name in plan.settings:
            wizard.note(f"note: {where} wins over {name} in this file")
        elif not name:
            wizard.note(f"note: {where}")
    if written:
        wizard.note("next: echotrace analyze call.wav")
    return ExitCode.PASS
