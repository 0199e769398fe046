"""Where the value of a setting came from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

__all__ = ["Origin", "OriginKind"]


class OriginKind(str, Enum):
    """The layers, from the one that wins to the one that is left."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    PROJECT = "project"
    USER = "user"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One place: a flag or variable by ``name``, a file by ``path`` and ``line`` (from 1).

    ``where`` is the same for a person to read; ``profile`` names the threshold profile whose table
    holds the value.
    """

    kind: OriginKind
    where: str
    name: str | None = None
    path: Path | None = None
    line: int | None = None
    profile: str | None = None

    def __str__(self) -> str:
        return f"{self.where} (profile {self.profile})" if self.profile else self.where


DEFAULT_ORIGIN = Origin(kind=OriginKind.DEFAULT, where="default")
