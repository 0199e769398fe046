import pytest
from hypothesis import given
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
    "digit-pairs": [
        ("open 24/7", "open twenty four seven"),
        ("open 24-7", "open twenty-four seven"),
        ("50/50", "fifty fifty"),
    ],
    "ranges": [
        ("10-15 minutes", "ten to fifteen minutes"),
        ("10\u201315%", "ten to fifteen percent"),
        ("5 - 6 pm", "five to six pm"),
        ("9:00-10:30", "nine to ten thirty"),
        ("100-200", "one hundred to two hundred"),
        ("1990-2005", "nineteen ninety to two thousand five"),
        ("1.5-2.5", "1.5 to 2.5"),
        ("1,000-2,000", "one thousand to two thousand"),
        ("$5-$10", "$5 to $10"),
        ("3-0", "three to zero"),
    ],
    "fractions": [
        ("2/3 of it", "two thirds of it"),
        ("1/3", "one third"),
        ("\u00be", "three fourths"),
        ("2\u00be", "two and three quarters"),
        ("2 3/4 cups", "two and three quarters cups"),
        ("one-fourth", "1/4"),
    ],
    "clock-times": [
        ("half past three", "3:30"),
        ("quarter past four", "4:15"),
        ("a quarter to five", "4:45"),
        ("quarter to one", "12:45"),
        ("five past three pm", "3:05 pm"),
        ("twenty-five past 9", "9:25"),
        ("three o'clock", "3:00"),
    ],
    "days": [
        ("march third", "March 3"),
        ("March 3rd, 2024", "march third twenty twenty four"),
        ("march 3, 2024", "march third twenty twenty four"),
        ("may twenty-first", "May 21"),
        ("on may first", "on May 1"),
        ("the third of march", "the 3 of march"),
    ],
    "a-dollar": [("a dollar", "$1"), ("a dollar fifty", "$1.50"), ("a euro", "1 euro")],
    "cent-signs": [("50\u00a2", "fifty cents"), ("$0.50", "50 \u00a2")],
    "plus-signs": [
        ("plus one four one five five five five one two three four", "+1 415 555 1234"),
        ("+44 20 7946 0018", "four four two oh seven nine four six oh oh one eight"),
        ("five plus three", "5 + 3"),
        ("+5 degrees", "plus five degrees"),
        ("18+", "eighteen plus"),
    ],
    "invisible-characters": [("co\u00adop\u200ber\ufeffate\u202c", "cooperate")],
    "digits-of-scripts": [
        ("\uff0b\uff15 degrees", "plus five degrees"),
        ("\u0663\u0664", "34"),
    ],
    "area-codes": [("(555) 1212", "five five five one two one two")],
}
DIFFERENT = {
    "oh": [("oh no", "zero no"), ("oh", "0")],
    "slashes": [("9/11", "911"), ("5/4", "54"), ("7/15", "715")],
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
    assert normalizer_for("de").info.repairs == (
        *("invisible-characters", "digits-of-scripts", "area-codes"),
        *BETWEEN,
    )


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
        ("12/25/2024", "1 2 2 5 2 0 2 4"),
        ("10-15-2024", "1 0 1 5 2 0 2 4"),
        ("9/11", "9/11"),
        ("3-555", "3555"),
        ("05-06", "0506"),
        ("020 12-34", "0 2 0 1 2 3 4"),
        ("a quarter past two percent", "a quarter past 2%"),
        ("half past thirteen", "half past 13"),
        ("ten to three", "10 to 3"),
        ("five a dollar", "5 a dollar"),
        ("half a dollar", "half a dollar"),
        ("one five twenty four seven", "1 5 2 4 7"),
        ("we may march", "we may march"),
        ("twenty first street", "21st street"),
        ("my plus one", "my plus one"),
        ("C++ 17", "c 17"),
        ("the quarter past two", "the quarter past 2"),
        ("a quarter past two", "215"),
        ("won 05-00", "won 0500"),
    ],
)
def test_how_it_is_written(text, words):
    assert ENGLISH(text) == words.split()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("3/4", "34"), ("1/3", "13"), ("1/3", "13rd"), ("24/7", "247"), ("50/50", "5050")),
        *(("10-15", "1015"), ("10-15", "10 15"), ("5-6", "56"), ("100-200", "100200")),
        *(("$10-15", "$10.15"), ("9/11", "911"), ("5 + 3", "53"), ("2 3/4", "23/4")),
    ],
)
def test_a_sign_between_two_numbers_does_not_join_them(one, other):
    for gold, actual in ((one, other), (other, one)):
        assert compare(gold, actual).wer.value > 0.0
        assert compare(f"it is {gold} now", f"it is {actual} now").wer.value > 0.0


def test_the_limit_of_digits_that_are_written_alike_is_as_documented():
    assert ENGLISH("pin one two") == ENGLISH("pin twelve")


def test_a_spoken_telephone_number_is_not_one_word_against_eleven():
    said = "call plus one four one five five five five one two three four"
    found = compare("Call +1 415 555 1234.", said)
    assert (found.wer.value, found.counts.reference_words) == (0.0, 12)
    wrong = compare("Call +1 415 555 1234.", said.removesuffix("four") + "five").counts
    assert (wrong.substitutions, wrong.insertions, wrong.deletions) == (1, 0, 0)


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
def test_what_the_repairs_put_in_for_themselves_never_comes_out(text):
    assert not {"\ue000", "\ue001", "\ue002"} & set("".join(ENGLISH(text)))
