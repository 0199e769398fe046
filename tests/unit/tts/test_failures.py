"""Every fault of a speech server is one clear line in a sample that failed, and no key is in it."""

import asyncio
import json
import logging
import socket
import ssl
import subprocess
import time

import numpy as np
import pytest

from echotrace.providers.taken import Due
from echotrace.providers.tts.base import AudioEvent, Exchange
from echotrace.providers.tts.measure import take_sample
from tests.fakes.llm_key import KEY, pieces_of_key
from tests.fakes.llm_servers import Drop, Reply, Stall, document_reply, error, gzip_bomb
from tests.fakes.tts_servers import SpeechServer, refusal, spoken, voice, wav

pytestmark = pytest.mark.on_a_clock

both = pytest.mark.parametrize("provider", ["openai", "groq"])
BODY = wav(voice(16_000, speech_s=0.4), 16_000)
HTML = "<!doctype html><title>Please log in</title>"

# name, reply, code, a part of what is said
FAULTS = [
    ("401", refusal(401, "Incorrect API key provided"), "TTS_KEY_REFUSED", "refused the key (401)"),
    ("403", refusal(403, "terms not accepted"), "TTS_KEY_REFUSED", "terms not accepted"),
    ("404", error(404, HTML, "text/html"), "TTS_NOT_FOUND", "no such address"),
    ("400", refusal(400, "voice must be one of [troy]"), "TTS_REQUEST_REFUSED", "one of [troy]"),
    (
        "429",
        refusal(429, "too many", headers=(("Retry-After", "7"),)),
        "TTS_RATE_LIMIT",
        "retry after 7 s; the server says: too many",
    ),
    ("500", error(500, "", "text/plain"), "TTS_SERVER_ERROR", "failed (500)"),
    ("502 HTML", error(502, HTML, "text/html"), "TTS_SERVER_ERROR", "an HTML page"),
    (
        "redirect",
        error(302, "", headers=(("Location", "http://elsewhere.example/"),)),
        "TTS_REDIRECT",
        "redirects are not followed",
    ),
    ("HTML", spoken(HTML.encode(), kind="text/html"), "TTS_NOT_AUDIO", "HTML page"),
    ("HTML as sound", spoken(HTML.encode()), "TTS_NOT_AUDIO", "an HTML page"),
    (
        "error in 200",
        document_reply({"error": {"message": "queue full"}}),
        "TTS_NOT_AUDIO",
        "queue full",
    ),
    ("JSON as sound", spoken(b'{"audio": "UklGR"}'), "TTS_NOT_AUDIO", "a JSON document"),
    ("text", spoken(b"no voice\n", kind="text/plain"), "TTS_NOT_AUDIO", "a text file"),
    ("noise", spoken(bytes(range(128, 256)) * 9), "TTS_NOT_AUDIO", "1,152 bytes of no known"),
    ("empty", spoken(b""), "TTS_EMPTY", "no byte"),
    ("no content", Reply(status=204, framing="length"), "TTS_EMPTY", "no byte"),
    ("header alone", spoken(BODY[:44]), "TTS_EMPTY", "no sound behind it"),
    ("silence", spoken(wav(np.zeros(8_000), 16_000)), "TTS_SILENT", "0.50 s of silence"),
    ("dropped", Reply(steps=(BODY[:999], Drop())), "TTS_BROKEN_AUDIO", "broke off"),
    (
        "short of its length",
        Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n" + BODY),
        "TTS_BROKEN_AUDIO",
        "before the reply was complete",
    ),
    ("no answer", Reply(raw=b""), "TTS_BROKEN_AUDIO", "closed the connection"),
    ("no HTTP", Reply(raw=b"SSH-2.0-OpenSSH_9.2\r\n"), "TTS_BROKEN_AUDIO", "no HTTP"),
    ("false gzip", spoken(BODY, headers=(("Content-Encoding", "gzip"),)), "TTS_MALFORMED", ""),
    ("brotli", spoken(BODY, headers=(("Content-Encoding", "br"),)), "TTS_MALFORMED", "'br'"),
]  # fmt: skip


