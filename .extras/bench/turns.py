"""How far the heard gap lies from the truth, by condition: ours beside every installable peer.

Calls with exact truth are generated from a folder of clean speech, the same number for each
condition; no call is used twice. Every tool is told which channel is the caller's. How found turns
and incidents are matched to true ones is said in turn_taking/scoring.py, how each peer is called in
turn_taking/peer_runner.py and readers.py. Give it voices that nothing was tuned on.

    python .extras/bench/turns.py --speech-dir DIR [--calls 70] [--conditions clean,white10]
        [--peers] [--peers-venv DIR] [--jobs 2] [--roles inferred] [--json OUT] [--markdown]

Peers that are not ours to depend on live in a virtual environment outside the project: --peers-venv
names it, and makes it when it is not there. Without it they are said to be absent.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
import venv
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import soundfile
from turn_taking import readers
from turn_taking.bounds import POOLED, TOO_NOISY, misses
from turn_taking.scoring import Score, score_call
from turn_taking.tables import as_markdown, as_text, tables, voice_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from turn_taking.readings import Reading

PEER_PINS = ("hotato==1.20.0", "call-ai-metrics==0.1.0", "numpy")
APART = 1_000
"""Between the first calls of two conditions: a call does not depend on what else is asked for."""
LOCAL_DISTRIBUTIONS = {"silero": "faster-whisper", "librosa": "librosa"}


@dataclass(frozen=True)
class Plan:
    """What every worker needs to know."""

    clean_only: bool
    speech: Path
    seed: int
    roles_told: bool
    local_peers: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    python: Path | None = None


_clips = None


def set_up(speech: Path, folder: str, clean_only: bool) -> None:
    """Find the clips once per worker, away from settings that lie in the current folder."""
    global _clips
    from echotrace.fixtures.calls import find_speech_clips

    os.chdir(folder)
    _clips = find_speech_clips(speech, clean_only=clean_only)


def one_call(plan: Plan, condition: str, index: int) -> tuple[str, list[tuple[Reading, Score]]]:
    """Generate a call, let every tool read it, and score the readings."""
    from echotrace.fixtures.calls import build_call
    from echotrace.fixtures.truth import to_json

    call = build_call(_clips, seed=plan.seed, index=index, condition=condition)
    with tempfile.TemporaryDirectory() as name:
        audio, truth_path = Path(name) / "call.wav", Path(name) / "truth.json"
        soundfile.write(audio, call.samples.T, call.sample_rate_hz, subtype="PCM_16")
        truth_path.write_text(to_json(call.truth), "utf-8")
        truth = json.loads(truth_path.read_text("utf-8"))
        found: list[Reading] = []
        with suppress(readers.StageMissingError):
            found.append(readers.read_ours(audio, roles_told=plan.roles_told))
        found += [readers.LOCAL_PEERS[peer](audio) for peer in plan.local_peers]
        if plan.python is not None:
            found += [
                readers.read_peer(plan.python, peer, audio, truth_path) for peer in plan.peers
            ]
    return condition, [(reading, score_call(truth, reading)) for reading in found]


def peer_python(folder: Path) -> Path:
    """The interpreter of the peers' environment, made on the first use."""
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"making {folder} with {' '.join(PEER_PINS)}", file=sys.stderr)
        venv.create(folder, with_pip=True)
        command = [str(python), "-m", "pip", "install", "--quiet", *PEER_PINS]
        subprocess.run(command, check=True)
    return python


def plan_peers(options: argparse.Namespace) -> tuple[dict[str, str | None], Path | None]:
    """Version of each peer, None where it is not installed."""
    if not options.peers:
        return {}, None
    found: dict[str, str | None] = {
        peer: importlib.metadata.version(name) for peer, name in LOCAL_DISTRIBUTIONS.items()
    }
    python = Path(sys.executable)
    if options.peers_venv is not None:
        python = peer_python(options.peers_venv.absolute())
    return found | readers.peer_versions(python), python


