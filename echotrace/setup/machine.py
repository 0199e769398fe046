"""What this machine has: cores, memory, GPUs, speech models. Nothing is downloaded or started."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

__all__ = ["Machine", "cached_whisper", "look_at_machine"]

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """``memory_mb`` is None where the system does not say; a container's limit counts."""

    cores: int
    memory_mb: int | None = None
    gpus: int = 0
    whisper: frozenset[str] = frozenset()
    sphinx: bool = True


def look_at_machine(sizes: tuple[str, ...]) -> Machine:
    """Look; ``sizes`` are the Whisper models to look for in the local cache."""
    return Machine(
        cores=_cores(),
        memory_mb=_memory_mb(),
        gpus=_gpus(),
        whisper=frozenset(size for size in sizes if cached_whisper(size)),
        sphinx=find_spec("pocketsphinx") is not None,
    )


def cached_whisper(size: str) -> bool:
    """Whether the local cache holds all of a Whisper model."""
    from echotrace.providers.stt.whisper_models import is_cached, repository_of

    if find_spec("faster_whisper") is None:
        return False
    return is_cached(repository_of(size))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_mb() -> int | None:
    found = []
    with suppress(OSError, ValueError, AttributeError):  # Windows has no sysconf
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(OSError, ValueError):  # "max" is no number: there is no limit
        found.append(int(_CGROUP_LIMIT.read_text("ascii")))
    return min(found) // 10**6 if found else None


def _gpus() -> int:
    if find_spec("ctranslate2") is None:
        return 0
    try:
        import ctranslate2

        return int(ctranslate2.get_cuda_device_count())
    except (ImportError, OSError, RuntimeError):  # a driver that is half there
        return 0
