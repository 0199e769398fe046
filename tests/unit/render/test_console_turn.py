"""The sheet of a turn: the sentence that names the cause, what it rests on, what it cannot tell."""

from dataclasses import replace

import pytest

from echotrace.model.conversation import Incident, Percentiles, TurnSide
from echotrace.model.measure import Finding, Measurement, Severity
from echotrace.model.pipeline import Pipeline, PipelinePart
from echotrace.model.report import AnalyzerResult, ChannelTranscript, SpeechSegment, Word
from echotrace.render.console.figures import milliseconds
from echotrace.render.console.timeline import stamp
from echotrace.render.console.turn import turn_sheet
from echotrace.render.console.turn_clock import clock_lines, incidents_of, wait_of
from echotrace.render.console.turn_verdict import limit_ms
from echotrace.render.console.turn_words import TurnWords
from echotrace.tui.lines import page_of
from tests.fakes.audit_reports import AUDITS, audited_call_report
from tests.fakes.reports import HOSTILE, SAMPLES, call_report, two_files_report

LATE, MISSED, UNANSWERED, GREETING, UNCLEAR, BARGED, EARLY = 8, 7, 11, 1, 9, 10, 6


def turn_of(report, number):
    return next(turn for turn in report.conversation.turns if turn.id == number)


def told(report, number, *, width=100, ascii_only=False):
    page = page_of(width, ascii_only=ascii_only)
    return "\n".join(line.plain for line in turn_sheet(turn_of(report, number), report, page))


def flat(report, number):
    return " ".join(told(report, number).split())


def silent_wait(report=None):
    """A call whose speech detector hears each side exactly while its turns say so."""
    report = report or call_report()
    sides = {
        role: [getattr(turn, name) for turn in report.conversation.turns if getattr(turn, name)]
        for role, name in (("caller", "user"), ("agent", "agent"))
    }
    snr = Measurement.measured(21.0, "dB", band="good")
    channels = tuple(
        replace(
            channel,
            segments=tuple(
                SpeechSegment(start_s=side.start_s, end_s=side.end_s + 0.1, snr_db=snr)
                for side in sides[channel.role]
            ),
        )
        for channel in report.signal.channels
    )
    return replace(report, signal=replace(report.signal, channels=channels))


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (
            LATE,
            "the caller waited 2,340 ms ±12, critical; 1,540 ms beyond the 800 ms that are still",
        ),
        (MISSED, "the agent never answered: the caller spoke again after 6.2 s, critical."),
        (UNANSWERED, "heard gap n/a: the recording ends first."),
        (GREETING, "the agent spoke first, at 0:01.12: there is no gap to measure."),
        (UNCLEAR, "heard gap n/a: the caller's last word is hidden in noise: between 69.02 and"),
        (
            BARGED,
            "the agent talked on for 1,240 ms [1,205, 1,290], critical; the agent answered after",
        ),
        (EARLY, "the agent began 240 ms ±12 before the caller had finished."),
        (MISSED, "the recording alone cannot say why the agent never answered."),
        (3, "the agent answered after 620 ms [611, 661], good."),
    ],
)
def test_the_first_sentence_says_what_the_caller_met_with(number, sentence):
    assert sentence in flat(call_report(), number)


def test_silence_on_both_channels_is_told_and_what_the_recording_cannot_say():
    shown = flat(silent_wait(), LATE)
    assert "silence on both channels: the agent said nothing." in shown
    assert "the recording alone cannot say which stage took the time." in shown
    assert "caller no speech" in shown
    assert "agent no speech" in shown


def test_speech_in_the_wait_is_evidence_and_told_with_its_length():
    report = silent_wait()
    caller, agent = report.signal.channels
    more = SpeechSegment(start_s=58.0, end_s=58.5, snr_db=caller.segments[0].snr_db)
    caller = replace(caller, segments=(*caller.segments, more))
    report = replace(report, signal=replace(report.signal, channels=(caller, agent)))
    shown = flat(report, LATE)
    assert "the speech detector hears the caller for 500 ms of the wait." in shown
    assert "silence on both channels" not in shown


