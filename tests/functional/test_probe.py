"""The probes through the real command line, against real local servers."""

import json
import os
import shutil
import signal
import socket
import subprocess
from itertools import pairwise

import pytest

from echotrace.errors import ExitCode
from echotrace.model.report import NO_RECORDING, Report
from tests.fakes.cli import COMMAND, DEMO, echotrace, environment
from tests.fakes.llm_key import KEY
from tests.fakes.llm_servers import (
    LlmServer,
    Reply,
    Stall,
    error,
    groq_chunk,
    openai_answer,
)
from tests.fakes.timed_server import TimedServer, Timing, make_authority
from tests.fakes.tts_servers import SpeechServer, spoken, voice, wav

pytestmark = pytest.mark.on_a_clock

CLIP = DEMO / "demo_voice_1_mixed_with_noise_1_snr10.wav"
FAST = f"faster-whisper:{DEMO / 'models/whisper-mini-fast'}"
RATE_HZ = 24_000
WORDS = ("Please ", "block ", "the ", "card. ", "Then ", "call ", "us.")


def served(**more):
    return LlmServer(lambda seen: openai_answer(*WORDS, first_s=0.02, gap_s=0.002), **more)


def speaking(silence_s=0.18):
    body = wav(voice(RATE_HZ, lead_s=silence_s), RATE_HZ)
    return SpeechServer(lambda asked: spoken(body))


def free_address():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return f"127.0.0.1:{one.getsockname()[1]}"


@pytest.fixture
def probe(tmp_path):
    def run(*arguments, **more):
        return echotrace("probe", *arguments, home=tmp_path, **more)

    return run


def test_a_model_is_probed_without_a_recording(probe):
    with served() as server:
        ran = probe(
            "llm",
            "--provider",
            "openai",
            "--model",
            "test",
            "-n",
            "5",
            "--json",
            "--base-url",
            f"{server.url}/v1",
            fresh=True,
        )
    assert ran.code == 0, ran.stderr
    report = Report.from_json(ran.stdout)
    llm = report.probes.llm
    assert report.source.path == NO_RECORDING
    assert (len(server.chats), server.connections) == (6, 1)
    assert [item.cold for item in llm.samples] == [True, *[False] * 5]
    assert [item.reused for item in llm.samples] == [False, *[True] * 5]
    assert llm.ttft_ms.n == 5
    assert llm.ttft_ms.low <= llm.ttft_ms.value <= llm.ttft_ms.high
    assert llm.percentiles["ttft_ms"].p95.value is None
    for sample in llm.samples:
        for one, other in pairwise(sample.phases):
            assert one.start_ms + one.duration_ms == pytest.approx(other.start_ms, abs=1e-6)
        assert sample.first_sentence == "Please block the card."
    assert {"connect"} <= {phase.name for phase in llm.samples[0].phases}
    assert not {"dns", "connect", "tls"} & {phase.name for phase in llm.samples[1].phases}
    assert list(report.analyzers) == ["llm"]


def test_a_reader_gets_the_anatomy_of_each_request(probe):
    with served() as server:
        ran = probe(
            "llm",
            "--provider",
            "openai",
            "--model",
            "test",
            "-n",
            "2",
            "--base-url",
            f"{server.url}/v1",
        )
    assert ran.code == 0, ran.stderr
    for word in ("TTFT", "1st sentence", "waiting", "first token", "cold", "n=2"):
        assert word in ran.stdout
    assert "MOCK" not in ran.stdout
    assert "audio" not in ran.stdout
    assert ran.stderr == "echotrace: probing\n"


