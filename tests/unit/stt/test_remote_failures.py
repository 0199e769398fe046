"""Every fault of a transcription server is one clear line, and nothing half-right comes back."""

import json
import logging
import shutil
import socket
import ssl
import subprocess
import time
import traceback
from types import SimpleNamespace

import pytest

from echotrace.config.settings import Settings, SttSettings
from echotrace.errors import ConfigError, ExitCode, ProviderError, UsageError
from echotrace.providers.stt import remote
from echotrace.providers.stt.choose import choose_engine
from echotrace.setup.accept import check_engine
from echotrace.setup.answers import Answers
from echotrace.setup.checks import check_stt
from tests.fakes.llm_key import KEY, pieces_of_key
from tests.fakes.llm_servers import Drop, Pause, Reply, Stall, document_reply, error, gzip_bomb
from tests.fakes.stt_servers import SttServer, answers, raw_json, refusal, verbose
from tests.unit.stt.remote_engines import PROVIDERS, make, piece, transcribe

both = pytest.mark.parametrize("provider", PROVIDERS)
GOOD = verbose("fine", [("fine", 0.1, 0.5)])
WHOLE = json.dumps(GOOD)
HTML = "<!doctype html><title>Please log in</title>"

# name, reply, code, a part of what is said
FAULTS = [
    ("401", refusal(401, "Incorrect API key provided"), "STT_KEY_REFUSED", "refused the key (401)"),
    ("403", refusal(403, "no permission for audio"), "STT_KEY_REFUSED", "no permission for audio"),
    ("404", error(404, HTML, "text/html"), "STT_NOT_FOUND", "no such address"),
    ("405", error(405, "", "text/plain"), "STT_REQUEST_REFUSED", "(405)"),
    ("400", refusal(400, "Invalid file format."), "STT_REQUEST_REFUSED", "Invalid file format."),
    ("413 told", refusal(413, "limit 26214400 bytes"), "STT_TOO_LARGE", "limit 26214400 bytes"),
    ("413 proxy", error(413, HTML, "text/html"), "STT_TOO_LARGE", "MB of audio too large (413)"),
    (
        "429",
        refusal(429, "too many", headers=(("Retry-After", "7"),)),
        "STT_RATE_LIMIT",
        "retry after 7 s; the server says: too many",
    ),
    ("500", error(500, "", "text/plain"), "STT_SERVER_ERROR", "failed (500)"),
    ("502 HTML", error(502, HTML, "text/html"), "STT_SERVER_ERROR", "an HTML page"),
    ("503", refusal(503, "over capacity"), "STT_SERVER_ERROR", "over capacity"),
    (
        "redirect",
        error(302, "", headers=(("Location", "http://elsewhere.example/"),)),
        "STT_REDIRECT",
        "http://elsewhere.example/; redirects are not followed",
    ),
    ("HTML", raw_json(HTML, content_type="text/html"), "STT_NOT_JSON", "HTML page"),
    ("HTML as JSON", raw_json(HTML), "STT_NOT_JSON", "no JSON"),
    ("plain text", raw_json("fine", content_type="text/plain"), "STT_NOT_JSON", "no JSON"),
    ("empty", raw_json(""), "STT_EMPTY", "empty"),
    ("no content", Reply(status=204, framing="length"), "STT_EMPTY", "empty"),
    ("cut JSON", raw_json(WHOLE[:-20]), "STT_MALFORMED", "the JSON ends or breaks"),
    ("two documents", raw_json(WHOLE * 2), "STT_MALFORMED", "the JSON ends or breaks"),
    ("array", raw_json("[]"), "STT_MALFORMED", "no object"),
    ("no text", raw_json('{"words": []}'), "STT_MALFORMED", "no text"),
    ("null text", raw_json('{"text": null}'), "STT_MALFORMED", "no text"),
    ("number", raw_json('{"text": 7}'), "STT_MALFORMED", "no text"),
    ("error in 200", raw_json('{"error": {"message": "queue full"}}'), "STT_MALFORMED", "queue f"),
    ("deep", raw_json("[" * 100_000), "STT_MALFORMED", "JSON"),
    ("not UTF-8", raw_json(b'{"text": "\xff\xfe"}'), "STT_MALFORMED", "JSON"),
    ("huge number", raw_json('{"text": ' + "9" * 5000 + "}"), "STT_MALFORMED", ""),
    ("dropped", Reply(steps=(WHOLE[:30].encode(), Drop())), "STT_BROKEN_REPLY", "broke off"),
    (
        "short of its length",
        Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + WHOLE.encode()),
        "STT_BROKEN_REPLY",
        "before the reply was complete",
    ),
    ("no answer", Reply(raw=b""), "STT_BROKEN_REPLY", "closed the connection"),
    ("no HTTP", Reply(raw=b"SSH-2.0-OpenSSH_9.2\r\n"), "STT_BROKEN_REPLY", "no HTTP"),
    ("false gzip", raw_json(WHOLE, headers=(("Content-Encoding", "gzip"),)), "STT_MALFORMED", ""),
    ("brotli", raw_json(WHOLE, headers=(("Content-Encoding", "br"),)), "STT_MALFORMED", "'br'"),
    (
        "gzip bomb",
        lambda: raw_json(gzip_bomb(40), headers=(("Content-Encoding", "gzip"),)),
        "STT_REPLY_TOO_LARGE",
        "32 MiB",
    ),
]  # fmt: skip


