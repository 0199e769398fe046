"""Speech that is the same in other words, and speech that is not, as what entities make of it."""

import os
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.errors import InputError
from echotrace.model.measure import Status
from echotrace.text.entities import compare_entities, find_entities, list_entities
from echotrace.text.key_terms import read_key_terms

EQUAL = """
open 24/7|open twenty four seven
point five|0.5
point five|.5
zero point five|0.5
one half|1/2
two thirds|2/3
three quarters|3/4
three and a half|3.5
three and a half|3 1/2
twenty per cent|20%
twenty percent|20%
seven eleven|7-11
go to seven eleven now|go to 7-11 now
oh seven seven double oh nine hundred one two three|07700 900123
eight hundred five five five one two one two|800-555-1212
no 5 people came|no five people came
No 5 people came|No five people came
nine to five|9-5
from nine to five|from 9-5
a dollar fifty|$1.50
USD 20|$20
USD 20|20 dollars
twenty dollars|USD 20
two dollars fifty|$2.50
it costs two dollars and fifty cents|it costs $2.50
twenty five dollars|$25
five hundred dollars|$500
three and a half million dollars|$3.5 million
five euros|\u20ac5
ten pounds|\u00a310
fifty cents|$0.50
twenty us dollars|US$20
march third|3/3
March third|3 March
the fourth of july|July 4th
july fourth twenty twenty four|7/4/2024
three thirty pm|3:30 p.m.
half past three|3:30
quarter to five|4:45
five o'clock|5:00
ten thirty|10:30
noon|12:00 pm
nine oh five a m|9:05 am
john dot smith at example dot com|john.smith@example.com
mary underscore jones at mail dot co dot uk|mary_jones@mail.co.uk
five five five one two one two|555-1212
five five five twelve twelve|555 1212
plus one five five five one two three four five six seven|+1 555 123 4567
order A B one two three|order AB123
order four four seven one|order 4471
A B dash one two three|AB-123
I can't go|I cannot go
do not|don't
I will not|I won't
never again|Never again
twenty first|21st
third|3rd
one thousand two hundred|1,200
nineteen ninety nine|1999
two thousand and twenty four|2024
minus five|-5
half a million|500,000
three point five million|3.5 million
room no. 5|room number five
number five|#5
a hundred and one|101
forty two|42
twenty-five|25
one two three|123
one hundred twenty three thousand four hundred|123,400
seven to eleven|7-11
the first of may|May 1
one and a half|1.5
one and a half|1 1/2
one half|\u00bd
three and a half|3\u00bd
five bucks|$5
a hundred dollars|$100
twelve fifty|12:50
gate b twelve|gate B12
"""

UNEQUAL = """
9-5|95
no 5|number 5
24/7|24
fifteen|fifty
15|50
thirteen|thirty
I can go|I can't go
3:15|3:50
three fifteen|three fifty
$15|$50
June|July
not|now
I do not|I do now
five dollars|five euros
1.5|15
one point five|fifteen
half past three|half past four
3 am|3 pm
555-1212|555-1213
AB123|AB132
john@example.com|jon@example.com
march third|march thirteenth
twenty first|twenty
20%|20
never|ever
$2.50|$250
two dollars fifty|$250
7-11|711 712
nine to five|95
24/7|july 24
1/2|12
one half|one
seven eleven|7-12
nine to five|9-50
Monday|Sunday
minus five|five
two thirds|two thirty
one third|one thirty
point five|five
a dollar fifty|$150
USD 20|EUR 20
million|billion
five million|five billion
0.5|5
no|know
quarter past three|quarter to three
oh seven seven|077 0
five dollars twenty minutes ago|$5.20 ago
at this point five people|at 0.5 people
third|thirty
December 1|December 11
10:30|10:13
1 23|12 3
march 4|may 4
"""


def pairs(table):
    lines = table.strip().splitlines()
    return [tuple(part.strip() for part in line.split("|")) for line in lines]


def rates(gold, actual):
    compared = compare_entities(gold, actual)
    return compared.recall.value, compared.precision.value


def test_the_lists_are_long_and_hold_every_type():
    assert len(pairs(EQUAL)) >= 60
    assert len(pairs(UNEQUAL)) >= 25
    types = {item.type for one, _ in pairs(EQUAL) for item in find_entities(one)}
    assert types == {
        "number",
        "money",
        "date",
        "time",
        "email",
        "phone",
        "order_number",
        "negation",
    }


@pytest.mark.parametrize(("one", "other"), pairs(EQUAL))
def test_the_same_speech_is_found_whatever_way_it_is_written(one, other):
    assert rates(one, other) == rates(other, one) == (1, 1)


@pytest.mark.parametrize(("one", "other"), pairs(UNEQUAL))
def test_other_speech_is_never_found_as_the_same(one, other):
    assert rates(one, other) != (1, 1)
    assert rates(other, one) != (1, 1)


WORDS = st.lists(st.sampled_from(["so", "then", "we", "said", "it", "well"]), max_size=3)


