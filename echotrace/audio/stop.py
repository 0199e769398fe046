"""How the long loops behind the audio door are told to stop.

They run in a worker thread, where neither Ctrl-C nor a cancelled task reaches them: whoever waits
for them would wait to the end of a three-hour recording. So they ask, once per block.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["ShouldStop", "Stopped", "check", "never"]

ShouldStop = Callable[[], bool]
"""Whether the work is no longer wanted; called often and from a worker thread."""


class Stopped(Exception):  # noqa: N818 - a message between rooms of the house, never the user's
    """The work was broken off because nobody wants it any more."""


def never() -> bool:
    """Go on to the end."""
    return False


def check(should_stop: ShouldStop) -> None:
    """Return while the work is wanted.

    Raises:
        Stopped: it is not.
    """
    if should_stop():
        raise Stopped
