import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.errors import InputError
from echotrace.model.measure import Severity
from echotrace.text.partials import Partial, last_results, utterances_of
from echotrace.text.transcript_file import read_transcript, within

LOG = [
    {"at": 1.2, "text": "hel", "final": False},
    {"at_s": 1.6, "text": "hello"},
    {"time": 2.0, "text": "Hello.", "is_final": True, "utterance": 7},
    {"timestamp": 5, "text": "Bye.", "final": True, "utterance": "last"},
]
READ = (
    Partial(at_s=1.2, text="hel"),
    Partial(at_s=1.6, text="hello"),
    Partial(at_s=2.0, text="Hello.", is_final=True, utterance="7"),
    Partial(at_s=5.0, text="Bye.", is_final=True, utterance="last"),
)


@pytest.fixture
def write(tmp_path):
    def write(content, name="heard.json"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return str(path)

    return write


def lines(items):
    return "".join(json.dumps(item) + "\n" for item in items).encode()


def test_partials_beside_a_transcript(write):
    found = read_transcript(write({"text": "hello bye", "partials": LOG}))
    assert found.partials == READ
    assert found.text == "hello bye"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ({"partials": LOG}, "heard.json"),
        (LOG, "heard.json"),
        (lines(LOG), "heard.jsonl"),
        (lines(LOG), "heard.NDJSON"),
        (lines(LOG), "heard.json"),
        (lines(LOG), "heard"),
        (b"\xef\xbb\xbf" + lines(LOG), "heard.jsonl"),
        (b"\n" + lines(LOG).replace(b"\n", b"\r\n\r\n"), "heard.jsonl"),
        (lines(LOG).decode().encode("utf-16"), "heard.jsonl"),
    ],
)
def test_the_final_results_are_the_transcript_of_a_log_alone(write, content, name):
    found = read_transcript(write(content, name))
    assert found.partials == READ
    assert (found.text, found.words) == ("Hello. Bye.", ())


@pytest.mark.parametrize("name", ["heard.jsonl", "heard.json", "heard.txt"])
def test_a_log_of_one_line(write, name):
    found = read_transcript(write(lines(LOG[:1]), name))
    assert (found.partials, found.text) == (READ[:1], "hel")


def test_an_empty_log_is_an_empty_transcript(write):
    found = read_transcript(write(b"\n\n", "heard.jsonl"))
    assert (found.text, found.partials) == ("", ())


def test_words_are_no_results_and_text_with_braces_stays_text(write):
    assert read_transcript(write([{"text": "hi", "start": 1, "time": 3}])).words[0].text == "hi"
    assert read_transcript(write(b'{"a": 1}\n{"b": 2}', "heard.txt")).partials == ()


FIRST = {"at": 2, "text": "a"}


