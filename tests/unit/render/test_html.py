"""The HTML report as text: its policy, its escaping, its size, and what stands on it."""

import base64
import hashlib
import re
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echotrace.model.benchmark import BenchmarkRun
from echotrace.model.measure import Measurement
from echotrace.model.report import NotScored
from echotrace.render.base import RenderOptions
from echotrace.render.embed import EmbeddedAudio
from echotrace.render.html import HtmlRenderer
from echotrace.render.html.call import call_page
from echotrace.render.html.markup import Markup, el, safe
from echotrace.render.html.run import run_page
from tests.fakes.audit_reports import AUDITS, audited_call_report
from tests.fakes.large_reports import three_hour_report
from tests.fakes.probe_reports import probe_only_report, probed_report
from tests.fakes.report_strategy import of_type, reports
from tests.fakes.reports import (
    call_report,
    complete_report,
    failed_report,
    minimal_report,
    mono_report,
    partial_report,
    unreadable_report,
)
from tests.fakes.runs import (
    CONDITIONS,
    example_comparison,
    example_header,
    example_items,
    example_run,
    failed_item,
)

VOID = {"br", "hr", "link", "meta"}


class Parsed(HTMLParser):
    """Tags with their attributes, the text, and whether every element was closed."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.open, self.said = [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    @property
    def text(self):
        """Everything that a reader can find, with what shows on hovering."""
        return " ".join(self.said)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.said += [value for name, value in attrs if name in ("title", "aria-label") and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("script", "style"):
            self.said.append(data)


def whole_run(**changes):
    return example_run(comparison=example_comparison(), **changes)


REPORTS = (
    audited_call_report,
    call_report,
    complete_report,
    failed_report,
    minimal_report,
    mono_report,
    partial_report,
    probe_only_report,
    probed_report,
    unreadable_report,
    *AUDITS.values(),
)


def harmless(page):
    """Parse a page and see that it holds one script, and nothing that could act or load."""
    parsed = Parsed(page)
    assert parsed.tags.count("script") == 1
    assert parsed.tags.count("style") == 1
    assert {"img", "iframe", "object", "embed", "form", "base"}.isdisjoint(parsed.tags)
    for name, value in parsed.attributes:
        assert not name.startswith("on")
        assert name != "style"
        if name in ("src", "href", "xlink:href"):
            assert value.startswith(("#", "data:image/svg", "data:audio/"))
    return parsed


@pytest.mark.parametrize("make", REPORTS, ids=lambda make: make.__name__)
def test_every_report_makes_a_whole_page(make):
    report = make()
    page = HtmlRenderer().render(report, RenderOptions())
    parsed = harmless(page)
    assert page.endswith("</html>\n")
    targets = [value for name, value in parsed.attributes if name == "href"]
    ids = [value for name, value in parsed.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {each[1:] for each in targets if each.startswith("#")} <= set(ids)


def test_the_policy_allows_this_script_and_this_style_and_nothing_else():
    page = HtmlRenderer().render(audited_call_report(), RenderOptions())
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    for name, tag in (("script-src", "script"), ("style-src", "style")):
        inside = re.search(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)[1]
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"
    assert rules["media-src"] == rules["img-src"] == "data:"
    assert page.index("Content-Security-Policy") < page.index("<script>")


def test_the_same_report_gives_the_same_bytes():
    assert call_page(audited_call_report(), None) == call_page(audited_call_report(), None)
    assert run_page(whole_run()) == run_page(whole_run())


class Poison:
    """Puts a script into every text of a document, each with a number of its own."""

    def __init__(self):
        self.put = {}

    def into(self, value, path=""):
        if isinstance(value, Enum):
            return value
        if isinstance(value, str):
            number = len(self.put)
            self.put[path] = f"<script>{number}</script>"
            return self.put[path]
        if is_dataclass(value):
            return replace(
                value,
                **{
                    item.name: self.into(getattr(value, item.name), f"{path}.{item.name}")
                    for item in fields(value)
                },
            )
        if isinstance(value, tuple):
            return tuple(self.into(entry, path) for entry in value)
        if isinstance(value, dict):
            return {key: self.into(entry, path) for key, entry in value.items()}
        return value

    def last(self, path):
        return self.put[path]


TOLD_OF_A_CALL = (
    ".source.path",
    ".created_at",
    ".job_id",
    ".warnings.code",
    ".warnings.message",
    ".warnings.hint",
    ".score.deductions.message",
    ".score.not_scored.reason",
    ".conversation.method",
    ".transcription.engine",
    ".transcription.gold_source",
    ".transcription.diff.gold",
    ".transcription.diff.actual",
    ".transcription.errors.gold",
    ".transcription.entities.items.gold",
    ".transcription.dialogue.text",
    ".transcription.hallucination.flags.text",
    ".latency.spans.name",
    ".tool.version",
)


def test_a_script_in_every_text_of_a_report_stays_text():
    poison = Poison()
    whole = audited_call_report()
    lost = NotScored(metric="ttft_ms", reason="no service was asked")
    report = poison.into(replace(whole, score=replace(whole.score, not_scored=(lost,))))
    parsed = harmless(call_page(report, None))
    missing = [path for path in TOLD_OF_A_CALL if poison.last(path) not in parsed.text]
    assert missing == []


TOLD_OF_A_RUN = (
    ".header.run_id",
    ".header.created_at",
    ".header.manifest",
    ".header.settings",
    ".header.skipped.path",
    ".header.skipped.reason",
    ".cells.engine",
    ".llm_cells.engine",
    ".frontiers.engine",
    ".frontiers.series",
    ".worst.clip",
    ".worst.why",
    ".items.error.code",
    ".comparison.a",
    ".comparison.reason",
    ".comparison.figures.subject",
    ".comparison.figures.label",
    ".comparison.figures.reason",
    ".comparison.moved.clip",
    ".comparison.moved.diff_a.gold",
    ".comparison.moved.diff_b.actual",
    ".gates.expression",
    ".gates.subject",
    ".warnings.message",
    ".warnings.hint",
)


def test_a_script_in_every_text_of_a_run_stays_text():
    items = (*example_items(clips=1), failed_item())
    poison = Poison()
    run = poison.into(whole_run(items=items))
    # A status is no free text: an item fails only by its own word.
    run = replace(run, items=(*run.items[:-1], replace(run.items[-1], status="failed")))
    parsed = harmless(run_page(run))
    missing = [path for path in TOLD_OF_A_RUN if poison.last(path) not in parsed.text]
    assert missing == []


@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(report=reports())
def test_any_report_makes_a_harmless_page(report):
    harmless(call_page(report, None)).text.encode()


@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(run=of_type(BenchmarkRun))
def test_any_run_makes_a_harmless_page(run):
    harmless(run_page(run)).text.encode()


@given(text=st.text())
def test_text_is_never_markup(text):
    shown = safe(text)
    assert not {"<", ">", '"', "'"} & set(shown)
    assert Parsed(el("p", text, title=text)).tags == ["p"]
    assert safe(shown) is shown


def test_attributes_are_left_out_bare_or_escaped():
    assert el("p", "a<b", None, class_='"x"', hidden=True, id=None) == (
        '<p class="&quot;x&quot;" hidden>a&lt;b</p>'
    )
    assert el("hr") == "<hr>"
    assert isinstance(el("p", Markup("<b>")), Markup)


def test_turns_lead_to_their_places_and_say_what_was_not_measured():
    report = audited_call_report()
    parsed = Parsed(call_page(report, None))
    places = [float(value) for name, value in parsed.attributes if name == "data-at"]
    for turn in report.conversation.turns:
        assert pytest.approx(turn.span_s[0], abs=1e-3) in places
    assert report.conversation.summary.heard_gap_ms.p99.reason in parsed.text


def test_sound_stands_in_the_page_whole():
    audio = EmbeddedAudio(mime="audio/ogg", data=b"\x00\xff<sound>", start_s=1.5)
    parsed = harmless(call_page(call_report(), audio))
    held = dict(parsed.attributes)
    assert base64.b64decode(held["src"].removeprefix("data:audio/ogg;base64,")) == audio.data
    assert held["data-start"] == "1.500"
    assert "audio" in parsed.tags
    assert "audio" not in Parsed(call_page(call_report(), None)).tags


def test_a_figure_that_was_not_measured_is_never_a_number():
    why = "the reference is empty"
    run = whole_run()
    cells = tuple(replace(cell, wer=Measurement.not_measurable("ratio", why)) for cell in run.cells)
    text = Parsed(run_page(replace(run, cells=cells, frontiers=(), comparison=None))).text
    assert f"not measurable: {why}" in text
    assert "WER sphinx n/a" in text


def test_the_breakpoint_and_the_interval_of_each_figure_are_drawn():
    run = whole_run()
    parsed = Parsed(run_page(run))
    for item in run.frontiers:
        assert f"2x at {item.breakpoint.value:.1f} dB" in parsed.text
    assert parsed.tags.count("polyline") == len(run.frontiers)
    engines = [item.name for item in run.header.engines if item.kind == "stt"]
    assert [name for name in engines if f"{name}, clean: WER" not in parsed.text] == []
    assert "WER of sphinx: 5.7 % [2.1, 9.4]" in parsed.text


def test_of_a_large_run_only_the_worst_are_on_the_page():
    items = example_items(clips=540, conditions=CONDITIONS)
    assert len(items) == 5_400
    run = whole_run(items=items, header=example_header(clips=540, items=len(items)))
    page = run_page(run)
    assert len(page) < 1_000_000
    assert "5,400 of 5,400 items" in Parsed(page).text


@pytest.mark.slow
def test_three_hours_fit_on_a_page():
    page = call_page(three_hour_report(), None)
    assert len(page) < 8_000_000
    harmless(page)
