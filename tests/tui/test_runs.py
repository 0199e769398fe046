"""Runs in the app, with the bundled recordings and models: how they begin, end and are stopped."""

import asyncio
from dataclasses import replace

import pytest

from echotrace.config.settings import SttSettings
from echotrace.errors import ExitCode, InputError
from echotrace.expressions import parse
from echotrace.model.measure import RunStatus
from echotrace.tui.app import EchoTraceApp
from echotrace.tui.state import Phase
from tests.fakes.distribution import install
from tests.fakes.tui_apps import (
    demo_jobs,
    panel_text,
    screen_text,
    settled,
    still_app,
    tell_still,
    until,
)

SIGNAL_ONLY = ("signal",)


def quick_job(**changes):
    """The bundled recording, signal only: a run of a tenth of a second."""
    job = demo_jobs("recording")[0]
    return replace(job, request=replace(job.request, stages=SIGNAL_ONLY), **changes)


def drive(app, steps, size=(80, 24)):
    async def go():
        async with app.run_test(size=size) as pilot:
            return await steps(pilot)

    return asyncio.run(go())


def over(app):
    return lambda: all(log.phase.is_over for log in app.logs)


def test_several_runs_come_one_after_another():
    app = EchoTraceApp([quick_job(name="first"), quick_job(name="second")])
    together = []

    async def steps(pilot):
        def look():
            phases = [log.phase for log in app.logs]
            together.append(phases.count(Phase.RUNNING))
            return over(app)()

        await until(pilot, look, "both runs end")
        await pilot.press("right_square_bracket")
        await settled(pilot)
        return screen_text(app)

    shown = drive(app, steps)
    assert max(together) <= 1
    assert "[2 second]" in shown
    assert app.logs[0].report.job_id != app.logs[1].report.job_id


def test_quitting_a_run_cancels_it_and_is_an_interruption():
    job = demo_jobs("call")[0]
    slow = replace(job.settings, stt=SttSettings(engine="sphinx"))  # seconds, also under load
    app = EchoTraceApp([replace(job, settings=slow)])

    async def steps(pilot):
        await until(pilot, lambda: "transcription" in app.logs[0].snapshot().stages, "the engine")
        await pilot.press("q")

    drive(app, steps)
    assert app.code is ExitCode.INTERRUPTED
    assert app.runner is not None
    assert app.runner.join(10)
    assert app.logs[0].report is None


def test_quitting_after_the_end_is_none():
    app = EchoTraceApp([quick_job()])

    async def steps(pilot):
        await until(pilot, over(app), "the run ends")
        await pilot.press("q")

    drive(app, steps)
    assert app.code is None
    assert app.logs[0].outcome is not None


def test_running_again_makes_a_new_report():
    app = EchoTraceApp([quick_job()])

    async def steps(pilot):
        await until(pilot, over(app), "the run ends")
        first = app.logs[0].report.job_id
        await pilot.press("r")
        await until(
            pilot,
            lambda: app.logs[0].report is not None and app.logs[0].report.job_id != first,
            "a second report",
        )

    drive(app, steps)
    assert app.logs[0].phase is Phase.DONE


def test_running_again_cancels_the_run_that_is_on():
    app = EchoTraceApp(demo_jobs("recording"))

    async def steps(pilot):
        await until(pilot, lambda: "transcription" in app.logs[0].snapshot().stages, "the engine")
        first = app.runner
        app.logs[0].job = quick_job()  # what follows need not take as long
        await pilot.press("r")
        await pilot.press("r")
        await until(pilot, lambda: app.runner is not first, "the next run")
        assert first.join(0)
        await until(pilot, over(app), "the run ends")
        return first.number

    number = drive(app, steps)
    assert app._runs > number
    assert app.logs[0].phase is Phase.DONE


def test_a_stage_that_fails_keeps_the_others(tmp_path):
    job = demo_jobs("recording")[0]
    broken = replace(
        job.settings,
        stt=SttSettings(engine=f"faster-whisper:{tmp_path}", cpu_threads=1),
        llm=replace(job.settings.llm, probes=2, spacing_s=0.0),
    )
    app = EchoTraceApp([replace(job, settings=broken)])

    async def steps(pilot):
        await until(pilot, over(app), "the run ends")
        await settled(pilot)
        return screen_text(app)

    shown = drive(app, steps, size=(160, 48))
    assert app.logs[0].report.status is RunStatus.PARTIAL
    lines = shown.splitlines()
    at = next(
        number for number, line in enumerate(lines) if "stt_audit" in line and "longest" not in line
    )
    assert "FAILED" in lines[at]
    assert "SNR    9.9 dB" in shown
    assert "TTFT   [MOCK]" in shown


