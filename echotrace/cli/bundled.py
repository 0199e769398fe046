"""What ``echotrace demo`` runs: the recordings and models that ship in the package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from echotrace.errors import MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.config.settings import Settings
    from echotrace.model.run import RunRequest

__all__ = ["DEMO_FOLDER", "demo_runs"]

DEMO_FOLDER = Path(__file__).parents[1] / "demo"


def demo_runs() -> Iterator[tuple[str, RunRequest, Settings]]:
    """Yield name, request and settings of each demo recording; the user's settings stay out of it.

    Raises:
        MissingDependencyError: the installation lacks its demo files.
    """
    from echotrace.config.settings import (
        AudioSettings,
        CacheSettings,
        LlmSettings,
        Settings,
        SttSettings,
    )
    from echotrace.model.outcome import Inputs
    from echotrace.model.run import RunRequest

    try:
        truths = json.loads((DEMO_FOLDER / "demo.json").read_text("utf-8"))
    except OSError as error:
        raise MissingDependencyError(
            "the demo files are not in this installation",
            why=str(error),
            hint="pip install --force-reinstall echotrace",
        ) from None
    models = DEMO_FOLDER / "models"
    stt = SttSettings(
        engine=f"faster-whisper:{models / 'whisper-mini-fast'}",
        gold=f"faster-whisper:{models / 'whisper-mini-gold'}",
        cpu_threads=1,
    )
    for truth in truths:
        turns = () if truth["caller_channel"] is None else ("turns",)
        request = RunRequest(
            path=str(DEMO_FOLDER / truth["file"]),
            stages=("signal", *turns, "transcription", "llm"),
            inputs=Inputs(reference=truth["reference"]),
            synthetic=True,
        )
        settings = Settings(
            offline=True,
            audio=AudioSettings(caller_channel=truth["caller_channel"]),
            stt=stt,
            cache=CacheSettings(enabled=False),  # a demo shows the work, and leaves nothing behind
            llm=LlmSettings(provider="mock"),
        )
        yield truth["name"], request, settings
