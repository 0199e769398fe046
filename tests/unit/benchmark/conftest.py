import pytest

from tests.fakes.short_clips import write_clips


@pytest.fixture
def clips(tmp_path):
    """A folder of three short clips, two of them with what is said."""
    return write_clips(tmp_path / "clips", ("a", "b", "deep/c"), without=("a",))
