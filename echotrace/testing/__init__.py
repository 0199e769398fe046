"""What tests import: assertions over a Report, and conformance tests for plug-ins.

``assert_voice`` says what must hold for a call, with or without pytest::

    from echotrace.testing import assert_voice

    def test_the_booking_call(echotrace_report):  # the fixture of our pytest plug-in
        report = echotrace_report("calls/booking.wav", reference="a table for two")
        assert_voice(report, "wer < 0.1", "heard.p95 < 1500")

The conformance tests run in a plug-in's own test suite. A plug-in that passes them can be timed,
fails with one clear line and disturbs no other part of a run. With pytest, or with unittest beside
``TestCase``, a class is enough::

    from echotrace.config.settings import LlmSettings, Settings
    from echotrace.testing import LlmConformance

    class TestAcme(LlmConformance):
        name = "acme"  # the entry point in the group echotrace.llm
        model = "acme-small"
        secrets = (os.environ["ACME_KEY"],)

        def refusing(self, url):  # settings with which every request is refused
            return Settings(llm=LlmSettings(base_url=url))

Elsewhere ``TestAcme().check_all()`` checks every rule and raises one AssertionError that lists what
is broken. The rules ask for real: let the plug-in speak to a server of your test where a request
costs money. :class:`TtsConformance` is the same for ``echotrace.tts``,
:class:`AnalyzerConformance` for ``echotrace.analyzers``.

Nothing of pytest is needed to import this, and each name is loaded when it is first used: pytest
imports this package in every run of everybody who has EchoTrace installed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from echotrace.testing.analysed import ReportMaker
    from echotrace.testing.analyzer import AnalyzerConformance
    from echotrace.testing.assertions import assert_voice
    from echotrace.testing.llm import LlmConformance
    from echotrace.testing.refusing_server import RefusingServer
    from echotrace.testing.rule import BrokenRuleError
    from echotrace.testing.tts import TtsConformance

__all__ = [
    "AnalyzerConformance",
    "BrokenRuleError",
    "LlmConformance",
    "RefusingServer",
    "ReportMaker",
    "TtsConformance",
    "assert_voice",
]

_LAZY = {
    "AnalyzerConformance": "analyzer",
    "BrokenRuleError": "rule",
    "LlmConformance": "llm",
    "RefusingServer": "refusing_server",
    "ReportMaker": "analysed",
    "TtsConformance": "tts",
    "assert_voice": "assertions",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used (PEP 562)."""
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
