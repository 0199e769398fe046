"""``echotrace baseline``: keeping a run, showing those that are kept, and what is refused."""

import json

import pytest

from echotrace.errors import ExitCode
from echotrace.model.run_codec import header_line, item_line, loads_run
from tests.fakes.cli import echotrace
from tests.fakes.runs import ENGINES, example_header, example_items

HEADER = example_header(clips=2)
ITEMS = example_items(clips=2)


@pytest.fixture
def home(tmp_path):
    """A project with a whole run and one that was broken off."""
    lines = [header_line(HEADER), *map(item_line, ITEMS)]
    (tmp_path / "run.jsonl").write_text("".join(lines), "utf-8")
    (tmp_path / "cut.jsonl").write_text("".join(lines[:7]) + lines[8][:20], "utf-8")
    return tmp_path


def test_a_run_is_kept_and_shown(home):
    kept = echotrace("baseline", "set", "main", "run.jsonl", home=home)
    assert kept.code == ExitCode.PASS, kept.stderr
    assert kept.stdout == ".echotrace/baselines/main.jsonl\n"
    assert "--baseline main" in kept.stderr
    path = home / kept.stdout.strip()
    assert path.read_bytes() == (home / "run.jsonl").read_bytes()

    shown = echotrace("baseline", "show", home=home)
    assert shown.code == ExitCode.PASS, shown.stderr
    assert len(shown.stdout.splitlines()) == len(ENGINES)
    for line, engine in zip(shown.stdout.splitlines(), ENGINES, strict=True):
        assert line.startswith("main  2026-11-20  10 clips  ")
        assert f"  {engine}  " in line
        assert " %" in line

    (baseline,) = echotrace("baseline", "show", "--json", home=home).document["baselines"]
    assert (baseline["name"], baseline["clips"], baseline["failed"]) == ("main", 10, 0)
    assert [engine["name"] for engine in baseline["engines"]] == list(ENGINES)
    wrong = {name: words_wrong(name) for name in ENGINES}
    assert {each["name"]: each["wer"] for each in baseline["engines"]} == pytest.approx(wrong)


def words_wrong(engine):
    counts = [item.counts for item in ITEMS if item.engine == engine]
    edits = sum(each.substitutions + each.deletions + each.insertions for each in counts)
    return edits / sum(each.reference_words for each in counts)


def test_one_is_shown_whole(home):
    echotrace("baseline", "set", "main", "run.jsonl", home=home)
    page = echotrace("baseline", "show", "main", home=home)
    assert page.code == ExitCode.PASS, page.stderr
    assert all(engine in page.stdout for engine in ENGINES)
    document = echotrace("baseline", "show", "main", "--json", home=home)
    assert loads_run(document.stdout).header == HEADER
    assert echotrace("baseline", "show", "run.jsonl", "--json", home=home) == document


def test_what_cannot_be_kept_is_refused_in_one_line(home):
    for arguments, code, words in [
        (("main", "cut.jsonl"), ExitCode.INPUT, "6 of 20 results are there"),
        (("main", "gone.jsonl"), ExitCode.INPUT, "gone.jsonl cannot be read"),
        (("../main", "run.jsonl"), ExitCode.USAGE, "cannot be called '../main'"),
        (("main",), ExitCode.USAGE, "Missing argument"),
    ]:
        result = echotrace("baseline", "set", *arguments, home=home)
        assert result.code == code, result.stderr
        assert words in result.stderr
        assert result.stdout == ""
        assert result.stderr.count("echotrace: error: ") == 1
    assert not (home / ".echotrace").exists()
    echotrace("baseline", "set", "main", "run.jsonl", home=home)
    again = echotrace("baseline", "set", "main", "run.jsonl", home=home)
    assert again.code == ExitCode.USAGE
    assert "try: pass --force" in again.stderr
    assert echotrace("baseline", "set", "main", "run.jsonl", "--force", "-q", home=home).code == 0


def test_an_unknown_one_is_refused_and_a_damaged_one_told_beside_the_others(home):
    empty = echotrace("baseline", "show", home=home)
    assert (empty.code, empty.stdout) == (ExitCode.PASS, "")
    assert "echotrace baseline set main run.jsonl" in empty.stderr
    assert echotrace("baseline", "show", "--json", home=home).document == {"baselines": []}
    kept = home / echotrace("baseline", "set", "main", "run.jsonl", home=home).stdout.strip()
    unknown = echotrace("baseline", "show", "mian", home=home)
    assert unknown.code == ExitCode.USAGE
    assert "try: did you mean main?" in unknown.stderr
    (kept.parent / "old.jsonl").write_bytes((home / "cut.jsonl").read_bytes())
    shown = echotrace("baseline", "show", home=home)
    assert shown.code == ExitCode.INPUT
    assert shown.stdout.splitlines()[-1].startswith(
        "old  cannot be used: old.jsonl is no whole run"
    )
    assert shown.stdout.startswith("main  2026-11-20")
    listed = json.loads(echotrace("baseline", "show", "--json", home=home).stdout)["baselines"]
    assert [each.get("problem", "")[:9] for each in listed] == ["", "old.jsonl"]
