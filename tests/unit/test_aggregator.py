from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.aggregator import Parts, aggregate
from echotrace.config.settings import Settings
from echotrace.config.thresholds import Thresholds
from echotrace.model.measure import Measurement, RunStatus, Status
from echotrace.model.report import (
    AnalyzerResult,
    LlmProbe,
    LlmSample,
    Report,
    Source,
    SpanRecord,
    SttTiming,
    TtsProbe,
)
from echotrace.stats.percentiles import percentiles
from tests.fakes.reports import complete_report

REPORT = complete_report()
OK = AnalyzerResult(status="ok")
STAGES = ("signal", "transcription", "llm")


def parts(snr=25.0, wer=0.02, ttft=500.0, rtf=0.1, *, stages=STAGES, thresholds=None, **changes):
    signal = replace(
        REPORT.signal,
        channels=tuple(
            replace(item, snr_db=Measurement.measured(snr, "dB")) for item in REPORT.signal.channels
        ),
    )
    transcription = replace(
        REPORT.transcription,
        wer=Measurement.measured(wer, "ratio"),
        timing=SttTiming(rtf=Measurement.measured(rtf, "ratio")),
    )
    figure = Measurement.measured(ttft, "ms", n=1)
    llm = LlmProbe(
        provider="groq",
        model="m",
        simulated=False,
        ttft_ms=figure,
        warm_up_ms=figure,
        total_ms=figure,
        tokens_per_s=figure,
        samples_ms=(ttft,),
    )
    values = {
        "job_id": "job",
        "created_at": "2026-01-01T00:00:00+00:00",
        "source": Source(path="x.wav"),
        "stages": stages,
        "settings": Settings(thresholds=thresholds or Thresholds()),
        "signal": signal,
        "transcription": transcription,
        "llm": llm,
        "analyzers": dict.fromkeys(stages, OK),
    }
    return Parts(**(values | changes))


def points(score):
    return {item.metric: item.points for item in score.deductions}


@pytest.mark.parametrize(
    ("figures", "value", "grade", "taken"),
    [
        ({}, 100, "healthy", {}),
        ({"snr": 20.0}, 90, "healthy", {"snr_db": 10}),
        ({"snr": 10.0}, 90, "healthy", {"snr_db": 10}),
        ({"snr": 9.99}, 75, "warning", {"snr_db": 25}),
        ({"wer": 0.05}, 100, "healthy", {}),
        ({"wer": 0.06}, 85, "healthy", {"wer": 15}),
        ({"wer": 0.15}, 85, "healthy", {"wer": 15}),
        ({"wer": 1.5}, 70, "warning", {"wer": 30}),
        ({"ttft": 1000.0}, 100, "healthy", {}),
        ({"ttft": 2000.0}, 90, "healthy", {"ttft_ms": 10}),
        ({"ttft": 2001.0}, 75, "warning", {"ttft_ms": 25}),
        ({"rtf": 1.0}, 100, "healthy", {}),
        ({"rtf": 1.1}, 85, "healthy", {"rtf": 15}),
        (
            {"snr": 0.0, "wer": 1.0, "ttft": 9e3, "rtf": 2.0},
            5,
            "critical",
            {"snr_db": 25, "wer": 30, "ttft_ms": 25, "rtf": 15},
        ),
    ],
)
def test_bands_points_and_grades_are_those_of_the_metrics_page(figures, value, grade, taken):
    score = aggregate(parts(**figures)).score
    assert (score.value, score.grade, score.status) == (value, grade, "complete")
    assert points(score) == taken


@given(
    snr=st.floats(-10, 60),
    wer=st.floats(0, 3),
    ttft=st.floats(1, 1e5),
    rtf=st.floats(0, 10),
)
def test_the_score_is_100_less_its_deductions_and_every_one_explains_itself(snr, wer, ttft, rtf):
    score = aggregate(parts(snr, wer, ttft, rtf)).score
    assert score.value == 100 - sum(points(score).values())
    assert all(item.points > 0 and item.message for item in score.deductions)


@given(st.floats(0, 3), st.floats(0, 3))
def test_a_higher_wer_never_raises_the_score(one, other):
    low, high = sorted((one, other))
    assert aggregate(parts(wer=high)).score.value <= aggregate(parts(wer=low)).score.value


def test_a_profile_moves_bands_and_points():
    strict = Thresholds(wer_good_ratio=0.01, points_wer_degraded=40.0)
    score = aggregate(parts(wer=0.02, thresholds=strict)).score
    assert points(score) == {"wer": 40}


