import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.errors import InputError
from echotrace.text.transcript_file import MAX_BYTES, TranscriptFile, read_transcript, within


@pytest.fixture
def write(tmp_path):
    def write(content, name="heard.json"):
        path = tmp_path / name
        data = content if isinstance(content, bytes) else None
        if data is None:
            data = (content if isinstance(content, str) else json.dumps(content)).encode()
        path.write_bytes(data)
        return str(path)

    return write


def test_plain_text_is_taken_as_it_is(write):
    found = read_transcript(write("Hello there,\nwho is it?\n", "heard.txt"))
    assert found == TranscriptFile(name="heard.txt", text="Hello there,\nwho is it?")


def test_words_with_times_in_either_spelling(write):
    document = {
        "text": "hello there",
        "words": [
            {"word": " hello", "start": 0.5, "end": 1, "probability": 0.9},
            {"text": "there", "start_s": 1.0, "end_s": 1.25, "confidence": 0.5},
        ],
    }
    found = read_transcript(write(document))
    assert [(w.text, w.start_s, w.end_s, w.probability) for w in found.words] == [
        ("hello", 0.5, 1.0, 0.9),
        ("there", 1.0, 1.25, 0.5),
    ]
    assert found.text == "hello there"


def test_the_json_that_whisper_writes(write):
    document = {
        "language": "en",
        "segments": [
            {
                "id": 0,
                "start": 0.0,
                "end": 2.0,
                "text": " Hello there.",
                "avg_logprob": -0.2,
                "no_speech_prob": 0.01,
                "compression_ratio": 1.1,
                "temperature": 0.0,
                "words": [{"word": " Hello", "start": 0.1, "end": 0.4, "probability": 0.8}],
            },
            {"start": 2.0, "end": 3.0, "text": " Bye."},
        ],
    }
    found = read_transcript(write(document))
    assert found.text == "Hello there. Bye."
    assert [word.text for word in found.words] == ["Hello"]
    assert [(s.text, s.start_s, s.avg_logprob) for s in found.segments] == [
        ("Hello there.", 0.0, -0.2),
        ("Bye.", 2.0, None),
    ]


def test_a_bare_list_of_words(write):
    found = read_transcript(write([{"word": "one"}, {"word": "two"}]))
    assert found.text == "one two"
    assert found.words[0].start_s is None


def test_json_is_known_without_its_suffix_and_text_with_a_brace_stays_text(write):
    assert read_transcript(write('{"text": "hi"}', "heard")).text == "hi"
    assert read_transcript(write("{laughs} hi", "heard.txt")).text == "{laughs} hi"
    assert read_transcript(write("[noise] hi", "heard")).text == "[noise] hi"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_text_of_any_marked_encoding(write, encoding):
    assert read_transcript(write("naïve café".encode(encoding), "heard.txt")).text == "naïve café"


