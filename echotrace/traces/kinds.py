"""The formats that are understood, in the order in which a file is tried against them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from echotrace.model.trace import Trace
from echotrace.traces import elevenlabs, livekit, minimal, own, pipecat, retell, vapi
from echotrace.traces.document import Document

__all__ = ["IMPORTERS", "Importer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """One format: how it is recognised by its content, and how it is read."""

    name: str
    detects: Callable[[Document], bool]
    read: Callable[[Document], Trace]


IMPORTERS: Final[tuple[Importer, ...]] = (
    Importer(name="pipecat", detects=pipecat.detects, read=pipecat.read),
    Importer(name="livekit", detects=livekit.detects, read=livekit.read),
    Importer(name="vapi", detects=vapi.detects, read=vapi.read),
    Importer(name="retell", detects=retell.detects, read=retell.read),
    Importer(name="elevenlabs", detects=elevenlabs.detects, read=elevenlabs.read),
    Importer(name="echotrace", detects=own.detects, read=own.read),
    Importer(name="minimal", detects=minimal.detects, read=minimal.read),
)
