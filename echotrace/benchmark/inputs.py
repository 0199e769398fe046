"""From what the command line names to clips: a manifest, folders, files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from echotrace.errors import EchoTraceError, InputError, UsageError
from echotrace.fixtures.manifest import MANIFEST_FILE
from echotrace.model.benchmark import ClipCondition, SkippedFile
from echotrace.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.fixtures.manifest import FixtureClip

__all__ = ["Clip", "FoundClips", "find_clips"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One recording of the matrix; ``path`` is opened, ``audio`` is what reports call it.

    ``sha256`` is what it held when the run was planned, or what its manifest says.
    """

    id: str
    path: str
    audio: str
    sha256: str
    reference: str | None = None
    condition: ClipCondition = field(default_factory=ClipCondition)
    true_snr_db: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundClips:
    """The clips, with an id each that no other has, and the files that cannot be taken.

    ``manifest`` is the one that they are from, None where there is none or more than one.
    """

    clips: tuple[Clip, ...] = ()
    skipped: tuple[SkippedFile, ...] = ()
    manifest: str | None = None
    manifest_sha256: str | None = None
    files: tuple[str, ...] = ()
    """What was read: no output may replace one of them."""


def find_clips(names: Sequence[str]) -> FoundClips:
    """Find the clips of manifests, folders (at any depth) and files.

    Only what the whole run cannot do without is an error: a file among others is skipped.

    Raises:
        InputError: there is nothing of a name, or nothing that can be used at all; a manifest does
            not fit.
        UsageError: the same place is named twice.
    """
    _refuse_twice(names)
    parts = [_found(name) for name in names]
    files = [each for part, alone in parts if alone for each in part.clips]
    own = _ids_of_files(files)
    clips: list[Clip] = []
    for name, (part, alone) in zip(names, parts, strict=True):
        several = len(names) > 1 and not alone
        for clip in part.clips:
            in_run = own[clip.path] if alone else clip.id
            clips.append(replace(clip, id=f"{_label(name)}/{in_run}" if several else in_run))
    clips = _told_apart(clips)
    skipped = tuple(each for part, _ in parts for each in part.skipped)
    if not clips and names:
        raise InputError(
            "there is no clip that can be used",
            why="; ".join(f"{each.path}: {each.reason}" for each in skipped[:3]),
            hint="echotrace benchmark FOLDER, FILE... or an " + MANIFEST_FILE,
            code="NO_CLIPS",
        )
    manifests = [part for part, _ in parts if part.manifest is not None]
    one = manifests[0] if len(manifests) == 1 and len(parts) == 1 else FoundClips()
    return FoundClips(
        clips=tuple(clips),
        skipped=skipped,
        manifest=one.manifest,
        manifest_sha256=one.manifest_sha256,
        files=tuple(
            dict.fromkeys(
                [file for part, _ in parts for file in part.files] + [clip.path for clip in clips]
            )
        ),
    )


def _refuse_twice(names: Sequence[str]) -> None:
    for name, count in Counter(str(Path(name)) for name in names).items():
        if count > 1:
            raise UsageError(f"{printable(name)} is named {count} times", hint="name it once")


def _found(name: str) -> tuple[FoundClips, bool]:
    """Return the clips of one name, and whether it is a file that stands for itself."""
    path = Path(name)
    try:
        if path.is_dir():
            if (path / MANIFEST_FILE).exists():
                return _of_manifest(path / MANIFEST_FILE), False
            return _of_folder(path), False
        if path.suffix.lower() == ".toml":
            return _of_manifest(path), False
        return _of_file(path), True
    except (OSError, ValueError) as error:  # a name that is too long, or holds a NUL byte
        why = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{printable(name)} cannot be read", why=why) from None


def _of_manifest(path: Path) -> FoundClips:
    from echotrace.fixtures.manifest_file import file_sha256, read_manifest

    manifest = read_manifest(path)
    if not manifest.clips:
        return _skipped(path, "it lists no clip")
    folder = path.parent
    clips = tuple(
        Clip(
            id=each.id,
            path=str(folder / each.audio),
            audio=printable(folder / each.audio),
            sha256=each.sha256,
            reference=each.reference,
            condition=each.condition,
            true_snr_db=_true_snr(each),
        )
        for each in manifest.clips
    )
    return FoundClips(
        clips=clips, manifest=printable(path), manifest_sha256=file_sha256(path), files=(str(path),)
    )


def _true_snr(clip: FixtureClip) -> float | None:
    """Return the SNR of a clip; a codec changes that of its stems by nobody knows how much."""
    if clip.condition.codec is not None:
        return None
    return clip.condition.snr_db if clip.achieved_snr_db is None else clip.achieved_snr_db


def _of_folder(folder: Path) -> FoundClips:
    from echotrace.fixtures.manifest_file import file_sha256
    from echotrace.fixtures.speech import find_spoken

    spoken = find_spoken(folder)
    skipped = [replace(each, path=printable(folder / each.path)) for each in spoken.skipped]
    clips = []
    for each in spoken.clips:
        try:
            sha256 = file_sha256(each.path)
        except OSError as error:
            reason = f"it cannot be read: {error.strerror or error}"
            skipped.append(SkippedFile(path=printable(each.path), reason=reason))
            continue
        clips.append(
            Clip(
                id=each.id,
                path=str(each.path),
                audio=printable(each.path),
                sha256=sha256,
                reference=each.reference,
            )
        )
    return FoundClips(clips=tuple(clips), skipped=tuple(skipped))


def _of_file(path: Path) -> FoundClips:
    from echotrace.fixtures.manifest_file import file_sha256
    from echotrace.fixtures.sound_files import length_s, text_beside, transcripts

    try:
        length_s(path)
        sha256 = file_sha256(path)
    except EchoTraceError as error:
        return _skipped(path, f"{error.what}: {error.why}" if error.why else error.what)
    except OSError as error:
        return _skipped(path, f"it cannot be read: {error.strerror or error}")
    said = transcripts(path.parent).get(path.stem) or text_beside(path)
    clip = Clip(
        id=path.stem, path=str(path), audio=printable(path), sha256=sha256, reference=said or None
    )
    return FoundClips(clips=(clip,))


def _skipped(path: Path, reason: str) -> FoundClips:
    return FoundClips(skipped=(SkippedFile(path=printable(path), reason=reason),))


def _ids_of_files(clips: Sequence[Clip]) -> dict[str, str]:
    """Name files by themselves, and by their folders too where that does not tell them apart."""
    from echotrace.fixtures.names import clip_ids

    by_name = {clip.path: Path(clip.path).name for clip in clips}
    uses = Counter(by_name.values())
    whole = {path: path if uses[name] > 1 else name for path, name in by_name.items()}
    ids = clip_ids(_below(path) for path in whole.values())
    return {path: ids[_below(shown)] for path, shown in whole.items()}


def _below(path: str) -> str:
    return str(PurePosixPath(*(part for part in Path(path).parts if part not in ("/", "..", "."))))


def _label(name: str) -> str:
    path = Path(name)
    return printable((path.parent if path.suffix.lower() == ".toml" else path).name or "clips")


def _told_apart(clips: Sequence[Clip]) -> list[Clip]:
    """Give those that still share an id a number, in their order."""
    return list(_numbered(clips)) if len({clip.id for clip in clips}) < len(clips) else list(clips)


def _numbered(clips: Sequence[Clip]) -> Iterator[Clip]:
    taken: set[str] = set()
    for clip in clips:
        name, number = clip.id, 1
        while name in taken:
            number += 1
            name = f"{clip.id}~{number}"
        taken.add(name)
        yield replace(clip, id=name)
