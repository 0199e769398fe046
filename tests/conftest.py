"""What every test needs: a cache folder of its own, so that none sees what another transcribed.

The laws are tried on the same 25 examples each time, where a test does not say how many it needs;
more, and others each time, by ``pytest --hypothesis-profile thorough``. No law is timed: a machine
that is busy would break it.

What is ``on_a_clock`` may fail where the machine is busy: a pause of 30 ms is read as 20 by one
who is late for its beginning. It is tried three times in all; a fault fails each time.

NumPy's threads are one: its matrices are small here, and where two workers share two cores its
further threads only spin. It reads the variable when it is loaded, so it is set before that.
"""

import gc
import itertools
import os

import hypothesis
import pytest

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_collection_modifyitems(items):
    """Let what is on a clock be tried again."""
    for item in items:
        if item.get_closest_marker("on_a_clock"):
            item.add_marker(pytest.mark.flaky(reruns=2))


def pytest_collection_finish():
    """Let the collector pass over what stays, and come less often: a quarter of an app's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 20)


_UNTIMED = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("suite", max_examples=25, derandomize=True, **_UNTIMED)
hypothesis.settings.register_profile("thorough", max_examples=500, **_UNTIMED)
hypothesis.settings.load_profile("suite")

_caches = itertools.count()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    """Name a folder that whoever needs it makes: pytest's own would look through thousands."""
    folder = tmp_path_factory.getbasetemp() / "caches" / str(next(_caches))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
