import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from echotrace.benchmark.inputs import find_clips
from echotrace.errors import InputError, UsageError
from echotrace.fixtures.manifest import FixtureClip, FixtureManifest
from echotrace.fixtures.manifest_file import write_manifest
from echotrace.model.benchmark import ClipCondition

TEXT = "please book the blue room for nine people"


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_a_folder_gives_its_clips_with_what_they_hold_and_what_is_said(clips):
    found = find_clips([str(clips)])
    assert [(clip.id, clip.reference) for clip in found.clips] == [
        ("a", None),
        ("b", TEXT),
        ("deep/c", TEXT),
    ]
    assert all(clip.sha256 == digest(clip.path) for clip in found.clips)
    assert found.skipped == ()
    assert found.manifest is None


def test_junk_in_a_folder_is_skipped_with_its_reason(clips):
    (clips / "junk.wav").write_bytes(b"no sound at all, " * 10)
    (clips / "empty.flac").write_bytes(b"")
    found = find_clips([str(clips)])
    assert len(found.clips) == 3
    assert {Path(each.path).name for each in found.skipped} == {"junk.wav", "empty.flac"}
    assert all(each.reason for each in found.skipped)


def test_files_stand_for_themselves_and_one_that_is_not_there_is_skipped(clips):
    found = find_clips([str(clips / "b.wav"), str(clips / "gone.wav")])
    assert [(clip.id, clip.reference) for clip in found.clips] == [("b", TEXT)]
    assert [Path(each.path).name for each in found.skipped] == ["gone.wav"]
    with pytest.raises(InputError) as caught:
        find_clips([str(clips / "gone.wav"), str(clips / "b.txt")])
    assert caught.value.code == "NO_CLIPS"
    assert "gone.wav" in caught.value.why


def test_a_reference_may_stand_in_the_list_of_librispeech(clips):
    (clips / "x.trans.txt").write_text("a SO IT WAS\n")
    assert find_clips([str(clips / "a.wav")]).clips[0].reference == "SO IT WAS"


def test_no_two_clips_of_a_run_share_an_id(clips, tmp_path):
    """Not files of one name, not two folders, not a folder and a file in it."""
    other = tmp_path / "other" / "clips"
    shutil.copytree(clips, other)
    names = [str(clips), str(other), str(clips / "a.wav"), str(other / "a.wav")]
    found = find_clips(names)
    ids = [clip.id for clip in found.clips]
    assert len(ids) == len({each.casefold() for each in ids}) == 8
    assert ids[:3] == ["clips/a", "clips/b", "clips/deep/c"]
    assert not any(Path(each).is_absolute() for each in ids)
    assert ids == [clip.id for clip in find_clips(names).clips]


def test_a_manifest_gives_conditions_and_true_snr(clips):
    condition = ClipCondition(noise="white", snr_db=10.0)
    parts = {"duration_s": 0.6, "speech": "a.wav"}
    manifest = FixtureManifest(
        seed=1,
        snr_definition="active",
        clips=(
            FixtureClip(
                id="a/white",
                audio="a.wav",
                sha256=digest(clips / "a.wav"),
                condition=condition,
                achieved_snr_db=10.02,
                reference=TEXT,
                **parts,
            ),
            FixtureClip(id="gone", audio="gone.wav", sha256="0" * 64, **parts),
            FixtureClip(
                id="a/coded",
                audio="a.wav",
                sha256=digest(clips / "a.wav"),
                condition=replace(condition, codec="mulaw"),
                achieved_snr_db=10.02,
                **parts,
            ),
        ),
        sources=(),
        versions={},
    )
    path = write_manifest(manifest, clips)
    for name in (clips, path):
        found = find_clips([str(name)])
        assert found.manifest == str(path)
        assert found.manifest_sha256 == digest(path)
        first, gone, coded = found.clips
        assert (first.id, first.condition, first.true_snr_db) == ("a/white", condition, 10.02)
        assert (first.path, first.reference) == (str(clips / "a.wav"), TEXT)
        assert gone.true_snr_db is None
        assert coded.true_snr_db is None, "a codec changes it"
        assert str(path) in found.files


def test_a_manifest_without_a_clip_is_told(clips, tmp_path):
    empty = FixtureManifest(seed=1, snr_definition="active", clips=(), sources=(), versions={})
    path = write_manifest(empty, tmp_path)
    with pytest.raises(InputError, match="no clip that can be used") as caught:
        find_clips([str(path)])
    assert caught.value.why == f"{path}: it lists no clip"
    beside = find_clips([str(path), str(clips)])
    assert len(beside.clips) == 3
    assert [each.reason for each in beside.skipped] == ["it lists no clip"]


def test_a_name_that_cannot_be_one_is_an_error_of_a_line(clips):
    with pytest.raises(UsageError, match="named 2 times"):
        find_clips([str(clips), f"{clips}/"])
    for name in ("a\0b.wav", "x" * 5000):
        with pytest.raises(InputError):
            find_clips([name])
    assert find_clips([]).clips == ()
