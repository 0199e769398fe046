"""Hostile texts, settings, environments, terminals and servers, through the real command line.

The ids name the rows of the project's table of bad inputs; the rows about files stand in
test_bad_inputs_files.py, row 66 (plug-ins) in functional/test_command_line.py.
"""

import json
import os
import pty
import subprocess
import unicodedata

import pytest

from tests.fakes.cli import COMMAND, DEMO, SHORT_MOCK, echotrace, environment
from tests.fakes.llm_servers import (
    DONE,
    LlmServer,
    Reply,
    Stall,
    document_reply,
    error,
    groq_answer,
    groq_chunk,
    groq_end,
    ollama_answer,
)
from tests.fakes.report_schema import VALIDATOR

CLIP = DEMO / "demo_voice_1_mixed_with_noise_1_snr10.wav"
FAST = f"faster-whisper:{DEMO / 'models/whisper-mini-fast'}"
KEY = "gsk_planted0123456789abcdefPLANTED"


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def report_of(result, code=0):
    assert result.code == code, result.stderr
    assert "Traceback" not in result.stderr
    VALIDATOR.validate(result.document)
    return result.document


def codes(report):
    return {item["code"] for item in report["warnings"]}


def audit(home, heard, reference, **extra):
    (home / "heard.txt").write_text(heard, "utf-8")
    (home / "said.txt").write_text(reference, "utf-8")
    arguments = ("--stages", "transcription", "--json", "--transcript", "heard.txt")
    result = echotrace(
        "analyze", CLIP, *arguments, "--reference-file", "said.txt", home=home, **extra
    )
    return report_of(result)


@pytest.mark.parametrize(
    ("reference", "heard", "status", "value"),
    [
        pytest.param("", "hello there", "not_measurable", None, id="row 49 empty reference"),
        pytest.param("?! ... --", "hello", "not_measurable", None, id="row 49 only punctuation"),
        pytest.param("привет мир", "hello world", "measured", 1.0, id="row 49 other script"),
        pytest.param(
            unicodedata.normalize("NFD", "café olé"), "café olé", "measured", 0.0, id="row 49 NFD"
        ),
        pytest.param("twenty one", "21", "measured", 0.0, id="row 49 numbers"),
        pytest.param("thirty six", "3006", "measured", 1.0, id="row 49 not just any number"),
        pytest.param("one two three", "", "measured", 1.0, id="row 50 empty hypothesis"),
    ],
)
def test_references_and_hypotheses(home, reference, heard, status, value):
    result = audit(home, heard, reference)["transcription"]
    assert result["wer"]["status"] == status
    assert result["wer"].get("value") == value
    assert result["normalizer"]["version"] or status == "not_measurable"


@pytest.mark.parametrize("words", [20_000, pytest.param(200_000, marks=pytest.mark.slow)])
def test_row_49_a_reference_of_up_to_a_megabyte(home, words):
    report = audit(home, "one two", "word " * words)
    assert report["transcription"]["counts"]["reference_words"] == words
    assert "REFERENCE_MISMATCH" in codes(report)


def test_row_51_a_reference_that_the_audio_cannot_hold(home):
    assert "REFERENCE_MISMATCH" in codes(audit(home, "hello", "never so many words " * 50))


def analyze(home, *arguments, **extra):
    return echotrace(
        "analyze", CLIP, "--stages", "signal", "--json", *arguments, home=home, **extra
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"[stt\nengine = 1", ".echotrace.toml:1", id="row 52 bad TOML"),
        pytest.param(b'[stt]\nengin = "x"', "stt.engine", id="row 52 unknown key"),
        pytest.param(b"offline = 3", "offline", id="row 52 wrong type"),
        pytest.param(b"\xff\xfe\x00", "UTF-8", id="row 52 not text"),
        pytest.param(b'[llm]\nbase_url = "http://x"', "base_url", id="row 52 address"),
        pytest.param(b'"a\\"b\\nc" = 1', ".echotrace.toml:1", id="row 52 quotes and newlines"),
    ],
)
def test_project_files(home, content, words):
    (home / ".echotrace.toml").write_bytes(content)
    result = analyze(home)
    assert result.code == 2
    assert words in result.stderr
    assert result.stderr.count("echotrace: error:") == 1
    assert (home / ".echotrace.toml").read_bytes() == content


