"""The rules of an analyzer, of the group ``echotrace.analyzers``."""

from __future__ import annotations

import io
import math
import tempfile
import wave
from array import array
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from echotrace.plugins import find_plugins
from echotrace.testing.rule import BrokenRuleError, check_rules, load_class, require, said
from echotrace.testing.watch import NeverEnds, run_alone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echotrace.model.report import Report

__all__ = ["AnalyzerConformance"]

_RATE_HZ = 16_000
_SECONDS = 2.0


class AnalyzerConformance:
    """Subclass it as ``TestSomething`` and set ``name``; see :mod:`echotrace.testing`.

    ``settings`` are those of a run by dotted key, ``limit_s`` how long a run of two seconds of
    sound may take.
    """

    name = ""
    settings: ClassVar[Mapping[str, Any]] = {}
    limit_s = 60.0

    def check_all(self) -> None:
        """Check every rule, for a suite without pytest and unittest.

        Raises:
            AssertionError: it lists every rule that is broken, one a line.
        """
        check_rules(self, f"analyzers {self.name!r}")

    def test_it_is_found_by_its_entry_point(self) -> None:
        """The entry point is registered, is not taken by another package, and its class loads."""
        load_class("analyzers", self.name)

    def test_it_requires_what_exists(self) -> None:
        """``requires`` names analyzers that are registered, and never itself."""
        rule = "requires names other analyzers"
        required = getattr(load_class("analyzers", self.name), "requires", ())
        names = isinstance(required, tuple) and all(isinstance(one, str) for one in required)
        require(names, rule, expected="a tuple of names", got=said(required))
        known = set(find_plugins("analyzers").plugins) - {self.name}
        missing = ", ".join(repr(one) for one in required if one not in known)
        require(not missing, rule, expected="names that are registered", got=missing)

    def test_a_call_of_one_channel_is_analysed(self) -> None:
        """A mono recording gives a result of plain values, and nothing on stdout."""
        self._analyse("a call of one channel is analysed", channels=1)

    def test_a_call_of_two_channels_is_analysed(self) -> None:
        """A stereo recording, with one side on each channel, does too."""
        self._analyse("a call of two channels is analysed", channels=2)

    def test_silence_is_analysed(self) -> None:
        """A recording in which nobody speaks does too: None where there is nothing to measure."""
        self._analyse("silence is analysed", channels=1, silent=True)

    def _analyse(self, rule: str, *, channels: int, silent: bool = False) -> None:
        from echotrace.api import analyze_async

        load_class("analyzers", self.name)
        printed = io.StringIO()
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(printed):
            path = Path(folder, "call.wav")
            _write(path, channels, silent=silent)
            try:
                report = run_alone(
                    lambda: analyze_async(path, stages=[self.name], settings=self.settings),
                    limit_s=self.limit_s,
                )
            except NeverEnds as error:
                raise BrokenRuleError(rule, expected="a report", got=str(error)) from None
            except Exception as error:
                raise BrokenRuleError(rule, expected="a report", got=said(error)) from error
        self._judge(rule, report)
        text = printed.getvalue()
        rule = "nothing is printed on stdout"
        require(not text, rule, expected="nothing", got=said(text))

    def _judge(self, rule: str, report: Report) -> None:
        entry = report.analyzers[self.name]
        got = f"{entry.status}: {entry.reason}"
        require(entry.status == "ok", rule, expected="status ok", got=got)
        found = [item.message for item in report.warnings if item.code == "NON_FINITE_RESULT"]
        rule = "a result holds plain values"
        require(not found, rule, expected="no NaN and no infinity", got="; ".join(found))
        texts = [text.partition(" object at 0x") for text in _texts(entry.data)]
        objects = ", ".join(name for name, mark, _ in texts if mark)
        require(
            not objects, rule, expected="dictionaries, lists, texts, numbers", got=said(objects)
        )


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


def _write(path: Path, channels: int, *, silent: bool) -> None:
    """Write a hum that swells like syllables; on two channels the sides take turns."""
    samples = array("h")
    for index in range(round(_SECONDS * _RATE_HZ)):
        at_s = index / _RATE_HZ
        swell = 0.5 - 0.5 * math.cos(2 * math.pi * 4 * at_s)
        tone = sum(math.sin(2 * math.pi * 140 * k * at_s) / k for k in range(1, 9))
        value = 0 if silent else round(6000 * swell * tone)
        speaker = int(at_s >= _SECONDS / 2)
        samples.extend(value if channel == speaker % channels else 0 for channel in range(channels))
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(_RATE_HZ)
        file.writeframes(samples.tobytes())
