import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.model.measure import Status
from echotrace.text.compare import compare

RATES = ("wer", "cer", "mer", "wil", "wer_raw")


def statuses(found):
    return {getattr(found, name).status for name in RATES}


def test_a_comparison_is_measured_and_says_how():
    found = compare("I need thirty six tickets", "i need 36 ticket")
    assert statuses(found) == {Status.MEASURED}
    assert found.wer.value == pytest.approx(1 / 4)
    assert found.wer_raw.value == pytest.approx(4 / 5)
    assert (found.wer.unit, found.wer.n, found.wer.low) == ("ratio", 1, None)
    assert found.normalizer.name in found.wer.method
    assert found.normalizer.version in found.wer.method
    assert found.hallucinated_words is None


def test_a_doubt_makes_every_figure_an_estimate():
    found = compare("hello there", "hello", doubt="the embedded engine stood in")
    assert statuses(found) == {Status.ESTIMATED}
    assert found.wer.reason == "the embedded engine stood in"


@pytest.mark.parametrize("reference", ["", "  \n", "...", "?!", "(music)"])
def test_a_reference_without_words_is_not_measurable_and_counts_inventions(reference):
    found = compare(reference, "thank you for watching")
    assert statuses(found) == {Status.NOT_MEASURABLE}
    assert found.wer.value is None
    assert found.hallucinated_words == found.counts.insertions == 4
    assert found.diff[0].actual == ("thank", "you", "for", "watching")


def test_nothing_against_nothing_is_not_measurable_either():
    found = compare("", "")
    assert found.wer.status is Status.NOT_MEASURABLE
    assert found.hallucinated_words == 0
    assert found.diff == ()


def test_an_empty_transcript_has_lost_every_word():
    found = compare("call me back", "")
    assert found.wer.value == found.cer.value == found.mer.value == found.wil.value == 1.0
    assert found.counts.deletions == 3
    assert [op.op for op in found.diff] == ["delete"]


def test_the_rate_can_exceed_one():
    assert compare("hi", "hi there my old friend").wer.value == 4.0


def test_composed_and_decomposed_letters_are_the_same():
    found = compare("caf\u00e9 nai\u0308ve", "cafe\u0301 na\u00efve")
    assert found.wer.value == found.wer_raw.value == found.cer.value == 0.0


def test_another_script_is_compared_as_it_is():
    found = compare("привет мир", "hello world")
    assert found.wer.value == 1.0
    assert found.counts.substitutions == 2


def test_a_megabyte_of_reference_is_compared_in_bounded_time():
    found = compare("word other third " * 62_000, "word other")
    assert found.counts.reference_words == 186_000
    assert found.counts.deletions == 185_998


def test_a_text_beyond_any_recording_is_refused_with_a_reason():
    found = compare("a " * 1_100_000, "a")
    assert found.wer.status is Status.NOT_MEASURABLE
    assert "too long" in found.wer.reason
    assert found.counts is None


def test_two_long_texts_are_refused_before_the_table_is_filled():
    many = compare("alpha beta " * 75_000, "beta alpha " * 75_000)
    assert many.wer.status is Status.NOT_MEASURABLE
    assert "150,000" in many.wer.reason


@given(st.text(max_size=40), st.text(max_size=40))
@settings(deadline=None)
def test_whatever_the_texts_the_figures_can_be_written(reference, hypothesis):
    found = compare(reference, hypothesis)
    for name in RATES:
        figure = getattr(found, name)
        assert figure.value is None or 0.0 <= figure.value < float("inf")