def simulated_llm():
    probe = parts().llm
    figure = Measurement.simulated(9000.0, "ms", reason="mock", n=1)
    return replace(probe, simulated=True, ttft_ms=figure, samples_ms=(9000.0,))


@pytest.mark.parametrize(
    ("changes", "metric", "reason"),
    [
        ({"llm": simulated_llm()}, "ttft_ms", "simulated: mock"),
        (
            {
                "transcription": replace(
                    REPORT.transcription,
                    wer=Measurement.estimated(0.9, "ratio", reason="embedded engine"),
                )
            },
            "wer",
            "estimated: embedded engine",
        ),
        (
            {
                "transcription": replace(
                    REPORT.transcription, wer=Measurement.not_measurable("ratio", "no reference")
                )
            },
            "wer",
            "not measurable: no reference",
        ),
        (
            {
                "signal": None,
                "analyzers": {"signal": AnalyzerResult(status="unavailable", reason="it broke")},
            },
            "snr_db",
            "it broke",
        ),
    ],
)
def test_what_was_not_measured_is_listed_and_never_scored(changes, metric, reason):
    score = aggregate(parts(**changes)).score
    assert score.status == "partial"
    assert score.value == 100
    assert [(item.metric, item.reason) for item in score.not_scored] == [(metric, reason)]


def test_nothing_measured_has_no_value():
    score = aggregate(parts(signal=None, transcription=None, llm=None)).score
    assert (score.value, score.grade, score.status) == (None, None, "not_measurable")
    assert len(score.not_scored) == 3


def test_stages_that_were_not_asked_for_do_not_make_a_score_partial():
    score = aggregate(parts(stages=("signal",), transcription=None, llm=None)).score
    assert score.status == "complete"


def test_bands_are_words_in_the_report():
    report = aggregate(parts(snr=12.0, wer=0.5, ttft=1500.0))
    assert {item.snr_db.band for item in report.signal.channels} == {"noisy"}
    assert report.transcription.wer.band == "critical"
    assert report.probes.llm.ttft_ms.band == "high"
    assert aggregate(parts(llm=simulated_llm())).probes.llm.ttft_ms.band is None


def test_the_p99_line_is_the_maximum_and_says_so():
    figure = aggregate(parts(ttft=700.0)).latency.p99_ms
    assert (figure.value, figure.status.value, figure.n) == (700.0, "estimated", 1)
    assert "max of n=1" in figure.reason
    assert aggregate(parts(llm=simulated_llm())).latency.p99_ms.status.value == "simulated"
    assert aggregate(parts(llm=None)).latency.p99_ms.value is None


def test_a_run_is_partial_when_something_asked_for_is_unavailable():
    lost = AnalyzerResult(status="unavailable", reason="x")
    assert aggregate(parts()).status is RunStatus.COMPLETE
    assert aggregate(parts(analyzers={"signal": OK, "llm": lost})).status is RunStatus.PARTIAL
    assert aggregate(parts(analyzers=dict.fromkeys(STAGES, lost))).status is RunStatus.FAILED
    broken = replace(parts().llm, ttft_ms=Measurement.unavailable("ms", "refused"))
    assert aggregate(parts(llm=broken)).status is RunStatus.PARTIAL


def tts_probe(ttfa, **changes):
    values = dict.fromkeys(
        ("ttfb_ms", "leading_silence_ms", "ttfa_ms", "rtf", "total_ms", "warm_up_ms"), ttfa
    )
    return TtsProbe(provider="openai", model="tts-1", voice=None, **(values | changes))


def test_a_synthesiser_stands_beside_the_language_model_in_the_report():
    probe = tts_probe(Measurement.measured(300.0, "ms"), samples_ms=(300.0, 420.0))
    both = aggregate(parts(tts=probe))
    assert (both.probes.tts, both.probes.llm.provider) == (probe, "groq")
    assert both.latency.p99_ms.method == "LLM time to first token"
    alone = aggregate(parts(llm=None, tts=probe))
    assert (alone.probes.tts, alone.probes.llm) == (probe, None)
    assert (alone.latency.p99_ms.value, alone.latency.p99_ms.n) == (420.0, 2)
    assert alone.latency.p99_ms.method == "TTS time to first audio"
    assert aggregate(parts(llm=None)).probes is None


