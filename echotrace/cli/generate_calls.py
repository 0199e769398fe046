"""``echotrace generate-calls``: two-channel calls with exact truth, from clean speech."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from echotrace.cli.streams import tell
from echotrace.errors import ExitCode, StorageError, UsageError
from echotrace.fixtures.conditions import CONDITIONS, choose_conditions
from echotrace.printable import printable, printable_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from echotrace.fixtures.calls import Clips
    from echotrace.fixtures.conditions import Condition
    from echotrace.fixtures.truth import CallTruth

__all__ = ["generate_calls"]

_NAMED = 10
"""How many skipped files of a kind are named before the rest is only counted."""


def generate_calls(
    speech_dir: Annotated[
        Path,
        typer.Option("--speech-dir", help="Clean speech, any depth; a folder is a voice."),
    ],
    out_dir: Annotated[Path, typer.Option("--out-dir", help="Where the calls go.")],
    calls: Annotated[int, typer.Option("--calls", help="How many.", min=1, max=99_999)] = 14,
    seed: Annotated[
        int, typer.Option("--seed", help="The same seed gives the same bytes.", min=0)
    ] = 0,
    condition: Annotated[
        list[str] | None,
        typer.Option(
            "--condition",
            help="Noise, codec or bleed; may be repeated, calls take turns. "
            f"One of: {', '.join(CONDITIONS)}. Default: the first 14.",
        ),
    ] = None,
    sample_rate: Annotated[
        int,
        typer.Option("--sample-rate", help="In Hz: 8000, 16000, 24000, 32000 or 48000."),
    ] = 16_000,
    clean_only: Annotated[
        bool,
        typer.Option(
            "--clean-only",
            help="Leave out clips with noise of their own: their edges are not exact.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the calls and write nothing.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write into a folder that is not empty.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Tell no progress.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> int:
    """Build two-channel calls whose turns, gaps and incidents are known exactly.

    Each call is call-0001.wav, the caller left and the agent right, with its truth beside it in
    call-0001.json.
    """
    conditions = choose_conditions(condition)
    _check_folders(speech_dir, out_dir, force=force or dry_run)
    from echotrace.fixtures.calls import RATES_HZ, build_call, find_speech_clips, write_call

    if sample_rate not in RATES_HZ:
        raise UsageError(
            f"calls cannot be made at {sample_rate} Hz",
            hint=f"--sample-rate {', '.join(str(rate) for rate in RATES_HZ)}",
            code="RATE",
        )
    clips = find_speech_clips(speech_dir, clean_only=clean_only)
    skipped = _Skipped(clips)
    skipped.report()
    if len(clips.voices) == 1:
        _warn_of_one_voice()
    if dry_run:
        skipped.finish()
        _list_calls(clips, conditions, calls, seed)
        return ExitCode.BATCH if clips.unusable else ExitCode.PASS
    _make_folder(out_dir)
    alone = len(clips.voices) == 1
    for index in range(1, calls + 1):
        built = build_call(
            clips,
            seed=seed,
            index=index,
            condition=conditions[(index - 1) % len(conditions)],
            sample_rate_hz=sample_rate,
        )
        path, truth = write_call(built, out_dir)
        if not quiet:
            tell(f"echotrace: {index}/{calls} {printable_line(path.name)}: {_summary(truth)}")
        skipped.report()
        if not alone and truth.voices["caller"] == truth.voices["agent"]:
            alone = True
            _warn_of_one_voice()
    skipped.finish()
    _mention_others(out_dir, calls)
    return ExitCode.BATCH if clips.unusable else ExitCode.PASS


def _check_folders(speech_dir: Path, out_dir: Path, *, force: bool) -> None:
    try:
        inside = out_dir.resolve().is_relative_to(speech_dir.resolve())
        exists, is_folder = out_dir.exists(), out_dir.is_dir()
        empty = not is_folder or next(out_dir.iterdir(), None) is None
    except (OSError, ValueError, RuntimeError) as error:
        raise _unwritable(out_dir, error) from None
    if inside:
        raise UsageError(
            f"{printable(out_dir)} lies inside the folder of speech",
            why="the next run would take the calls for clean speech",
            hint="name another --out-dir",
            code="OUTPUT_IS_INPUT",
        )
    if exists and not is_folder:
        raise UsageError(f"{printable(out_dir)} is not a folder", code="NOT_A_FOLDER")
    if not empty and not force:
        raise UsageError(
            f"{printable(out_dir)} is not empty",
            hint="name a new folder, or pass --force to replace calls of the same names",
            code="OUTPUT_EXISTS",
        )


def _make_folder(out_dir: Path) -> None:
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(out_dir, error) from None


def _unwritable(out_dir: Path, error: Exception) -> StorageError:
    why = getattr(error, "strerror", None) or str(error)
    return StorageError(f"{printable(out_dir)} cannot be written", why=why)


class _Skipped:
    """Tells which files are left out as that comes up, and how many there are once it is known."""

    def __init__(self, clips: Clips) -> None:
        self._clips = clips
        self._unusable = 0
        self._left_out = 0

    def report(self) -> None:
        """Name what is new; only the first few of a kind are named."""
        self._unusable = self._name(self._clips.unusable, self._unusable)
        self._left_out = self._name(self._clips.left_out, self._left_out)

    def finish(self) -> None:
        """Count those that were not named."""
        if self._unusable > _NAMED:
            tell(f"echotrace: skipped {self._unusable} files in all that cannot be read")
        if self._left_out > _NAMED:
            tell(f"echotrace: skipped {self._left_out} files in all that are not clean")
        kept = len(self._clips.noisy) - len(self._clips.left_out)
        if kept:
            name, why = next(iter(self._clips.noisy.items()))
            clips = "clip is" if kept == 1 else "clips are"
            tell(
                f"echotrace: warning: {kept} {clips} {printable_line(why)} "
                f"({printable_line(name)}): edges are partly those of the noise; "
                "--clean-only leaves such clips out"
            )

    @staticmethod
    def _name(reasons: Mapping[str, str], reported: int) -> int:
        for name, why in islice(reasons.items(), reported, _NAMED):
            tell(f"echotrace: skipped {printable_line(name)}: {printable_line(why)}")
        return len(reasons)


def _warn_of_one_voice() -> None:
    tell(
        "echotrace: warning: only one voice: caller and agent sound alike; roles cannot be told "
        "apart by sound"
    )


def _list_calls(clips: Clips, conditions: Sequence[Condition], calls: int, seed: int) -> None:
    from echotrace.fixtures.calls import choose_voices
    from echotrace.fixtures.write import call_name

    count = sum(len(members) for members in clips.by_voice.values())
    tell(f"echotrace: {count} clips of {len(clips.by_voice)} voices; nothing is written")
    for index in range(1, calls + 1):
        caller, agent = choose_voices(clips, seed=seed, index=index)
        name = conditions[(index - 1) % len(conditions)].name
        typer.echo(
            f"{call_name(index)}.wav  {name}  caller {printable_line(caller)}  "
            f"agent {printable_line(agent)}"
        )


def _summary(truth: CallTruth) -> str:
    return (
        f"{truth.condition['name']}, {truth.duration_s:.0f} s, {len(truth.turns)} turns, "
        f"{truth.voices['caller']} calls {truth.voices['agent']}"
    )


def _mention_others(out_dir: Path, calls: int) -> None:
    """Say so when an older, larger set is left in the folder: its calls are not of this run."""
    from echotrace.fixtures.write import call_name

    new = {f"{call_name(index)}.wav" for index in range(1, calls + 1)}
    others = sum(path.name not in new for path in out_dir.glob("call-*.wav"))
    if others:
        calls_are = "call is" if others == 1 else "calls are"
        tell(f"echotrace: {others} other {calls_are} in {printable(out_dir)}, not of this run")
