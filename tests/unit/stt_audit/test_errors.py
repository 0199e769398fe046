from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.analyzers.stt_audit.causes import count_causes, explain
from echotrace.analyzers.stt_audit.errors import _Places, _Wrong, find_errors
from echotrace.analyzers.stt_audit.evidence import Evidence, Under
from echotrace.model.report import DiffOp, Word
from echotrace.text.align import align_words


@pytest.fixture(scope="module")
def evidence(spoken):
    return Evidence(spoken, 0)


def words_of(text, *, start_s=5.3, step_s=0.3, probability=0.9):
    return [
        Word(
            text=word,
            start_s=round(start_s + index * step_s, 3),
            end_s=round(start_s + (index + 1) * step_s, 3),
            probability=probability,
        )
        for index, word in enumerate(text.split())
    ]


def errors_of(gold, words, evidence, **extra):
    diff = align_words(gold.split(), [word.text for word in words]).diff
    ranges = [(index, index + 1) for index in range(len(words))]
    return find_errors(diff=diff, words=words, ranges=ranges, evidence=evidence, **extra)


def kinds(causes):
    return [(cause.kind, cause.strength) for cause in causes]


def test_a_wrong_word_has_its_own_place_and_snr(evidence):
    words = words_of("i lost my wallet", probability=0.93)
    (error,) = errors_of("i lost my ballot", words, evidence)
    snr_db = evidence.snr_db(words[3].start_s, words[3].end_s)
    assert (error.op, error.gold, error.actual, error.word) == (
        "substitute",
        "ballot",
        "wallet",
        3,
    )
    assert (error.start_s, error.end_s, error.place) == (6.2, 6.5, "word")
    assert error.snr_db == pytest.approx(snr_db, abs=0.06)
    assert error.probability == 0.93
    assert error.message.startswith('"ballot" -> "wallet" at 6.2 s: local SNR ')
    assert "(clip 12 dB)" in error.message


def test_a_missed_word_lies_between_its_neighbours(evidence):
    words = [*words_of("i"), *words_of("want it", start_s=6.0)]
    (error,) = errors_of("i not want it", words, evidence)
    assert (error.op, error.word, error.place) == ("delete", None, "between")
    assert (error.start_s, error.end_s) == (5.6, 6.0)
    assert error.message.startswith('"not" missed near 5.6 s: ')
    (error,) = errors_of("i not want it", words, evidence, gold_places={1: (5.7, 5.9)})
    assert (error.start_s, error.end_s, error.place) == (5.7, 5.9, "aligned")
    assert error.message.startswith('"not" missed at 5.7 s: ')


def test_missed_words_in_a_row_share_the_gap_in_order(evidence):
    words = [*words_of("a"), *words_of("e", start_s=6.2)]
    errors = errors_of("a b c d e", words, evidence)
    starts = [error.start_s for error in errors]
    assert starts == sorted(starts)
    assert starts[0] == 5.6
    assert errors[-1].end_s == 6.2


def test_an_added_word_on_silence_is_said_to_be_made_up(evidence):
    words = [Word(text="uh", start_s=1.0, end_s=1.3), *words_of("i lost it")]
    (error,) = errors_of("i lost it", words, evidence)
    assert kinds(error.causes) == [("no_speech", "strong")]
    assert error.message == '"uh" added at 1.0 s: no speech there, both detectors agree'


def test_no_place_is_unknown_and_a_segments_place_is_vague(evidence):
    (error,) = errors_of("a", [Word(text="b")], evidence)
    assert kinds(error.causes) == [("unknown", "weak")]
    assert (error.start_s, error.place, error.snr_db) == (None, None, None)
    vague = [Word(text="b", start_s=5.0, end_s=9.0, time_source="segment")]
    (error,) = errors_of("a", vague, evidence)
    assert error.place == "segment"
    assert all(cause.strength != "strong" for cause in error.causes)
    assert " near 5.0 s" in error.message


