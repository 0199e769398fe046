"""The HTML report in a real browser: quiet, alone, and the play head goes where one clicks."""

import hashlib
import io
from dataclasses import replace

import av
import pytest

from echotrace.render.base import RenderOptions
from echotrace.render.embed import EmbeddedAudio, embed_recording
from echotrace.render.html import HtmlRenderer
from echotrace.render.html.call import call_page
from tests.fakes.audit_reports import audited_call_report, hostile_audit_report
from tests.fakes.chromium import Chromium, find_chromium
from tests.fakes.cli import DEMO
from tests.fakes.probe_reports import probed_report
from tests.fakes.reports import hostile_report
from tests.fakes.runs import example_comparison, example_run

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium here")

PLACE = "Number(document.getElementById('lanes').getAttribute('aria-valuenow'))"
HEAD_X = "document.getElementById('playhead').getAttribute('x1')"


@pytest.fixture(scope="module")
def browser():
    with Chromium() as running:
        yield running


@pytest.fixture(autouse=True)
def quiet(browser):
    browser.console.clear()
    browser.requests.clear()


def demo_sound():
    """A report whose recording is the shipped call, so far as embedding reads it."""
    path = DEMO / "call.wav"
    whole = audited_call_report()
    source = replace(
        whole.source,
        path=str(path),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        size_bytes=path.stat().st_size,
        decoder="libsndfile",
    )
    return replace(whole, source=source)


def saved(folder, text):
    path = folder / "report.html"
    path.write_text(text, "utf-8")
    return path


def only_itself(browser, path):
    """Nothing was asked for but the file, its own icon and its own sound."""
    asked = {each for each in browser.requests if not each.startswith("data:")}
    return asked == {path.resolve().as_uri()}


def test_a_click_on_a_turn_moves_the_play_head_and_sounds(browser, tmp_path):
    report = demo_sound()
    path = saved(tmp_path, call_page(report, embed_recording(report)))
    browser.open(path)
    before = browser.run(HEAD_X)
    turn = report.conversation.turns[2]
    browser.click("table.turns tr:nth-child(3) button")
    begin = turn.span_s[0]
    assert browser.run(PLACE) >= round(begin, 3)
    assert browser.run(HEAD_X) != before
    playing = (
        "new Promise((done) => { const s = document.getElementById('sound');"
        "const look = () => s.currentTime > TIME && !s.paused ? done([s.duration, s.currentTime])"
        ": requestAnimationFrame(look); look(); })"
    )
    duration, now = browser.run(playing.replace("TIME", f"{begin - report.source.start_s}"))
    assert duration == pytest.approx(43.94, abs=0.1)
    assert now < begin + 10
    browser.run("document.getElementById('sound').pause()")
    current = "document.querySelector('table.turns tr[aria-current] button').textContent"
    assert browser.run(current) == f"{turn.id}"
    assert browser.console == []
    assert only_itself(browser, path)


def test_keys_move_the_play_head_where_there_is_no_sound(browser, tmp_path):
    path = saved(tmp_path, call_page(audited_call_report(), None))
    browser.open(path)
    browser.run("document.getElementById('lanes').focus()")
    start = browser.run(PLACE)
    browser.press("ArrowRight")
    browser.press("ArrowRight")
    browser.press("ArrowLeft")
    assert browser.run(PLACE) == pytest.approx(start + 0.5)
    browser.click("#zoom-in")
    wide = "(() => { const s = document.getElementById('lane-scroll');"
    assert browser.run(f"{wide} return s.scrollWidth / s.clientWidth; }})()") > 1.9
    assert browser.console == []
    assert only_itself(browser, path)


def test_both_schemes_are_drawn_and_the_button_changes_between_them(browser, tmp_path):
    path = saved(tmp_path, HtmlRenderer().render_run(example_run(), RenderOptions()))
    browser.open(path, height=400)
    light = brightness(browser.picture())
    browser.prefer(dark=True)
    dark = brightness(browser.picture())
    assert light > 200
    assert dark < 70
    browser.click("#theme")
    assert brightness(browser.picture()) > 200
    assert browser.console == []
    assert only_itself(browser, path)


CONTRAST = """(() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const found = rgb(getComputedStyle(e).backgroundColor);
      if (found[3] > 250) return found;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const e of document.querySelectorAll("body *")) {
    if (e.closest("svg, script") || !e.checkVisibility()) continue;
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) low.push([e.tagName, e.className, e.textContent.slice(0, 30), ratio]);
  }
  return low;
})()"""


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_stands_out_from_what_is_behind_it(browser, tmp_path, dark):
    path = saved(tmp_path, call_page(audited_call_report(), None))
    browser.open(path, dark=dark)
    assert browser.run(CONTRAST) == []
    run = example_run(comparison=example_comparison())
    path = saved(tmp_path, HtmlRenderer().render_run(run, RenderOptions()))
    browser.open(path, dark=dark)
    assert browser.run(CONTRAST) == []


@pytest.mark.parametrize("width", [380, 1280])
def test_nothing_is_wider_than_the_screen(browser, tmp_path, width):
    for page in (
        call_page(audited_call_report(), None),
        HtmlRenderer().render_run(example_run(comparison=example_comparison()), RenderOptions()),
    ):
        browser.open(saved(tmp_path, page), width=width)
        assert browser.run("document.documentElement.scrollWidth") <= width


def test_hostile_texts_stay_texts(browser, tmp_path):
    for report in (hostile_report(), hostile_audit_report()):
        path = saved(tmp_path, call_page(report, None))
        browser.open(path)
        assert browser.run("document.scripts.length") == 1
        assert browser.run("document.querySelectorAll('img, iframe, object, embed').length") == 0
        assert browser.console == []
        assert only_itself(browser, path)


@pytest.mark.slow
def test_sound_that_is_none_is_no_error_of_the_page(browser, tmp_path):
    broken = EmbeddedAudio(mime="audio/ogg", data=b"OggS but no more", start_s=0.0)
    browser.open(saved(tmp_path, call_page(audited_call_report(), broken)))
    browser.click("#play")
    browser.click("table.turns tr:nth-child(2) button")
    assert browser.run(PLACE) > 0


@pytest.mark.slow
@pytest.mark.parametrize("make", [audited_call_report, probed_report])
def test_paper_shows_all_of_it(browser, tmp_path, make):
    browser.open(saved(tmp_path, call_page(make(), None)))
    browser.call("Emulation.setEmulatedMedia", media="print")
    cut = (
        "[...document.querySelectorAll('.scroll, .diff, .text, pre')]"
        ".filter((e) => e.scrollHeight > e.clientHeight + 1).length"
    )
    assert browser.run(cut) == 0
    assert len(browser.call("Page.printToPDF")["data"]) > 10_000
    browser.call("Emulation.setEmulatedMedia", media="")


def brightness(png):
    """Return the mean of a picture's samples, 0 to 255."""
    with av.open(io.BytesIO(png)) as opened:
        return float(next(opened.decode(video=0)).to_ndarray(format="gray").mean())
