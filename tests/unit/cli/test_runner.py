"""A run under signals: what ends it, and with what code."""

import asyncio
import os
import signal

import pytest
import typer

from echotrace.cli.runner import run_until_signal
from echotrace.errors import InternalError

CODES = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


@pytest.mark.parametrize(("number", "code"), CODES)
def test_the_first_signal_cancels_the_work(number, code):
    seen = []

    async def work():
        os.kill(os.getpid(), number)
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("cleaned up")

    with pytest.raises(typer.Exit) as caught:
        run_until_signal(work())
    assert caught.value.exit_code == code
    assert seen == ["cleaned up"]


@pytest.mark.parametrize("ending", ["a result", "an error"])
def test_a_signal_counts_also_when_the_work_goes_on_to_its_end(ending):
    async def work():
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if ending == "an error":
                raise ValueError(ending) from None
        return ending

    with pytest.raises(typer.Exit) as caught:
        run_until_signal(work())
    assert caught.value.exit_code == 143


@pytest.mark.parametrize("error", [asyncio.CancelledError, KeyboardInterrupt])
def test_work_that_breaks_off_by_itself_was_not_interrupted(error):
    async def work():
        raise error

    with pytest.raises(InternalError, match="broke off by itself") as caught:
        run_until_signal(work())
    assert error.__name__ in caught.value.why


def test_an_error_of_the_work_passes():
    async def work():
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        run_until_signal(work())


def test_nothing_is_left_behind():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert run_until_signal(asyncio.sleep(0, "done")) == "done"
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    wakeup = signal.set_wakeup_fd(-1)
    assert wakeup == -1