def test_a_synthesiser_that_did_not_answer_makes_the_run_partial():
    lost = tts_probe(Measurement.unavailable("ms", "refused"))
    report = aggregate(parts(tts=lost))
    assert report.status is RunStatus.PARTIAL
    assert report.score == aggregate(parts()).score


@pytest.mark.parametrize(("ttfa_ms", "slow"), [(2000.0, False), (2001.0, True), (None, False)])
def test_a_slow_synthesiser_is_judged_by_one_request_and_not_by_its_span(ttfa_ms, slow):
    figure = (
        Measurement.unavailable("ms", "refused")
        if ttfa_ms is None
        else Measurement.measured(ttfa_ms, "ms")
    )
    span = SpanRecord(
        id=1,
        name="tts_ttfa",
        parent=None,
        parent_id=None,
        start_ms=0.0,
        duration_ms=9000.0,
        cpu_ms=None,
        status="ok",
    )
    report = aggregate(parts(tts=tts_probe(figure), spans=(span,)))
    assert report.latency.spans[0].slow is slow


def lasting(name, duration_ms, *, simulated=False):
    return SpanRecord(
        id=1,
        name=name,
        parent=None,
        parent_id=None,
        start_ms=0.0,
        duration_ms=duration_ms,
        cpu_ms=None,
        status="ok",
        simulated=simulated,
    )


@pytest.mark.parametrize(
    ("probing", "slow"),
    [
        ((), True),
        ((lasting("llm_ttft", 4000.0),), False),
        ((lasting("llm_ttft", 1000.0), lasting("tts_ttfa", 1000.0)), False),
        ((lasting("llm_ttft", 4000.0, simulated=True),), True),
    ],
)
def test_a_run_is_not_slow_for_the_time_it_spends_probing(probing, slow):
    report = aggregate(parts(spans=(lasting("analyze", 9500.0), *probing)))
    assert report.latency.spans[0].slow is slow


def test_from_100_samples_on_the_p99_line_is_the_percentile():
    values = tuple(float(value) for value in range(1, 101))
    probe = replace(
        parts().llm, samples_ms=values, percentiles={"ttft_ms": percentiles(values, "ms")}
    )
    figure = aggregate(parts(llm=probe)).latency.p99_ms
    assert (figure.status, figure.n) == (Status.MEASURED, 100)
    assert figure.value == pytest.approx(99.0, abs=0.1)
    without = aggregate(parts(llm=replace(probe, percentiles={}))).latency.p99_ms
    assert (without.value, without.reason) == (100.0, "max of n=100")


def test_pipeline_and_cost_are_in_the_report_of_a_probe_and_survive_its_json():
    sample = LlmSample(
        index=1,
        cold=False,
        status="ok",
        start_ms=0.0,
        ttft_ms=300.0,
        ttfat_ms=300.0,
        first_sentence_ms=400.0,
        tokens=20,
        tokens_counted=True,
        prompt_tokens=60,
    )
    probe = replace(
        parts().llm, model="openai/gpt-oss-20b", samples=(sample,), asked=1, sent_to="api.groq.com"
    )
    report = aggregate(parts(stages=("llm",), signal=None, transcription=None, llm=probe))
    assert report.pipeline.total_ms.value == 900.0
    assert report.cost.total_usd.value == pytest.approx((60 * 0.075 + 20 * 0.30) / 1e6)
    assert Report.from_json(report.to_json()) == report
    plain = aggregate(parts(stages=("signal",), transcription=None, llm=None))
    assert (plain.pipeline, plain.cost) == (None, None)


def answered(count, asked, *, failed=0):
    samples = [
        LlmSample(index=at, cold=False, status="failed" if at < failed else "ok", start_ms=0.0)
        for at in range(count)
    ]
    values = tuple(100.0 + at for at in range(count - failed))
    return replace(parts().llm, samples=tuple(samples), samples_ms=values, asked=asked)


@pytest.mark.parametrize(
    ("probe", "status"),
    [
        (answered(5, 5), RunStatus.COMPLETE),
        (answered(5, 5, failed=1), RunStatus.PARTIAL),
        (answered(3, 5), RunStatus.PARTIAL),
    ],
)
def test_a_probe_that_lost_requests_makes_the_run_partial_and_its_tail_an_estimate(probe, status):
    report = aggregate(parts(llm=probe))
    assert report.status is status
    lost = status is RunStatus.PARTIAL
    assert ("lost" in report.latency.p99_ms.reason) is lost