def test_speech_over_an_end_of_the_wait_may_make_it_shorter():
    report = silent_wait()
    turn = turn_of(report, LATE)
    channels = []
    for channel, span in zip(
        report.signal.channels,
        ((turn.user.start_s, turn.user.end_s + 0.41), (turn.agent.start_s - 0.3, 70.0)),
        strict=True,
    ):
        snr = channel.segments[0].snr_db
        kept = [
            item
            for item in channel.segments
            if item.end_s < turn.user.start_s or item.start_s > turn.agent.end_s
        ]
        over = SpeechSegment(start_s=span[0], end_s=span[1], snr_db=snr)
        channels.append(replace(channel, segments=(*kept, over)))
    shown = flat(replace(report, signal=replace(report.signal, channels=tuple(channels))), LATE)
    until, since = (
        stamp(turn.user.end_s + 0.41, digits=2),
        stamp(turn.agent.start_s - 0.3, digits=2),
    )
    caller = f"until {until}, 410 ms into the wait"
    agent = f"from {since}, 300 ms before the wait ends"
    assert f"hears the caller {caller}: the wait may be that much shorter;" in shown
    assert f"hears the agent {agent}: the wait may be that much shorter." in shown
    assert f"caller speech {caller}, peak -" in shown
    assert "noise floor" not in shown
    assert "of the wait" not in shown


def test_without_the_signal_nobody_is_said_to_be_silent():
    report = replace(
        call_report(),
        signal=None,
        analyzers={"signal": AnalyzerResult(status="unavailable", reason="it crashed")},
    )
    shown = flat(report, LATE)
    assert "whether anybody speaks in the wait is not known" in shown
    assert "Signal it crashed" in shown


def test_no_cause_is_looked_for_in_a_good_turn():
    shown = flat(silent_wait(), 3)
    assert "silence on both channels" not in shown
    assert "cannot say" not in shown


def test_an_early_start_in_a_pause_of_the_caller_says_so():
    report = silent_wait()
    caller, agent = report.signal.channels
    snr = caller.segments[0].snr_db
    halves = [
        SpeechSegment(start_s=a, end_s=b, snr_db=snr) for a, b in ((38.9, 41.5), (41.95, 42.1))
    ]
    kept = [item for item in caller.segments if not 38 < item.start_s < 42]
    caller = replace(caller, segments=(*kept, *halves))
    report = replace(report, signal=replace(report.signal, channels=(caller, agent)))
    assert "the caller paused from 0:41.50 to 0:41.95: the agent began there." in flat(
        report, EARLY
    )


def test_a_part_that_could_not_be_measured_has_no_length():
    shown = told(call_report(), UNCLEAR)
    line = next(line for line in shown.splitlines() if "caller waits" in line)
    assert "n/a" in line
    assert "800 ms" not in line
    assert "the SNR under this turn's speech is 4.1 dB." in shown
    assert "Signal  SNR 4.1 dB, the lowest under this turn's speech" in shown
    hinted = replace(
        call_report(),
        warnings=(
            Finding(
                code="TURNS_UNCERTAIN",
                severity=Severity.INFO,
                message="1 of 8 answered turns could not be measured",
                hint="record each side before noise and mixing",
            ),
        ),
    )
    assert "try: record each side before noise and mixing" in told(hinted, UNCLEAR)
    assert "try:" not in told(hinted, GREETING)


def test_the_limit_is_told_only_where_the_report_agrees_with_it():
    report = call_report()
    assert limit_ms(report) == 800.0
    other = replace(report, score=replace(report.score, profile="strict"))
    assert limit_ms(other) is None
    assert "beyond" not in flat(other, LATE)
    late = turn_of(report, LATE)
    mild = replace(late, heard_gap_ms=replace(late.heard_gap_ms, band="warning"))
    turns = tuple(mild if turn.id == LATE else turn for turn in report.conversation.turns)
    changed = replace(report, conversation=replace(report.conversation, turns=turns))
    assert limit_ms(changed) is None


