from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest

from echotrace.audio import edge_net
from echotrace.audio.edge_features import INPUTS
from echotrace.audio.edge_net import OUTPUTS, SIDE_FRAMES, logits
from echotrace.errors import MissingDependencyError


def shipped():
    with files("echotrace.audio").joinpath("edge_net.npz").open("rb") as stream:
        return stream.read()


def test_the_weights_are_small_and_hold_plain_arrays():
    assert len(shipped()) < 150_000
    with files("echotrace.audio").joinpath("edge_net.npz").open("rb") as stream:
        stored = np.load(stream, allow_pickle=False)
        kinds = {stored[name].dtype.kind for name in stored.files}
    assert kinds == {"f", "i"}


def test_outputs_have_one_row_per_frame():
    rng = np.random.default_rng(1)
    inputs = rng.normal(0, 1, (2 * SIDE_FRAMES + 37, INPUTS)).astype(np.float32)
    before = inputs.copy()
    found = logits(inputs)
    assert found.shape == (37, OUTPUTS)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(inputs, before)


def test_an_output_depends_on_its_side_frames_and_no_others():
    rng = np.random.default_rng(2)
    inputs = rng.normal(0, 1, (2 * SIDE_FRAMES + 400, INPUTS)).astype(np.float32)
    whole = logits(inputs)
    np.testing.assert_allclose(logits(inputs[150:-30]), whole[150:-30], atol=1e-3)
    changed = inputs.copy()
    changed[SIDE_FRAMES + 200] += 3.0
    moved = np.flatnonzero(np.abs(logits(changed) - whole).max(axis=1) > 1e-6)
    assert len(moved) > 50
    assert moved.min() >= 200 - SIDE_FRAMES
    assert moved.max() <= 200 + SIDE_FRAMES


def changed_file(tmp_path, **replaced):
    with files("echotrace.audio").joinpath("edge_net.npz").open("rb") as stream:
        stored = np.load(stream, allow_pickle=False)
        arrays = {name: stored[name] for name in stored.files}
    arrays = {name: array for name, array in (arrays | replaced).items() if array is not None}
    np.savez(tmp_path / "edge_net.npz", **arrays)


@pytest.mark.parametrize(
    "replaced",
    [
        {"version": np.int64(99)},
        {"heads_weight": None},
        {"mix_weight": np.zeros((1, 3, 3), np.float16)},
        {"dilations": np.array([1, 2], np.int64)},
        {"mix_bias": np.full(40, np.nan, np.float16)},
    ],
)
def test_weights_that_do_not_fit_are_refused(tmp_path, monkeypatch, replaced):
    changed_file(tmp_path, **replaced)
    refuses(tmp_path, monkeypatch)


@pytest.mark.parametrize("data", [b"", b"no archive", shipped()[:5000]])
def test_a_damaged_file_is_refused(tmp_path, monkeypatch, data):
    (tmp_path / "edge_net.npz").write_bytes(data)
    refuses(tmp_path, monkeypatch)


def test_a_missing_file_is_refused(tmp_path, monkeypatch):
    refuses(tmp_path, monkeypatch)


def refuses(folder, monkeypatch):
    monkeypatch.setattr(edge_net, "files", lambda _package: folder)
    edge_net._weights.cache_clear()
    try:
        with pytest.raises(MissingDependencyError) as caught:
            logits(np.zeros((2 * SIDE_FRAMES + 1, INPUTS), np.float32))
    finally:
        edge_net._weights.cache_clear()
    assert caught.value.code == "EDGE_NET_BROKEN"