def said(taken):
    sample, fault = taken.sample, taken.error
    assert sample.status == "failed"
    assert fault.code == sample.code
    text = f"{fault.what}: {fault.why}"
    assert sample.reason in (text, fault.what)
    assert text.isprintable()
    assert fault.hint.isprintable()
    assert len(text) < 500
    return text


@both
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault[0].replace(" ", "-"))
def test_a_fault_is_one_clear_line_asked_for_once(speak, provider, fault):
    _, reply, code, fragment = fault
    with SpeechServer(lambda seen: reply) as server:
        taken = speak(provider, base_url=server.url)
    assert fragment in said(taken)
    assert taken.sample.code == code
    assert len(server.asked) == 1
    assert taken.sample.ttfa_ms is None
    assert taken.sample.phases
    whole_ms = sum(part.duration_ms for part in taken.sample.phases)
    last = taken.sample.phases[-1]
    assert last.start_ms + last.duration_ms == pytest.approx(whole_ms)


@both
def test_a_bomb_is_stopped(speak, provider):
    packed = gzip_bomb(65)
    reply = spoken(packed, headers=(("Content-Encoding", "gzip"),))
    with SpeechServer(lambda seen: reply) as server:
        taken = speak(provider, base_url=server.url)
    assert "64 MiB" in said(taken)
    assert taken.sample.code == "TTS_REPLY_TOO_LARGE"


@both
@pytest.mark.parametrize(
    ("reply", "fragment", "last"),
    [
        (Reply(before_headers=(Stall(),)), "sent no sound within 0.2 s", "waiting"),
        (Reply(steps=(BODY[:44], Stall())), "went silent after 44 bytes", "first_audio"),
        (Reply(steps=(BODY[:2000], Stall())), "went silent after 2,000 bytes", "streaming"),
    ],
    ids=["before the reply", "after the header", "in the middle"],
)
def test_a_stall_ends_at_the_limit_in_the_part_that_was_going_on(
    speak, provider, reply, fragment, last
):
    with SpeechServer(lambda seen: reply) as server:
        taken = speak(provider, base_url=server.url, timeout_s=0.2)
    assert fragment in said(taken)
    assert taken.error.code == "TTS_STALL"
    assert "tts.timeout_s" in taken.error.hint
    assert taken.sample.phases[-1].name == last
    assert sum(part.duration_ms for part in taken.sample.phases) >= 199


@both
def test_after_a_fault_the_next_request_is_answered(speak, provider):
    replies = [refusal(503, "over capacity"), Reply(steps=(BODY[:999], Drop())), spoken(BODY)]
    with SpeechServer(lambda seen: replies[seen.index]) as server:
        taken = speak(provider, base_url=server.url, times=3)
    assert [item.sample.code for item in taken] == ["TTS_SERVER_ERROR", "TTS_BROKEN_AUDIO", None]


@both
def test_an_unknown_model_names_the_nearest(speak, provider):
    reply = refusal(404, "The model `speach` does not exist", code="model_not_found")
    names = ("whisper-1", "speech-1", "speech-2-hd")
    with SpeechServer(lambda seen: reply, models=names) as server:
        taken = speak(f"{provider}:speach", base_url=server.url)
    assert "'speach'" in said(taken)
    assert taken.error.code == "TTS_MODEL_UNKNOWN"
    assert "speech-1" in taken.error.hint
    assert taken.sample.http_status == 404
    assert server.listings == 1


@both
def test_nothing_listens_there(speak, provider):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    taken = speak(provider, base_url=f"http://127.0.0.1:{port}")
    assert "nothing listens" in said(taken)
    assert taken.error.code == "TTS_CONNECTION_REFUSED"


@both
def test_a_name_that_no_dns_knows(speak, provider):
    taken = speak(provider, base_url="http://speech.invalid")
    assert "speech.invalid could not be resolved" in said(taken)
    assert taken.error.code == "TTS_DNS"