@pytest.mark.parametrize(
    ("under", "expected"),
    [
        (Under(snr_db=3.0, is_silent=False), [("low_snr", "strong")]),
        (Under(snr_db=8.0, is_silent=False), [("low_snr", "moderate")]),
        (Under(snr_db=14.0, is_silent=False), [("low_snr", "weak")]),
        (Under(snr_db=15.0, is_silent=False), [("model", "weak")]),
        (Under(snr_db=24.0, is_silent=False), [("model", "moderate")]),
        (Under(is_silent=False), [("model", "weak")]),
        (Under(snr_db=24.0, clipped_share=0.2, clipped_samples=9), [("clipped", "strong")]),
        (Under(snr_db=24.0, dropouts=1, lost_s=0.02), [("dropout", "moderate")]),
        (Under(snr_db=24.0, talk_over_s=0.4), [("talk_over", "moderate")]),
        (Under(snr_db=-5.0, is_silent=True), [("no_speech", "moderate")]),
        (
            Under(snr_db=8.0, dropouts=2, lost_s=0.08),
            [("dropout", "strong"), ("low_snr", "moderate")],
        ),
        (None, [("unknown", "weak")]),
    ],
)
def test_each_evidence_has_its_cause_and_the_strongest_comes_first(under, expected):
    assert kinds(explain(under, op="substitute", length_s=0.5, clip_db=14.0)) == expected


def test_the_engines_doubt_comes_after_the_signal_and_the_model():
    for under in (Under(snr_db=3.0), Under(snr_db=30.0), None):
        causes = explain(under, op="substitute", length_s=0.3, probability=0.2)
        assert causes[0].kind != "low_confidence"
        assert kinds(causes)[-1] == ("low_confidence", "moderate")
    assert kinds(explain(Under(snr_db=30.0), op="insert", probability=0.4))[-1] == (
        "low_confidence",
        "weak",
    )


def test_the_sentence_states_the_snr_also_where_nothing_explains_the_error():
    (cause,) = explain(Under(snr_db=24.2), op="substitute", length_s=0.3, clip_db=23.0)
    assert cause.evidence == "local SNR 24 dB: nothing measured in the signal explains it"
    (cause,) = explain(Under(snr_db=63.0), op="substitute", length_s=0.3, clip_db=23.0)
    assert cause.evidence == "local SNR over 40 dB: nothing measured in the signal explains it"
    (cause,) = explain(Under(snr_db=-5.0), op="substitute", length_s=0.3, clip_db=2.0)
    assert cause.evidence == "local SNR -5 dB or less (clip 2 dB)"
    own = Under(snr_db=1.0, is_own_noise=True)
    (cause,) = explain(own, op="substitute", length_s=0.3, clip_db=31.0)
    assert cause.evidence == "local SNR 1 dB (clip 31 dB), noise under it alone"


TOKENS = st.lists(st.sampled_from(list("abcdef")), max_size=14)


@settings(max_examples=150)
@given(TOKENS, TOKENS, st.lists(st.booleans(), min_size=14, max_size=14), st.data())
def test_there_is_one_error_per_edit_each_on_its_word(evidence, gold, actual, timed, data):
    words = [
        word if timed[index] else Word(text=word.text)
        for index, word in enumerate(words_of(" ".join(actual)))
    ]
    known = data.draw(st.lists(st.booleans(), min_size=len(words), max_size=len(words)))
    ranges = [(index, index + 1) if known[index] else None for index in range(len(words))]
    found = align_words(gold, actual)
    errors = find_errors(diff=found.diff, words=words, ranges=ranges, evidence=evidence)
    counts = found.counts
    assert len(errors) == counts.substitutions + counts.deletions + counts.insertions
    assert [error.op for error in errors].count("delete") == counts.deletions
    assert [error.op for error in errors].count("insert") == counts.insertions
    said = [error.word for error in errors if error.word is not None]
    assert said == sorted(set(said))
    for error in errors:
        assert error.causes
        assert error.message
        assert (error.start_s is None) == (error.causes[0].kind == "unknown")
        if error.word is not None:
            assert words[error.word].text == error.actual
        if error.start_s is not None:
            assert evidence.begin_s <= error.start_s <= error.end_s <= evidence.end_s


