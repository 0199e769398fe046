"""The audit through the command line: what a user types, and what comes out."""

import json

import numpy as np
import pytest
import soundfile

from tests.fakes.cli import DEMO, echotrace
from tests.fakes.llm_key import KEY
from tests.fakes.report_schema import VALIDATOR
from tests.fakes.stt_servers import SttServer, answers, raw_json, refusal, segment, verbose

CLIP = DEMO / "demo_voice_1_mixed_with_noise_1_snr10.wav"
FAST = f"faster-whisper:{DEMO / 'models/whisper-mini-fast'}"
TEXT = "I am going to cancel my credit card"
HEARD = "I'm going to cancel my credit car."
WORDS = [(word, 0.3 * at, 0.3 * at + 0.25) for at, word in enumerate(HEARD.split())]


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def server():
    with SttServer(answers(verbose(HEARD, WORDS, [segment(HEARD, 0.0, 2.2)]))) as running:
        yield running


def audit(*arguments, home, **extra):
    flags = ("--stages", "transcription", "--reference", TEXT, "--export-only")
    return echotrace("analyze", CLIP, *flags, *arguments, home=home, **extra)


def asked(server, *arguments, home):
    flags = ("--stt", "openai:whisper-1", "--stt-base-url", f"{server.url}/v1")
    return audit(*flags, *arguments, home=home, OPENAI_API_KEY=KEY)


def test_a_server_of_ones_own_is_an_engine_and_what_was_sent_is_told(home, server):
    result = asked(server, home=home)
    assert result.code == 0, result.stderr
    VALIDATOR.validate(result.document)
    heard = result.document["transcription"]
    assert (heard["engine"], heard["actual"]) == ("openai:whisper-1", HEARD)
    assert heard["wer"]["value"] == pytest.approx(1 / 8)
    (error,) = heard["errors"]
    assert (error["gold"], error["actual"], error["place"]) == ("card", "car", "word")
    (sent,) = heard["sent"]
    (upload,) = server.uploads
    assert sent["to"] == server.host
    assert sent["bytes"] == len(upload.file)
    assert sent["audio_s"] == pytest.approx(upload.duration_s, abs=0.01)
    assert heard["timing"]["model_load_ms"]["status"] == "not_run"
    assert KEY not in result.stdout + result.stderr


def test_what_a_server_heard_is_not_asked_for_again(home, server):
    first, second = (asked(server, home=home).document["transcription"] for _ in range(2))
    assert len(server.uploads) == 1
    assert (first["cached_at"], second["sent"]) == (None, [])
    assert second["cached_at"] is not None
    assert second["words"] == first["words"]
    again = asked(server, "--no-cache", home=home).document["transcription"]
    assert (len(server.uploads), again["cached_at"]) == (2, None)


@pytest.mark.parametrize(
    "reply",
    [
        refusal(403, f"the key {KEY} may not transcribe"),
        refusal(413, "too large"),
        raw_json("<html>please log in</html>", content_type="text/html"),
        raw_json('{"text": "I am go'),
    ],
    ids=["forbidden", "too_large", "html", "truncated"],
)
def test_a_server_that_fails_is_one_clear_line_and_nothing_is_kept(home, reply):
    with SttServer(lambda _: reply) as failing:
        result = asked(failing, home=home)
        assert result.code == 4
        assert result.document["status"] == "failed", "no other stage was asked for"
        assert result.document["transcription"] is None
        assert "Traceback" not in result.stderr
        assert KEY not in result.stdout + result.stderr
        assert not list(home.rglob("*.sqlite3"))
        assert len(failing.uploads) == 1


def test_a_failure_is_asked_again_by_the_next_run_only(home):
    with SttServer(lambda _: refusal(403, "no")) as failing:
        assert [asked(failing, home=home).code for _ in range(2)] == [4, 4]
        assert len(failing.uploads) == 2


def test_audio_goes_nowhere_when_offline(home):
    flags = ("--stt", "openai:whisper-1", "--stt-base-url", "https://example.com/v1", "--offline")
    result = audit(*flags, home=home, OPENAI_API_KEY=KEY)
    assert result.code == 2
    assert "offline" in result.stderr