def failed(environment, provider, url, *pieces, **more):
    engine = make(environment, provider, url, **more)
    with pytest.raises(ProviderError) as caught:
        transcribe(engine, *pieces)
    found = caught.value
    assert found.exit_code == ExitCode.PROVIDER
    text = f"{found.what}: {found.why}"
    assert len(text) < 500
    assert text.isprintable()
    assert found.hint.isprintable()
    return found


@both
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault[0].replace(" ", "-"))
def test_a_fault_is_one_clear_line_asked_for_once(environment, provider, fault):
    _, reply, code, fragment = fault
    with SttServer(lambda seen: reply() if callable(reply) else reply) as server:
        found = failed(environment, provider, server.url)
    assert found.code == code
    assert fragment in f"{found.what}: {found.why}"
    assert len(server.uploads) == 1
    (span,) = [span for span in transcribe.spans if span.name == "inference"]
    # a reply that came whole was a good exchange; only its reading failed
    assert span.status in ("ok", "failed")
    assert span.attributes["bytes"] == len(server.uploads[0].file)


@both
def test_one_bad_piece_makes_the_whole_transcript_fail(environment, provider):
    with SttServer(
        lambda seen: document_reply(GOOD) if seen.index == 0 else raw_json(WHOLE[:-1])
    ) as server:
        found = failed(environment, provider, server.url, piece((0, 1)), piece((1, 2)))
    assert found.code == "STT_MALFORMED"


@both
@pytest.mark.parametrize(
    "bad",
    [
        Reply(before_headers=(Stall(),)),
        Reply(steps=(b'{"text"', Stall())),
        Reply(steps=(b" ", Pause(0.05)) * 100),
    ],
    ids=["silent", "in the middle", "a drip"],
)
def test_a_stall_ends_at_the_limit(environment, provider, bad):
    with SttServer(lambda seen: bad) as server:
        begun = time.perf_counter()
        found = failed(environment, provider, server.url, timeout_s=0.4)
    assert found.code == "STT_STALL"
    assert "within 0.4 s" in found.what
    assert "stt.timeout_s" in found.hint
    assert time.perf_counter() - begun >= 0.4


@both
def test_a_refusal_before_the_upload_was_read_is_told_with_its_size(environment, provider):
    early = refusal(413, "Request Entity Too Large")
    with SttServer(answers(GOOD), early=early) as server:
        found = failed(environment, provider, server.url, piece((0.0, 55.0)))
    assert found.code in ("STT_TOO_LARGE", "STT_BROKEN_REPLY")
    if found.code == "STT_TOO_LARGE":
        assert "Request Entity Too Large" in found.why


@both
def test_an_unknown_model_gets_the_servers_nearest_names(environment, provider):
    no = refusal(404, "The model `whisper-larg` does not exist", code="model_not_found")
    names = ("llama-3", "whisper-large-v3", "whisper-large-v3-turbo")
    with SttServer(lambda seen: no, models=names) as server:
        found = failed(environment, provider, server.url, model="whisper-larg")
    assert found.code == "STT_MODEL_UNKNOWN"
    assert "whisper-large-v3" in found.why
    assert "llama" not in found.why
    with SttServer(lambda seen: no, models=None) as server:
        found = failed(environment, provider, server.url, model="whisper-larg")
    assert found.code == "STT_MODEL_UNKNOWN"


@both
def test_a_refused_connection(environment, provider):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    found = failed(environment, provider, f"http://127.0.0.1:{port}")
    assert found.code == "STT_CONNECTION_REFUSED"
    assert f"127.0.0.1:{port}" in found.what