def test_the_parts_are_those_of_the_turn_in_their_order():
    lines = [line.strip() for line in told(call_report(), BARGED).splitlines()]
    parts = [line for line in lines if " to 1:" in line and " ms" in line]
    assert [part.split("  ")[0] for part in parts] == [
        "█ caller speaks",
        "▒ agent talks on",
        "░ caller waits",
        "█ agent speaks",
    ]
    assert "1,240 ms" in parts[1]


def gapped(number=LATE, **changes):
    """A call with another heard gap in one of its turns."""
    report = call_report()
    turns = tuple(
        replace(turn, heard_gap_ms=replace(turn.heard_gap_ms, **changes))
        if turn.id == number
        else turn
        for turn in report.conversation.turns
    )
    return replace(report, conversation=replace(report.conversation, turns=turns))


@pytest.mark.parametrize(
    ("gap", "sentence"),
    [
        (
            {"value": -74.8, "low": -361.8, "high": 9.2, "band": "good"},
            "the agent began 75 ms [-9, 362] before the caller had finished.",
        ),
        (
            {"value": 808.0, "low": 791.0, "high": 1_167.0, "band": "warning"},
            "808 ms [791, 1,167], warning; not sure: the interval reaches below the 800 ms that",
        ),
        (
            {"value": 780.0, "low": 760.0, "high": 1_100.0, "band": "good"},
            "780 ms [760, 1,100], good; not sure: the interval reaches beyond the 800 ms that",
        ),
        (
            {"value": 808.0, "low": 801.0, "high": 815.0, "band": "warning"},
            "808 ms ±7, warning; 8.0 ms beyond the 800 ms that are still good.",
        ),
    ],
)
def test_the_sentence_is_as_sure_as_the_interval_of_the_gap(gap, sentence):
    shown = flat(gapped(**gap), LATE)
    assert sentence in shown
    assert ("beyond the 800" in shown) == ("beyond" in sentence)


def test_the_parts_tell_the_figures_of_the_report_and_not_their_rounding():
    for number, label, value in ((LATE, "caller waits", 2_340.6), (EARLY, "both speak", -246.0)):
        report = gapped(number, value=value, low=value - 1.0, high=value + 1.0)
        line = next(line for line in told(report, number).splitlines() if label in line)
        assert milliseconds(abs(value)) in line
    turn = turn_of(call_report(), EARLY)
    short = replace(turn, agent=replace(turn.agent, end_s=turn.agent.start_s + 0.1))
    page = page_of(100, ascii_only=False)
    line = next(line.plain for line in clock_lines(short, [], page) if "both speak" in line.plain)
    assert line.rstrip().endswith("100 ms")


def test_edges_that_are_surer_to_one_side_say_so():
    turn = turn_of(call_report(), LATE)
    side = TurnSide(
        start_s=52.0,
        end_s=58.0,
        start_low_s=51.988,
        start_high_s=52.012,
        end_low_s=57.352,
        end_high_s=58.012,
    )
    page = page_of(100, ascii_only=False)
    lines = [line.plain for line in clock_lines(replace(turn, agent=side), [], page)]
    assert any("edges ±12, [-648, 12] ms" in line for line in lines)


def test_dead_air_that_is_not_the_wait_is_told_and_is_a_part():
    report = call_report()
    turn = turn_of(report, LATE)

    def with_silence(at_s):
        silence = Incident(
            type="dead_air",
            at_s=at_s,
            duration_ms=Measurement.measured(4_400.0, "ms", low=4_383.0, high=4_469.0),
            severity=Severity.WARNING,
            turn_id=LATE,
        )
        heard = replace(report.conversation, incidents=(silence,))
        return told(replace(report, conversation=heard), LATE)

    shown = with_silence(turn.agent.end_s)
    since, until = (stamp(turn.agent.end_s + more, digits=2) for more in (0.0, 4.4))
    said = " ".join(shown.split())
    assert f"still good; nobody was heard for 4,400 ms from {since}, warning." in said
    assert f"░ nobody speaks {since} to {until} 4,400 ms [4,383, 4,469] warning" in said
    assert f"to {until} of the recording" in said
    lanes = [line for line in shown.splitlines() if line.startswith(("caller  ", "agent  "))]
    assert all(line.rstrip().endswith("░░░░") for line in lanes)
    assert "nobody speaks" not in with_silence(turn.user.end_s)


