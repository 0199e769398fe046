import httpx
import pytest

from echotrace.providers.server_time import processing_time


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([], (None, None)),
        ([("OpenAI-Processing-Ms", "412")], ("openai-processing-ms", 412.0)),
        (
            [("x-envoy-upstream-service-time", "7"), ("openai-processing-ms", "412")],
            ("openai-processing-ms", 412.0),
        ),
        ([("X-Envoy-Upstream-Service-Time", "7")], ("x-envoy-upstream-service-time", 7.0)),
        ([("openai-processing-ms", "soon")], (None, None)),
        ([("openai-processing-ms", "-1")], (None, None)),
        ([("openai-processing-ms", "nan")], (None, None)),
        ([("openai-processing-ms", "inf")], (None, None)),
        (
            [("openai-processing-ms", ""), ("server-timing", "total;dur=3")],
            ("server-timing", 3.0),
        ),
        ([("Server-Timing", "model;dur=12.5")], ("server-timing", 12.5)),
        ([("server-timing", 'cache;desc="a, b", model;desc=x;dur="12"')], ("server-timing", 12.0)),
        ([("server-timing", "db;dur=53, Total ; Dur=99.5")], ("server-timing", 99.5)),
        (
            [("server-timing", "db;dur=53"), ("server-timing", "total;dur=99")],
            ("server-timing", 99),
        ),
        ([("server-timing", "a;dur=1, b;dur=2")], ("server-timing", 1.0)),
        ([("server-timing", "miss, a;desc=hit, ;;=,")], (None, None)),
        ([("server-timing", "a;dur=x, b;dur=0")], ("server-timing", 0.0)),
        ([("x-inference-time", "3")], (None, None)),
    ],
)  # fmt: skip - one row, one reply
def test_the_servers_own_time(headers, found):
    assert processing_time(httpx.Headers(headers)) == found
