import asyncio
from dataclasses import replace

import pytest

from echotrace.benchmark.inputs import Clip, find_clips
from echotrace.benchmark.item import item_of, make_item, work_settings
from echotrace.benchmark.plan import Column, Task
from echotrace.config.settings import Settings
from echotrace.errors import InputError
from echotrace.model.benchmark import ClipCondition, EngineInfo
from echotrace.model.measure import Measurement
from echotrace.model.report import Probes
from echotrace.model.run import RunOutcome, StageFailure
from echotrace.model.run_codec import item_line, read_item
from tests.fakes.audit_reports import audited_report
from tests.fakes.probe_reports import dead_llm_probe, llm_probe
from tests.fakes.quick_stt import install_quick_stt
from tests.fakes.reports import call_report, complete_report, mono_report
from tests.fakes.short_clips import TEXT

QUICK = Column(info=EngineInfo(name="quick"), asked="quick")
NOISY = ClipCondition(noise="white", snr_db=10.0)
CLIP = Clip(
    id="a", path="a.wav", audio="a.wav", sha256="ab", reference="x", condition=NOISY, true_snr_db=10
)
TASK = Task(column=QUICK, clip=CLIP)
PROBE = Task(column=Column(info=EngineInfo(name="mock", kind="llm"), asked="mock"), clip=None)


def of(report, task=TASK, *failures):
    item = item_of(task, RunOutcome(report=report, failures=failures))
    assert read_item(item_line(item)) == item
    return item


def test_an_item_holds_what_the_report_says_of_the_scored_channel():
    report = audited_report()
    heard = report.transcription
    item = of(report)
    assert (item.clip, item.engine, item.status, item.key) == ("a", "quick", "ok", TASK.key)
    assert (item.condition, item.true_snr_db) == (NOISY, 10)
    assert (item.counts, item.diff, item.normalizer) == (heard.counts, heard.diff, heard.normalizer)
    assert item.duration_s == report.source.duration_s
    scored = [each for each in report.signal.channels if each.index == heard.channel_index]
    assert item.snr_db == scored[0].snr_db
    assert item.entities_said == sum(each.reference for each in heard.entities.types)
    assert item.entities_found == sum(each.found for each in heard.entities.types)
    assert item.why_no_wer is None
    assert not item.is_call


def test_without_a_reference_there_is_no_wer_and_the_item_says_why():
    report = audited_report()
    bare = replace(
        report.transcription,
        gold=None,
        counts=None,
        diff=(),
        wer=Measurement.not_measurable("ratio", "no reference: pass --reference TEXT"),
    )
    item = of(replace(report, transcription=bare))
    assert (item.status, item.counts) == ("ok", None)
    assert "clip.txt" in item.why_no_wer
    assert (item.entities_said, item.entities_found) == (None, None)


def test_a_doubt_comes_from_the_engine_or_from_the_figure():
    report = audited_report()
    doubtful = replace(
        report.transcription, wer=Measurement.estimated(0.1, "ratio", reason="gold by a machine")
    )
    assert of(replace(report, transcription=doubtful)).doubt == "gold by a machine"
    stood_in = replace(TASK, column=replace(QUICK, info=EngineInfo(name="quick", doubt="stood in")))
    assert of(report, stood_in).doubt == "stood in"


def test_a_call_brings_its_heard_gaps_and_counts_those_that_could_not_be_measured():
    report = replace(call_report(), transcription=audited_report().transcription)
    talk = report.conversation
    answered = [turn for turn in talk.turns if turn.user and turn.agent]
    item = of(report)
    assert item.is_call
    assert len(item.heard_gaps_ms) + item.turns_unmeasured == len(answered) > 0
    assert item.missed_responses == talk.summary.missed_responses
    mono = replace(mono_report(), transcription=audited_report().transcription)
    assert (of(mono).is_call, of(mono).heard_gaps_ms) == (False, ())


def test_a_stage_that_failed_is_a_failed_item_with_its_reason():
    error = InputError("there is nothing", why="it is empty", code="EMPTY")
    broken = StageFailure(stage="turns", error=ValueError("a key: sk-0123456789"), exit_code=70)
    item = of(complete_report(), TASK, StageFailure(stage="signal", error=error, exit_code=3))
    assert item.status == "failed"
    assert (item.error.code, item.error.message, item.error.why) == (
        "EMPTY",
        "there is nothing",
        "it is empty",
    )
    assert item.counts is None
    assert of(complete_report(), TASK, broken).error.code == "INTERNAL_ERROR"
    assert of(replace(complete_report(), transcription=None)).error.code == "NO_TRANSCRIPT"


def test_probes_of_a_model_leave_the_cold_request_out():
    probe = llm_probe()
    item = of(replace(complete_report(), probes=Probes(llm=probe)), PROBE)
    warm = [each.ttft_ms for each in probe.samples if not each.cold and each.ttft_ms is not None]
    assert item.kind == "llm"
    assert item.ttft_ms == tuple(warm)
    assert item.ttft_not_measured == probe.asked - len(warm)
    dead = dead_llm_probe()
    assert of(replace(complete_report(), probes=Probes(llm=dead)), PROBE).ttft_ms == ()


def test_a_repeat_is_never_answered_from_the_cache():
    assert work_settings(TASK, Settings()).cache.enabled
    assert work_settings(TASK, Settings()).stt.engine == "quick"
    assert not work_settings(replace(TASK, repeat=2), Settings()).cache.enabled
    assert work_settings(PROBE, Settings()).llm.provider == "mock"


@pytest.fixture
def quick(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(install_quick_stt(tmp_path / "site")))


def made(clip, repeat=1):
    return asyncio.run(make_item(Task(column=QUICK, clip=clip, repeat=repeat), Settings()))


def test_a_clip_is_made_into_an_item_and_the_same_again_comes_from_the_cache(quick, clips):
    clip = find_clips([str(clips)]).clips[1]
    first, second, repeated = made(clip), made(clip), made(clip, repeat=2)
    assert first.status == "ok", first.error
    assert first.counts.reference_words == len(TEXT.split())
    assert (first.cached, second.cached, repeated.cached) == (False, True, False)
    assert first.wall_ms > 0
    assert first.made_at.endswith("Z")
    for other in (second, replace(repeated, repeat=1)):
        alike = {"cached": False, "wall_ms": None, "made_at": None, "inference_ms": None}
        assert replace(other, **alike) == replace(first, **alike)


def test_a_clip_that_is_missing_or_was_changed_fails_with_its_reason(quick, clips, tmp_path):
    clip = find_clips([str(clips / "a.wav")]).clips[0]
    changed = made(replace(clip, sha256="0" * 64))
    assert (changed.status, changed.error.code) == ("failed", "CLIP_CHANGED")
    assert "its sha256 is" in changed.error.why
    missing = made(replace(clip, path=str(tmp_path / "gone.wav")))
    assert missing.error.code == "CLIP_MISSING"
    folder = made(replace(clip, path=str(tmp_path)))
    assert folder.error.code == "CLIP_UNREADABLE"
