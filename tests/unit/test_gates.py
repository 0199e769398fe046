from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.errors import UsageError
from echotrace.expressions import Figure, parse
from echotrace.gates import ALIASES, check_names, read_figure
from echotrace.model.codec import to_plain
from tests.fakes import probe_reports
from tests.fakes.reports import complete_report

FIGURES = {"wer": 0.2, "snr": 25.0, "kind": "barge_in", "yield": 900.0, "voice": "en-us-x2"}


def lookup(name: str) -> Figure:
    if name in FIGURES:
        return Figure(FIGURES[name])
    return Figure(None, "not run")


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("wer > 0.10", True),
        ("wer > .2", False),
        ("wer >= 0.2", True),
        ("wer < 1e-1", False),
        ("wer != 0.2", False),
        ("kind = barge_in and yield > 800", True),
        ('kind == "barge_in"', True),
        ("kind != backchannel", True),
        ("wer > 0.5 or snr < 30", True),
        ("not wer > 0.5", True),
        ("not (wer > 0.1 and snr > 20)", False),
        ("ttft > 1000", None),
        ("ttft > 1000 and wer > 0.5", False),
        ("ttft > 1000 or wer > 0.1", True),
        ("ttft > 1000 or wer > 0.5", None),
        ("not ttft > 1000", None),
        ("kind > 3", None),
        ("kind = 3", False),
        ("kind = barge-in", False),
        ("voice = en-us-x2 and wer>-1", True),
    ],
)
def test_expressions_evaluate_with_three_outcomes(text, holds):
    assert parse(text).verdict(lookup).holds is holds


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("wer > 0.1 and snr > 20", 25.0),
        ("wer > 0.5 and snr > 20", 0.2),
        ("wer > 0.1 and snr > 30", 25.0),
        ("wer > 0.1 or snr > 20", 0.2),
        ("wer > 0.5 or snr > 30", 25.0),
        ("yield > 800 and kind = barge_in", 900.0),
        ("ttft > 1", None),
    ],
)
def test_a_verdict_shows_the_figure_that_decided_it(text, value):
    assert parse(text).verdict(lookup).value == value


def test_the_reason_of_an_unknown_is_kept():
    verdict = parse("ttft > 1000").verdict(lookup)
    assert verdict.reasons == ("ttft: not run",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "wer",
        "wer >",
        "> 3",
        "wer > 0.1 and",
        "(wer > 1",
        "wer > 1)",
        "wer ~ 3",
        "wer > >",
        "1 > wer",
        "barge-in > 1",
        "kind = barge-",
        "kind = -in",
        "wer > 1 - 2",
        "kind = a-1",
    ],
)
def test_what_does_not_fit_is_a_usage_error_that_quotes_the_expression(text):
    with pytest.raises(UsageError, match="does not fit") as raised:
        parse(text)
    assert repr(text) in raised.value.what


def test_what_is_wrong_is_told_as_a_sentence_of_its_own():
    for text, what, why in (
        ("kind = ~", "at '~'", "no number, word or sign of the language begins there"),
        ("wer > 1)", "at ')'", "the expression is complete before it"),
        ("a-b > 1", "at 'a-b > 1'", "the name of a figure is written with _ and not with -"),
    ):
        with pytest.raises(UsageError) as raised:
            parse(text)
        assert raised.value.what.endswith(f"does not fit {what}")
        assert raised.value.why == why


def test_depth_and_length_are_bounded():
    with pytest.raises(UsageError):
        parse("(" * 400 + "wer > 1" + ")" * 400)
    with pytest.raises(UsageError):
        parse("wer > 1 or " * 200 + "wer > 1")


def test_an_unknown_name_is_refused_before_the_run_with_the_nearest():
    with pytest.raises(UsageError) as raised:
        check_names(parse("werr > 0.1"))
    assert "'wer'" in raised.value.hint
    assert check_names(parse("transcription.counts.deletions > 3")).names == (
        "transcription.counts.deletions",
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("signal.snr_dbb", "snr_db"),
        ("SNR", "snr"),
        ("latency.p99", "p99_ms"),
        ("transcription.counts.deletion", "deletions"),
        ("status.x", "use one of"),
    ],
)
def test_a_path_that_no_report_has_is_refused_at_its_wrong_step(name, hint):
    with pytest.raises(UsageError) as raised:
        check_names(parse(f"{name} > 1"))
    assert hint in raised.value.hint


