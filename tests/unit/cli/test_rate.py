import pytest

from echotrace.cli import rate
from echotrace.cli.rate import Meter, duration_text, progress_line, size_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (99.4, "99 s"), (100, "2 min"), (5_900, "98 min"), (9_000, "2 h 30 min")],
)
def test_a_duration_is_told_as_closely_as_it_matters(seconds, text):
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(900, "1 kB"), (3_440_000, "3.4 MB"), (1.25e9, "1.2 GB")]
)
def test_a_size_has_a_unit_that_fits(size, text):
    assert size_text(size) == text


def test_the_rate_is_of_what_was_worked_on_and_the_rest_goes_on_at_it():
    assert progress_line("files", 60, 100, 20, 4.0) == "60 of 100 files, 5.0 files/s, 8 s left"
    assert progress_line("files", 60, 100, 0, 4.0) == "60 of 100 files"


def test_without_a_terminal_a_line_is_told_every_few_seconds(monkeypatch, capsys):
    now = [100.0]
    monkeypatch.setattr(rate.time, "monotonic", lambda: now[0])
    with Meter("files", 40) as meter:
        for done in range(41):
            meter.show(done, already=10)
            now[0] += 0.5
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "echotrace: 10 of 40 files",
        "echotrace: 20 of 40 files, 1.0 files/s, 20 s left",
        "echotrace: 30 of 40 files, 1.3 files/s, 8 s left",
        "echotrace: 40 of 40 files, 1.5 files/s, 0 s left",
    ]
    with Meter("files", 40, quiet=True) as meter:
        now[0] += 60
        meter.show(3)
    assert capsys.readouterr().err == ""
