"""Gates over a run: which engine they are asked of, and when they cannot be answered."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.benchmark.compare import compare_runs
from echotrace.benchmark.gates import NAMES, evaluate_run_gates, read_run_gates
from echotrace.benchmark.summary import summarise
from echotrace.errors import ExitCode, UsageError
from echotrace.model.benchmark import RunItem
from tests.fakes.runs import example_header, example_item, failed_item


def items(count=20, engine="sphinx", *, edits=1, **changes):
    return [
        example_item(f"clip-{at}", engine, words=10, edits=edits, **changes) for at in range(count)
    ]


def run(*found, engines=("sphinx",), llm=(), **changes):
    values = {"items": len(found)} | changes
    return summarise(example_header(engines=engines, llm=llm, **values), found)


def gates(of, *texts, baseline=None):
    read = read_run_gates(texts, has_baseline=baseline is not None)
    if baseline is not None:
        compared = compare_runs(baseline, of, a_name="a", b_name="b")
        of = replace(of, comparison=compared)
    return evaluate_run_gates(of, read)


def outcomes(of, *texts, **options):
    return [each.outcome for each in gates(of, *texts, **options)]


def test_a_gate_is_asked_of_each_engine():
    both = run(*items(edits=0), *items(engine="whisper", edits=3), engines=("sphinx", "whisper"))
    found = gates(both, "wer > 0.10", "entity_recall < 0.5")
    assert [(each.subject, each.outcome) for each in found] == [
        ("sphinx", "pass"),
        ("whisper", "fail"),
        ("sphinx", "pass"),
        ("whisper", "pass"),
    ]
    assert (found[1].expression, found[1].value) == ("wer > 0.10", 0.3)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("wer >= 0.1", "fail"),
        ("hallucinated > 0", "pass"),
        ("rtf > 0.05", "fail"),
        ("failed > 0", "pass"),
        ("failure_rate > 0", "pass"),
        ("clips < 10", "pass"),
        ("clips < 100", "fail"),
        ("wer > 0.5 or rtf > 0.05", "fail"),
        ("snr_error > 2", "not_enough_evidence"),
        ("heard.p95 > 1500", "not_enough_evidence"),
        ("missed_responses > 0", "not_enough_evidence"),
        ("cost > 1", "not_enough_evidence"),
        ("ttft > 900", "not_enough_evidence"),
    ],
)
def test_figures_of_clips(text, outcome):
    assert outcomes(run(*items()), text) == [outcome]


def test_waits_of_calls():
    calls = run(
        *(
            example_item(
                f"c{at}",
                "sphinx",
                is_call=True,
                heard_gaps_ms=(900.0, 1600.0, 1900.0),
                missed_responses=0,
            )
            for at in range(10)
        )
    )
    assert outcomes(calls, "heard.p95 > 1500", "heard.p50 > 1700", "heard > 1800") == [
        "fail",
        "pass",
        "fail",
    ]
    assert outcomes(calls, "heard.p99 > 1500", "missed_responses > 0") == [
        "not_enough_evidence",
        "pass",
    ]
    lost = run(*(replace(item, turns_unmeasured=1) for item in calls.items))
    assert outcomes(lost, "heard.p95 > 1500", "heard.worst > 2500", "heard.p50 > 1700") == [
        "fail",
        "not_enough_evidence",
        "pass",
    ]


def test_models_are_asked_what_belongs_to_models():
    probe = RunItem(clip="", engine="m", kind="llm", ttft_ms=(400.0, 500.0, 600.0, 700.0, 800.0))
    both = run(*items(), probe, llm=("m",))
    found = gates(both, "ttft > 550", "wer > 0.5", "failed > 0")
    assert [(each.subject, each.outcome) for each in found] == [
        ("m", "fail"),
        ("sphinx", "pass"),
        ("sphinx", "pass"),
        ("m", "pass"),
    ]
    assert outcomes(both, "ttft.p95 > 500") == ["not_enough_evidence"]
    mixed = gates(both, "wer > 0.5 or ttft > 900")
    assert [each.outcome for each in mixed] == ["not_enough_evidence"]
    assert "in its own gate" in mixed[0].reason
    slower = replace(probe, ttft_not_measured=2)
    found = gates(run(slower, engines=(), llm=("m",)), "ttft > 900", "ttft > 500", "cost > 1")
    assert [each.outcome for each in found] == [
        "not_enough_evidence",
        "fail",
        "not_enough_evidence",
    ]
    assert "2 requests have no answer" in found[0].reason


def test_a_simulated_model_proves_nothing():
    mock = RunItem(clip="", engine="mock", kind="llm", ttft_ms=(400.0,) * 9, simulated=True)
    found = gates(run(mock, engines=(), llm=("mock",)), "ttft > 300")
    assert found[0].outcome == "not_enough_evidence"
    assert "simulated" in found[0].reason


def test_an_engine_that_only_stood_in_proves_nothing():
    found = gates(run(*items(edits=5, doubt="sphinx stood in")), "wer > 0.1")
    assert found[0].outcome == "not_enough_evidence"
    assert "sphinx stood in" in found[0].reason


def test_failures_make_figures_bounds():
    """An error rate over what is left can only be too low, and a recall too high."""
    broken = run(*items(), failed_item("x"))
    found = gates(broken, "wer > 0.05", "wer > 0.2", "entity_recall < 0.5", "failed > 0")
    assert [each.outcome for each in found] == [
        "fail",
        "not_enough_evidence",
        "not_enough_evidence",
        "fail",
    ]
    assert all("1 of 21 items failed" in each.reason for each in found[:3])
    assert gates(broken, "failure_rate > 0.04")[0].value == pytest.approx(1 / 21)


def test_a_run_that_was_stopped_is_told():
    stopped = run(*items(), items=50)
    found = gates(stopped, "wer > 0.05", "wer > 0.2", "failed > 0", "failure_rate > 0")
    assert [each.outcome for each in found] == ["fail", *["not_enough_evidence"] * 3]
    assert all("30 items of the run are missing" in each.reason for each in found)


def test_a_cost_that_leaves_something_out_is_a_lower_bound():
    partly = run(*items(cost_usd=0.1, cost_leaves_out=("the price of x",)))
    assert outcomes(partly, "cost > 1", "cost > 5") == ["fail", "not_enough_evidence"]


def test_a_gate_that_nothing_answers_is_not_lost():
    silent = run(RunItem(clip="", engine="m", kind="llm"), engines=(), llm=("m",))
    found = gates(silent, "wer > 0.1")
    assert [(each.outcome, each.subject) for each in found] == [("not_enough_evidence", None)]
    assert "no speech engine" in found[0].reason
    assert "no language model" in gates(run(*items()), "ttft > 1")[0].reason


def test_a_regression_is_what_the_comparison_says():
    a, worse = run(*items(30)), run(*items(30, edits=4))
    found = gates(worse, "wer regression", "  hallucinated   regression ", baseline=a)
    assert [(each.outcome, each.subject) for each in found] == [
        ("fail", "sphinx"),
        ("pass", "sphinx"),
    ]
    assert found[0].value == pytest.approx(0.3)
    assert outcomes(a, "wer regression", baseline=worse) == ["pass"]
    assert outcomes(run(*items(5, edits=4)), "wer regression", baseline=run(*items(5))) == [
        "not_enough_evidence"
    ]
    none = gates(worse, "heard.p95 regression", baseline=a)
    assert none[0].outcome == "not_enough_evidence"
    assert "in common" in none[0].reason


@pytest.mark.parametrize("text", ["wer > nan", "wer < 0.1 or rtf = inf", "wer = wer"])
def test_a_figure_is_compared_with_a_number(text):
    """With a word it has no order: the gate could never decide, which is found out before."""
    with pytest.raises(UsageError, match="no number") as caught:
        read_run_gates([text], has_baseline=True)
    assert caught.value.code == "GATE"


def test_a_regression_needs_a_baseline():
    with pytest.raises(UsageError, match="needs a run to compare with") as caught:
        read_run_gates(["wer regression"], has_baseline=False)
    assert caught.value.hint == "name one with --baseline"
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("werr > 0.1", "'wer'"),
        ("heard.p59 > 1", "'heard.p9"),
        ("score < 80", "use one of wer"),
        ("wer > 0.1 and snr_erorr > 2", "'snr_error'"),
        ("wers regression", "'wer'"),
        ("clips regression", "use one of wer"),
    ],
)
def test_names_that_no_run_has_are_refused_before_it(text, hint):
    with pytest.raises(UsageError, match="names") as caught:
        read_run_gates([text], has_baseline=True)
    assert hint in caught.value.hint
    assert caught.value.code == "GATE"


@pytest.mark.parametrize(
    "text", ["", "wer >", "regression", "wer regression now", "> 1", "wer\tregression"]
)
def test_what_is_no_gate_is_refused(text):
    with pytest.raises(UsageError, match=r"does not fit|cannot be shown"):
        read_run_gates([text], has_baseline=True)


@given(st.text(max_size=30))
def test_any_text_is_a_gate_or_a_usage_error(text):
    with suppress(UsageError):
        assert read_run_gates([text], has_baseline=True)[0].text == text


RUN = run(*items(), failed_item("x"), RunItem(clip="", engine="m", kind="llm"), llm=("m",))


@given(
    st.sampled_from(NAMES),
    st.sampled_from([">", ">=", "<", "<=", "=", "!="]),
    st.floats(-10, 10).map(lambda value: f"{value:.3f}"),
)
def test_a_gate_fails_where_its_opposite_passes(name, sign, limit):
    opposite = {">": "<=", "<=": ">", "<": ">=", ">=": "<", "=": "!=", "!=": "="}[sign]
    one, other = (outcomes(RUN, f"{name} {each} {limit}") for each in (sign, opposite))
    swapped = {"pass": "fail", "fail": "pass"}
    assert [swapped.get(each, each) for each in one] == other
