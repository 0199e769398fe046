import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.model.report import DiffOp
from echotrace.text.align import align_words, aligned_alike, word_errors
from echotrace.text.compare import compare
from echotrace.text.normalize import english_normalizer, normalizer_for
from echotrace.text.repairs import AFTER, BEFORE, BETWEEN, in_the_words_of

ENGLISH = normalizer_for("en")
ALSO = tuple(
    name for name in ENGLISH.info.repairs if name not in {rule.name for rule in (*BEFORE, *AFTER)}
)
SAME = {
    "apostrophes": [("can\u2019t", "can't"), ("that\u2019s", "that is")],
    "o'clock": [("five o'clock", "5 oclock"), ("at five o clock", "at 5 o'clock")],
    "o'names": [("Mr. O'Brien", "mister obrien")],
    "bare-contractions": [
        ("i dont, thats all", "I don't, that's all"),
        ("thats been", "that's been"),
    ],
    "cannot": [("cannot", "can't"), ("cannot", "can not")],
    "okay": [("ok", "okay"), ("O.K., fine", "okay fine")],
    "alright": [("alright", "all right")],
    "compounds": [("Wi-Fi", "wifi"), ("wi fi", "wifi"), ("E-mails", "emails")],
    "ampersand": [("rock & roll", "rock and roll"), ("AT&T", "at and t")],
    "addresses": [
        ("jo@example.com", "jo at example dot com"),
        ("j.o_x@mail.org,", "j dot o underscore x at mail dot org"),
        ("see www.bbc.co.uk.", "see www dot bbc dot co dot uk"),
    ],
    "am-pm": [("3 p.m.", "three pm"), ("3 a.m. sharp", "3am sharp")],
    "decades": [("the 1990's", "the nineteen nineties")],
    "halves": [("2 and a half", "two and a half"), ("2\u00bd", "2.5"), ("1/2", "one half")],
    "a-hundred": [
        ("a hundred and one", "101"),
        ("a thousand", "1,000"),
        ("a hundred dollars", "$100"),
    ],
    "full-hours": [("at 10:00", "at ten")],
    "minus": [("-5 degrees", "minus five degrees")],
    "leading-zeros": [
        ("9:05", "nine o five"),
        ("007", "double o seven"),
        ("0 20", "zero two zero"),
    ],
    "hundred-digits": [
        ("one eight hundred five five five", "1-800-555"),
        ("oh seven seven double oh nine hundred one two three", "07700 900123"),
        ("three two hundred", "3200"),
    ],
    "spoken-cents": [
        ("four dollars fifty", "$4.50"),
        ("it costs three pounds twenty five", "it costs \u00a33.25"),
    ],
    "leading-points": [("point five", "0.5")],
    "digit-strings": [
        ("one two three", "1 2 3"),
        ("1-2-3", "123"),
        ("555-1212", "five five five one two one two"),
        ("555 1212", "5551212"),
        ("3:30", "three thirty"),
        ("+1 555 123 4567", "one five five five one two three four five six seven"),
    ],
    "area-codes": [("(555) 1212", "five five five one two one two")],
}
DIFFERENT = {
    "oh": [("oh no", "zero no"), ("oh", "0")],
    "ones": [("1%", "one"), ("$1", "one"), ("3.1", "31")],
}


def without(name):
    return english_normalizer(
        [rule for rule in (*BEFORE, *AFTER) if rule.name != name],
        also=[other for other in ALSO if other != name],
    )


def test_every_repair_is_named_in_the_report_and_shown_here():
    assert set(ENGLISH.info.repairs) == {*SAME, *DIFFERENT, *BETWEEN}
    assert len(ENGLISH.info.repairs) == len(set(ENGLISH.info.repairs))
    assert normalizer_for("de").info.repairs == ("area-codes", *BETWEEN)


@pytest.mark.parametrize("name", SAME)
def test_the_same_speech_is_the_same_and_was_not_without_the_repair(name):
    for one, other in SAME[name]:
        assert ENGLISH(one) == ENGLISH(other) != []
    broken = without(name)
    assert any(broken(one) != broken(other) for one, other in SAME[name])