def test_key_terms_and_the_normaliser_are_the_users(home, tmp_path):
    terms = tmp_path / "terms.txt"
    terms.write_text("# products\ncredit card\n")
    heard = tmp_path / "heard.json"
    words = [{"word": w, "start": s, "end": e} for w, s, e in WORDS]
    heard.write_text(json.dumps({"words": words}))
    flags = ("--transcript", heard, "--key-terms", terms)
    document = audit(*flags, "--normalizer", "none", home=home).document["transcription"]
    assert document["normalizer"]["name"] == "none"
    assert document["counts"]["substitutions"] + document["counts"]["deletions"] == 3
    (term,) = [item for item in document["entities"]["items"] if item["type"] == "key_term"]
    assert term["outcome"] in ("missed", "wrong")
    gates = ("--fail-on", "entity_recall < 1")
    assert audit(*flags, *gates, home=home).code == 1


def test_an_address_may_be_host_and_port(home, server):
    flags = ("--stt", "openai:whisper-1", "--stt-base-url", server.host)
    result = audit(*flags, home=home)
    assert result.code == 0, result.stderr
    assert result.document["transcription"]["actual"] == HEARD
    assert len(server.uploads) == 1


def test_a_flag_that_an_engine_of_the_configuration_uses_passes(home, server, tmp_path):
    heard = tmp_path / "heard.txt"
    heard.write_text(HEARD)
    flags = ("--transcript", heard, "--stt-base-url", f"{server.url}/v1")
    refused = audit(*flags, home=home)
    assert (refused.code, server.uploads) == (2, [])
    passed = audit(*flags, home=home, ECHOTRACE_STT_GOLD="openai:whisper-1")
    assert passed.code == 0, passed.stderr
    assert len(server.uploads) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--normalizer", "whisper-de"), 2, "whisper-en"),
        (("--key-terms", "nothing.txt"), 3, "nothing.txt"),
        (("--stt", "openai:whisper-1", "--stt-base-url", "ftp://example.com"), 2, "http"),
        (("--stt", "groq:whisper-large-v3"), 4, "GROQ_API_KEY"),
        (("--stt-device", "tpu", "--stt", "sphinx"), 2, "cpu"),
        (("--transcript", "heard.txt", "--streaming"), 2, "partials"),
        (("--stt-base-url", "http://h:99999"), 2, "--stt-base-url is not the address"),
        (("--stt-base-url", ""), 2, "why: it is empty"),
        (("--stt-base-url", "http://u:p@h"), 2, "--stt-base-url may hold neither a user name"),
        (("--transcript", "heard.txt", "--stt-base-url", "h:1"), 2, "would have no effect"),
    ],
)
def test_what_does_not_fit_gets_one_clear_line(home, arguments, code, words):
    result = audit(*arguments, home=home)
    assert (result.code, words in result.stderr) == (code, True), result.stderr
    assert "Traceback" not in result.stderr
    assert result.document


def test_words_over_silence_can_be_gated(home, tmp_path):
    silence = tmp_path / "silence.wav"
    soundfile.write(silence, np.zeros(32_000), 16_000)
    heard = tmp_path / "heard.json"
    words = [{"word": "thanks", "start": 0.5, "end": 0.9}, {"word": "bye", "start": 1, "end": 1.2}]
    heard.write_text(json.dumps({"words": words}))
    flags = ("--transcript", heard, "--stages", "transcription", "--export-only")
    result = echotrace("analyze", silence, *flags, "--fail-on", "hallucinated > 1", home=home)
    assert result.code == 1, result.stderr
    assert result.document["transcription"]["hallucinated_words"] == 2
    assert [item["code"] for item in result.document["warnings"]].count("HALLUCINATED_WORDS") == 1


def test_a_transcript_in_chinese_is_led_by_its_characters(home, tmp_path):
    heard = tmp_path / "heard.txt"
    heard.write_text("我想取消我的信用卡", encoding="utf-8")
    result = echotrace(
        "analyze", CLIP, "--stages", "transcription", "--transcript", heard,
        "--reference", "我想取消我的信用证", "--no-tui", home=home, ECHOTRACE_STT_LANGUAGE="zh",
    )  # fmt: skip
    assert result.code == 0, result.stderr
    lines = [line.strip() for line in result.stdout.splitlines()]
    rates = [line[:3] for line in lines if line.startswith(("CER", "WER"))]
    assert rates[0] == "CER"
    assert "CER  11.1 %" in " ".join(result.stdout.split()).replace("CER 11.1", "CER  11.1")


def test_the_report_shows_the_misheard_word_with_its_place_and_cause(home):
    result = echotrace(
        "analyze", CLIP, "--stages", "transcription", "--reference", TEXT, "--stt", FAST,
        "--no-tui", home=home,
    )  # fmt: skip
    assert result.code == 0, result.stderr
    assert '"going" -> "golding"' in result.stdout
    assert "local SNR" in result.stdout
    assert "low SNR" in result.stdout
