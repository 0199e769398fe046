"""What every test needs: a cache folder of its own, so that none sees what another transcribed.

NumPy's threads are one: its matrices are small here, and where two workers share two cores its
further threads only spin. It reads the variable when it is loaded, so it is set before that.
"""

import gc
import os

import pytest

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_collection_finish():
    """Let the collector pass over what stays, and come less often: a quarter of an app's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 20)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