def test_every_alias_is_a_path_that_exists():
    for name in ALIASES:
        check_names(parse(f"{ALIASES[name]} > 1"))
    plain = to_plain(complete_report())
    assert read_figure(plain, "status").value == "complete"
    assert read_figure(plain, "latency.spans.0.name").value == "analyze"
    assert read_figure(plain, "latency.spans.999999999999.name").value is None


leaves = st.sampled_from(["wer > 0.1", "wer > 0.5", "ttft > 1"])
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        inner.map(lambda text: f"not ({text})"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            lambda parts: f"({parts[0]}) {parts[1]} ({parts[2]})"
        ),
    ),
    max_leaves=8,
)


def kleene(text: str) -> bool | None:
    return parse(text).verdict(lookup).holds


@given(trees, trees)
def test_kleene_laws(left, right):
    def negate(value):
        return None if value is None else not value

    assert kleene(f"not (({left}) and ({right}))") is kleene(f"(not ({left})) or (not ({right}))")
    assert kleene(f"not (not ({left}))") is kleene(left)
    assert kleene(f"({left}) and ({right})") is kleene(f"({right}) and ({left})")
    assert kleene(f"not ({left})") is negate(kleene(left))


@given(trees)
def test_an_unknown_can_be_decided_either_way_by_what_it_was(text):
    def with_ttft(value):
        return (
            parse(text)
            .verdict(lambda name: Figure(value) if name == "ttft" else lookup(name))
            .holds
        )

    unknown = kleene(text)
    if unknown is not None:
        assert with_ttft(0.0) is unknown
        assert with_ttft(2.0) is unknown


def verdict(report, text):
    plain = to_plain(report)
    return parse(text).verdict(lambda name: read_figure(plain, name))


def test_a_wait_that_leaves_parts_out_is_a_lower_bound():
    whole = probe_reports.probed_report()
    bound = replace(whole, pipeline=replace(whole.pipeline, missing=("speech_synthesis",)))
    known_ms = bound.pipeline.total_ms.value
    assert verdict(whole, "pipeline > 60000").holds is False
    found = verdict(bound, "pipeline > 60000")
    assert found.holds is None
    assert "speech synthesis" in found.reasons[0]
    assert verdict(bound, f"pipeline > {known_ms - 1}").holds is True
    assert verdict(bound, "pipeline < 60000").holds is None
    assert verdict(bound, f"pipeline < {known_ms - 1}").holds is False
    assert verdict(bound, "pipeline.worst > 60000").holds is None
    assert verdict(bound, "pipeline.kind = estimate").holds is True


def test_a_cost_that_leaves_something_out_is_a_lower_bound():
    report = probe_reports.probed_report()
    known = replace(report, cost=replace(report.cost, leaves_out=()))
    assert verdict(known, "cost > 1000").holds is False
    found = verdict(report, "cost > 1000")
    assert found.holds is None
    assert report.cost.leaves_out[0] in found.reasons[0]
    assert verdict(report, "cost > 0.0").holds is True


def test_the_tail_of_a_probe_that_lost_requests_is_a_lower_bound():
    report = probe_reports.probed_report()
    llm = report.probes.llm
    spread = replace(llm.percentiles["ttft_ms"], not_measured=3)
    llm = replace(llm, percentiles={**llm.percentiles, "ttft_ms": spread})
    lost = replace(report, probes=replace(report.probes, llm=llm))
    found = verdict(lost, "ttft.worst > 60000")
    assert found.holds is None
    assert "3 of" in found.reasons[0]
    assert verdict(lost, "ttft > 60000").holds is False
    assert verdict(lost, f"ttft.worst > {spread.worst.value - 1}").holds is True


@pytest.mark.parametrize("op", [">", ">=", "<", "<=", "=", "!="])
@given(bound=st.integers(0, 9), literal=st.integers(0, 9), more=st.integers(0, 9))
def test_what_a_lower_bound_settles_holds_for_every_larger_number(op, bound, literal, more):
    text = parse(f"x {op} {literal}")
    settled = text.verdict(lambda _: Figure(float(bound), at_least=True)).holds
    true = text.verdict(lambda _: Figure(float(bound + more))).holds
    assert settled is None or settled is true


@pytest.mark.parametrize("name", [name for name in ALIASES if name.startswith("tt")])
def test_every_probe_has_a_figure_under_its_short_name(name):
    found = read_figure(to_plain(probe_reports.probed_report()), name)
    assert found.value is not None or "needs" in found.reason