@given(st.sampled_from(pairs(EQUAL)), WORDS, WORDS)
def test_sentences_around_it_change_nothing(pair, before, after):
    opening = [" ".join(before) + "."] if before else []
    texts = [" ".join([*opening, text + ".", *after]) for text in pair]
    assert rates(*texts) == (1, 1)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("open 24/7", [("number", "24/7")]),
        ("it is due on 24/7", [("date", "july 24")]),
        ("it is due on 1/2", [("date", "january 2")]),
        ("1/2 of it", [("number", "0.5")]),
        ("No. 5", [("number", "5")]),
        ("it is No 5 there", [("number", "5")]),
        ("room no 5", [("number", "5")]),
        ("no 5 people", [("negation", "no"), ("number", "5")]),
        ("No, 5 people", [("negation", "no"), ("number", "5")]),
        ("pages 10-20", [("number", "10"), ("number", "20")]),
        ("from 9-5", [("number", "9"), ("number", "5")]),
        ("five dollars twenty minutes ago", [("money", "USD 5.00"), ("number", "20")]),
        ("five dollars, fifty each", [("money", "USD 5.00"), ("number", "50")]),
        ("two thirds dollars", [("number", "2/3")]),
        ("at this point five people came", [("number", "5")]),
        ("a third of the pie", [("number", "1/3")]),
        ("a third of March", [("date", "march 3")]),
        ("one third party", [("number", "1"), ("number", "3rd")]),
        ("nine hundred one", [("number", "901")]),
    ],
)
def test_what_may_be_two_things_is_told_by_what_stands_beside_it(text, kinds):
    assert [(item.type, item.value) for item in find_entities(text)] == kinds


def test_the_parts_of_one_word_are_joined_only_to_what_was_read_out():
    compared = compare_entities("seven eleven", "7-11")
    assert [(item.outcome, item.value, item.actual) for item in compared.items] == [
        ("found", "711", "7-11")
    ]
    assert rates("9-5", "ninety five") != (1, 1)
    assert rates("9-5", "95") != (1, 1)
    assert rates("it is 7 or 11", "it is seven eleven") != (1, 1)


TERMS = ["EchoTrace", "Wall Street", "O'Brien", "\u4f60\u597d", "acme cloud"]


@pytest.mark.parametrize(
    ("gold", "actual"),
    [
        ("we use EchoTrace here", "we use echo trace here"),
        ("we use EchoTrace's figures", "we use echo-traces figures"),
        ("on Wall Street now", "on wallstreet now"),
        ("ask O'Brien", "ask obrien"),
        ("ask O\u2019Brien", "ask o brien"),
        ("\u4f60\u597d", "\u4f60 \u597d"),
        ("\u6211 \u4f60\u597d \u5417", "\u6211\u4f60 \u597d\u5417"),
        ("two Acme-Clouds", "two acmeclouds"),
    ],
)
def test_a_key_term_is_found_whatever_its_spaces_and_marks(gold, actual):
    for one, other in ((gold, actual), (actual, gold)):
        compared = compare_entities(one, other, key_terms=TERMS)
        terms = next(score for score in compared.types if score.type == "key_term")
        assert (terms.reference, terms.transcript, terms.found) == (1, 1, 1)


@pytest.mark.parametrize(
    "text",
    [
        "an echotracer",
        "my echo tracey",
        "reecho trace",
        "wallstreeting",
        "cobrien",
        "echo traces x",
    ],
)
def test_a_key_term_is_never_a_part_of_a_longer_word(text):
    terms = ["echotrace x" if text.endswith(" x") else "EchoTrace", "Wall Street", "O'Brien"]
    assert find_entities(text, key_terms=terms) == ()


@given(st.text("abc'-", min_size=1, max_size=8), st.lists(st.integers(1, 7), max_size=3))
def test_spaces_put_into_a_term_lose_it_nowhere(term, cuts):
    if not any(map(str.isalpha, term.replace("-", "").replace("'", ""))):
        return
    places = sorted({0, len(term), *(cut for cut in cuts if cut < len(term))})
    text = " ".join(term[first:last] for first, last in pairwise(places))
    for written in (term, text):
        items = find_entities(f"so {written} so", language="xx", key_terms=[term])
        assert [item.type for item in items] == ["key_term"], written


@pytest.mark.parametrize(
    "unit",
    ["a-", "a ", "1 ", "twenty ", "7-11 ", "1/2 ", "point ", "a dollar ", "nine hundred five "],
)
def test_a_hostile_megabyte_ends(unit):
    found = list_entities(unit * (2**20 // len(unit)))
    assert found.recall.status is Status.NOT_MEASURABLE


def test_the_longest_text_that_is_searched_ends():
    compared = compare_entities("twenty " * 50_000, "a " * 50_000)
    assert compared.recall.value == 0


def test_texts_too_long_to_search_are_said_to_be():
    long = "a " * 50_001
    for compared, side in (
        (list_entities(long), "transcript"),
        (compare_entities("a", long), "transcript"),
        (compare_entities(long, "a"), "reference"),
    ):
        assert compared.recall.status is compared.precision.status is Status.NOT_MEASURABLE
        assert f"the {side} has 50,001 words" in compared.recall.reason
    assert list_entities("a " * 50_000).recall.reason == "there is no reference"


def test_a_pipe_of_key_terms_is_refused_and_not_waited_for(tmp_path):
    pipe = tmp_path / "terms"
    os.mkfifo(pipe)
    with pytest.raises(InputError) as caught:
        read_key_terms(pipe)
    assert "regular file" in caught.value.why