@pytest.mark.parametrize("name", DIFFERENT)
def test_other_speech_is_not_the_same_and_was_without_the_repair(name):
    for one, other in DIFFERENT[name]:
        assert ENGLISH(one) != ENGLISH(other)
    broken = without(name)
    assert any(broken(one) == broken(other) for one, other in DIFFERENT[name])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("thirty six", "36"),
        ("twenty twenty four", "2024"),
        ("2024", "2024"),
        ("two thousand and twenty four", "2024"),
        ("nineteen ninety nine", "1999"),
        ("twenty-five", "25"),
        ("twenty first", "21st"),
        ("five per cent", "5%"),
        ("one percent", "1%"),
        ("four dollars and fifty cents", "$4.50"),
        ("one dollar and fifty cents", "$1.50"),
        ("$0.05", "\u00a25"),
        ("three point one four", "3.14"),
        ("one point five million", "1500000"),
        ("no one", "no one"),
        ("the ones", "the ones"),
        ("4821", "4821"),
        ("48215", "4 8 2 1 5"),
        ("1,000,000", "1000000"),
        ("fifteen thousand", "15000"),
        ("$4 50 20", "$4 5020"),
        ("uh, half a million", "half a 1000000"),
        ("oh five", "05"),
        ("rock 'n' roll", "rock n roll"),
        ("main st", "main saint"),
    ],
)
def test_how_it_is_written(text, words):
    assert ENGLISH(text) == words.split()


def test_one_wrong_digit_of_an_account_number_is_one_error():
    found = compare("my account is 4 8 2 1 5 5 9 0 1 3", "my account is 4821559113")
    assert (found.counts.reference_words, found.counts.substitutions) == (13, 1)
    assert found.wer.value == 1 / 13


def test_a_digit_lost_at_the_limit_between_words_and_digits_is_one_error():
    """12345 is five words and 1234 one; neither side may fare worse for that."""
    lost = compare("code 12345", "code 1234").counts
    assert (lost.reference_words, lost.deletions, lost.substitutions) == (6, 1, 0)
    added = compare("code 1234", "code 12345").counts
    assert (added.reference_words, added.substitutions + added.insertions) == (2, 1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("it is an every day thing", "it is an everyday thing"),
        ("the note book on line", "the notebook online"),
        ("made in the U.S.A.", "made in the USA"),
        ("order AB 1234", "order A B 1234"),
        ("maybe along", "may be a long"),
    ],
)
def test_words_that_differ_by_their_spaces_only_are_no_error(one, other):
    for gold, actual in ((one, other), (other, one)):
        found = compare(gold, actual)
        assert found.wer.value == found.cer.value == 0.0
        assert found.actual_tokens == found.gold_tokens == tuple(ENGLISH(gold))


def test_the_reference_is_never_rewritten_by_what_was_heard():
    gold = "every day is not everyday"
    assert compare(gold, "everyday is not every day").gold_tokens == tuple(ENGLISH(gold))
    assert compare("every day", "every night").counts.reference_words == 2


def test_punctuation_and_case_and_spaces_count_without_a_normaliser():
    found = compare("Every day.", "everyday", normalizer="none")
    assert found.counts.hits == 0


WORDS = ["a", "b", "ab", "abc", "c", "bc", "1", "12", "123", "one", "2", "3", "the"]
words = st.lists(st.sampled_from(WORDS), max_size=14)


@given(words, words)
def test_regrouping_never_makes_an_error_more(gold, actual):
    found, alike = aligned_alike(gold, actual)
    counts = found.counts
    edits = counts.substitutions + counts.deletions + counts.insertions
    assert edits <= word_errors(gold, actual)
    assert counts.reference_words == len(gold)
    assert [word for op in found.diff for word in op.actual] == alike

    def characters(tokens):
        return "".join(tokens).replace("one", "1")

    assert characters(alike) == characters(actual), "only spaces move, and a lone 1"


@given(words.filter(bool), st.data())
def test_any_other_spacing_of_a_text_is_the_text(gold, data):
    """One pair of neighbours joined, as a recogniser does it."""
    at = data.draw(st.integers(0, max(0, len(gold) - 2)))
    joined = [*gold[:at], "".join(gold[at : at + 2]), *gold[at + 2 :]]
    surrounded = ["x", *gold, "y"], ["x", *joined, "y"]
    found, _ = aligned_alike(*surrounded)
    assert found.wer == 0.0 or word_errors(*surrounded) < 2


def test_no_change_is_told_from_a_change():
    assert in_the_words_of(align_words(["a", "b"], ["a", "c"]).diff) is None
    assert in_the_words_of([DiffOp(op="insert", actual=("a", "b", "c"))]) is None
    assert in_the_words_of(align_words(["every", "day"], ["everyday"]).diff) == ["every", "day"]


def test_two_long_texts_without_a_common_word_take_bounded_time():
    gold, actual = [f"g{i}" for i in range(40_000)], [f"a{i}" for i in range(40_000)]
    assert aligned_alike(gold, actual)[1] == actual


@given(st.text(max_size=60))
@settings(deadline=None)
def test_what_the_repairs_put_in_for_themselves_never_comes_out(text):
    assert not {"\ue000", "\ue001"} & set("".join(ENGLISH(text)))
