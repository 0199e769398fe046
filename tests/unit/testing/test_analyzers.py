"""The rules of analyzers: built-in ones keep them, and each fault is named."""

import pytest

from echotrace.testing import AnalyzerConformance
from tests.fakes.distribution import install

SOURCE = """
class Good:
    requires = ("signal",)
    def __init__(self, collector): pass
    def result(self, audio): return {"channels": audio.channels, "level": None}
    async def analyze(self, audio_path, *, audio, **kwargs): return self.result(audio)
class Raises(Good):
    def result(self, audio): raise ValueError("no speech")
class Nan(Good):
    def result(self, audio): return {"levels": [float("nan")]}
class Object(Good):
    def result(self, audio): return {"levels": [object()]}
class Prints(Good):
    def result(self, audio):
        print("working")
        return {}
class Silence(Good):
    def result(self, audio): return {"ratio": 1 / float(abs(audio.read(0, 0.0, 1.0)).max() > 0)}
class Listed(Good):
    requires = ["signal"]
class Missing(Good):
    requires = ("sentiment",)
class Hangs(Good):
    def result(self, audio):
        import threading
        threading.Event().wait()
"""
NAMES = ("Good", "Raises", "Nan", "Object", "Prints", "Silence", "Listed", "Missing", "Hangs")


class TestSignal(AnalyzerConformance):
    name = "signal"


class TestTurns(AnalyzerConformance):
    name = "turns"


@pytest.fixture
def broken(tmp_path, monkeypatch):
    install(tmp_path, "faulty", "analyzers", {name.lower(): name for name in NAMES}, SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))

    def rules(name, **more):
        case = type("Case", (AnalyzerConformance,), {"name": name, **more})()
        try:
            case.check_all()
        except AssertionError as error:
            first, *lines = str(error).splitlines()
            assert first == f"analyzers {name!r} breaks these rules:"
            return lines
        return []

    return rules


@pytest.mark.parametrize(
    ("name", "count", "words"),
    [
        ("good", 0, ()),
        ("raises", 3, ("a call of one channel", "status ok", "ValueError: no speech")),
        ("nan", 1, ("plain values", "no NaN", "levels")),
        ("object", 1, ("plain values", "<object")),
        ("prints", 1, ("nothing is printed on stdout", "working")),
        ("silence", 1, ("silence is analysed", "ZeroDivisionError")),
        ("listed", 1, ("requires names", "a tuple", "['signal']")),
        ("missing", 4, ("registered", "'sentiment'")),
        ("nobody", 1, ("'nobody' in the group echotrace.analyzers",)),
    ],
)
def test_the_rule_that_is_broken_is_named(broken, name, count, words):
    lines = broken(name)
    assert len(lines) == count, lines
    for word in words:
        assert word in " ".join(lines)


def test_one_that_never_ends_is_given_up(broken):
    lines = broken("hangs", settings={"analyzer_timeout_s": 0.2})
    assert len(lines) == 3
    assert "it took longer than its time-out of 0.2 s" in lines[0]