def test_a_whole_answer_hands_the_models_first_sentence_to_the_speech(probe):
    with served() as model, speaking() as speech:
        ran = probe(
            "pipeline",
            "--llm",
            "openai:test",
            "--llm-base-url",
            f"{model.url}/v1",
            "--tts",
            "openai:tts-1",
            "--tts-base-url",
            f"{speech.url}/v1",
            "--endpointing-wait-ms",
            "300",
            "-n",
            "5",
            "--spacing",
            "0",
            "--json",
        )
    assert ran.code == 0, ran.stderr
    report = Report.from_json(ran.stdout)
    assert {asked.body["input"] for asked in speech.asked} == {"Please block the card."}
    tts, pipeline = report.probes.tts, report.pipeline
    assert tts.text_source == "llm"
    assert tts.leading_silence_ms.value == pytest.approx(180, abs=10)
    for item in tts.samples:
        assert item.ttfa_ms == pytest.approx(item.ttfb_ms + item.leading_silence_ms)
    assert pipeline.missing == ("transcription",)
    assert pipeline.percentiles.n == 5
    pairs = zip(
        [item for item in report.probes.llm.samples if not item.cold],
        [item for item in tts.samples if not item.cold],
        strict=True,
    )
    for sample, (llm, spoke) in zip(pipeline.samples, pairs, strict=True):
        assert sample.total_ms == pytest.approx(sum(sample.parts_ms.values()))
        assert sample.total_ms == pytest.approx(
            300 + llm.first_sentence_ms + spoke.ttfa_ms, abs=0.5
        )
    assert report.cost is not None
    assert (
        report.cost.total_usd.value is None
    )  # both are on this machine, without a price in a file


def test_speech_of_a_local_program_is_probed(probe):
    if not shutil.which("espeak-ng"):
        pytest.skip("espeak-ng, a program of the system, is not here")
    ran = probe(
        "tts",
        "--provider",
        "command:espeak-ng --stdout",
        "-n",
        "2",
        "--json",
        "--text",
        "Hello there.",
    )
    assert ran.code == 0, ran.stderr
    tts = Report.from_json(ran.stdout).probes.tts
    assert (tts.provider, tts.sent_to, tts.text_source) == ("command", None, "flag")
    assert tts.ttfa_ms.value > 0


def test_the_parts_are_the_servers_while_speech_recognition_keeps_both_cores_busy(tmp_path):
    authority = make_authority(tmp_path)
    timing = Timing(answer=("Block ", "it."), thought=("So.",))
    with TimedServer(timing, tls=authority.server_context()) as server:
        ran = echotrace(
            "analyze",
            CLIP,
            "--json",
            "--no-cache",
            "--stages",
            "signal,transcription,llm",
            "--stt",
            FAST,
            "--llm",
            "openai:test",
            "--llm-base-url",
            f"https://localhost:{server.port}/v1",
            "--probes",
            "20",
            "--concurrency",
            "4",
            home=tmp_path,
            SSL_CERT_FILE=str(authority.certificate),
            ECHOTRACE_STT_CPU_THREADS="2",
            ECHOTRACE_LLM_SPACING_S="0",
            OPENAI_API_KEY=KEY,
        )
    assert ran.code == 0, ran.stderr
    report = Report.from_json(ran.stdout)
    spans = {span.name: span for span in report.latency.spans}
    assert spans["inference"].cpu_ms > 0
    samples = report.probes.llm.samples
    assert sum(not item.cold for item in samples) == 20
    asked = {str(one.index): one for one in server.asked}
    far = {}
    for sample in samples:
        one = asked[sample.request_id]
        took = {phase.name: phase.duration_ms for phase in sample.phases}
        theirs = {
            "waiting": one.first_byte_ns - one.request_ns,
            "first_token": one.reasoning_ns[0] - one.first_byte_ns,
            "reasoning": one.answer_ns[0] - one.reasoning_ns[0],
            "streaming": one.answer_ns[-1] - one.answer_ns[0],
        }
        if sample.cold:
            theirs["tls"] = one.tls_ns - one.accepted_ns
        for name, taken_ns in theirs.items():
            far.setdefault(name, []).append(abs(took[name] - taken_ns / 1e6))
    assert len(far["tls"]) == 4
    for name, differences in far.items():
        assert sorted(differences)[-3] <= 15.0, (name, differences)


