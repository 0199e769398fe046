"""Both cloud engines against a real local server: what is sent, what is kept, and how long."""

import threading
import time
from statistics import median

import numpy as np
import pytest

from echotrace.model.measure import Severity
from echotrace.model.report import TranscriptSegment, Word
from echotrace.providers.stt.base import SttStopped
from tests.fakes.llm_key import KEY
from tests.fakes.llm_servers import Pause, Reply, Stall, document_reply
from tests.fakes.stt_servers import SttServer, answers, refusal, segment, verbose
from tests.unit.stt.remote_engines import (
    MODELS,
    PROVIDERS,
    make,
    piece,
    recording,
    transcribe,
)

pytestmark = pytest.mark.on_a_clock

HELLO = verbose(
    "Hello, world.",
    [("Hello", 0.5, 0.9), ("world", 1.25, 1.75)],
    [segment(" Hello, world.", 0.4, 1.9)],
)
both = pytest.mark.parametrize("provider", PROVIDERS)


@both
def test_a_piece_goes_out_as_flac_with_every_option_and_comes_back_in_place(environment, provider):
    reader = recording()
    with SttServer(answers(HELLO)) as server:
        engine = make(environment, provider, server.url)
        ran = transcribe(engine, piece((10.0, 12.0), reader=reader))
    heard = ran.transcript
    assert engine.name == f"{provider}:{MODELS[provider]}"
    assert engine.sent_to == server.host
    assert heard.text == "Hello, world."
    assert heard.words == (
        Word(text="Hello", start_s=10.5, end_s=10.9),
        Word(text="world", start_s=11.25, end_s=11.75),
    )
    assert heard.segments == (
        TranscriptSegment(
            text="Hello, world.",
            start_s=10.5,
            end_s=11.75,
            avg_logprob=-0.25,
            no_speech_prob=0.01,
            compression_ratio=1.1,
            temperature=0.0,
        ),
    )
    assert (heard.language, heard.audio_s, heard.findings) == ("en", 2.0, ())
    assert (heard.windows, heard.window_s) == (None, None)
    (seen,) = server.uploads
    assert heard.sent_bytes == len(seen.file)
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in seen.path
    assert seen.fields["model"] == [MODELS[provider]]
    assert seen.fields["response_format"] == ["verbose_json"]
    assert seen.fields["timestamp_granularities[]"] == ["word", "segment"]
    assert seen.fields["language"] == ["en"]
    assert float(seen.fields["temperature"][0]) == 0
    assert (seen.file_name, seen.file_type) == ("audio.flac", "audio/flac")
    samples, rate = seen.decoded()
    assert rate == 16_000
    sent = np.clip(np.rint(reader.read(0, 10.0, 12.0) * 32_768), -32_768, 32_767)
    np.testing.assert_array_equal(samples, sent)
    assert server.strays == []


@both
def test_several_pieces_use_one_connection_and_are_joined_on_the_recordings_clock(
    environment, provider
):
    """The second piece has two spans: its words lie on both sides of a silence left out."""
    replies = (
        verbose("one", [("one", 0.0, 0.5)]),
        verbose("two three", [("two", 0.5, 0.9), ("three", 1.1, 1.6)]),
        verbose("", []),
    )
    with SttServer(lambda seen: document_reply(replies[seen.index])) as server:
        ran = transcribe(
            make(environment, provider, server.url),
            piece((1.0, 2.0)),
            piece((10.0, 11.0), (20.0, 21.0)),
            piece((30.0, 31.0)),
            warm_up=True,
        )
    assert ran.transcript.text == "one two three"
    assert [(word.start_s, word.end_s) for word in ran.transcript.words] == [
        (1.0, 1.5),
        (10.5, 10.9),
        (20.1, 20.6),
    ]
    assert server.connections == 1
    assert server.listings == 1
    assert [seen.duration_s for seen in server.uploads] == [1.0, 2.0, 1.0]
    assert ran.transcript.audio_s == 4.0
    assert ran.named("connect") == []
    (warm_up,) = ran.named("warm_up")
    assert warm_up.attributes["sent_to"] == server.host
    assert len(ran.named("inference")) == 3


