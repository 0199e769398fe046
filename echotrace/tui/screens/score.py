"""The score's screen: how it came to be, and from each deduction the way to its places."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Digits

from echotrace.model.conversation import Turn
from echotrace.render.console.deductions import (
    arithmetic,
    deduction_lines,
    free_of_charge,
    grades,
    not_scored_lines,
    place_lines,
    request_lines,
    why_none,
)
from echotrace.render.console.figures import figure
from echotrace.render.console.layout import style_of
from echotrace.render.console.phases import headline_ms
from echotrace.render.console.score import metric_name, points, status_of, verdict
from echotrace.tui.leads import Goal, Lead, follow, of_gate, slowest
from echotrace.tui.lines import content, page_of
from echotrace.tui.messages import Jump, PlaySpan
from echotrace.tui.places import Place, of_deduction
from echotrace.tui.screens.full import FullScreen
from echotrace.tui.widgets.row_list import Row, RowList
from echotrace.tui.widgets.warnings import gate_lines, lead_sign

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from textual.app import ComposeResult, RenderResult
    from textual.geometry import Size

    from echotrace.model.report import Deduction, GateResult, Report
    from echotrace.render.console.layout import Page
    from echotrace.tui.requests import Request

__all__ = ["LISTED", "ScoreScreen", "score_rows", "verdict_lines"]

LISTED = 8
"""Of one deduction no more places than this are listed; the timeline has them all."""
_REQUESTS = 5

_ON_TIMELINE = "n and p on the timeline go from one to the next"
_IN_JSON = "the JSON report has them"
_ELSEWHERE = {
    "wer": _ON_TIMELINE,
    "cer": _ON_TIMELINE,
    "dead_air_s": _ON_TIMELINE,
    "heard_gap_ms": "the table of the turns has them all",
}
"""Where the places are that are not listed; the timeline's own keys know words and incidents."""


class _At(NamedTuple):
    """What a row is about: a lead, and the place that the timeline shows of it."""

    lead: Lead
    place: Place | None = None
    is_deduction: bool = False


class ScoreScreen(FullScreen):
    """The score, its deductions with their places, what did not enter, and the gates."""

    DEFAULT_CSS = """
    ScoreScreen #verdict { height: auto; padding: 1 1 0 1; }
    ScoreScreen Digits { width: auto; margin-right: 2; }
    ScoreScreen.-narrow Digits { display: none; }
    ScoreScreen RowList { height: 1fr; padding: 0 1; background: $background; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "l", "timeline", "Timeline", tooltip="Show it on the timeline", id="score.timeline"
        ),
        Binding("n", "place(1)", "Next", tooltip="Next place", id="score.next"),
        Binding("p", "place(-1)", "Previous", tooltip="Previous place", id="score.previous"),
        Binding("space", "play", "Play", tooltip="Play the place", id="score.play"),
    ]

    def body(self) -> ComposeResult:
        """Yield the verdict and, below it, the rows."""
        with Horizontal(id="verdict"):
            value = self.report.score.value
            if value is not None and not self.ascii_only:
                yield Digits(points(value))
            yield _Verdict(self)
        yield RowList()

    def on_mount(self) -> None:
        """Lay the rows."""
        self.query_one(RowList).fill(list(score_rows(self.report)))

    def on_row_list_moved(self, event: RowList.Moved) -> None:
        """Forget that a key found no further place."""
        event.stop()
        self.query_one(_Verdict).tell("")

    def on_row_list_opened(self, event: RowList.Opened) -> None:
        """Open what the row is about."""
        event.stop()
        if isinstance(event.row.about, _At):
            follow(event.row.about.lead, self)

    def action_timeline(self) -> None:
        """Show the place of the row on the timeline."""
        about = self._about()
        if about is not None and about.place is not None:
            self.post_message(Jump(about.place))
        else:
            self.notify("this has no place on the recording", markup=False)

    def action_place(self, by: int) -> None:
        """Go to the next or the previous row that is a place."""
        rows = self.query_one(RowList)
        at = rows.cursor
        if at is None:
            return
        ahead = range(at + 1, len(rows.rows)) if by > 0 else range(at - 1, -1, -1)
        found = next((number for number in ahead if _is_place(rows.rows[number])), None)
        if found is not None:
            rows.go(found)
        else:
            which = "further on" if by > 0 else "before this one"
            self.query_one(_Verdict).tell(f"no place {which}")

    def action_play(self) -> None:
        """Play the place of the row."""
        about = self._about()
        place = about.place if about is not None else None
        if place is None:
            self.notify("there is nothing to play here", markup=False)
            return
        self.post_message(PlaySpan(place.at_s, place.end_s, place.channel))

    def _about(self) -> _At | None:
        row = self.query_one(RowList).row
        return row.about if row is not None and isinstance(row.about, _At) else None


class _Verdict(Widget):
    """The score and its grade in words, a bar, and the sum that it is."""

    DEFAULT_CSS = "_Verdict { width: 1fr; height: auto; min-height: 3; text-wrap: nowrap; }"

    def __init__(self, owner: ScoreScreen) -> None:
        super().__init__()
        self._owner = owner
        self._ended = ""

    def tell(self, ended: str) -> None:
        """Say that a key found no further place, or no longer."""
        if ended != self._ended:
            self._ended = ended
            self.refresh(layout=True)

    def render(self) -> RenderResult:
        """Return the lines at the present width."""
        return content(self._lines(self.size.width))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return how many lines there are at this width."""
        return len(self._lines(width))

    def _lines(self, width: int) -> list[Text]:
        page = page_of(width, ascii_only=self._owner.ascii_only)
        return list(verdict_lines(self._owner.report, page, ended=self._ended))


