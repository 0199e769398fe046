"""Claimed against heard in a real browser: details on focus, nothing cut off, and on paper."""

import pytest

from echotrace.render.html.call import call_page
from tests.fakes.chromium import Chromium, find_chromium
from tests.fakes.traced_reports import hostile_trace_report, traced_report
from tests.functional.test_html_browser import CONTRAST

pytestmark = [
    pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium here"),
    pytest.mark.slow,
]

SHOWN = """(() => {
  const stack = document.querySelectorAll(".stack")[AT];
  stack.scrollIntoView({block: "center"});
  stack.focus({preventScroll: true});
  const peek = stack.querySelector(".peek").getBoundingClientRect();
  const hit = document.elementFromPoint(peek.left + 20, peek.bottom - 10);
  return [peek.height > 20, Boolean(hit && hit.closest(".peek"))];
})()"""


@pytest.fixture(scope="module")
def browser():
    with Chromium() as running:
        yield running


def saved(folder, report):
    path = folder / "report.html"
    path.write_text(call_page(report, None), "utf-8")
    return path


@pytest.mark.parametrize("at", [0, 1, 5, 8])
def test_focus_shows_the_parts_of_a_turn_and_nothing_cuts_them_off(browser, tmp_path, at):
    rows = "document.querySelectorAll('.stack .peek').length"
    browser.open(saved(tmp_path, traced_report()))
    assert browser.run(rows) == 7
    last = [0, 1, 2, 3, 5, 7, 8]
    at = at if at in last else last[-1]
    assert browser.run(SHOWN.replace("AT", str(at))) == [True, True]
    assert browser.console == []


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("make", [traced_report, hostile_trace_report])
def test_every_text_stands_out_and_no_page_is_too_wide(browser, tmp_path, make, dark):
    browser.open(saved(tmp_path, make()), dark=dark, width=1000)
    assert browser.run(CONTRAST) == []
    for width in (1280, 700, 400):
        browser.resize(width, 800)
        room = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert browser.run(room) <= 0