@both
def test_a_name_that_leads_nowhere(environment, provider):
    def nowhere(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    environment.setattr(socket, "getaddrinfo", nowhere)
    found = failed(environment, provider, "http://stt.invalid")
    assert found.code == "STT_DNS"
    assert "stt.invalid" in found.what


@both
def test_no_tls_where_tls_was_asked_for(environment, provider):
    with SttServer(answers(GOOD)) as server:
        found = failed(environment, provider, server.url.replace("http:", "https:"))
    assert found.code == "STT_TLS"
    assert server.uploads == []


@pytest.fixture(scope="module")
def nobodys_certificate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    files = ["-keyout", "key", "-out", "certificate"]
    subprocess.run([*command.split(), *files], cwd=folder, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "certificate", folder / "key")
    return tls


@both
def test_a_certificate_of_nobody(environment, provider, nobodys_certificate):
    with SttServer(answers(GOOD), tls=nobodys_certificate) as server:
        found = failed(environment, provider, server.url)
    assert found.code == "STT_TLS"
    assert "SSL_CERT_FILE" in found.hint
    assert server.uploads == []


@both
def test_a_redirect_leads_neither_the_key_nor_the_audio_elsewhere(environment, provider):
    with SttServer(answers(GOOD)) as elsewhere:
        to = f"{elsewhere.url}/v1/audio/transcriptions"
        for status in (301, 302, 307, 308):
            away = error(status, "", headers=(("Location", to),))
            with SttServer(lambda seen, away=away: away) as server:
                assert failed(environment, provider, server.url).code == "STT_REDIRECT"
    assert elsewhere.connections == 0


@both
def test_a_warm_up_meets_a_dead_server_and_no_other_fault(environment, provider):
    """A key may be good for transcription alone, so that what the list says does not matter."""
    with SttServer(answers(GOOD), models=None) as server:
        assert transcribe(make(environment, provider, server.url), warm_up=True).transcript.text
        url = server.url
    with pytest.raises(ProviderError) as caught:
        transcribe(make(environment, provider, url), warm_up=True)
    assert caught.value.code == "STT_CONNECTION_REFUSED"


ECHO = f"Invalid key {KEY} (Bearer {KEY}) {KEY[:20]}... {KEY[-12:]}"
ECHOES = {
    "401": refusal(401, ECHO),
    "403": refusal(403, ECHO),
    "404": refusal(404, f"model {KEY}", code="model_not_found"),
    "413": refusal(413, ECHO),
    "429": refusal(429, ECHO, headers=(("Retry-After", KEY), ("X-Request-Id", KEY))),
    "500": error(500, f"key={KEY[4:30]}", "text/plain"),
    "302": error(302, "", headers=(("Location", f"http://h/?key={KEY}"),)),
    "error in 200": raw_json(json.dumps({"error": ECHO})),
    "malformed": raw_json(f'{{"text": "{KEY}'),
    "no HTTP": Reply(raw=f"{KEY}\r\n".encode()),
    "transcript": document_reply(
        verbose(ECHO, [(KEY, 0, 1)], [{"text": KEY, "start": 0, "end": 1}]),
        headers=(("X-Request-Id", KEY),),
    ),
}


@both
def test_the_library_loggers_are_left_as_they_were(environment, provider):
    loggers = [logging.getLogger(name) for name in ("httpcore.http11", "groq._base_client")]
    before = [list(logger.filters) for logger in loggers]
    with SttServer(answers(GOOD)) as server:
        transcribe(make(environment, provider, server.url))
    assert [list(logger.filters) for logger in loggers] == before


@both
@pytest.mark.parametrize("name", ECHOES)
def test_a_key_that_the_server_echoes_stays_inside(environment, provider, name, caplog):
    caplog.set_level(logging.DEBUG)
    out = []
    with SttServer(lambda seen: ECHOES[name], models=(KEY, "other")) as server:
        engine = make(environment, provider, server.url)
        if name == "transcript":
            out.append(repr(transcribe(engine)))
        else:
            with pytest.raises(ProviderError) as caught:
                transcribe(engine)
            out += traceback.format_exception(caught.value)
            out.append(repr(vars(caught.value)))
            assert caught.value.__cause__ is None
            assert caught.value.__context__ is None
    assert server.uploads[0].headers["authorization"] == f"Bearer {KEY}"
    out += [repr(transcribe.spans), caplog.text, repr(vars(engine)["_remote"]), repr(engine.name)]
    out += [repr((record.msg, record.args)) for record in caplog.records]
    everything = "\n".join(out)
    assert [part for part in pieces_of_key() if part in everything] == []
    assert len(caplog.text) < 20_000  # the SDK would log the audio too


@pytest.mark.parametrize(
    ("provider", "url"),
    [("groq", "http://stt.example"), ("openai", "http://stt.example"), ("openai", None)],
)
def test_offline_forbids_the_engine_before_anything_is_opened(environment, provider, url):
    def opened(*args, **kwargs):
        raise AssertionError("a connection was tried")

    environment.setattr(socket, "getaddrinfo", opened)
    environment.setattr(socket.socket, "connect", opened)
    with pytest.raises(UsageError) as caught:
        make(environment, provider, url, offline=True)
    assert caught.value.code == "STT_OFFLINE"
    assert caught.value.exit_code == ExitCode.USAGE


@both
def test_offline_allows_a_server_of_this_machine(environment, provider):
    with SttServer(answers(GOOD)) as server:
        engine = make(environment, provider, server.url, offline=True)
        assert transcribe(engine).transcript.text == "fine"


@pytest.mark.parametrize(
    ("provider", "url"),
    [
        ("groq", None),
        ("groq", "http://127.0.0.1:1"),
        ("openai", None),
        ("openai", "http://h.example"),
    ],
)
def test_a_missing_key_is_told_by_its_name(environment, provider, url):
    with pytest.raises(ProviderError) as caught:
        make(environment, provider, url, key=None)
    assert caught.value.code == "STT_KEY_MISSING"
    assert f"{provider.upper()}_API_KEY" in caught.value.why


@both
def test_a_provider_without_a_model_after_the_colon(environment, provider):
    with pytest.raises(UsageError) as caught:
        make(environment, provider, None, model="")
    assert caught.value.code == "UNKNOWN_MODEL"


@both
@pytest.mark.parametrize("url", ["ftp://host", "http://", "http://[::1"])
def test_an_address_that_is_none_is_a_configuration_error(environment, provider, url):
    with pytest.raises(ConfigError) as caught:
        make(environment, provider, url)
    assert caught.value.code == "BAD_BASE_URL"


@pytest.mark.parametrize("name", ["GROQ", "OPENAI"])
def test_the_vendors_own_variable_gives_the_address(environment, name):
    with SttServer(answers(GOOD)) as server:
        path = "/v1" if name == "OPENAI" else ""
        environment.setenv(f"{name}_BASE_URL", server.url + path)
        engine = make(environment, name.lower(), None)
        assert engine.sent_to == server.host
        assert transcribe(engine).transcript.text == "fine"


def test_the_groq_key_does_not_go_to_the_other_engines_server(environment):
    engine = make(environment, "groq", "http://127.0.0.1:1", gold="openai:whisper-1")
    assert engine.sent_to == "api.groq.com"
    other = make(environment, "openai", "http://127.0.0.1:1", gold="groq")
    assert other.sent_to == "127.0.0.1:1"


def test_auto_never_chooses_a_server(environment, hub_cache, make_settings, collector):
    """Keys and an address are there; what is missing is somebody who named them."""
    environment.setenv("GROQ_API_KEY", KEY)
    environment.setenv("OPENAI_API_KEY", KEY)
    environment.setattr(remote.RemoteEngine, "check", lambda self: pytest.fail("was considered"))
    settings = make_settings(base_url="http://127.0.0.1:1")
    assert choose_engine(settings, collector).engine.sent_to is None


@both
def test_setup_takes_an_engine_whose_key_is_not_there_yet_and_asks_its_server(
    environment, provider
):
    """The name is right; trying it tells what is missing, and sends no audio."""
    values = {"engine": provider, "timeout_s": 5.0}
    with SttServer(answers(GOOD)) as server:
        settings = Settings(stt=SttSettings(base_url=server.url, **values))
        environment.setenv(f"{provider.upper()}_API_KEY", KEY)
        there = check_stt(provider, settings)
    environment.delenv(f"{provider.upper()}_API_KEY")
    missing = check_stt(provider, Settings(stt=SttSettings(**values)))
    assert (there.ok, missing.ok, missing.code) == (True, False, "STT_KEY_MISSING")
    assert server.host in there.text
    assert (server.uploads, server.listings) == ([], 1)
    detected = SimpleNamespace(base=Settings())
    assert check_engine(provider, detected, Answers()) == provider