def test_a_yield_that_never_came_and_one_that_is_unknown():
    report = call_report()
    least = Measurement.estimated(1_500.0, "ms", reason="not by the end", low=1_500.0)
    lost = Measurement.not_measurable("ms", "the recording ends while the agent talks on")
    shown = []
    for item in (least, lost):
        turns = tuple(
            replace(turn, yield_ms=item) if turn.id == BARGED else turn
            for turn in report.conversation.turns
        )
        changed = replace(report, conversation=replace(report.conversation, turns=turns))
        shown.append(flat(changed, BARGED))
    assert "the agent talked on for at least 1,500 ms" in shown[0]
    assert "how long the agent talked on: n/a, the recording ends while" in shown[1]
    assert "▒" not in shown[1]


def pipeline(total_ms, **changes):
    none = Measurement.not_measurable("ms", "few")
    figure = Measurement.estimated(total_ms, "ms", reason="probed")
    part = PipelinePart(key="llm_inference", owner="groq", owner_kind="service", ms=figure)
    spread = Percentiles(n=1, not_measured=0, p50=none, p95=none, p99=none, worst=none)
    return replace(
        Pipeline(total_ms=figure, percentiles=spread, parts=(part,)),
        **changes,
    )


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (
            pipeline(1_500.0),
            "they would explain 1,500 ms of 2,340 ms; 840 ms are left that nothing here explains",
        ),
        (
            pipeline(1_500.0, missing=("speech_synthesis",)),
            "they would explain at least 1,500 ms of 2,340 ms; at most 840 ms are left",
        ),
        (pipeline(2_500.0), "2,500 ms: more than the 2,340 ms of this wait"),
        (
            pipeline(1_500.0, simulated=("llm_inference",)),
            "[MOCK] 1,500 ms beside the 2,340 ms of this wait: a simulated time explains none",
        ),
    ],
)
def test_a_probed_answer_stands_beside_the_wait_and_is_not_taken_for_it(made, sentence):
    shown = flat(replace(call_report(), pipeline=made), LATE)
    assert "probed now, not in the call" in shown
    assert sentence in shown
    assert "which stage took the time; what an answer takes as its services were probed" in shown
    assert "probed now" not in flat(replace(call_report(), pipeline=made), GREETING)


def test_words_stand_with_their_side_and_the_misheard_ones_in_brackets():
    report = audited_call_report()
    words = report.transcription
    other = ChannelTranscript(
        channel_index=1,
        role="agent",
        actual="mhm",
        words=(Word(text="mhm", start_s=10.0, end_s=10.3), Word(text="lost")),
    )
    report = replace(report, transcription=replace(words, other_channels=(other,)))
    shown = told(report, 2)
    assert "caller  i do [-not-] want the renewal of thirty [sick]" in shown
    assert "agent   mhm" in shown
    assert '0:06.0  "not" missed' in shown
    assert "low SNR, moderate: local SNR 7 dB" in shown
    assert "2 words misheard in it; the likeliest cause of 1 of them: low SNR." in shown


def test_a_word_without_a_role_belongs_to_the_whole_turn_and_edges_count():
    report = audited_call_report()
    nobody = replace(
        report,
        source=replace(
            report.source,
            channels=tuple(replace(item, role="unknown") for item in report.source.channels),
        ),
    )
    turn = replace(
        turn_of(report, 2),
        user=TurnSide(start_s=1.0, end_s=2.0),
        agent=TurnSide(start_s=3.0, end_s=4.0),
    )

    def at(start_s):
        words = (Word(text="x", start_s=start_s, end_s=start_s + 0.2),)
        said = replace(report.transcription, words=words, errors=())
        return [
            len(TurnWords(replace(item, transcription=said)).of(turn, 0))
            for item in (report, nobody)
        ]

    assert [at(start_s) for start_s in (0.6, 0.75, 1.5, 2.05, 2.4, 3.5, 4.2)] == [
        *([0, 0], [1, 1], [1, 1], [1, 1], [0, 1], [0, 1], [0, 0])
    ]