def test_exposed_words_are_counted_right_and_wrong(evidence):
    words = [Word(text="uh", start_s=1.0, end_s=1.3), *words_of("i lost it", probability=0.2)]
    gold = "i lost that"
    ranges = [(index, index + 1) for index in range(len(words))]
    diff = align_words(gold.split(), [word.text for word in words]).diff
    errors = find_errors(diff=diff, words=words, ranges=ranges, evidence=evidence)
    counts = count_causes(errors, words=words, ranges=ranges, evidence=evidence)
    by_kind = {count.kind: count for count in counts}
    assert sum(count.errors for count in counts) == len(errors) == 2
    silence, doubt = by_kind["no_speech"], by_kind["low_confidence"]
    assert (silence.words_exposed, silence.wrong_exposed) == (1, 1)
    assert (silence.words_other, silence.wrong_other) == (3, 1)
    assert (doubt.errors, doubt.words_exposed, doubt.wrong_exposed) == (0, 3, 1)


def test_only_words_with_a_probability_are_in_doubt_or_not(evidence):
    words = [
        *words_of("i lost", probability=0.2),
        *words_of("my", start_s=5.9, probability=0.9),
        *words_of("ballot", start_s=6.2, probability=None),
    ]
    ranges = [(index, index + 1) for index in range(len(words))]
    diff = align_words(
        ["oh", "i", "lost", "my", "own", "wallet"], [word.text for word in words]
    ).diff
    errors = find_errors(diff=diff, words=words, ranges=ranges, evidence=evidence)
    assert sorted(error.op for error in errors) == ["delete", "delete", "substitute"]
    counts = count_causes(errors, words=words, ranges=ranges, evidence=evidence)
    (doubt,) = [count for count in counts if count.kind == "low_confidence"]
    assert (doubt.words_exposed, doubt.wrong_exposed) == (2, 0)
    assert (doubt.words_other, doubt.wrong_other) == (1, 0)
    noisy = [count for count in counts if count.kind == "low_snr"]
    assert [(c.words_exposed + c.words_other) for c in noisy] == [6]


def test_a_reference_that_does_not_belong_has_its_errors_in_the_gap(evidence):
    """Words that are missed in one gap share one look at what lay there."""
    words = [*words_of("a"), *words_of("e", start_s=12.0)]
    missed = tuple(f"w{index}" for index in range(40_000))
    diff = (
        DiffOp(op="equal", gold=("a",), actual=("a",)),
        DiffOp(op="delete", gold=missed, actual=()),
        DiffOp(op="equal", gold=("e",), actual=("e",)),
    )
    ranges = [(0, 1), (1, 2)]
    errors = find_errors(diff=diff, words=words, ranges=ranges, evidence=evidence)
    counts = count_causes(errors, words=words, ranges=ranges, evidence=evidence)
    assert len(errors) == sum(count.errors for count in counts) == 40_000
    starts = [error.start_s for error in errors]
    assert starts == sorted(starts)
    assert 15 <= len({error.snr_db for error in errors}) <= 25


@given(st.floats(0.0, 20.0), st.integers(1, 50))
def test_missed_words_in_a_row_are_looked_at_within_their_gap(evidence, length_s, parts):
    last = Word(text="e", start_s=2.0 + length_s, end_s=3.0 + length_s)
    words = [Word(text="a", start_s=1.0, end_s=2.0), last]
    found = _Places(words, [(0, 1), (1, 2)], evidence, {})
    for part in range(parts):
        wrong = _Wrong(gold="x", actual=None, gold_token=1 + part, token=1, part=part, parts=parts)
        place = found.of(wrong)
        begin_s, end_s = place.look
        assert end_s - begin_s >= 0.3 - 1e-9
        assert begin_s - 1e-9 <= (place.start_s + place.end_s) / 2 <= end_s + 1e-9
        if length_s >= 0.3:
            assert begin_s >= 2.0 - 1e-9
            assert end_s <= 2.0 + length_s + 1e-9


def test_a_word_of_several_tokens_is_wrong_once_and_a_missed_one_is_exposed_too(evidence):
    words = words_of("twenty five")
    diff = align_words(["36", "now"], ["25"]).diff
    errors = find_errors(diff=diff, words=words, ranges=[(0, 2)], evidence=evidence)
    counts = count_causes(errors, words=words, ranges=[(0, 2)], evidence=evidence)
    assert errors[0].word == 0
    assert (errors[0].start_s, errors[0].end_s) == (5.3, 5.9)
    total = [(c.words_exposed + c.words_other, c.wrong_exposed + c.wrong_other) for c in counts
             if c.words_exposed is not None]  # fmt: skip
    assert set(total) == {(3, 3)}
