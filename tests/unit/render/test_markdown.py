"""Markdown for a pull request: the verdict first, nobody called, nothing linked, never too long."""

import html
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from markdown_it import MarkdownIt

from echotrace.model.benchmark import SkippedFile
from echotrace.model.measure import Finding, Severity
from echotrace.printable import printable_line
from echotrace.render.base import RenderOptions
from echotrace.render.markdown import MarkdownRenderer
from echotrace.render.markdown.escape import code_block, html_text, text
from echotrace.render.markdown.sheet import LONGEST, Block, put_together
from tests.fakes.audit_reports import AUDITS, audited_call_report, many_errors_report
from tests.fakes.poison import PAYLOAD, TEXTS, poisoned
from tests.fakes.reports import SAMPLES, complete_report, failed_report, many_turns_report
from tests.fakes.runs import example_comparison, example_header, example_run, failed_item

READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
BETWEEN = "\u200b"
CALLS = re.compile(r"[@#]\w|:\w+:|://|www\.\w", re.IGNORECASE)
FOLDER = Path(__file__).parent / "markdown_snapshots"
OURS = {"<details>", "</details>", "<summary>", "</summary>"}


def of_run(run):
    return MarkdownRenderer().render_run(run, RenderOptions())


def of_report(report):
    return MarkdownRenderer().render(report, RenderOptions())


def of_comparison(comparison):
    return MarkdownRenderer().render_comparison(comparison, RenderOptions())


def inline(page):
    """Return what is told outside code, as a reader of the page sees it, and the HTML in it."""
    told, markup = [], []
    for token in READER.parse(page):
        assert token.type != "code_block"  # an indent by accident
        if token.type == "html_block":
            markup.append(token.content)
        for child in token.children or ():
            if child.type in ("html_inline", "link_open", "image", "code_inline"):
                markup.append(child.content or child.type)
            else:
                told.append(child.content)
    return told, markup


def check(page):
    """Assert that a page is short enough, holds only our HTML, and calls nobody."""
    assert page.endswith("\n")
    assert len(page) < 65_000
    page.encode()
    told, markup = inline(page)
    for block in markup:
        tags = re.findall(r"<[^>]*>", block)
        assert set(tags) <= OURS, block
    for line in (*told, *markup):
        assert not CALLS.search(html.unescape(line)), line
    return told


@given(TEXTS)
def test_a_cell_reads_as_what_it_says(foreign):
    tokens = READER.parse(f"| a | b |\n| --- | --- |\n| {text(foreign)} | end |")
    cells = [token for token in tokens if token.type == "inline"][2:]
    assert len(cells) == 2
    assert [child.type for child in cells[0].children or ()] in ([], ["text"])
    shown = "".join(child.content for child in cells[0].children or ())
    assert shown.replace(BETWEEN, "").strip() == printable_line(foreign).replace(BETWEEN, "")
    assert not CALLS.search(shown)


@given(TEXTS)
def test_a_line_of_its_own_is_no_block(foreign):
    line = text(foreign)
    tokens = READER.parse(f"{line}\n\nend")
    kinds = {token.type for token in tokens} - {"paragraph_open", "paragraph_close", "inline"}
    assert kinds == set()


@given(TEXTS)
def test_a_summary_reads_as_what_it_says(foreign):
    shown = html_text(foreign)
    assert "<" not in shown
    assert ">" not in shown
    read = html.unescape(shown)
    assert read.replace(BETWEEN, "") == printable_line(foreign).replace(BETWEEN, "")
    assert not CALLS.search(read)


@given(TEXTS, TEXTS)
def test_no_line_closes_its_code_block(one, other):
    lines = [printable_line(one), printable_line(other)]
    tokens = READER.parse(code_block(lines))
    assert [token.type for token in tokens] == ["fence"]
    assert tokens[0].content == "".join(f"{line}\n" for line in lines)


def test_the_verdict_comes_first():
    assert of_run(example_run()).startswith("### EchoTrace benchmark: **FAIL**\n\n1 of 3 gates")
    assert of_report(failed_report()).startswith("### EchoTrace: **FAILED**\n")
    assert of_comparison(example_comparison()).startswith("### EchoTrace compare: **REGRESSION**\n")
    gone = of_run(example_run(gates=(), comparison=example_comparison()))
    assert gone.startswith("### EchoTrace benchmark: **REGRESSION**\n")


@pytest.mark.parametrize("name", [*SAMPLES, *AUDITS])
def test_every_report_reads_as_text(name):
    check(of_report({**SAMPLES, **AUDITS}[name]()))


def test_text_of_others_is_only_text():
    run = example_run(comparison=example_comparison())
    for page in (
        of_run(poisoned(run)),
        of_report(poisoned(audited_call_report())),
        of_comparison(poisoned(example_comparison())),
    ):
        told = "".join(check(page)).replace(BETWEEN, "")
        assert "<script>alert(1)</script>" in told
        assert "<script" not in re.sub(r"```+text\n.*?\n```+", "", page, flags=re.DOTALL)
    assert PAYLOAD not in of_run(poisoned(run))


def test_a_page_that_is_too_long_is_cut_and_counts_what_is_left_out():
    failed = tuple(failed_item(f"clip-{number:04}") for number in range(5_400))
    skipped = tuple(SkippedFile(path=f"{number}.txt", reason="r" * 90) for number in range(2_000))
    run = example_run(items=failed, header=example_header(skipped=skipped))
    page = of_run(run)
    check(page)
    shown = page.count("NO\\_AUDIO")
    assert 100 < shown < 5_400
    assert f"and {5_400 - shown:,} more failures" in page
    assert "Left out, because a comment is only so long: " in page
    assert page.count("<details>") == page.count("</details>")


def test_long_reports_are_cut_too():
    for report in (many_turns_report(3_000), many_errors_report(3_000)):
        check(of_report(report))
    finding = Finding(code="X", severity=Severity.WARNING, message="m" * 500)
    page = of_report(replace(complete_report(), warnings=(finding,) * 500))
    check(page)
    assert re.search(r"and \d+ more warnings", page)


def test_a_block_without_room_is_named():
    blocks = [Block(name="first", head="a" * (LONGEST - 1_000)), Block(name="last", head="b" * 500)]
    page = put_together(blocks)
    assert page.endswith("_Left out, because a comment is only so long: last_\n")
    assert len(page) <= LONGEST


@pytest.mark.parametrize("name", ["run", "call", "comparison"])
def test_pages_look_as_reviewed(name):
    """``UPDATE_SNAPSHOTS=1`` writes them anew."""
    shown = {
        "run": lambda: of_run(example_run(comparison=example_comparison())),
        "call": lambda: of_report(audited_call_report()),
        "comparison": lambda: of_comparison(example_comparison()),
    }[name]()
    path = FOLDER / f"{name}.md"
    if os.environ.get("UPDATE_SNAPSHOTS") == "1":
        FOLDER.mkdir(exist_ok=True)
        path.write_text(shown, encoding="utf-8", newline="\n")
    assert path.is_file(), "no snapshot yet: run with UPDATE_SNAPSHOTS=1 and read the new file"
    assert shown == path.read_text(encoding="utf-8")
