import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.model.measure import Status
from echotrace.text.compare import compare
from echotrace.text.normalize import NORMALIZERS

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


@pytest.mark.slow
def test_a_megabyte_of_reference_is_compared_in_bounded_time():
    found = compare("word other third " * 62_000, "word other")
    assert found.counts.reference_words == 186_000
    assert found.counts.deletions == 185_998


def test_a_text_beyond_any_recording_is_refused_with_a_reason():
    found = compare("a " * 1_100_000, "a")
    assert found.wer.status is Status.NOT_MEASURABLE
    assert "too long" in found.wer.reason
    assert found.counts is None


def test_more_digits_than_any_call_has_words_are_refused_with_a_reason():
    """Each digit is a word, and each would be an error with its place and its causes."""
    found = compare("1234567890" * 26_000, "eight words that have nothing to do with it")
    assert found.wer.status is Status.NOT_MEASURABLE
    assert "260,000 words" in found.wer.reason
    assert (found.counts, found.diff, found.gold_tokens) == (None, (), ())


@pytest.mark.slow
def test_two_long_texts_are_refused_before_the_table_is_filled():
    many = compare("alpha beta " * 75_000, "beta alpha " * 75_000)
    assert many.wer.status is Status.NOT_MEASURABLE
    assert "150,000" in many.wer.reason


def test_the_normaliser_is_the_one_asked_for():
    texts = ("Thirty six, please", "36 please")
    assert compare(*texts).wer.value == 0.0
    assert compare(*texts, normalizer="basic").wer.value == pytest.approx(2 / 3)
    assert compare(*texts, language="de").normalizer.name == "basic"
    assert compare(*texts, language="de", normalizer="whisper-en").wer.value == 0.0
    none = compare(*texts, normalizer="none")
    assert none.normalizer.name == "none"
    assert none.wer.value == none.wer_raw.value == pytest.approx(2 / 3)


def test_the_tokens_are_those_of_the_diff():
    found = compare("I need thirty six every day", "i need 36 everyday now")
    assert found.gold_tokens == ("i", "need", "36", "every", "day")
    assert found.actual_tokens == ("i", "need", "36", "every", "day", "now")
    assert tuple(word for op in found.diff for word in op.gold) == found.gold_tokens
    assert tuple(word for op in found.diff for word in op.actual) == found.actual_tokens


@pytest.mark.parametrize(
    ("language", "gold", "actual", "cer"),
    [
        ("zh", "今天天气很好\uff0c我们去公园。", "今天 天气 很好 我们去花园", 1 / 11),
        ("ja", "きょうはいいてんきですね", "きょうはいいてんきです", 1 / 12),
        ("ja", "カタカナ", "カタカ ナ", 0.0),
        ("th", "สวัสดีครับ", "สวัสดีคับ", 1 / 10),
        ("lo", "ສະບາຍດີ", "ສະບາຍ", 2 / 7),
        ("km", "សួស្តី", "សួស្តី", 0.0),
        ("my", "မင်္ဂလာပါ", "မင်္ဂလာ", 2 / 9),
    ],
)
def test_characters_lead_where_words_have_no_spaces(language, gold, actual, cer):
    found = compare(gold, actual, language=language)
    assert found.rate == "cer"
    assert found.cer.status is Status.MEASURED
    assert found.cer.value == pytest.approx(cer)
    assert "spaces left out" in found.cer.method
    for figure in (found.wer, found.mer, found.wil, found.wer_raw):
        assert figure.status is Status.ESTIMATED
        assert "no spaces between words" in figure.reason


@pytest.mark.parametrize(
    "text", ["안녕하세요 여러분", "مرحبا بالعالم", "शुभ प्रभात", "hello 世界 my friend", "2024", ""]
)
def test_words_lead_everywhere_else(text):
    assert compare(text, text, language="und").rate == "wer"


def test_a_doubt_goes_before_the_want_of_spaces():
    assert compare("你好世界", "你好", doubt="stood in").wer.reason == "stood in"


@pytest.mark.parametrize(
    ("language", "gold", "actual", "errors"),
    [
        ("ar", "مرحبا بكم في البرنامج.", "مرحبا بكم في برنامج", 1),
        ("he", "שלום לכולם, מה שלומכם?", "שלום לכולם מה שלומך", 1),
        ("hi", "नमस्ते दुनिया", "नमस्ते दुनिया।", 0),
        ("tr", "İstanbul güzel", "istanbul guzel", 2),
    ],
)
def test_scripts_from_right_to_left_and_marks_are_compared_by_word(language, gold, actual, errors):
    found = compare(gold, actual, language=language)
    assert found.rate == "wer"
    assert found.counts.substitutions == errors
    assert found.counts.reference_words == len(gold.split())


@pytest.mark.parametrize(
    "text", ["thành phố Hồ Chí Minh", "naïve café", "שָׁלוֹם", "नमस्ते", "각하", "が", "Ελλάς"]
)
def test_the_unicode_form_of_a_text_is_no_error(text):
    one, other = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    for normalizer in ("auto", "none", "basic"):
        for language in ("en", "und"):
            found = compare(one, other, language=language, normalizer=normalizer)
            assert found.wer.value == found.cer.value == found.wer_raw.value == 0.0


def test_a_megabyte_without_any_space_is_compared_in_bounded_time():
    gold = "".join(chr(0x4E00 + i % 5_000) for i in range(350_000))
    found = compare(gold, gold[:1_000], language="zh")
    assert found.cer.value == pytest.approx(349 / 350)


def test_invisible_characters_are_no_error_but_in_the_raw_text():
    gold, actual = "\ufeff\u200fhello co\u00adopera\u200btion\u202c", "hello cooperation"
    for normalizer in NORMALIZERS:
        found = compare(gold, actual, normalizer=normalizer)
        assert found.wer.value == found.cer.value == 0.0
        assert found.wer_raw.value == 1.0


@pytest.mark.parametrize(
    ("language", "gold", "actual"),
    [
        ("ar", "\u0631\u0642\u0645 \u0663\u0664", "\u0631\u0642\u0645 34"),
        ("fa", "\u06f3\u06f4", "34"),
        ("hi", "\u0969\u096a \u0917\u093e\u092f", "34 \u0917\u093e\u092f"),
        ("en", "room \u0663\u0664", "room thirty four"),
        ("en", "\uff0b\uff11 \uff14\uff11\uff15", "+1 415"),
        ("ja", "\uff13\uff14", "34"),
    ],
)
def test_the_digits_of_every_script_are_digits(language, gold, actual):
    assert compare(gold, actual, language=language).wer.value == 0.0


@pytest.mark.parametrize(
    ("gold", "actual"),
    [
        ("he is not able to pay", "he is notable to pay"),
        ("no table", "notable"),
        ("nor mal", "normal"),
        ("may be not", "maybenot"),
    ],
)
def test_a_negation_is_neither_joined_away_nor_split_out(gold, actual):
    for one, other in ((gold, actual), (actual, gold)):
        assert compare(one, other).wer.value > 0.0
    assert compare("not every day", "not everyday").wer.value == 0.0
    assert compare("un able", "unable").wer.value == 0.0


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_the_texts_the_figures_can_be_written(reference, hypothesis):
    found = compare(reference, hypothesis)
    for name in RATES:
        figure = getattr(found, name)
        assert figure.value is None or 0.0 <= figure.value < float("inf")
