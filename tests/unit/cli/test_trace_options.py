"""The flags of a trace, checked before anything runs."""

import pytest

from echotrace.cli.trace_options import read_trace_options
from echotrace.errors import UsageError


@pytest.mark.parametrize("offset_ms", [float("nan"), float("-inf"), 1e30, -1e12])
def test_an_offset_that_no_recording_has_is_refused(offset_ms):
    with pytest.raises(UsageError, match="no number of milliseconds"):
        read_trace_options("spans.json", None, offset_ms, has_recording=True)


def test_an_offset_before_the_recording_is_taken():
    assert read_trace_options("t.json", None, -3700.0, has_recording=True).offset_ms == -3700.0
