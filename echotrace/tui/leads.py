"""Where a warning or a gate leads: a place, a turn, a request, or the part that it is about."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from echotrace.errors import UsageError
from echotrace.render.console.phases import headline_ms
from echotrace.render.console.timeline import stamp
from echotrace.tui.messages import Jump, OpenTurn
from echotrace.tui.places import Place, of_finding, of_incident, of_turn
from echotrace.tui.requests import Request, requests_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from textual.screen import Screen
    from textual.widget import Widget

    from echotrace.model.conversation import Conversation, Turn
    from echotrace.model.measure import Finding
    from echotrace.model.report import GateResult, Report

__all__ = ["Goal", "Lead", "follow", "of_gate", "of_warning", "slowest"]


class Goal(str, Enum):
    """What enter opens; the value names it to the reader."""

    TIMELINE = "the timeline"
    TURN = "the turn"
    REQUEST = "the request"
    TEXT = "the text"
    SPANS = "the spans"
    SCORE = "the score"
    TURNS = "the turns"
    PROBES = "the probes"
    SIGNAL = "the signal"
    LATENCY = "the latency"
    NOWHERE = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lead:
    """What to open: ``place``, ``turns`` (the first, then those to walk on to) or ``requests``.

    ``told`` says where it leads, or why it leads nowhere.
    """

    goal: Goal
    told: str
    place: Place | None = None
    turns: tuple[int, ...] = ()
    requests: tuple[Request, ...] = ()


_PROBES = ("LLM_", "TTS_", "TTFT_", "SENT_TO", "CONNECTION_NOT_KEPT")
_TEXT = (
    "TRANSCRIPT_",
    "GOLD_",
    "STT_",
    "REFERENCE_",
    "WORDS_",
    "HALLUCINATED_",
    "REPETITION_",
    "LOW_CONFIDENCE_",
    "LANGUAGE_",
    "EMBEDDED_",
)
_TURNS = ("BLEED", "ROLES_", "TURNS_", "CHANNELS_SWAPPED", "CLOCK_", "SLOW_RESPONSE")
_SIGNAL = (
    "NO_SPEECH",
    "SNR_",
    "LOW_SNR",
    "CLIPPING",
    "DC_OFFSET",
    "HUM",
    "DROPOUTS",
    "GATED",
    "UPSAMPLED",
    "NARROWBAND",
    "TOO_SHORT",
    "IDENTICAL_CHANNELS",
)
_OF_THE_RUN = ("PLUGIN_", "CACHE_", "CONFIG", "SETTINGS_", "INTERNAL_", "ANALYZER_", "NON_FINITE")
_STARVED = {"LLM_PROBES_LOST": "LLM", "TTS_PROBES_LOST": "TTS"}
_COLD = {"LLM_COLD_FAILED": "LLM", "TTS_COLD_FAILED": "TTS"}


def of_warning(item: Finding, report: Report | None) -> Lead:
    """Return what a warning leads to: its place, else what its code is about."""
    place = of_finding(item)
    if report is None:
        return _nowhere("the run has no report to look into")
    if place is not None:
        return _at(place)
    code = item.code
    if code in _STARVED or code in _COLD:
        return _odd_requests(code, report)
    if code.startswith(_PROBES) and requests_of(report):
        return Lead(goal=Goal.PROBES, told="the requests of the probes")
    if any(entry.code == code for entry in report.analyzers.values()) and report.latency:
        return Lead(goal=Goal.SPANS, told="the spans of the run")
    if code.startswith(_TEXT) and report.transcription is not None:
        return Lead(goal=Goal.TEXT, told="the text")
    if code.startswith(_TURNS) and report.conversation is not None:
        return Lead(goal=Goal.TURNS, told="the turns")
    if code.startswith(_SIGNAL) and report.signal is not None:
        return Lead(goal=Goal.SIGNAL, told="the figures of the signal")
    whole = "run" if code.startswith((*_OF_THE_RUN, *_PROBES)) else "recording"
    return _nowhere(f"no single place: it is about the whole {whole}")


def of_gate(gate: GateResult, report: Report) -> Lead:
    """Return what the figure of a gate leads to: the first of those that lead anywhere."""
    from echotrace.expressions import parse
    from echotrace.gates import ALIASES

    try:
        names = parse(gate.expression).names
    except UsageError:
        return _nowhere("this version cannot read the gate")
    leads = [_of_path(ALIASES.get(name, name).split("."), report) for name in names]
    return next((lead for lead in leads if lead.goal is not Goal.NOWHERE), _no_figure(leads))


def _no_figure(leads: Sequence[Lead]) -> Lead:
    return leads[0] if leads else _nowhere("the gate is about no figure")


def _of_path(path: Sequence[str], report: Report) -> Lead:
    part = path[0]
    if part == "score":
        return Lead(goal=Goal.SCORE, told="the score")
    if part == "transcription" and report.transcription is not None:
        return Lead(goal=Goal.TEXT, told="the text")
    if part == "signal" and report.signal is not None:
        return Lead(goal=Goal.SIGNAL, told="the figures of the signal")
    if part == "conversation" and report.conversation is not None:
        return _of_call(path[-1] if len(path) < 3 else path[2], report.conversation)
    if part == "probes" and len(path) > 1:
        found = slowest(report, path[1].upper())
        return _first_of(found) if found else _nowhere("no request was made")
    if part in ("pipeline", "latency") and report.latency is not None:
        return Lead(goal=Goal.SPANS, told="the spans of the run")
    if part == "cost" and report.cost is not None:
        return Lead(goal=Goal.LATENCY, told="the latency and the cost")
    return _nowhere("the report has nothing that this gate is about")


_OF_INCIDENT = {
    "dead_air_s": "dead_air",
    "dead_air_total_s": "dead_air",
    "dead_airs": "dead_air",
    "talk_over_ms": "talk_over",
    "overlap_ratio": "talk_over",
    "barge_ins": "barge_in",
    "backchannels": "backchannel",
    "missed_responses": "missed_response",
    "early_starts": "early_start",
}


def _gap(turn: Turn) -> float | None:
    return turn.heard_gap_ms.value


def _yield(turn: Turn) -> float | None:
    return turn.yield_ms.value if turn.yield_ms else None


def _greeting(turn: Turn) -> float | None:
    return 0.0 if turn.kind == "greeting" else None


def _first(turn: Turn) -> float | None:
    return turn.heard_gap_ms.value if turn.first else None


_BY = {"yield_ms": _yield, "greeting_ms": _greeting, "first_heard_gap_ms": _first}


def _of_call(figure: str, heard: Conversation) -> Lead:
    kind = _OF_INCIDENT.get(figure)
    if kind is not None:
        found = [item for item in heard.incidents if item.type == kind]
        found = [item for item in found if math.isfinite(item.at_s)]
        found.sort(key=lambda item: -(item.duration_ms.value or 0.0))
        return _at(of_incident(found[0])) if found else _turns(heard)
    ids = _worst(heard.turns, _BY.get(figure, _gap))
    if not ids:
        return _turns(heard)
    return Lead(goal=Goal.TURN, told=f"turn {ids[0]:,}", turns=ids)


def _worst(turns: Iterable[Turn], by: Callable[[Turn], float | None]) -> tuple[int, ...]:
    """Return the ids of the turns that have this figure, the largest first."""
    known = [(value, turn.id) for turn in turns if (value := by(turn)) is not None]
    return tuple(number for _, number in sorted(known, key=lambda item: -item[0]))


def slowest(report: Report, service: str) -> tuple[Request, ...]:
    """Return the requests of a probe that enter its figure, the slowest first."""
    known = [
        (first_ms, request)
        for request in requests_of(report)
        if request.service == service
        and not request.sample.cold
        and (first_ms := headline_ms(request.sample)) is not None
    ]
    return tuple(request for _, request in sorted(known, key=lambda item: -item[0]))


def _odd_requests(code: str, report: Report) -> Lead:
    """Return the requests that were lost, or the cold one."""
    service = code.partition("_")[0]
    cold = code in _COLD
    found = [
        request
        for request in requests_of(report)
        if request.service == service
        and request.sample.cold == cold
        and request.sample.status == "failed"
    ]
    if found:
        return _first_of(tuple(found))
    if requests_of(report):
        return Lead(goal=Goal.PROBES, told="the requests of the probes")
    return _nowhere("the report keeps no request")


def _first_of(found: tuple[Request, ...]) -> Lead:
    sample = found[0].sample
    told = "the cold request" if sample.cold else f"request {sample.index:,}"
    return Lead(goal=Goal.REQUEST, told=told, requests=found)


def _at(place: Place) -> Lead:
    return Lead(goal=Goal.TIMELINE, told=f"timeline at {stamp(place.at_s, digits=2)}", place=place)


def _turns(heard: Conversation) -> Lead:
    place = next(filter(None, map(of_turn, heard.turns)), None)
    if place is None:
        return Lead(goal=Goal.TURNS, told="why there are no turns")
    return Lead(goal=Goal.TURNS, told="the turns")


def _nowhere(told: str) -> Lead:
    return Lead(goal=Goal.NOWHERE, told=told)


def follow(lead: Lead, widget: Widget) -> None:
    """Open what a lead points to; what is on the overview is gone back to first."""
    if lead.place is not None:
        widget.post_message(Jump(lead.place))
    elif lead.turns:
        widget.post_message(OpenTurn(lead.turns[0], lead.turns))
    elif lead.requests:
        from echotrace.tui.screens.request import RequestScreen

        widget.app.push_screen(RequestScreen(lead.requests, 0))
    elif lead.goal in _FULL:
        widget.app.call_later(getattr(widget.app, f"action_{_FULL[lead.goal]}"))
    elif lead.goal is Goal.NOWHERE:
        widget.app.notify(lead.told, markup=False)
    else:
        _back_to_overview(widget.screen)
        widget.app.call_later(_show_panel, widget, lead.goal)


_FULL = {Goal.TEXT: "transcript", Goal.SPANS: "waterfall", Goal.SCORE: "score"}
_PANELS = {Goal.SIGNAL: "SignalPanel", Goal.LATENCY: "LatencyPanel", Goal.TURNS: "TurnsPanel"}


def _back_to_overview(screen: Screen[object]) -> None:
    from echotrace.tui.screens.full import FullScreen

    if isinstance(screen, FullScreen):
        screen.dismiss()
    elif screen.maximized is not None:
        screen.minimize()


def _show_panel(widget: Widget, goal: Goal) -> None:
    app = widget.app
    if goal is Goal.PROBES:
        app.call_later(app.run_action, "app.probes")
        return
    for panel in app.screen.query(_PANELS[goal]):
        panel.focus()
        app.screen.maximize(panel)
