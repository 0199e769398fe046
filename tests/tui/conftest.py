"""What all tests of the app share: how a pilot waits, and rules of style that are read once."""

import asyncio
from time import monotonic, process_time

import textual._wait
import textual.app
import textual.pilot
import textual.screen
from pytest_textual_snapshot import SVGImageExtension
from textual._context import active_app
from textual.css.stylesheet import Stylesheet

# The plug-in names its files by an attribute that syrupy has renamed since.
SVGImageExtension.file_extension = "svg"

_LOOK_S = 0.002
"""For so long nothing may have been computed, in no thread, before an app counts as idle."""
_BUSY = 0.25
"""What it may take of that."""

# A pilot draws what is to be drawn by itself, once no message is left; a frame between two
# messages would be drawn anew at once.
textual.screen.UPDATE_PERIOD = 0.1


async def wait_for_idle(min_sleep=0.0, max_sleep=1.0):
    """In the place of Textual's, which takes a process that is kept waiting for one that is done.

    No message is left, nothing is to be drawn, no new size is held back, and no thread computes.
    """
    loop = asyncio.get_running_loop()
    end = monotonic() + max_sleep
    while True:
        await asyncio.sleep(0)
        if loop._ready or _has_drawn():
            continue
        computed = process_time()
        await asyncio.sleep(_LOOK_S)
        quiet = process_time() - computed < _LOOK_S * _BUSY and not loop._ready
        if (quiet and not _has_a_new_size()) or monotonic() > end:
            return


def _has_drawn():
    """Draw the screens that wait for their next frame; whether there were any."""
    app = active_app.get()
    waiting = [
        screen for screen in app._screen_stacks[app._current_mode] if _waits_for_a_frame(screen)
    ]
    for screen in waiting:
        screen._on_timer_update()
    return bool(waiting)


def _has_a_new_size():
    """Whether the terminal's new size is held back for some milliseconds in case others follow."""
    return active_app.get()._resize_event is not None


def _waits_for_a_frame(screen):
    return screen.is_running and screen._update_timer._active.is_set()


textual._wait.wait_for_idle = wait_for_idle
textual.app.wait_for_idle = wait_for_idle
textual.pilot.wait_for_idle = wait_for_idle

_parse = Stylesheet._parse_rules
_parsed = {}


def _parse_rules_once(self, css, read_from, is_default_rules=False, tie_breaker=0, scope=""):
    """Rules depend on nothing else than this, and nobody writes to them: apps can share them."""
    variables = tuple(self._variables.items())
    key = (css, read_from, is_default_rules, tie_breaker, scope, variables)
    if key not in _parsed:
        _parsed[key] = _parse(self, css, read_from, is_default_rules, tie_breaker, scope)
    return _parsed[key]


Stylesheet._parse_rules = _parse_rules_once