def measure(
    plan: Plan, jobs: list[tuple[str, int]], workers: int
) -> Iterator[tuple[str, list[tuple[Reading, Score]]]]:
    """Score every call, in worker processes, telling on stderr how far it is and what failed."""
    context = multiprocessing.get_context("spawn")
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(
            workers,
            mp_context=context,
            initializer=set_up,
            initargs=(plan.speech, folder, plan.clean_only),
        ) as pool,
    ):
        waiting = {pool.submit(one_call, plan, *job): job for job in jobs}
        try:
            for done, future in enumerate(as_completed(waiting), start=1):
                failure = future.exception()
                if failure is None:
                    yield future.result()
                else:
                    condition, index = waiting[future]
                    print(f"\n{condition} call {index} was lost: {failure!r}", file=sys.stderr)
                taken = f"{done}/{len(jobs)} calls, {time.monotonic() - began:.0f} s"
                print(f"\r{taken}", end="", file=sys.stderr)
        finally:
            pool.shutdown(cancel_futures=True)
    print(file=sys.stderr)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--speech-dir", type=Path, help="clean speech that nothing was tuned on")
    parser.add_argument(
        "--any-clips", action="store_true", help="also clips with noise of their own"
    )
    parser.add_argument("--calls", type=int, default=70, help="calls of all conditions together")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument(
        "--conditions", help="names, separated by commas; the standard set without it"
    )
    parser.add_argument("--peers", action="store_true", help="read the calls with peers as well")
    parser.add_argument("--peers-venv", type=Path, help="their virtual environment")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--roles", choices=["told", "inferred"], default="told")
    parser.add_argument("--json", type=Path, help="write every score as JSON")
    parser.add_argument("--markdown", action="store_true", help="print tables for docs/accuracy.md")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    if options.speech_dir is None:
        print("no --speech-dir: skipped")
        return 0
    try:
        from echotrace.fixtures.calls import CONDITIONS, STANDARD_SET, find_speech_clips
    except ImportError as error:
        print(f"no calls can be generated: {error}")
        return 1
    conditions = options.conditions.split(",") if options.conditions else list(STANDARD_SET)
    unknown = set(conditions) - set(CONDITIONS)
    if unknown:
        print(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(CONDITIONS)}")
        return 2
    each = -(-options.calls // len(conditions))
    versions, python = plan_peers(options)
    plan = Plan(
        clean_only=not options.any_clips,
        speech=options.speech_dir.absolute(),
        seed=options.seed,
        roles_told=options.roles == "told",
        local_peers=tuple(peer for peer in versions if peer in readers.LOCAL_PEERS),
        peers=tuple(
            peer for peer, there in versions.items() if there and peer not in readers.LOCAL_PEERS
        ),
        python=python,
    )
    places = list(CONDITIONS)
    jobs = [
        (name, places.index(name) * APART + call) for name in conditions for call in range(each)
    ]
    scores, tells, lost = collect(plan, jobs, options.jobs)
    tools = [readers.OURS, *versions]
    scores = {
        (condition, tool): scores[condition, tool]
        for condition in [*conditions, POOLED]
        for tool in tools
        if (condition, tool) in scores
    }
    print(f"{len(jobs)} calls, {each} of each condition, seed {options.seed}, {lost} lost")
    print(f"voices: {', '.join(find_speech_clips(plan.speech).voices)}")
    for tool, version in versions.items():
        through = f"{LOCAL_DISTRIBUTIONS[tool]} " if tool in LOCAL_DISTRIBUTIONS else ""
        print(f"{tool}: {through + version if version else 'not installed'}")
    if readers.OURS not in tells:
        print(f"{readers.OURS}: the stage that measures turns is not part of this tree")
    every = [*tables(scores, tells, readers.OURS), voice_table(scores, readers.OURS)]
    for title, head, rows in every[: len(every) if readers.OURS in tells else -1]:
        text = as_markdown(head, rows) if options.markdown else as_text(head, rows)
        print(f"\n{title}\n{text}")
    print_notes(scores)
    if options.json is not None:
        rows = [
            {"condition": condition, "tool": tool, **vars(score)}
            for (condition, tool), score in scores.items()
        ]
        document = {"seed": options.seed, "calls": len(jobs), "peers": versions, "scores": rows}
        options.json.write_text(json.dumps(document, indent=1), "utf-8")
    ours = {name: score for (name, tool), score in scores.items() if tool == readers.OURS}
    return lost > 0 or any(misses(condition, score) for condition, score in ours.items())


def collect(
    plan: Plan, jobs: list[tuple[str, int]], workers: int
) -> tuple[dict[tuple[str, str], Score], dict[str, set[str]], int]:
    """Scores by condition and tool, what each tool tells, and how many calls were lost."""
    scores: dict[tuple[str, str], Score] = {}
    tells: dict[str, set[str]] = {}
    lost, several = len(jobs), len({condition for condition, _ in jobs}) > 1
    for condition, found in measure(plan, jobs, workers):
        lost -= 1
        for reading, score in found:
            scores.setdefault((condition, reading.tool), Score()).add(score)
            if several and condition not in TOO_NOISY:
                scores.setdefault((POOLED, reading.tool), Score()).add(score)
            tells[reading.tool] = set(reading.tells)
    return scores, tells, lost


def print_notes(scores: dict[tuple[str, str], Score]) -> None:
    """Say why calls were refused, once per tool and reason."""
    seen: dict[tuple[str, str], int] = {}
    for (condition, tool), score in scores.items():
        for note in [] if condition == POOLED else score.notes:
            seen[tool, note] = seen.get((tool, note), 0) + 1
    for (tool, note), count in sorted(seen.items()):
        print(f"\n{tool} refused {count} calls: {note}")


if __name__ == "__main__":
    sys.exit(main())