@both
def test_times_agree_with_the_servers_own_stamps(environment, provider):
    slow = Reply(
        before_headers=(Pause(0.12),),
        steps=(b'{"text": ', Pause(0.08), b'"slow", "words": []}'),
        content_type="application/json",
        headers=(("x-request-id", "req_7"), ("openai-processing-ms", "187")),
    )
    pieces = [piece((2.0 * at, 2.0 * at + 2.0)) for at in range(5)]
    with SttServer(lambda seen: slow) as server:
        ran = transcribe(make(environment, provider, server.url), *pieces)
    spans = ran.named("inference")
    assert len(spans) == 5
    received_off_ms, written_off_ms = [], []
    for span, seen in zip(spans, server.uploads, strict=True):
        assert span.start_ns < seen.received_ns
        assert span.end_ns - span.start_ns > seen.step_ns[-1] - seen.received_ns > 190e6
        sent_ns = span.start_ns + span.attributes["upload_ms"] * 1e6
        received_off_ms.append(abs(seen.received_ns - sent_ns) / 1e6)
        written_off_ms.append(abs(seen.written_ns - span.end_ns) / 1e6)
        assert span.attributes["bytes"] == len(seen.file)
        assert span.attributes["sent_to"] == server.host
        assert span.attributes["http_status"] == 200
        assert span.attributes["request_id"] == "req_7"
        assert span.attributes["server_ms"] == 187
    # medians, for the server's thread waits for the interpreter when the machine is busy
    assert median(received_off_ms) < 30
    assert median(written_off_ms) < 30
    whole = sum(span.end_ns - span.start_ns for span in spans) / 1e6
    assert ran.transcript.inference_ms == pytest.approx(whole, abs=0.01)
    (connect,) = ran.named("connect")
    assert connect.end_ns <= spans[0].start_ns
    assert connect.attributes["connect_ms"] >= 0


@both
def test_a_request_in_flight_is_given_up_soon_after_nobody_waits(environment, provider):
    stop = threading.Event()
    stopped_ns = []

    def answer(seen):
        threading.Timer(
            0.1, lambda: (stopped_ns.append(time.perf_counter_ns()), stop.set())
        ).start()
        return Reply(before_headers=(Stall(),))

    with SttServer(answer) as server:
        engine = make(environment, provider, server.url)
        with pytest.raises(SttStopped):
            transcribe(engine, is_stopped=stop.is_set)
        took_ms = (time.perf_counter_ns() - stopped_ns[0]) / 1e6
    assert took_ms < 500
    (span,) = [span for span in transcribe.spans if span.name == "inference"]
    assert span.status == "cancelled"


@both
def test_nothing_is_sent_when_nobody_waits_any_more(environment, provider):
    with SttServer(answers(HELLO)) as server, pytest.raises(SttStopped):
        transcribe(make(environment, provider, server.url), is_stopped=lambda: True)
    assert server.connections == 0


@both
def test_an_engine_can_be_loaded_again_and_leaves_no_thread(environment, provider):
    before = set(threading.enumerate())
    with SttServer(answers(HELLO)) as server:
        client_threads = set()
        engine = make(environment, provider, server.url)
        for _ in range(3):
            assert transcribe(engine).transcript.text == "Hello, world."
            client_threads |= {t for t in threading.enumerate() if t.name == "stt"} - before
        engine.close()
    assert client_threads == set()
    with pytest.raises(RuntimeError, match="not loaded"):
        engine.transcribe((piece((0.0, 1.0)),), None)


@both
def test_a_very_short_piece_is_filled_up_and_an_empty_one_is_not_sent(environment, provider):
    late = verbose("a", [("a", 0.0, 0.09)])
    with SttServer(answers(late)) as server:
        ran = transcribe(
            make(environment, provider, server.url),
            piece((0.0, 0.05)),
            piece((60.0, 61.0)),
        )
    (seen,) = server.uploads
    assert seen.duration_s == 0.1
    assert ran.transcript.words == (Word(text="a", start_s=0.0, end_s=0.05),)
    assert ran.transcript.audio_s == 0.05


@both
def test_no_piece_at_all_is_an_empty_transcript(environment, provider):
    with SttServer(answers(HELLO)) as server:
        engine = make(environment, provider, server.url)
        ran = transcribe(engine, piece((60.0, 61.0)))
    assert (ran.transcript.text, ran.transcript.sent_bytes, ran.codes) == ("", 0, [])
    assert server.connections == 0


@both
def test_the_language_is_guessed_by_the_server_when_none_is_set(environment, provider):
    german = {**verbose("Hallo", [("Hallo", 0.1, 0.4)]), "language": "German"}
    with SttServer(answers(german)) as server:
        ran = transcribe(make(environment, provider, server.url, language="auto"))
        transcribe(make(environment, provider, server.url, language="pt-BR"))
    assert ran.transcript.language == "de"
    assert "language" not in server.uploads[0].fields
    assert server.uploads[1].fields["language"] == ["pt"]


@both
def test_a_gzipped_reply_and_one_without_a_content_type_are_read(environment, provider):
    with SttServer(answers(HELLO, gzip=True)) as server:
        # the length that document_reply announces is that of the plain text
        server._transcribe = lambda seen: Reply(
            steps=document_reply(HELLO).steps,
            gzip=True,
            content_type=None if seen.index else "application/json",
        )
        ran = transcribe(
            make(environment, provider, server.url), piece((0.0, 2.0)), piece((2.0, 4.0))
        )
    assert ran.transcript.text == "Hello, world. Hello, world."


@both
def test_environment_proxies_are_not_used(environment, provider):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        environment.setenv(name, "http://127.0.0.1:9")
    with SttServer(answers(HELLO)) as server:
        assert transcribe(make(environment, provider, server.url)).transcript.text


