"""Reading a reply: what is right is kept, what is not is left out, and nothing makes it crash."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.errors import ProviderError
from echotrace.providers.failures import Target
from echotrace.providers.stt.failures import STT
from echotrace.providers.stt.languages import language_code
from echotrace.providers.stt.reply import read_reply
from tests.fakes.stt_servers import segment, verbose
from tests.unit.stt.remote_engines import piece

TARGET = Target(kind=STT, provider="openai", model="m", host="h", timeout_s=1.0)
JOINED = piece((10.0, 12.0), (20.0, 23.0)).read()
NAN, INF = math.nan, math.inf


def read(document, joined=JOINED):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return read_reply(body, joined, TARGET)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (NAN, 1.0),
        (1.0, NAN),
        (-0.5, 1.0),
        (1.0, INF),
        (2.0, 1.0),
        (5.5, 5.6),
        (4.0, 6.5),
        (None, 1.0),
        ("1.0", 2.0),
        (True, 2.0),
        (1e400, 2.0),
        (10**400, 2.0),
        ([], {}),
    ],
)
def test_a_word_whose_place_cannot_be_keeps_its_text_alone(start, end):
    heard = read(verbose("good bad", [("good", 0.5, 1.0), ("bad", start, end)]))
    good, bad = heard.words
    assert (good.start_s, good.end_s) == (10.5, 11.0)
    assert (bad.text, bad.start_s, bad.end_s) == ("bad", None, None)
    assert heard.left_out == 1
    assert heard.text == "good bad"


def test_a_time_a_little_beyond_the_end_is_moved_to_it():
    (word,) = read(verbose("end", [("end", 4.5, 5.9)])).words
    assert (word.start_s, word.end_s) == (22.5, 23.0)


@pytest.mark.parametrize("words", [None, "words", {}, 7, [None, 1, "x", {}, {"word": 3}, []]])
def test_words_of_a_wrong_shape_are_no_words(words):
    heard = read({"text": "still here", "words": words, "segments": words})
    assert (heard.text, heard.words, heard.segments) == ("still here", (), ())


def test_words_that_are_cut_elsewhere_than_the_text_are_kept():
    words = [("It's", 0, 1), ("five", 1, 2), ("o'", 2, 2.5), ("clock", 2.5, 3)]
    heard = read(verbose("It's five o'clock.", words))
    assert [word.text for word in heard.words] == ["It's", "five", "o'", "clock"]
    assert heard.left_out == 0


def test_words_that_do_not_stand_in_the_text_are_left_out():
    words = [("one", 0, 1), ("thanks", 1, 2), ("two", 2, 3), ("three", 3, 4)]
    heard = read(verbose("One, two three.", words))
    assert [word.text for word in heard.words] == ["one", "two", "three"]
    assert heard.left_out == 1
    assert read(verbose("", words)).words == ()


def test_more_words_than_anybody_could_say_are_left_out():
    words = [("a", 0, 1)] * 5000
    heard = read(verbose("a " * 500, words, [segment("a", 0, 1)] * 5000))
    assert heard.words == ()
    assert len(heard.segments) < 200
    assert heard.left_out >= 5000


def test_a_text_that_no_recogniser_could_write_of_this_audio_is_refused():
    with pytest.raises(ProviderError) as caught:
        read(verbose("a " * 100_000))
    assert caught.value.code == "STT_IMPLAUSIBLE"
    assert "200,000 characters" in caught.value.why


def test_a_segment_over_two_spans_keeps_both_of_its_ends():
    heard = read(verbose("over it", None, [segment("over it", 1.0, 4.0), segment("no", 1.0, 2.0)]))
    over, within = heard.segments
    assert (over.start_s, over.end_s) == (11.0, 22.0)
    assert (within.start_s, within.end_s) == (11.0, 12.0)


def test_figures_that_no_report_can_hold_are_left_out():
    odd = segment("x", 0, 1, avg_logprob=NAN, no_speech_prob="0.5", temperature=True)
    (found,) = read(verbose("x", None, [odd])).segments
    assert (found.avg_logprob, found.no_speech_prob, found.temperature) == (None, None, None)
    assert found.compression_ratio == 1.1


def test_what_no_report_can_hold_is_taken_out_of_the_text():
    heard = read(b'{"text": "a\\u0000b \\ud800 c"}')
    assert heard.text == "ab ? c"
    heard.text.encode()


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("english", "en"),
        ("English", "en"),
        ("en", "en"),
        ("en-US", "en"),
        ("CHINESE", "zh"),
        ("zh", "zh"),
        ("yue", "yue"),
        ("", None),
        (None, None),
        (7, None),
        ("klingonese", None),
        ("<b>", None),
    ],
)
def test_a_language_is_a_name_or_a_code(said, code):
    assert language_code(said) == code


times = st.one_of(
    st.floats(allow_nan=True), st.floats(-1, 7), st.integers(), st.none(), st.text(max_size=3)
)
texts = st.text(max_size=8)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["text", "words", "segments", "word", "start", "end", "language"]),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=20,
)
documents = st.fixed_dictionaries(
    {"text": texts},
    optional={
        "words": st.lists(
            st.one_of(
                json_values, st.fixed_dictionaries({"word": texts, "start": times, "end": times})
            ),
            max_size=6,
        ),
        "segments": st.lists(
            st.one_of(
                json_values,
                st.fixed_dictionaries(
                    {"text": texts, "start": times, "end": times}, optional={"avg_logprob": times}
                ),
            ),
            max_size=6,
        ),
        "language": json_values,
    },
)


@settings(max_examples=200)
@given(documents)
def test_whatever_stands_beside_the_text_every_place_that_is_kept_is_possible(document):
    heard = read(document)
    for item in (*heard.words, *heard.segments):
        assert item.text.strip() == item.text != ""
        assert (item.start_s is None) == (item.end_s is None)
        if item.start_s is not None:
            assert 10.0 <= item.start_s <= item.end_s <= 23.0
            for at_s in (item.start_s, item.end_s):
                assert at_s <= 12.0 or at_s >= 20.0
    for found in heard.segments:
        assert found.avg_logprob is None or math.isfinite(found.avg_logprob)


@settings(max_examples=200)
@given(st.one_of(st.binary(max_size=40), json_values.map(lambda value: json.dumps(value).encode())))
def test_any_body_is_a_transcript_or_one_clear_error(body):
    heard = error = None
    try:
        heard = read(body)
    except ProviderError as caught:
        error = caught
    if heard is None:
        assert error.code in {"STT_EMPTY", "STT_NOT_JSON", "STT_MALFORMED"}
        assert error.__context__ is None
    else:
        assert isinstance(json.loads(body)["text"], str)
        heard.text.encode()


@settings(max_examples=100)
@given(st.data())
def test_a_cut_body_is_never_a_transcript(data):
    whole = json.dumps(verbose("one two", [("one", 0, 1), ("two", 1, 2)])).encode()
    at = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ProviderError):
        read(whole[:at])
