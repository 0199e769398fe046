"""The pytest plug-in: the fixture ``echotrace_report``, which analyses each recording once.

pytest imports this module in every run of everybody who has EchoTrace installed, so it loads
nothing else of EchoTrace until a test asks for the fixture; ``-p no:echotrace`` keeps it out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from typing import NoReturn

    from echotrace.testing.analysed import ReportMaker

__all__ = ["echotrace_report"]


@pytest.fixture(scope="session")
def echotrace_report(pytestconfig: pytest.Config) -> ReportMaker:
    """Analyse a recording, once in a session: call it with a path, and it returns the Report.

    ``echotrace_report("call.wav", reference="...", stages=["signal"])``: the options are
    those of ``echotrace.analyze``. A saved report (``.json``) is opened. A recording that cannot be
    used fails the test in one line.
    """
    from echotrace.testing.analysed import ReportMaker

    def fail(message: str) -> NoReturn:
        pytest.fail(message, pytrace=False)

    return ReportMaker(folders=(pytestconfig.rootpath,), fail=fail)