@both
def test_tls_where_there_is_none_and_an_unknown_authority(speak, provider, tmp_path):
    with SpeechServer(lambda seen: spoken(BODY)) as server:
        plain = speak(provider, base_url=server.url.replace("http:", "https:"))
    assert plain.error.code == "TTS_TLS"
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost"],
        check=True,
        capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with SpeechServer(lambda seen: spoken(BODY), tls=context) as server:
        unknown = speak(provider, base_url=server.url)
    assert unknown.error.code == "TTS_TLS"
    assert "self-signed" in said(unknown)
    assert server.asked == []


@both
@pytest.mark.parametrize("status", [200, 400, 401, 404, 503])
def test_a_key_that_the_server_echoes_is_nowhere(speak, provider, status, caplog):
    caplog.set_level(logging.DEBUG)
    text = f"bad key {KEY} or {KEY[:20]}"
    headers = (("x-request-id", KEY), ("Retry-After", KEY), ("Location", f"http://h/{KEY}"))
    reply = (
        document_reply({"error": {"message": text}}, headers=headers)
        if status == 200
        else refusal(status, text, headers=headers)
    )
    with SpeechServer(lambda seen: reply, models=(f"{KEY}-model",)) as server:
        taken = speak(provider, base_url=server.url)
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
    said(taken)
    whole = json.dumps([repr(taken), taken.error.hint, caplog.text])
    assert not [piece for piece in pieces_of_key() if piece in whole]


class _Plugin:
    name = "other"
    model = voice = pcm = sent_to = exchange = None
    requests_sent = 0

    def __init__(self, *steps):
        self._steps = steps

    async def synthesize(self, text):
        for step in self._steps:
            if isinstance(step, Exception):
                raise step
            yield step


def _take(provider):
    now = time.perf_counter_ns()
    due = Due(index=1, cold=False, due_ns=now, origin_ns=now)
    return asyncio.run(take_sample(provider, text="Yes.", limit_s=5.0, due=due))


def test_a_provider_without_an_exchange_is_timed_by_its_events():
    now = time.perf_counter_ns() + 1_000_000
    steps = [
        AudioEvent(kind="sent", at_ns=now),
        AudioEvent(kind="audio", at_ns=now + 30_000_000, data=BODY[:44]),
        AudioEvent(kind="audio", at_ns=now + 50_000_000, data=BODY[44:]),
        AudioEvent(kind="done", at_ns=now + 60_000_000),
    ]
    taken = _take(_Plugin(*steps))
    sample = taken.sample
    assert (sample.status, sample.ttfb_ms, sample.total_ms) == ("ok", 50.0, 60.0)
    assert (sample.reused, sample.http_status, sample.index) == (None, None, 1)
    parts = {part.name: part.duration_ms for part in sample.phases}
    assert list(parts) == ["queued", "first_audio", "streaming", "done"]
    assert parts["first_audio"] == pytest.approx(50.0)
    assert parts["done"] == pytest.approx(10.0)


def test_the_exchange_of_an_earlier_request_is_none_of_this_one():
    provider = _Plugin(AudioEvent(kind="sent", at_ns=time.perf_counter_ns()), KeyError("x"))
    provider.exchange = Exchange(started_ns=1, sent_ns=2, status=200, request_id="req_old")
    sample = _take(provider).sample
    assert (sample.http_status, sample.request_id) == (None, None)


def test_what_a_provider_may_not_raise_is_told_without_its_text():
    taken = _take(_Plugin(AudioEvent(kind="sent", at_ns=0), KeyError(KEY)))
    assert taken.sample.code == "TTS_PROVIDER_BROKEN"
    assert "KeyError" in said(taken)
    assert KEY not in repr(taken)


def test_a_provider_that_never_ends_is_stopped():
    class Endless(_Plugin):
        async def synthesize(self, text):
            while True:
                yield AudioEvent(kind="audio", at_ns=1, data=bytes(8 << 20))

    taken = _take(Endless())
    assert taken.sample.code == "TTS_REPLY_TOO_LARGE"
    assert "64 MiB" in said(taken)