@both
def test_equal_settings_have_equal_identities_and_other_options_another(environment, provider):
    base = make(environment, provider, "http://127.0.0.1:1").identity()
    assert make(environment, provider, "http://127.0.0.1:1").identity() == base
    others = [
        make(environment, provider, "http://127.0.0.1:2").identity(),
        make(environment, provider, "http://127.0.0.1:1", model="other").identity(),
        make(environment, provider, "http://127.0.0.1:1", language="de").identity(),
    ]
    assert all(other != base for other in others)
    assert KEY not in repr(base)


@pytest.mark.parametrize("model", ["gpt-4o-transcribe", "gpt-4o-mini-transcribe"])
def test_a_model_without_times_is_asked_for_the_text_alone(environment, model):
    with SttServer(answers({"text": "plain", "usage": {"type": "tokens"}})) as server:
        ran = transcribe(make(environment, "openai", server.url, model=model))
    (seen,) = server.uploads
    assert seen.fields["response_format"] == ["json"]
    assert "timestamp_granularities[]" not in seen.fields
    assert (ran.transcript.text, ran.transcript.words) == ("plain", ())
    (finding,) = ran.transcript.findings
    assert (finding.code, finding.severity) == ("STT_NO_TIMES", Severity.INFO)


@pytest.mark.parametrize(
    "no",
    [
        refusal(400, "response_format 'verbose_json' is not compatible with this model"),
        refusal(422, "timestamp_granularities: extra fields not permitted"),
    ],
)
def test_a_server_that_refuses_times_is_asked_once_more_and_plainly(environment, no):
    def answer(seen):
        return no if seen.format == "verbose_json" else document_reply({"text": "plain"})

    with SttServer(answer) as server:
        ran = transcribe(
            make(environment, "openai", server.url), piece((0.0, 1.0)), piece((1.0, 2.0))
        )
    assert [seen.format for seen in server.uploads] == ["verbose_json", "json", "json"]
    assert ran.transcript.text == "plain plain"
    assert ran.transcript.sent_bytes == sum(len(seen.file) for seen in server.uploads)
    assert ran.codes == ["STT_NO_TIMES"]
    spans = ran.named("inference")
    assert [span.status for span in spans] == ["failed", "ok", "ok"]
    good = sum(span.end_ns - span.start_ns for span in spans[1:]) / 1e6
    assert ran.transcript.inference_ms == pytest.approx(good, abs=0.01)


@both
@pytest.mark.parametrize("times", [("0.5", "0.9"), (-2.0, -1.0), (None, None)])
def test_times_that_cannot_be_right_are_told_once(environment, provider, times):
    start, end = times
    words = [{"word": "Hello", "start": start, "end": end}]
    with SttServer(answers({"text": "Hello", "words": words})) as server:
        ran = transcribe(make(environment, provider, server.url))
    assert ran.codes == ["STT_TIMES_LEFT_OUT"]
    assert ran.transcript.findings[0].message.endswith("; no time of a word is left")


def test_a_finding_never_advises_the_model_that_was_just_asked(environment):
    with SttServer(answers({"text": "Hello"})) as server:
        silent = transcribe(make(environment, "openai", server.url, model="whisper-1"))
    no = refusal(400, "response_format 'verbose_json' is not compatible with this model")
    plain = document_reply({"text": "Hello"})
    with SttServer(lambda seen: no if seen.format == "verbose_json" else plain) as server:
        refused = transcribe(make(environment, "openai", server.url, model="whisper-1"))
    with SttServer(answers({"text": "Hello"})) as server:
        textual = transcribe(make(environment, "openai", server.url, model="gpt-4o-transcribe"))
    hints = [ran.transcript.findings[0].hint for ran in (silent, refused, textual)]
    assert all(ran.codes == ["STT_NO_TIMES"] for ran in (silent, refused, textual))
    assert ["openai:whisper-1" in hint for hint in hints] == [False, False, True]
    assert "the server was asked for them" in hints[0]
    assert "faster-whisper" in hints[1]


@pytest.mark.parametrize("path", ["", "/v1", "/v1/", "/v1/audio/transcriptions", "/openai/v1"])
def test_the_address_may_be_written_with_or_without_its_path(environment, path):
    with SttServer(answers(HELLO)) as server:
        assert transcribe(make(environment, "openai", server.url + path)).transcript.text
    assert server.strays == []


def test_a_server_of_this_machine_needs_no_key(environment):
    with SttServer(answers(HELLO)) as server:
        transcribe(make(environment, "openai", server.url, key=None))
    assert "authorization" not in server.uploads[0].headers


@both
def test_a_server_that_closes_after_each_reply_is_connected_to_again(environment, provider):
    closing = Reply(
        steps=document_reply(HELLO).steps,
        content_type="application/json",
        framing="close",
        http="HTTP/1.0",
    )
    with SttServer(lambda seen: closing) as server:
        ran = transcribe(
            make(environment, provider, server.url), piece((0.0, 1.0)), piece((1.0, 2.0))
        )
    assert ran.transcript.text == "Hello, world. Hello, world."
    assert server.connections == 2
    assert len(ran.named("connect")) == 2