@pytest.mark.parametrize(
    ("wrong", "key", "wanted"),
    [
        ({"at": 1.5, "text": "b"}, "at", "2, the time of the result before it, or later"),
        ({"at_s": -1, "text": "b"}, "at_s", "0 or more seconds"),
        ({"at": True, "text": "b"}, "at", "a number"),
        ({"at": "3", "text": "b"}, "at", "a number"),
        ({"at": None, "text": "b"}, "at", "0 or more seconds"),
        ({"at": 3, "text": 5}, "text", "text"),
        ({"at": 3, "text": None}, "text", "text"),
        ({"at": 3, "text": "b", "final": "yes"}, "final", "true or false"),
        ({"at": 3, "text": "b", "is_final": 1}, "is_final", "true or false"),
        ({"at": 3, "text": "b", "final": None}, "final", "true or false"),
        ({"at": 3, "text": "b", "utterance": True}, "utterance", "text or a whole number"),
        ({"at": 3, "text": "b", "utterance": [1]}, "utterance", "text or a whole number"),
        ({"text": "b"}, None, "an object such as"),
        ({"at": 3}, None, "an object such as"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(write, wrong, key, wanted):
    for content, name, place in (
        ({"partials": [FIRST, wrong]}, "heard.json", "partials[1]" + (f".{key}" if key else "")),
        (lines([FIRST, wrong]), "heard.jsonl", f"{key} in line 2" if key else "line 2"),
    ):
        with pytest.raises(InputError) as caught:
            read_transcript(write(content, name))
        assert caught.value.code == "TRANSCRIPT_SHAPE"
        assert caught.value.why.startswith(f"{place} should be {wanted}")
        assert name in caught.value.what


@pytest.mark.parametrize(
    ("content", "name", "code", "place"),
    [
        ({"partials": {}}, "heard.json", "TRANSCRIPT_SHAPE", "partials should be a list"),
        ({"partials": [3]}, "heard.json", "TRANSCRIPT_SHAPE", "partials[0] should be an object"),
        (lines([FIRST, [1]]), "heard.jsonl", "TRANSCRIPT_SHAPE", "line 2 should be an object"),
        (lines([FIRST]) + b'{"at": 3, ', "heard.jsonl", "TRANSCRIPT_JSON", "line 2, column"),
        (lines([FIRST]) + b"\nnoise", "heard.json", "TRANSCRIPT_JSON", "line 3, column 1"),
        (b"[" * 100_000, "heard.jsonl", "TRANSCRIPT_JSON", "nested too deeply"),
        (b'{"at": NaN, "text": "a"}', "heard.jsonl", "TRANSCRIPT_SHAPE", "a finite number"),
        (b'{"at": 1e999, "text": "a"}', "heard.jsonl", "TRANSCRIPT_SHAPE", "a finite number"),
        (b'{"at": ' + b"9" * 400 + b', "text": "a"}', "heard.jsonl", "TRANSCRIPT_SHAPE", "finite"),
    ],
)
def test_a_broken_log_is_refused_with_its_place(write, content, name, code, place):
    with pytest.raises(InputError) as caught:
        read_transcript(write(content, name))
    assert caught.value.code == code
    assert place in caught.value.why


def test_half_a_surrogate_pair_never_leaves_the_reader(write):
    found = read_transcript(
        write(b'{"at": 1, "text": "a \\ud83d b", "final": true}', "heard.jsonl")
    )
    found.text.encode("utf-8")
    found.partials[0].text.encode("utf-8")


def test_a_log_of_a_megabyte_is_read(write):
    items = [{"at": at / 10, "text": "word " * 10, "final": at % 10 == 9} for at in range(14_000)]
    content = lines(items)
    assert len(content) > 1e6
    found = read_transcript(write(content, "heard.jsonl"))
    assert len(found.partials) == 14_000
    assert len(found.text.split()) == 14_000


def test_a_cut_drops_the_results_of_the_rest(write):
    found = read_transcript(write(lines(LOG), "heard.jsonl"))
    kept = within(found, begin_s=1.5, end_s=1.9, is_cut=True)
    assert [result.at_s for result in kept.partials] == [1.6, 2.0, 5.0]
    kept = within(found, begin_s=3.0, end_s=4.9, is_cut=True)
    assert [result.at_s for result in kept.partials] == [5.0]
    kept = within(found, begin_s=6.0, end_s=9.0, is_cut=True)
    assert kept.partials == ()


def test_a_log_on_another_clock_is_said(write):
    log = [{"at": 1_700_000_000.5, "text": "hi", "final": True}]
    found = within(read_transcript(write({"partials": log})), begin_s=0, end_s=9, is_cut=False)
    assert [finding.code for finding in found.findings] == ["TRANSCRIPT_BEYOND_AUDIO"]


def test_a_log_of_results_a_little_later_than_the_speech_is_no_other_recording(write):
    for at, codes in ((14.9, []), (15.1, ["TRANSCRIPT_BEYOND_AUDIO"])):
        log = [{"at": at, "text": "hi", "final": True}]
        found = within(read_transcript(write({"partials": log})), begin_s=0, end_s=9, is_cut=False)
        assert [finding.code for finding in found.findings] == codes


def test_the_time_that_a_log_goes_on_to_is_its_own(write):
    log = [{"at": 100.0, "text": "hi", "final": True}]
    for words, latest in (([], "100.0"), ([{"word": "hi", "end": 120}], "120.0")):
        read = read_transcript(write({"words": words, "partials": log}))
        (finding,) = within(read, begin_s=0, end_s=9, is_cut=False).findings
        assert f"goes on to {latest} s, but the recording ends at 9.0 s" in finding.message


def test_a_log_without_a_final_result_is_what_each_utterance_showed_last(write):
    log = [
        {"at": 1.0, "text": "hel"},
        {"at": 1.2, "text": "and", "utterance": "b"},
        {"at": 1.4, "text": "hello", "final": False},
        {"at": 1.9, "text": "and you", "utterance": "b"},
    ]
    for content, name in (({"partials": log}, "heard.json"), (lines(log), "heard.jsonl")):
        found = read_transcript(write(content, name))
        assert found.text == "hello and you"
        (finding,) = found.findings
        assert (finding.code, finding.severity) == ("TRANSCRIPT_NOT_FINAL", Severity.WARNING)
        assert f"no result of {name} was final" in finding.message


def test_an_utterance_left_open_at_the_end_of_a_log_counts_and_is_said(write):
    log = [*LOG, {"at": 6, "text": "good"}, {"at": 6.5, "text": "good night"}]
    found = read_transcript(write(lines(log), "heard.jsonl"))
    assert found.text == "Hello. Bye. good night"
    (finding,) = found.findings
    assert finding.code == "TRANSCRIPT_NOT_FINAL"
    assert "1 utterance of heard.jsonl had no final result" in finding.message


def test_a_log_that_ended_with_final_results_or_has_a_text_beside_it_is_not_doubted(write):
    taken_back = {"at": 7, "text": "um"}, {"at": 8, "text": ""}
    assert read_transcript(write(lines([*LOG, *taken_back]), "heard.jsonl")).findings == ()
    beside = read_transcript(write({"text": "hello you", "partials": LOG[:2]}))
    assert (beside.text, beside.findings) == ("hello you", ())


def result(at, text, utterance=None, *, final=False):
    return Partial(at_s=at, text=text, is_final=final, utterance=utterance)


def test_results_belong_to_the_final_one_that_comes_next():
    log = [result(1, "a"), result(2, "b", final=True), result(3, "c"), result(4, "d", final=True)]
    found, lost = utterances_of([*log, result(5, "e")])
    assert [(item.partials, item.final) for item in found] == [
        ((log[0],), log[1]),
        ((log[2],), log[3]),
    ]
    assert lost == 1


def test_named_utterances_may_run_into_each_other():
    log = [
        result(1, "one", "x"),
        result(2, "two", "y"),
        result(3, "One.", "x", final=True),
        result(4, "Two.", "y", final=True),
        result(5, "again", "x"),
        result(6, "Again.", "x", final=True),
    ]
    found, lost = utterances_of(log)
    assert [(len(item.partials), item.final.text) for item in found] == [
        (1, "One."),
        (1, "Two."),
        (1, "Again."),
    ]
    assert lost == 0


@pytest.mark.parametrize("names", [(None, "x"), ("x", None)])
def test_results_that_a_final_one_may_be_of_are_not_told_twice(names):
    log = [result(1, "hel", names[0]), result(2, "Hello.", names[1], final=True)]
    assert last_results(log) == (log[1],)
    assert last_results([*log, result(3, "bye", names[0])])[1:] == (result(3, "bye", names[0]),)


def test_an_open_utterance_keeps_its_place_between_others():
    log = [
        result(1, "one", "x"),
        result(2, "two", "y"),
        result(3, "One.", "x", final=True),
        result(4, "two three", "y"),
        result(5, "Four.", "z", final=True),
    ]
    assert [end.text for end in last_results(log)] == ["One.", "two three", "Four."]


def test_results_without_text_make_no_utterance_but_may_take_one_back():
    assert utterances_of([result(1, ""), result(2, "", final=True)]) == ((), 0)
    (taken_back,), _ = utterances_of([result(1, "a"), result(2, "", final=True)])
    assert taken_back.final.text == ""


@given(
    st.lists(
        st.tuples(st.sampled_from(["", "a", "b"]), st.booleans(), st.sampled_from([None, "x"])),
        max_size=12,
    )
)
def test_every_result_with_text_is_in_one_utterance_or_lost(rows):
    log = [
        result(at, text, name, final=final) for at, (text, final, name) in enumerate(rows, start=1)
    ]
    found, lost = utterances_of(log)
    kept = [item for one in found for item in (*one.partials, one.final)]
    assert len({item.at_s for item in kept}) == len(kept)
    assert sum(item.text != "" for item in log) <= len(kept) + lost
    assert len(kept) + lost <= len(log)
    ends = last_results(log)
    assert [end for end in ends if end.is_final] == [one.final for one in found if one.final.text]
    assert len([end for end in ends if not end.is_final]) <= len({name for *_, name in rows})
    assert all(end.text for end in ends)
    assert list(ends) == sorted(ends, key=lambda end: end.at_s)