def test_a_recording_that_cannot_be_used_says_why(tmp_path):
    path = tmp_path / "noise.wav"
    path.write_bytes(b"this is no recording" * 50)
    job = quick_job()
    app = EchoTraceApp([replace(job, request=replace(job.request, path=str(path)))])

    async def steps(pilot):
        await until(pilot, over(app), "the run ends")
        await settled(pilot)
        return screen_text(app)

    shown = drive(app, steps)
    assert app.logs[0].phase is Phase.FAILED
    assert isinstance(app.logs[0].error, InputError)
    assert "FAILED" in shown.splitlines()[0]
    assert "CRITICAL" in shown
    assert "n/a / 100" in shown


def test_gates_are_judged_and_the_output_is_written(tmp_path):
    output = tmp_path / "report.json"
    app = EchoTraceApp([quick_job(gates=(parse("snr < 15"),), output=output)])

    async def steps(pilot):
        await until(pilot, over(app), "the run ends")
        await settled(pilot)
        return screen_text(app)

    shown = drive(app, steps)
    assert "GATE FAILED  snr < 15" in shown
    assert output.read_text("utf-8") == app.logs[0].report.to_json() + "\n"
    assert [item.name for item in tmp_path.iterdir()] == ["report.json"]


def test_an_output_that_cannot_be_written_leaves_the_report_on_the_screen(tmp_path):
    app = EchoTraceApp([quick_job(output=tmp_path / "gone" / "report.json")])

    async def steps(pilot):
        await until(pilot, over(app), "the run ends")
        await settled(pilot)
        return screen_text(app)

    shown = drive(app, steps)
    assert app.logs[0].unwritten is not None
    assert "SNR" in shown
    assert app.logs[0].phase is Phase.DONE


def test_a_contributors_analyzer_shows_up_by_itself(tmp_path, monkeypatch):
    source = (
        "class Mood:\n"
        "    def __init__(self, collector): ...\n"
        "    async def analyze(self, audio_path, **kwargs):\n"
        "        print('this must not reach the screen')\n"
        "        return {'mood': {'calm': True, 'pitch_hz': 212.5}, 'tags': ['[b]warm[/b]']}\n"
    )
    install(tmp_path, "mood_plugin", "analyzers", {"mood": "Mood"}, source)
    monkeypatch.syspath_prepend(str(tmp_path))
    job = quick_job()
    app = EchoTraceApp([replace(job, request=replace(job.request, stages=("signal", "mood")))])

    async def steps(pilot):
        await until(pilot, over(app), "the run ends")
        return panel_text(app, "AnalyzerPanel"), panel_text(app, "WaterfallPanel")

    table, waterfall = drive(app, steps)
    assert "mood.calm" in table
    assert "212.5" in table
    assert "[b]warm[/b]" in table
    assert "mood" in waterfall


@pytest.mark.parametrize("size", [(80, 24), pytest.param((160, 48), marks=pytest.mark.slow)])
def test_a_run_in_its_middle(size):
    app = still_app()

    async def steps(pilot):
        tell_still(app)
        await settled(pilot)
        for other in ((40, 20), (200, 60), size):
            await pilot.resize_terminal(*other)
            await settled(pilot)
        return screen_text(app), panel_text(app, "WaterfallPanel")

    shown, waterfall = drive(app, steps, size)
    assert "RUNNING" in shown.splitlines()[0]
    rows = waterfall.splitlines()
    llm = next(row for row in rows if "llm_ttft" in row)
    assert "500 ms" in llm
    assert "░" in llm
    failed = next(number for number, row in enumerate(rows) if "stt_audit" in row)
    assert "FAILED" in rows[failed]
    assert "the model folder holds no model.bin" in rows[failed + 1]
    assert any("politeness" in row and "waiting" in row for row in rows)
    assert "45 / 100" not in shown


def test_messages_of_a_run_that_was_replaced_change_nothing():
    app = still_app()

    async def steps(pilot):
        tell_still(app)
        await settled(pilot)
        before = screen_text(app)
        from echotrace.model.run import RunEvent
        from echotrace.tui.messages import RunEnded, StageMoved

        app.post_message(StageMoved(7, RunEvent(kind="failed", stage="llm", reason="stale")))
        app.post_message(RunEnded(7, error=InputError("stale")))
        await settled(pilot)
        return before, screen_text(app)

    before, after = drive(app, steps)
    assert before == after
