import asyncio
import math

import numpy as np
import pytest

from echotrace.isolation import IsolationError, plain_result, run_isolated


def run(kind, timeout_s=5.0):
    return asyncio.run(run_isolated(kind, None, "x.wav", {"answer": 42}, timeout_s=timeout_s))


def analyzer(analyze):
    return type("Fake", (), {"__init__": lambda self, collector: None, "analyze": analyze})


def test_a_plain_method_and_a_coroutine_both_give_their_result():
    async def later(self, path, **kwargs):
        await asyncio.sleep(0)
        return path, kwargs["answer"]

    assert run(analyzer(lambda self, path, **kwargs: kwargs["answer"])) == 42
    assert run(analyzer(later)) == ("x.wav", 42)


def test_what_it_raises_comes_out_and_a_system_exit_does_not_end_the_run():
    def fail(self, path, **kwargs):
        raise ZeroDivisionError("no")

    def leave(self, path, **kwargs):
        raise SystemExit(3)

    with pytest.raises(ZeroDivisionError):
        run(analyzer(fail))
    with pytest.raises(IsolationError, match="SystemExit"):
        run(analyzer(leave))


def test_a_hang_costs_its_time_out():
    async def hang(self, path, **kwargs):
        await asyncio.Event().wait()

    with pytest.raises(IsolationError, match="time-out") as raised:
        run(analyzer(hang), timeout_s=0.05)
    assert raised.value.code == "ANALYZER_TIMEOUT"


def test_a_result_is_reduced_to_json_and_nan_is_named():
    value = {
        "_collector": object(),
        "level": np.float32(0.5),
        "curve": np.array([1.0, np.nan]),
        "pair": (1, {2}),
        "bad": math.inf,
        "thing": type("Thing", (), {"__repr__": lambda self: "a thing"})(),
    }
    plain, masked = plain_result(value)
    assert plain == {
        "level": 0.5,
        "curve": [1.0, None],
        "pair": [1, [2]],
        "bad": None,
        "thing": "a thing",
    }
    assert masked == ["curve[1]", "bad"]