def verdict_lines(report: Report, page: Page, *, ended: str = "") -> Iterator[Text]:
    """Yield the score with its grade and its sum, or why there is none.

    ``ended`` says that a key found no further place; it stands behind the grade.
    """
    score = report.score
    aside = Text()
    if score.value is not None:
        aside = status_of(score, page)
        if aside.plain:
            aside.append(f": {len(score.not_scored):,} not scored, told below", "dim")
    if ended:
        aside = Text.assemble(aside, "  " if aside.plain else "", (ended, "yellow"))
    yield from verdict(score, page, aside=aside)
    if score.value is None:
        yield from why_none(report, page)
    yield from arithmetic(score, page)


def score_rows(report: Report) -> Iterator[Row]:
    """Yield what stands below the verdict; the cursor goes to deductions, places and gates."""
    score = report.score
    if score.value is not None:
        yield _text(
            partial(_headed, "What it cost", _no_deductions if not score.deductions else None)
        )
    for item in score.deductions:
        yield from _deduction(item, report)
    free = free_of_charge(report)
    if free:
        yield _text(partial(_headed, "What cost nothing", lambda page: _free(report, page)))
    if score.not_scored:
        yield _text(partial(_headed, "Not scored", lambda page: _not_scored(report, page)))
    if report.gates:
        yield _text(partial(_headed, "Gates", None))
    for gate in report.gates:
        lead = of_gate(gate, report)
        if lead.goal is Goal.SCORE:
            lead = Lead(goal=Goal.NOWHERE, told="this screen is what the gate is about")
        leads = lead.goal is not Goal.NOWHERE
        yield Row(draw=partial(_gate, gate, leads), about=_At(lead, lead.place))
    yield _text(partial(_headed, "Grades", lambda page: grades(score, page)))


def _text(draw: Callable[[Page], Iterable[Text]]) -> Row:
    return Row(draw=draw)


def _headed(
    title: str, lines: Callable[[Page], Iterable[Text]] | None, page: Page
) -> Iterator[Text]:
    yield from page.heading(title)
    if lines is not None:
        yield from lines(page)