def test_the_words_of_the_call_are_asked_only_when_the_user_says_so(tmp_path):
    base = ("analyze", CLIP, "--stt", FAST, "--stages", "transcription,llm", "--json")
    base += ("--llm", "openai:test", "--probes", "1")
    with served() as server:
        address = ("--llm-base-url", f"{server.url}/v1")
        plain = echotrace(*base, *address, home=tmp_path)
        before = len(server.chats)
        told = echotrace(*base, *address, "--prompt-from-call", home=tmp_path)
    assert (plain.code, told.code) == (0, 0), told.stderr
    heard = told.document["transcription"]["actual"]
    assert len(heard.split()) > 3
    first, second = (
        [seen.body["messages"][-1]["content"] for seen in part]
        for part in (server.chats[:before], server.chats[before:])
    )
    assert heard not in first
    assert set(second) == {heard}
    assert plain.document["probes"]["llm"]["prompt_source"] == "built-in"
    assert told.document["probes"]["llm"]["prompt_source"] == "call"


def test_a_prompt_and_a_system_prompt_of_the_user_are_sent(probe, tmp_path):
    (tmp_path / "prompt.txt").write_text("Where is my parcel?\n")
    with served() as server:
        ran = probe(
            "llm",
            "--provider",
            "openai",
            "--model",
            "test",
            "-n",
            "1",
            "--json",
            "--base-url",
            server.url,
            "--prompt-file",
            "prompt.txt",
            "--system-prompt",
            "You sell hats.",
        )
    assert ran.code == 0, ran.stderr
    assert server.chats[-1].body["messages"] == [
        {"role": "system", "content": "You sell hats."},
        {"role": "user", "content": "Where is my parcel?"},
    ]
    llm = ran.document["probes"]["llm"]
    assert (llm["prompt_source"], llm["system_source"]) == ("file", "set")


def test_services_that_fail_leave_the_rest_of_the_run(tmp_path):
    ran = echotrace(
        "analyze",
        DEMO / "call.wav",
        "--stages",
        "signal,llm,tts",
        "--json",
        "--llm",
        "openai:test",
        "--llm-base-url",
        f"http://{free_address()}/v1",
        "--tts",
        "openai:tts-1",
        "--tts-base-url",
        f"http://{free_address()}/v1",
        home=tmp_path,
    )
    assert ran.code == ExitCode.PROVIDER
    report = Report.from_json(ran.stdout)
    assert report.status.value == "partial"
    assert report.signal.channels[0].snr_db.value is not None
    assert report.probes.llm.ttft_ms.status.value == "unavailable"
    assert report.probes.tts.ttfa_ms.status.value == "unavailable"
    assert {"LLM_UNAVAILABLE", "TTS_UNAVAILABLE"} <= {item.code for item in report.warnings}
    assert [kind.code for kind in report.probes.llm.failures] == ["LLM_CONNECTION_REFUSED"]
    assert {"llm_inference", "speech_synthesis"} <= set(report.pipeline.missing)


def test_a_key_that_the_server_echoes_is_found_nowhere(probe, tmp_path):
    refusal = error(401, {"error": {"message": f"bad key {KEY} for {KEY[:12]}"}})
    with LlmServer(lambda seen: refusal) as server:
        ran = probe(
            "llm",
            "--provider",
            "openai",
            "--model",
            "test",
            "--json",
            "--debug",
            "--base-url",
            server.url,
            "--output",
            "report.json",
            OPENAI_API_KEY=KEY,
        )
    assert ran.code == ExitCode.PROVIDER
    assert server.chats[0].headers["authorization"] == f"Bearer {KEY}"
    for text in (ran.stdout, ran.stderr, (tmp_path / "report.json").read_text()):
        assert KEY not in text
        assert KEY[:12] not in text
    assert ran.document["probes"]["llm"]["failures"][0]["code"] == "LLM_KEY_REFUSED"