@pytest.mark.parametrize(
    ("content", "code", "place"),
    [
        (b"ok\nna\xefve", "TRANSCRIPT_ENCODING", "byte 5, in line 2"),
        (b"a\0b", "TRANSCRIPT_ENCODING", "character 1"),
        (b"\xff\xfea", "TRANSCRIPT_ENCODING", "byte"),
        ('{"text": "a",\n oops}', "TRANSCRIPT_JSON", "line 2, column 2"),
        ("", "TRANSCRIPT_JSON", "line 1"),
        ("[" * 100_000, "TRANSCRIPT_JSON", "nested"),
        ("3", "TRANSCRIPT_SHAPE", "the document"),
        ({"segment": []}, "TRANSCRIPT_SHAPE", "segments"),
        ({"words": {"word": "a"}}, "TRANSCRIPT_SHAPE", "words should be a list"),
        ({"words": ["a"]}, "TRANSCRIPT_SHAPE", "words[0]"),
        ({"words": [{"word": "a"}, {"start": 1}]}, "TRANSCRIPT_SHAPE", "words[1]"),
        ({"words": [{"word": 5}]}, "TRANSCRIPT_SHAPE", "words[0].word should be text"),
        ({"words": [{"word": "a", "start": "1"}]}, "TRANSCRIPT_SHAPE", "words[0].start"),
        ({"words": [{"word": "a", "start": True}]}, "TRANSCRIPT_SHAPE", "words[0].start"),
        ('{"words": [{"word": "a", "end": NaN}]}', "TRANSCRIPT_SHAPE", "words[0].end"),
        ('{"words": [{"word": "a", "end": 1e999}]}', "TRANSCRIPT_SHAPE", "finite"),
        ({"words": [{"word": "a", "end": 10**400}]}, "TRANSCRIPT_SHAPE", "finite"),
        ([{"word": "a", "probability": 1.5}], "TRANSCRIPT_SHAPE", "words[0].probability"),
        ([{"word": "a", "confidence": 97}], "TRANSCRIPT_SHAPE", "a probability from 0 to 1"),
        ([{"word": "a", "score": -0.1}], "TRANSCRIPT_SHAPE", "words[0].score"),
        ([{"word": "a", "start": -1, "end": 1}], "TRANSCRIPT_SHAPE", "words[0].start should be 0"),
        ([{"word": "a", "end_s": -1}], "TRANSCRIPT_SHAPE", "words[0].end_s should be 0"),
        (
            [{"word": "a"}, {"word": "b", "start": 2, "end": 1}],
            "TRANSCRIPT_SHAPE",
            "words[1].end should be 2, its start, or later",
        ),
        ({"segments": [{"words": [{"word": "a", "score": 2}]}]}, "TRANSCRIPT_SHAPE", "].score"),
        ({"segments": [{"text": "a", "start": -2}]}, "TRANSCRIPT_SHAPE", "segments[0].start"),
        ({"segments": [{"text": "a", "no_speech_prob": 7}]}, "TRANSCRIPT_SHAPE", "no_speech_prob"),
        ({"text": 1}, "TRANSCRIPT_SHAPE", "text should be text"),
        ({"segments": [{"words": [{"word": None}]}]}, "TRANSCRIPT_SHAPE", "segments[0].words[0]"),
        ({"segments": [{"text": "a", "avg_logprob": "x"}]}, "TRANSCRIPT_SHAPE", "avg_logprob"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(write, content, code, place):
    with pytest.raises(InputError) as caught:
        read_transcript(write(content))
    assert caught.value.code == code
    assert place in caught.value.why
    assert "heard.json" in caught.value.what
    assert caught.value.hint


def test_a_number_of_absurd_length_is_refused(write):
    with pytest.raises(InputError) as caught:
        read_transcript(write('{"words": [{"word": "a", "start": ' + "9" * 5_000 + "}]}"))
    assert caught.value.code in ("TRANSCRIPT_JSON", "TRANSCRIPT_SHAPE")


def test_a_huge_file_is_refused_before_it_is_read_whole(tmp_path):
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(InputError) as caught:
        read_transcript(str(path))
    assert caught.value.code == "TRANSCRIPT_TOO_LARGE"


def test_only_regular_files_are_opened_and_a_pipe_is_not_waited_for(tmp_path):
    pipe = tmp_path / "pipe.txt"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, tmp_path / "nobody.txt", "/dev/zero", "a\0b"):
        with pytest.raises(InputError) as caught:
            read_transcript(str(path))
        assert caught.value.code == "TRANSCRIPT_UNREADABLE"


def test_a_name_of_other_bytes_is_shown_printable(tmp_path):
    path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\n\x1b[31m.txt")
    Path(path).write_text("hi")
    name = read_transcript(path).name
    assert name.isprintable()
    assert name.startswith("\\xff\\x0a")


def test_segments_that_run_backwards_lose_their_times_and_it_is_said(write):
    document = {"segments": [{"text": "a", "start": 2, "end": 1}, {"text": "b", "start": 3}]}
    found = read_transcript(write(document))
    assert (found.segments[0].start_s, found.segments[1].start_s) == (None, 3.0)
    (finding,) = found.findings
    assert finding.code == "TRANSCRIPT_TIMES"
    assert "segments[0]" in finding.message


@pytest.mark.parametrize("key", ["probability", "confidence", "score"])
def test_float32_may_round_a_probability_over_1(write, key):
    found = read_transcript(write([{"word": "a", key: 1.0000001}, {"word": "b", key: 0}]))
    assert [word.probability for word in found.words] == [1.0, 0.0]


def test_half_a_surrogate_pair_never_reaches_the_report(write):
    found = read_transcript(write('{"text": "a \\ud83d b"}'))
    found.text.encode("utf-8")


def timed(*starts):
    return json.dumps([{"word": f"w{at}", "start": at, "end": at + 0.5} for at in starts])


def test_a_cut_keeps_the_words_inside_it(write):
    found = read_transcript(write(timed(0, 5, 9.8, 12)))
    kept = within(found, begin_s=4.0, end_s=10.0, is_cut=True)
    assert kept.text == "w5"
    assert [word.text for word in kept.words] == ["w5"]
    assert kept.findings == ()


def test_a_cut_without_times_is_said(write):
    found = within(read_transcript(write("hi", "heard.txt")), begin_s=4.0, end_s=10.0, is_cut=True)
    assert found.text == "hi"
    assert [finding.code for finding in found.findings] == ["TRANSCRIPT_NOT_CUT"]


def test_words_after_the_end_of_the_recording_are_said(write):
    found = read_transcript(write(timed(0, 5, 700)))
    found = within(found, begin_s=0.0, end_s=10.0, is_cut=False)
    assert len(found.words) == 3
    assert [finding.code for finding in found.findings] == ["TRANSCRIPT_BEYOND_AUDIO"]


@pytest.mark.parametrize(
    "document",
    [
        [{"word": "a", "start": 1, "end": 700.5}],
        [{"word": "a", "end": 700.5}],
        {"segments": [{"text": "a", "start": 1, "end": 700.5}]},
        {"segments": [{"text": "a", "words": [{"word": "a", "start": 700, "end": 700.5}]}]},
    ],
)
def test_any_time_in_the_json_after_the_end_is_said(write, document):
    found = within(read_transcript(write(document)), begin_s=0.0, end_s=10.0, is_cut=False)
    (finding,) = found.findings
    assert finding.code == "TRANSCRIPT_BEYOND_AUDIO"
    assert "700.5 s" in finding.message
    assert "10.0 s" in finding.message


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["text", "words", "segments", "word", "start", "end"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_gives_a_transcript_or_a_clear_refusal(tmp_path_factory, document):
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(document))
    try:
        text = read_transcript(str(path)).text
    except InputError as error:
        text = error.code
    assert text == "TRANSCRIPT_SHAPE" or isinstance(document, (dict, list))
    text.encode("utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "1\n00:00:01,000 --> 00:00:02,500\nhello there\n",
        "WEBVTT\n\n00:01.000 --> 00:02.500\nhello there\n",
    ],
)
def test_subtitles_are_refused_before_their_times_are_words(tmp_path, text):
    path = tmp_path / "heard.txt"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_transcript(str(path))
    assert caught.value.code == "TRANSCRIPT_SUBTITLES"
