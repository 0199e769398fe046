"""What a run cost, and what is not known of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.aggregator import Parts
from echotrace.aggregator.cost import LOCAL, cost
from echotrace.config.settings import Settings, SttSettings
from echotrace.model.measure import Measurement, Status
from echotrace.model.probes import LlmProbe, LlmSample, TtsProbe, TtsSample
from echotrace.model.report import SentAudio, Source, SttTiming
from echotrace.pricing import Price, PriceTable
from tests.fakes.reports import complete_report

TEXT = complete_report().transcription
TIMING = SttTiming(rtf=Measurement.measured(0.1, "ratio"))
MS = Measurement.measured(400.0, "ms")
GROQ = "api.groq.com"
OPENAI = "api.openai.com"


def llm_sample(index=1, *, status="ok", tokens=50, prompt_tokens=100, counted=True):
    return LlmSample(
        index=index,
        cold=index == 0,
        status=status,
        start_ms=0.0,
        tokens=tokens,
        tokens_counted=counted,
        prompt_tokens=prompt_tokens,
    )


def llm(*samples, provider="groq", model="openai/gpt-oss-20b", sent_to=GROQ, simulated=False):
    return LlmProbe(
        provider=provider,
        model=model,
        simulated=simulated,
        ttft_ms=MS,
        warm_up_ms=MS,
        total_ms=MS,
        tokens_per_s=MS,
        samples=samples,
        sent_to=sent_to,
    )


def tts(*texts, provider="openai", model="tts-1", sent_to=OPENAI, failed=0):
    samples = [
        TtsSample(index=i, cold=not i, status="ok", start_ms=0.0, text=text)
        for i, text in enumerate(texts)
    ]
    samples += [
        TtsSample(index=99, cold=False, status="failed", start_ms=0.0, text="lost")
        for _ in range(failed)
    ]
    return TtsProbe(
        provider=provider,
        model=model,
        voice=None,
        ttfb_ms=MS,
        leading_silence_ms=MS,
        ttfa_ms=MS,
        rtf=MS,
        total_ms=MS,
        warm_up_ms=MS,
        samples=tuple(samples),
        sent_to=sent_to,
    )


def heard(engine, *sent, gold_source="reference", **changes):
    values = {"engine": engine, "gold_source": gold_source, "timing": TIMING, "sent": sent}
    return replace(TEXT, **(values | changes))


def sent(to, seconds, channel=0):
    return SentAudio(to=to, channel_index=channel, audio_s=seconds, bytes=1)


def run(**parts):
    values = {
        "job_id": "job",
        "created_at": "2026-01-01T00:00:00+00:00",
        "source": Source(path="x.wav"),
        "stages": (),
        "settings": Settings(),
        "analyzers": {},
    }
    return cost(Parts(**(values | parts)))


def by_unit(found):
    return {(item.stage, item.unit): item for item in found.items}


def test_tokens_of_all_answers_are_charged_the_cold_one_too():
    found = run(llm=llm(llm_sample(0), llm_sample(1), llm_sample(2)))
    items = by_unit(found)
    prompt, answer = items["llm", "input tokens"], items["llm", "output tokens"]
    assert (prompt.quantity, answer.quantity) == (300, 150)
    assert prompt.usd.value == pytest.approx(300 * 0.075 / 1e6)
    assert answer.usd.value == pytest.approx(150 * 0.30 / 1e6)
    assert found.total_usd.value == pytest.approx(prompt.usd.value + answer.usd.value)
    assert found.total_usd.status is Status.MEASURED
    assert found.leaves_out == ()
    assert (prompt.provider, prompt.model) == ("groq", "openai/gpt-oss-20b")
    assert "built-in prices as of 20" in prompt.price_source


def test_tokens_that_the_server_did_not_count_are_unknown_and_never_0():
    found = run(llm=llm(llm_sample(counted=False, prompt_tokens=None)))
    for item in found.items:
        assert (item.quantity, item.usd.value) == (None, None)
        assert item.usd.reason == "not counted by the server"
        assert item.usd_per_unit is not None
    assert found.total_usd.status is Status.NOT_MEASURABLE
    assert found.total_usd.reason == (
        "not known: the input tokens of groq:openai/gpt-oss-20b (not counted by the server); "
        "the output tokens of groq:openai/gpt-oss-20b (not counted by the server)"
    )


def test_where_some_answers_were_not_counted_the_amount_is_a_lower_bound():
    found = run(llm=llm(llm_sample(1), llm_sample(2, counted=False)))
    answer = by_unit(found)["llm", "output tokens"]
    assert (answer.quantity, answer.usd.status) == (50, Status.ESTIMATED)
    assert "in 1 of 2 answers" in answer.usd.reason
    assert found.total_usd.status is Status.ESTIMATED
    assert "1 of 2 answers" in found.total_usd.reason
    assert by_unit(found)["llm", "input tokens"].usd.status is Status.MEASURED


def test_failed_requests_are_left_out_and_named():
    failed = llm_sample(2, status="failed", tokens=None, prompt_tokens=None)
    found = run(llm=llm(llm_sample(1), failed, failed), tts=tts("abcd", failed=1))
    assert by_unit(found)["llm", "input tokens"].quantity == 100
    assert by_unit(found)["tts", "characters"].quantity == 4
    assert found.leaves_out == (
        "2 requests to groq:openai/gpt-oss-20b that failed",
        "1 request to openai:tts-1 that failed",
    )
    assert found.total_usd.status is Status.ESTIMATED
    assert found.total_usd.reason == "leaves out " + "; ".join(found.leaves_out)


def test_a_cut_answer_is_charged_like_a_whole_one():
    found = run(llm=llm(llm_sample(1, status="cut")))
    assert by_unit(found)["llm", "output tokens"].quantity == 50


def test_characters_are_those_of_the_answered_texts():
    found = run(tts=tts("Grüße", "sure"))
    item = by_unit(found)["tts", "characters"]
    assert (item.quantity, item.usd.value) == (9, pytest.approx(9 * 15 / 1e6))


def test_an_unknown_price_is_unknown_and_the_known_rest_is_a_lower_bound():
    found = run(llm=llm(llm_sample(1), model="new-model"), tts=tts("abc"))
    for unit in ("input tokens", "output tokens"):
        item = by_unit(found)["llm", unit]
        assert item.quantity is not None
        assert (item.usd.value, item.usd_per_unit, item.price_source) == (None, None, None)
        assert "no price is known for it at api.groq.com" in item.usd.reason
        assert "cost.prices_file" in item.usd.reason
    assert found.total_usd.value == pytest.approx(3 * 15 / 1e6)
    assert found.total_usd.status is Status.ESTIMATED
    assert "the input tokens of groq:new-model (price not known)" in found.total_usd.reason


def test_a_total_of_unknown_parts_only_has_no_value():
    found = run(llm=llm(llm_sample(1), model="new-model"))
    assert found.total_usd.value is None
    assert found.total_usd.status is Status.NOT_MEASURABLE
    assert len(found.leaves_out) == 2


def test_a_compatible_server_elsewhere_has_no_price_of_the_vendors():
    found = run(llm=llm(llm_sample(1), provider="openai", model="gpt-4o", sent_to="llm.example"))
    assert {item.usd.value for item in found.items} == {None}


def test_what_was_sent_nowhere_has_no_price_and_costs_the_total_nothing():
    local = tts("abc", provider="command", model="espeak-ng", sent_to=None)
    alone = run(tts=local)
    assert {(item.usd.status, item.usd.reason) for item in alone.items} == {(Status.NOT_RUN, LOCAL)}
    assert (alone.total_usd.status, alone.leaves_out) == (Status.NOT_RUN, ())
    beside = run(llm=llm(llm_sample(1)), tts=local)
    assert beside.total_usd.status is Status.MEASURED


@pytest.mark.parametrize("sent_to", ["127.0.0.1:11434", "localhost", "[::1]:8000"])
def test_a_server_on_this_machine_is_not_known_to_be_free(sent_to):
    router = llm(llm_sample(1), provider="openai", model="m", sent_to=sent_to)
    alone = run(llm=router)
    for item in alone.items:
        assert (item.usd.status, item.usd.value) == (Status.NOT_MEASURABLE, None)
        assert item.usd.reason.startswith(f"{sent_to} is on this machine: no price is known")
        assert "a router to a vendor may charge" in item.usd.reason
    assert (alone.total_usd.status, len(alone.leaves_out)) == (Status.NOT_MEASURABLE, 2)
    assert "output tokens of openai:m (price not known, at an address on" in alone.leaves_out[1]
    beside = run(llm=router, tts=tts("abc"))
    assert beside.total_usd.status is Status.ESTIMATED
    assert beside.total_usd.value == pytest.approx(3 * 15 / 1e6)


def priced(**usd_per_unit):
    prices = {
        unit.replace("_", " "): Price(usd_per_unit=usd, table="prices.toml:1")
        for unit, usd in usd_per_unit.items()
    }
    return PriceTable(hosts={"127.0.0.1:4000": {"m": prices}})


def test_a_price_that_the_user_names_for_this_machine_holds_and_the_other_one_is_missing():
    router = llm(llm_sample(1), provider="openai", model="m", sent_to="127.0.0.1:4000")
    found = run(llm=router, prices=priced(output_tokens=0.5))
    assert by_unit(found)["llm", "output tokens"].usd.value == 25.0
    assert by_unit(found)["llm", "input tokens"].usd.status is Status.NOT_MEASURABLE
    assert (found.total_usd.value, found.total_usd.status) == (25.0, Status.ESTIMATED)
    assert "the input tokens of openai:m (price not known" in found.leaves_out[0]
    free = run(llm=router, prices=priced(input_tokens=0.0, output_tokens=0.0))
    assert (free.total_usd.value, free.total_usd.status) == (0.0, Status.MEASURED)
    assert free.leaves_out == ()


def test_a_mock_alone_costs_nothing_and_beside_others_is_named():
    mock = llm(llm_sample(1), provider="mock", model=None, sent_to=None, simulated=True)
    assert run(llm=mock) is None
    found = run(llm=mock, tts=tts("abc"))
    assert [item.stage for item in found.items] == ["tts"]
    assert "[MOCK]" in found.leaves_out[0]
    assert found.total_usd.status is Status.ESTIMATED


def test_nothing_that_can_be_charged_is_no_cost_at_all():
    assert run() is None
    assert run(llm=llm()) is None
    assert run(transcription=heard("sphinx")) is None
    cached = heard("faster-whisper:tiny", cached_at="2026-01-01T00:00:00Z")
    assert run(transcription=cached) is None
    assert run(transcription=heard("my pipeline", timing=None)) is None


def test_sound_that_was_sent_is_charged_by_the_second():
    text = heard("openai:whisper-1", sent(OPENAI, 60.0), sent(OPENAI, 30.5, channel=1))
    found = run(transcription=text)
    (item,) = found.items
    assert (item.stage, item.unit, item.quantity) == ("transcription", "audio seconds", 90.5)
    assert item.usd.value == pytest.approx(90.5 * 0.36 / 3600)
    assert found.total_usd.status is Status.MEASURED


@pytest.mark.parametrize(("seconds", "charged"), [(2.0, 10.0), (60.0, 60.0)])
def test_a_least_charge_per_request_makes_the_amount_a_lower_bound(seconds, charged):
    found = run(transcription=heard("groq:whisper-large-v3-turbo", sent(GROQ, seconds)))
    (item,) = found.items
    assert item.quantity == seconds
    assert item.usd.value == pytest.approx(charged * 0.04 / 3600)
    assert item.usd.status is Status.ESTIMATED
    assert item.usd.reason == "each request is charged for at least 10 s"
    (left,) = found.leaves_out
    assert left == (
        "what groq:whisper-large-v3-turbo charges beyond its audio seconds "
        "(each request is charged for at least 10 s)"
    )


def gold(engine, *, sent_all, gold_cached_at=None, **changes):
    return heard(
        engine,
        *sent_all,
        gold_timing=TIMING,
        gold_cached_at=gold_cached_at,
        **{"gold_source": "engine:openai:whisper-1", **changes},
    )


def quantities(found):
    return {item.stage: item.quantity for item in found.items}


def test_engine_and_gold_engine_are_charged_for_their_own_seconds():
    two_hosts = gold(
        "groq:whisper-large-v3", sent_all=[sent(GROQ, 30.0), sent(GROQ, 5.0, 1), sent(OPENAI, 20.0)]
    )
    assert quantities(run(transcription=two_hosts)) == {"transcription": 35.0, "gold": 20.0}
    vendors = gold("groq:whisper-large-v3", sent_all=[sent(OPENAI, 20.0), sent(GROQ, 5.0, 1)])
    assert quantities(run(transcription=vendors)) == {"transcription": 5.0, "gold": 20.0}
    one_host = gold(
        "openai:gpt-4o-transcribe",
        sent_all=[sent(OPENAI, 30.0), sent(OPENAI, 5.0, 1), sent(OPENAI, 20.0)],
    )
    assert quantities(run(transcription=one_host)) == {"transcription": 35.0, "gold": 20.0}
    local = gold("sphinx", sent_all=[sent(OPENAI, 20.0)])
    found = run(transcription=local)
    assert quantities(found) == {"transcription": None, "gold": 20.0}
    assert found.items[0].usd.reason == LOCAL
    assert found.total_usd.status is Status.MEASURED
    brought = gold("my pipeline", sent_all=[sent(OPENAI, 20.0)], timing=None)
    assert quantities(run(transcription=brought)) == {"gold": 20.0}


def test_a_gold_engine_beside_a_reference_is_known_from_the_setting():
    settings = Settings(stt=SttSettings(gold="openai:whisper-1"))
    text = gold("sphinx", sent_all=[sent(OPENAI, 20.0)], gold_source="reference")
    found = run(transcription=text, settings=settings)
    assert found.items[1].model == "whisper-1"
    assert found.items[1].usd.value is not None


def test_what_came_from_the_cache_was_not_sent_and_costs_nothing_now():
    text = gold(
        "openai:gpt-4o-transcribe",
        sent_all=[sent(OPENAI, 20.0)],
        cached_at="2026-01-01T00:00:00Z",
    )
    found = run(transcription=text)
    kept, asked = found.items
    assert (kept.stage, kept.usd.status) == ("transcription", Status.NOT_RUN)
    assert "cache since 2026-01-01" in kept.usd.reason
    assert (asked.stage, asked.quantity) == ("gold", 20.0)
    assert found.total_usd.status is Status.MEASURED
    only = run(transcription=heard("groq:whisper-large-v3", cached_at="2026-01-01T00:00:00Z"))
    assert (only.total_usd.status, only.total_usd.value) == (Status.NOT_RUN, None)


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6), st.booleans()), min_size=1),
    st.booleans(),
)
def test_the_total_is_the_sum_of_the_known_items_and_complete_only_without_gaps(rows, known):
    samples = [
        llm_sample(i, prompt_tokens=prompt, tokens=tokens, counted=counted)
        for i, (prompt, tokens, counted) in enumerate(rows)
    ]
    found = run(llm=llm(*samples, model="openai/gpt-oss-20b" if known else "unknown"))
    values = [item.usd.value for item in found.items if item.usd.value is not None]
    if known:
        assert found.total_usd.value == pytest.approx(sum(values), abs=1e-12)
    else:
        assert (values, found.total_usd.value) == ([], None)
    complete = known and all(counted for _, _, counted in rows)
    assert (found.total_usd.status is Status.MEASURED) == complete == (not found.leaves_out)