def _gate(gate: GateResult, leads: bool, page: Page) -> Iterator[Text]:
    narrower = page_of(page.width - 2, ascii_only=page.ascii_only)
    for line in gate_lines(gate, narrower, sign=lead_sign(page) if leads else ""):
        yield Text.assemble("  ", line)


def _no_deductions(page: Page) -> Iterator[Text]:
    yield Text("  no deductions: nothing was beyond its limit")


def _free(report: Report, page: Page) -> Iterator[Text]:
    for item in free_of_charge(report):
        line = Text.assemble("  ", (metric_name(item.metric), "bold"))
        line.append(f"  {page.data(figure(item.figure, metric=item.metric))}")
        if item.figure.band:
            line.append(f"  {page.data(item.figure.band, limit=20)}", style_of(item.figure.band))
        yield line


def _not_scored(report: Report, page: Page) -> Iterator[Text]:
    for item in report.score.not_scored:
        yield from not_scored_lines(item, report, page)


def _deduction(item: Deduction, report: Report) -> Iterator[Row]:
    """Yield the row of a deduction, then those of its places or requests."""
    places = of_deduction(item, report)
    below = [_place(place, places) for place in places[:LISTED]]
    if item.metric == "ttft_ms" and not below:
        requests = slowest(report, "LLM")
        below = [_request(requests, at) for at in range(min(_REQUESTS, len(requests)))]
    lead, place, told = _lead(item, report, below)
    yield Row(draw=partial(deduction_lines, item), about=_At(lead, place, is_deduction=True))
    yield from below
    left_out = len(places) - LISTED
    if left_out > 0:
        told = f"and {left_out:,} more: {_ELSEWHERE.get(item.metric, _IN_JSON)}"
    if told:
        yield _text(partial(_aside, told))


def _lead(item: Deduction, report: Report, below: Sequence[Row]) -> tuple[Lead, Place | None, str]:
    """Return what a deduction opens, its place, and what is to be said below it."""
    if below and isinstance(below[0].about, _At):
        return below[0].about.lead, below[0].about.place, ""
    if item.metric == "rtf" and report.latency is not None:
        told = "enter shows the spans of the run, where the time went"
        return Lead(goal=Goal.SPANS, told="the spans of the run"), None, told
    if item.metric in ("wer", "cer") and report.transcription is not None:
        told = "the report has no times for its misheard words; enter shows them in the text"
        return Lead(goal=Goal.TEXT, told="the text"), None, told
    told = "no single place: it is about the whole recording"
    if item.metric == "ttft_ms":
        told = "the report keeps no request of the probe"
    return Lead(goal=Goal.NOWHERE, told=told), None, told


def _place(place: Place, places: Sequence[Place]) -> Row:
    about = place.about
    if isinstance(about, Turn):
        ids = [item.turn_id for item in places if item.turn_id is not None]
        at = ids.index(about.id)
        turns = (*ids[at:], *ids[:at])
        lead = Lead(goal=Goal.TURN, told=f"turn {about.id:,}", turns=turns)
    else:
        lead = Lead(goal=Goal.TIMELINE, told="timeline", place=place)
    return Row(draw=partial(place_lines, about, place.at_s), about=_At(lead, place))


def _request(requests: Sequence[Request], at: int) -> Row:
    turned = (*requests[at:], *requests[:at])
    lead = Lead(goal=Goal.REQUEST, told="the request", requests=turned)
    sample = requests[at].sample
    draw = partial(request_lines, sample.index, headline_ms(sample) or 0.0, sample.status)
    return Row(draw=draw, about=_At(lead))


def _aside(told: str, page: Page) -> Iterator[Text]:
    yield from page.wrapped(Text(told, style="dim"), indent=6)


def _is_place(row: Row) -> bool:
    about = row.about
    if not isinstance(about, _At) or about.is_deduction:
        return False
    return about.place is not None or about.lead.goal is Goal.REQUEST