def test_row_52_a_byte_order_mark_is_no_error(home):
    (home / ".echotrace.toml").write_bytes(b'\xef\xbb\xbfprofile = "default"\n')
    report_of(analyze(home))


def test_row_52_secrets_that_others_can_read_are_refused(home):
    folder = home / ".config/echotrace"
    folder.mkdir(parents=True)
    (folder / "secrets.toml").write_text(f'GROQ_API_KEY = "{KEY}"\n')
    (folder / "secrets.toml").chmod(0o644)
    result = echotrace("analyze", CLIP, "--stages", "llm", "--llm", "groq", home=home)
    assert result.code == 2
    assert "chmod 600" in result.stdout + result.stderr
    assert KEY not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        pytest.param("ECHOTRACE_LLM_TIMEOUT_S", "", 0, id="row 53 empty is unset"),
        pytest.param("ECHOTRACE_LLM_TIMEOUT_S", "abc", 2, id="row 53 not a number"),
        pytest.param("ECHOTRACE_LLM_TIMEOUT", "3", 2, id="row 53 unknown"),
        pytest.param("https_proxy", "http://127.0.0.1:9", 0, id="row 53 proxy"),
    ],
)
def test_variables(home, name, value, code):
    result = analyze(home, **{name: value})
    assert result.code == code
    assert code == 0 or name in result.stderr


def test_row_54_a_full_disk_costs_the_file_and_not_the_result(home):
    result = analyze(home, "-o", "/dev/full")
    report_of(result, code=6)
    assert "No space left" in result.stderr


def test_row_54_a_read_only_folder_is_refused_before_the_run(home):
    home.chmod(0o500)
    try:
        result = analyze(home, "-o", "report.json")
    finally:
        home.chmod(0o700)
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    assert result.code == 6


def test_row_54_a_folder_that_is_gone(home):
    gone = home / "gone"
    gone.mkdir()
    script = f'rmdir "{gone}" && exec "$@"'
    done = subprocess.run(
        ["sh", "-c", script, "sh", *COMMAND, "analyze", str(CLIP), "--stages", "signal", "--json"],
        cwd=gone,
        env=environment(home),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    VALIDATOR.validate(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("encoding", "columns"),
    [
        *(("C", columns) for columns in ("20", "0", "abc")),
        ("C.UTF-8", "20"),
        *(
            pytest.param(encoding, columns, marks=pytest.mark.slow)
            for encoding, columns in (("C", "80"), ("POSIX", "20"), ("C.UTF-8", "abc"))
        ),
    ],
)
def test_row_56_terminals(home, encoding, columns):
    """No Unicode, 20 columns, and sizes that make no sense; on a real terminal."""
    parent, child = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "analyze", str(CLIP), "--stages", "signal", "--no-tui"],
        stdin=child,
        stdout=child,
        stderr=child,
        env=environment(
            home, TERM="dumb", COLUMNS=columns, LC_ALL=encoding, PYTHONCOERCECLOCALE="0"
        )
        | ({"PYTHONUTF8": "0"} if encoding != "C.UTF-8" else {}),
    )
    os.close(child)
    shown = b""
    try:
        while piece := os.read(parent, 65536):
            shown += piece
    except OSError:  # the terminal's other end is closed
        pass
    os.close(parent)
    assert process.wait() == 0
    assert b"SNR" in shown
    assert b"Traceback" not in shown


def good():
    return groq_answer("yes", " of", " course")


FAULTS = {
    "429": error(429, {"error": {"message": "slow down"}}, headers=(("Retry-After", "7"),)),
    "500": error(500, "oops", content_type="text/plain"),
    "401 that echoes the key": error(401, {"error": {"message": f"bad key {KEY}"}}),
    "stall": Reply(steps=(Stall(),)),
    "stall after the first token": Reply(steps=(groq_chunk({"content": "a"}), Stall())),
    "not a stream": document_reply({"choices": [{"message": {"content": "hi"}}]}),
    "HTML": Reply(steps=(b"<html>502</html>",), content_type="text/html"),
    "malformed": Reply(steps=(b"data: {nonsense\n\n", DONE)),
    "empty choices": Reply(steps=(groq_chunk(None), groq_end(0), DONE)),
    "role only": Reply(steps=(groq_chunk({"role": "assistant"}), groq_end(0), DONE)),
}


