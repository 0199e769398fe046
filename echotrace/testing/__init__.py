"""Conformance tests for those who write a plug-in; they run in the plug-in's own test suite.

A plug-in that passes them can be timed, fails with one clear line and disturbs no other part of a
run. Nothing of pytest is needed to import this. With pytest, or with unittest beside ``TestCase``,
a class is enough::

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
"""

from __future__ import annotations

from echotrace.testing.analyzer import AnalyzerConformance
from echotrace.testing.llm import LlmConformance
from echotrace.testing.refusing_server import RefusingServer
from echotrace.testing.rule import BrokenRuleError
from echotrace.testing.tts import TtsConformance

__all__ = [
    "AnalyzerConformance",
    "BrokenRuleError",
    "LlmConformance",
    "RefusingServer",
    "TtsConformance",
]