def test_why_there_are_no_words_is_told():
    report = replace(call_report(), transcription=None)
    assert "Words nothing was transcribed in this run" in flat(report, LATE)
    why = {"transcription": AnalyzerResult(status="unavailable", reason="no model")}
    assert "Words no model" in flat(replace(report, analyzers=why), LATE)


def test_dropouts_count_where_they_are():
    shown = flat(silent_wait(), EARLY)
    assert "1 dropout in this turn" in shown
    assert "no dropout here" in flat(silent_wait(), 3)


def test_the_wait_of_a_missed_response_ends_with_its_incident():
    report = call_report()
    incidents = incidents_of(report.conversation, turn_of(report, MISSED))
    wait = wait_of(turn_of(report, MISSED), incidents)
    assert (wait.start_s, round(wait.end_s, 3), wait.is_answered) == (49.5, 55.7, False)
    assert wait.band == "critical"
    assert wait_of(turn_of(report, MISSED), []) is None
    for number in (GREETING, EARLY, UNANSWERED):
        assert wait_of(turn_of(report, number), []) is None


@pytest.mark.parametrize("width", [16, 24, 40, 60, 80, 104, 132])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_no_line_is_wider_than_the_page(width, ascii_only):
    samples = [SAMPLES[name] for name in ("call", "two_files", "many")] + list(AUDITS.values())
    page = page_of(width, ascii_only=ascii_only)
    for make in samples:
        report = make()
        for turn in report.conversation.turns[:12] if report.conversation else ():
            for line in turn_sheet(turn, report, page):
                assert line.cell_len <= page.width
                assert line.plain.isascii() or not ascii_only


def test_hostile_data_is_shown_and_never_obeyed():
    report = audited_call_report()
    words = report.transcription
    errors = tuple(
        replace(
            error,
            gold=HOSTILE,
            message=HOSTILE,
            causes=tuple(replace(item, kind=HOSTILE, evidence=HOSTILE) for item in error.causes),
        )
        for error in words.errors
    )
    said = replace(words, errors=errors, engine=HOSTILE)
    late = turn_of(report, 2)
    gap = replace(late.heard_gap_ms, band=HOSTILE)
    turns = (replace(late, kind=HOSTILE, heard_gap_ms=gap),)
    incidents = (
        Incident(
            type=HOSTILE,
            at_s=float("nan"),
            duration_ms=Measurement.not_measurable(HOSTILE, HOSTILE),
            severity=Severity.WARNING,
            turn_id=2,
        ),
    )
    heard = replace(report.conversation, turns=turns, incidents=incidents)
    shown = told(replace(report, transcription=said, conversation=heard), 2, width=60)
    for char in "\x1b\x07\x08\x9b\u202e\u2066\u200b\ufeff\udc80":
        assert char not in shown
    assert "[bold red]" in shown


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -float("inf"), 1e300, -5.0])
def test_damaged_times_break_nothing(odd):
    report = call_report()
    for number in (LATE, BARGED, MISSED):
        turn = turn_of(report, number)
        for side in ("user", "agent"):
            for field in ("start_s", "end_s"):
                there = getattr(turn, side)
                if there is None:
                    continue
                broken = replace(turn, **{side: replace(there, **{field: odd})})
                assert list(turn_sheet(broken, report, page_of(80, ascii_only=False)))


def test_a_turn_of_nobody_says_so():
    report = two_files_report()
    turn = replace(report.conversation.turns[0], user=None, agent=None, kind="response")
    page = page_of(80, ascii_only=False)
    shown = "\n".join(line.plain for line in turn_sheet(turn, report, page))
    assert "nobody is heard in this turn" in shown