MAY_PASS = ("500", "malformed", "empty choices", "role only")
"""The next request may be answered well: the series goes on, to five failures in a row."""
FOUND = ("429", "stall after the first token", "HTML")
"""The exit code of a provider that nobody named does not depend on the fault: a few are enough."""


@pytest.mark.parametrize(
    ("fault", "named"),
    [*((fault, True) for fault in FAULTS), *((fault, False) for fault in FOUND)],
    ids=[*(f"row 57 {fault}" for fault in FAULTS), *(f"row 57 {fault}, found" for fault in FOUND)],
)
def test_a_provider_that_fails_is_unavailable_and_never_a_mock(home, fault, named):
    with LlmServer(lambda seen: FAULTS[fault], models=("m",)) as server:
        result = echotrace(
            "analyze",
            CLIP,
            "--stages",
            "signal,llm",
            "--json",
            *(["--llm", "groq:m"] if named else []),
            home=home,
            GROQ_API_KEY=KEY,
            GROQ_BASE_URL=server.url,
            ECHOTRACE_LLM_TIMEOUT_S="0.5",
            ECHOTRACE_LLM_SPACING_S="0",
        )
    report = report_of(result, code=4 if named else 0)
    figure = report["probes"]["llm"]["ttft_ms"]
    assert (figure["status"], report["probes"]["llm"]["simulated"]) == ("unavailable", False)
    assert figure["reason"]
    assert report["status"] == "partial"
    assert report["signal"] is not None
    assert "LLM_UNAVAILABLE" in codes(report)
    assert KEY not in result.stdout + result.stderr
    assert len(server.chats) <= (5 if fault in MAY_PASS else 2)


def test_row_57_gzip_and_http_1_0_are_fine(home):
    for reply in (
        groq_answer("a", "b", gzip=True),
        groq_answer("a", "b", http="HTTP/1.0", framing="close"),
    ):
        with LlmServer(lambda seen, reply=reply: reply) as server:
            result = echotrace(
                "analyze",
                CLIP,
                "--stages",
                "llm",
                "--llm",
                "groq:m",
                "--json",
                home=home,
                GROQ_API_KEY=KEY,
                GROQ_BASE_URL=server.url,
                ECHOTRACE_LLM_PROBES="1",
            )
        report = report_of(result)
        assert report["probes"]["llm"]["ttft_ms"]["status"] == "measured"


def test_row_58_ollama_that_is_down_or_lacks_the_model(home):
    with LlmServer(lambda seen: ollama_answer("a")) as server:
        address = server.host
        missing = error(404, {"error": 'model "nomodel" not found'})
        server._answer = lambda seen: missing
        result = echotrace(
            "analyze", CLIP, "--stages", "llm", "--llm", "ollama:nomodel", "--json",
            home=home, OLLAMA_HOST=address,
        )  # fmt: skip
        report = report_of(result, code=4)
        assert "ollama pull nomodel" in json.dumps(report)
    down = echotrace(
        "analyze", CLIP, "--stages", "llm", "--llm", "ollama:m", "--json",
        home=home, OLLAMA_HOST=address,
    )  # fmt: skip
    assert report_of(down, code=4)["probes"]["llm"]["ttft_ms"]["status"] == "unavailable"


def test_offline_forbids_a_named_cloud_provider(home):
    result = echotrace(
        "analyze", CLIP, "--stages", "llm", "--llm", "groq:m", "--offline", "--json",
        home=home, GROQ_API_KEY=KEY,
    )  # fmt: skip
    assert "offline" in report_of(result, code=4)["probes"]["llm"]["ttft_ms"]["reason"]


def test_without_a_key_the_mock_stands_in_and_says_so(home):
    arguments = ("--stages", "llm", "--json")
    report = report_of(echotrace("analyze", CLIP, *arguments, home=home, **SHORT_MOCK))
    assert report["probes"]["llm"]["ttft_ms"]["status"] == "simulated"
    assert 800 <= report["probes"]["llm"]["ttft_ms"]["value"] <= 2200
    assert "LLM_MOCK" in codes(report)
    assert report["score"]["status"] == "not_measurable"