def test_a_failure_in_between_is_kept_by_its_kind_with_how_far_it_came(probe):
    def answer(seen):
        return error(503, "busy") if seen.index == 2 else openai_answer(*WORDS)

    with LlmServer(answer) as server:
        ran = probe(
            "llm",
            "--provider",
            "openai",
            "--model",
            "test",
            "-n",
            "4",
            "--json",
            "--base-url",
            server.url,
        )
    assert ran.code == 0, ran.stderr
    llm = Report.from_json(ran.stdout).probes.llm
    assert [item.status for item in llm.samples] == ["ok", "ok", "failed", "ok", "ok"]
    assert [(kind.code, kind.count) for kind in llm.failures] == [("LLM_SERVER_ERROR", 1)]
    assert llm.samples[2].http_status == 503
    assert llm.ttft_ms.n == 3


@pytest.mark.parametrize(
    ("gate", "code"),
    [
        (("--max-ttft-ms", "1"), ExitCode.GATE_FAILED),
        (("--fail-on", "ttft.p95 > 900"), ExitCode.EVIDENCE),
        (("--fail-on", "ttft.worst > 60000 or first_sentence > 60000"), ExitCode.PASS),
    ],
)
def test_gates_judge_a_probe(probe, gate, code):
    with served() as server:
        ran = probe(
            "llm",
            "--provider",
            "openai",
            "--model",
            "test",
            "-n",
            "2",
            "--json",
            "--base-url",
            server.url,
            *gate,
        )
    assert ran.code == code, ran.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("llm",), 2, "no language model to probe"),
        (("tts",), 2, "no speech synthesiser to probe"),
        (("llm", "--provider", "grok"), 2, "groq"),
        (("tts", "--provider", "openai", "--text", " "), 2, "--text is empty"),
        (("llm", "--provider", "groq"), 4, "GROQ_API_KEY"),
        (("tts", "--provider", "command:no-such-program-here"), 4, "no-such-program-here"),
        (("llm", "--provider", "groq:a", "--model", "b"), 2, "both name a model"),
        (("llm", "--provider", "mock", "-n", "0"), 2, "whole number from 1"),
        (("llm", "--provider", "mock", "--prompt-file", "nowhere.txt"), 3, "nowhere.txt"),
        (("llm", "--provider", "openai", "--offline"), 4, "--offline"),
        (("pipeline", "--llm", ":x"), 2, "--llm"),
        (("llm", "--provider", "openai", "--base-url", "ftp://x"), 2, "error: --base-url"),
        (("tts", "--provider", "command:true", "--format", "mp3"), 2, "--format would have no"),
    ],
)
def test_what_cannot_be_probed_is_told_in_one_line_and_in_the_document(
    probe, arguments, code, said
):
    ran = probe(*arguments, "--json")
    assert ran.code == code, ran.stderr
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
    document = json.loads(ran.stdout)
    assert document["source"]["path"] == NO_RECORDING
    assert document["warnings"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--stages", "signal", "--system-prompt", "x"),
        ("--stages", "signal,llm", "--prompt-from-call"),
        ("--tts-voice", "nova"),
        ("--stages", "signal,tts"),
    ],
)
def test_flags_of_a_probe_that_would_do_nothing_are_refused(tmp_path, arguments):
    ran = echotrace("analyze", DEMO / "call.wav", *arguments, home=tmp_path)
    assert ran.code == ExitCode.USAGE


def test_ctrl_c_ends_a_probe_and_still_leaves_a_document(tmp_path):
    begun = (groq_chunk({"role": "assistant", "content": ""}), groq_chunk({"content": "So "}))
    with LlmServer(lambda seen: Reply(steps=(*begun, Stall()))) as server:
        process = subprocess.Popen(
            [
                *COMMAND,
                "probe",
                "llm",
                "--provider",
                "openai",
                "--model",
                "test",
                "--json",
                "--base-url",
                server.url,
            ],
            env=environment(tmp_path),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        while not (server.chats and len(server.chats[0].step_ns) == 2):
            assert process.poll() is None
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == ExitCode.INTERRUPTED
    assert json.loads(stdout)["warnings"][0]["code"] == "INTERRUPTED"
    assert b"Traceback" not in stderr
