from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.errors import InputError
from echotrace.model.measure import Status
from echotrace.text.entities import compare_entities, find_entities, list_entities
from echotrace.text.key_terms import read_key_terms


def found(text, **options):
    return [(item.type, item.value) for item in find_entities(text, **options)]


@pytest.mark.parametrize(
    ("kind", "value", "forms"),
    [
        ("number", "36", ["thirty six", "thirty-six", "36"]),
        ("number", "101", ["a hundred and one", "one hundred one", "101"]),
        ("number", "2024", ["two thousand twenty four", "twenty twenty four", "2024", "2,024"]),
        ("number", "1999", ["nineteen ninety nine", "nineteen hundred ninety-nine", "1999"]),
        ("number", "1905", ["nineteen oh five", "1905"]),
        ("number", "123", ["one two three", "1 2 3", "1-2-3", "123", "one twenty three"]),
        ("number", "25302", ["twenty five thousand three hundred and two", "25,302"]),
        ("number", "3500000", ["three point five million", "3.5 million"]),
        ("number", "1990", ["the 1990s", "nineteen nineties", "nineteen ninety"]),
        ("number", "500000", ["half a million", "500,000", "five hundred thousand"]),
        ("number", "25%", ["twenty five percent", "25 percent", "25%"]),
        ("number", "21st", ["twenty first", "twenty-first", "21st"]),
        ("number", "-5", ["minus five", "negative 5"]),
        ("money", "USD 25.10", ["twenty five dollars and ten cents", "$25.10", "25.10 dollars"]),
        ("money", "USD 25.00", ["twenty five dollars", "$25", "$ 25", "25 bucks", "$25.00"]),
        ("money", "USD 5000000.00", ["five million dollars", "$5 million", "$5m"]),
        ("money", "EUR 5.00", ["five euros", "5€", "€5"]),
        ("money", "USD 0.50", ["fifty cents", "50 cents", "$0.50", "50\u00a2"]),
        ("date", "march 3", ["march third", "3 March", "March 3rd", "the 3rd of March", "3/3"]),
        ("date", "march 3 2024", ["March third, twenty twenty four", "2024-03-03", "3/3/2024"]),
        ("date", "march 2024", ["March 2024", "march two thousand twenty four"]),
        ("date", "december 31", ["31/12", "December thirty first", "Dec. 31"]),
        ("date", "monday", ["Monday", "monday,"]),
        ("time", "3:30", ["half past three", "3:30", "three thirty o'clock"]),
        ("time", "3:00 pm", ["three p m", "3 pm", "3 p.m.", "3pm", "15:00", "three PM"]),
        ("time", "3:30 pm", ["three thirty pm", "15:30", "3:30 p.m.", "half past three pm"]),
        ("time", "4:45", ["quarter to five", "4:45", "a quarter to five"]),
        ("time", "5:00", ["five o'clock", "5 o'clock", "5:00"]),
        ("email", "john.smith@example.com", ["john dot smith at example dot com"]),
        (
            "email",
            "john.smith@example.com",
            ["John.Smith@example.com.", "john.smith at example.com"],
        ),
        ("email", "john@gmail.com", ["j o h n at gmail dot com"]),
        ("email", "mary_jones42@a.co.uk", ["mary underscore jones four two at a dot co dot uk"]),
        ("phone", "5551212", ["five five five one two one two", "555-1212", "555 1212", "5551212"]),
        ("phone", "5551212", ["five five five twelve twelve", "triple five one two one two"]),
        ("phone", "15551234567", ["+1 555 123 4567", "1-555-123-4567", "+1 (555) 123-4567"]),
        ("order_number", "AB123", ["A B 1 2 3", "AB-123", "a b one two three", "ab123"]),
        ("negation", "not", ["can't", "cannot", "can not", "don\u2019t", "not", "isn't"]),
        ("negation", "never", ["never", "Never!"]),
    ],
)
def test_spoken_and_written_forms_are_one_value(kind, value, forms):
    for form in forms:
        assert found(form) == [(kind, value)], form


def test_the_most_telling_type_wins():
    assert found("call 555-1212") == [("phone", "5551212")]
    assert found("on March 3") == [("date", "march 3")]
    assert found("it is 3:30") == [("time", "3:30")]
    assert found("pay $25") == [("money", "USD 25.00")]
    assert found("order 4471") == [("order_number", "4471")]
    assert found("order AB 123") == [("order_number", "AB123")]
    assert found("code AB-123", key_terms=["ab-123"]) == [("key_term", "ab 123")]


@pytest.mark.parametrize(
    "text",
    ["may I go", "march on", "look at example dot com", "one of them", "that one", "a", "oh", "I"],
)
def test_words_that_only_look_like_entities_are_none(text):
    assert found(text) == []


def test_neighbours_that_are_no_whole_stay_apart():
    assert found("20, 30, 40 and 50") == [("number", n) for n in ("20", "30", "40", "50")]
    assert found("pages 10-20") == [("number", "10"), ("number", "20")]
    assert found("In 2019. 45 people came") == [("number", "2019"), ("number", "45")]
    assert found("two thousand three thousand") == [("number", "2000"), ("number", "3000")]
    assert found("ten to twelve people") == [("number", "10"), ("number", "12")]
    assert found("No. 5") == [("number", "5")]


@given(st.lists(st.integers(0, 9), min_size=3, max_size=30))
def test_digits_that_are_read_out_are_the_digit_string(digits):
    words = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    string = "".join(map(str, digits))
    for spoken in (
        " ".join(words[digit] for digit in digits),
        " ".join(map(str, digits)),
        ", ".join(words[digit] for digit in digits),
    ):
        assert [value for _, value in found(spoken)] == [string]
    compared = compare_entities(" ".join(words[digit] for digit in digits), string)
    assert compared.recall.value == compared.precision.value == 1


TWENTY = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]


def spoken(number):
    """An own, plain way to say a number below a million."""
    if number < 20:
        return TWENTY[number]
    if number < 100:
        tens = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"][
            number // 10 - 2
        ]
        return tens + (f" {TWENTY[number % 10]}" if number % 10 else "")
    if number < 1000:
        rest = f" and {spoken(number % 100)}" if number % 100 else ""
        return f"{TWENTY[number // 100]} hundred{rest}"
    rest = f" {spoken(number % 1000)}" if number % 1000 else ""
    return f"{spoken(number // 1000)} thousand{rest}"


@given(st.integers(2, 999_999))
def test_a_spoken_number_is_its_digits(number):
    assert [value for _, value in found(f"we have {spoken(number)} of these")] == [str(number)]
    assert [value for _, value in found(f"we have {number:,} of these")] == [str(number)]


WORDS = st.sampled_from(
    [
        "I",
        "can't",
        "not",
        "never",
        "twenty",
        "five",
        "dollars",
        "and",
        "ten",
        "cents",
        "$25.10",
        "march",
        "third",
        "3",
        "March",
        "half",
        "past",
        "three",
        "3:30",
        "pm",
        "john",
        "dot",
        "smith",
        "at",
        "example",
        "dot",
        "com",
        "a@b.org",
        "555-1212",
        "one",
        "two",
        "A",
        "B",
        "1",
        "oh",
        "hundred",
        "thousand",
        "order",
        "number",
        "no.",
        "10-20",
        "25%",
        "hello",
        "there",
        ".",
        ",",
        "—",
        "(",
        "+",
        "the",
        "may",
        "to",
        "o'clock",
        "Müller",
    ]
)
TEXTS = st.lists(WORDS, max_size=25).map(" ".join)


@given(TEXTS)
def test_a_text_against_itself_is_all_right(text):
    compared = compare_entities(text, text, key_terms=["hello there", "müller"])
    for score in compared.types:
        assert score.reference == score.transcript == score.found > 0
        assert score.recall.value == score.precision.value == 1
    assert {item.outcome for item in compared.items} <= {"found"}
    assert len(compared.items) == len(find_entities(text, key_terms=["hello there", "müller"]))


@given(TEXTS, TEXTS)
def test_every_entity_of_both_sides_is_accounted_for_once(gold, actual):
    compared = compare_entities(gold, actual)
    said = [item for item in compared.items if item.outcome != "added"]
    heard = [item for item in compared.items if item.outcome != "missed"]
    assert [item.gold for item in said] == [item.text for item in find_entities(gold)]
    assert sorted(item.actual for item in heard) == sorted(
        item.text for item in find_entities(actual)
    )
    assert sum(score.reference for score in compared.types) == len(said)
    assert all(0 <= s.found <= min(s.reference, s.transcript) for s in compared.types)


@given(st.text(max_size=60))
def test_any_text_at_all_is_read(text):
    spans = [(item.first, item.last) for item in find_entities(text)]
    assert all(0 <= first < last <= len(text.split()) for first, last in spans)
    assert spans == sorted(spans)


def outcomes(gold, actual, **options):
    items = compare_entities(gold, actual, **options).items
    return [(item.type, item.outcome, item.gold, item.actual) for item in items]


def test_a_not_at_another_place_rescues_no_missed_one():
    assert outcomes("please do not send it now", "please do send it not now") == [
        ("negation", "missed", "not", None),
        ("negation", "added", None, "not"),
    ]


def test_forms_of_one_value_are_found_and_another_value_is_wrong():
    assert outcomes(
        "I can't pay twenty five dollars by march third", "i cannot pay $20 by 3 March"
    ) == [
        ("negation", "found", "can't", "cannot"),
        ("money", "wrong", "twenty five dollars", "$20"),
        ("date", "found", "march third", "3 March"),
    ]


def test_a_time_that_was_read_as_a_number_is_the_same_speech():
    assert outcomes("it is ten thirty", "it is 10:30") == [
        ("number", "found", "ten thirty", "10:30")
    ]
    assert outcomes("it is 10:30 pm", "it is 10:30")[0][:2] == ("time", "wrong")
    assert outcomes("five o'clock", "500")[0][1] == "wrong"
    assert outcomes("not here", "5 here") == [
        ("negation", "missed", "not", None),
        ("number", "added", None, "5"),
    ]


def test_one_wrong_digit_is_a_wrong_number():
    gold, actual = "it is five five five one two one two thanks", "it is 5551213 thanks"
    assert outcomes(gold, actual) == [
        ("phone", "wrong", "five five five one two one two", "5551213")
    ]
    compared = compare_entities(gold, actual)
    assert (compared.recall.value, compared.recall.n) == (0, 1)


def test_a_dropped_negation_lowers_recall_and_an_invented_one_precision():
    dropped = compare_entities("I do not want that", "I do want that")
    assert (dropped.recall.value, dropped.precision.status) == (0, Status.NOT_MEASURABLE)
    assert "transcript" in dropped.precision.reason
    invented = compare_entities("I do want that", "I do not want that")
    assert (invented.precision.value, invented.recall.status) == (0, Status.NOT_MEASURABLE)
    assert "reference" in invented.recall.reason


def test_rates_are_by_type_and_over_all():
    compared = compare_entities("not 5 apples and not 7 on Monday", "not 5 apples and 7 on Sunday")
    by_type = {score.type: score for score in compared.types}
    assert (by_type["number"].recall.value, by_type["number"].recall.n) == (1, 2)
    assert (by_type["negation"].recall.value, by_type["negation"].precision.value) == (0.5, 1)
    assert (by_type["date"].recall.value, by_type["date"].precision.value) == (0, 0)
    assert (compared.recall.value, compared.precision.value) == (3 / 5, 3 / 4)


def test_the_place_is_that_of_the_first_word_said():
    compared = compare_entities(
        "we pay five dollars", "we pay", gold_word_place=[0, 1, 2.5, 3].__getitem__
    )
    assert [item.at_s for item in compared.items] == [2.5]


def test_without_a_reference_the_entities_are_heard_and_nothing_is_rated():
    heard = list_entities("not 5 of Acme", key_terms=["acme"])
    assert [(item.type, item.outcome, item.actual) for item in heard.items] == [
        ("negation", "heard", "not"),
        ("number", "heard", "5"),
        ("key_term", "heard", "Acme"),
    ]
    assert heard.recall.status is heard.types[0].recall.status is Status.NOT_MEASURABLE
    assert heard.key_terms == 1


def test_other_languages_have_figures_and_say_that_this_is_all():
    compared = compare_entities("drei oder 3,50 an a@b.de", "drei oder 3,50 an", language="de")
    assert [(item.type, item.outcome) for item in compared.items] == [
        ("number", "found"),
        ("email", "missed"),
    ]
    assert compared.recall.status is Status.ESTIMATED
    assert "English" in compared.recall.reason


def test_figures_in_another_script_are_figures():
    assert found("في ٢٥ مارس", language="ar") == [("number", "25")]


TERMS = ["Acme Cloud", "acme", "São Paulo", "O'Brien", "C++", "東京"]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("ACME CLOUD's price", ["acme cloud"]),
        ("two Acmes", ["acme"]),
        ("acmeism", []),
        ("in Sa\u0303o  Paulo.", ["são paulo"]),
        ("ask O\u2019Brien", ["o'brien"]),
        ("in C++, not C", ["c++"]),
        ("今日は東京です", ["東京"]),
        ("acme-cloud", ["acme cloud"]),
        ("acme. Cloud", ["acme cloud"]),
    ],
)
def test_key_terms_are_whole_words_of_any_case_and_script(text, terms):
    items = find_entities(text, language="xx", key_terms=TERMS)
    assert [item.value for item in items if item.type == "key_term"] == terms


def test_the_order_of_key_terms_does_not_matter():
    gold, actual = "the Acme Cloud of O'Brien in 東京", "the acme cloud of Bryan in 東京"
    results = {
        repr(compare_entities(gold, actual, key_terms=order))
        for order in permutations(["acme", "Acme Cloud", "o'brien", "東京", "ACME"])
    }
    assert len(results) == 1
    assert "'acme cloud'" in results.pop()


def test_a_file_of_key_terms_is_read_line_by_line(tmp_path):
    path = tmp_path / "terms.txt"
    path.write_bytes("\ufeff# names\r\nAcme Cloud\r\n\r\n  Müller \nacme cloud\n東京".encode())
    assert read_key_terms(path) == ("Acme Cloud", "Müller", "東京")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "every line is empty"),
        (b"# only this\n\n...\n", "every line is empty"),
        (b"fine\n\xff\xfe\n", "line 2"),
        (b"x" * (2**20 + 1), "1 MB"),
        ("\n".join(map(str, range(10_001))).encode(), "10,000"),
        (None, "No such file"),
        ("folder", "directory"),
    ],
)
def test_key_terms_that_cannot_be_used_are_one_clear_error(tmp_path, content, why):
    path = tmp_path / "terms"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_key_terms(path)
    assert caught.value.code == "KEY_TERMS"
    assert why in caught.value.why


def test_entities_of_ten_thousand_words_are_compared():
    sentence = (
        "so I told them not to send the 25 boxes to Acme before March third at half past two "
    )
    gold = (sentence * 560).split()[:10_000]
    actual = [word for index, word in enumerate(gold) if index % 17]
    compared = compare_entities(" ".join(gold), " ".join(actual), key_terms=["acme", "boxes"])
    assert 0.5 < compared.recall.value < 1


@pytest.mark.parametrize(
    "unit", ["five ", "a ", "twenty ", "at ", "john dot ", "double ", "minus ", "(1-", "$1", "1,"]
)
def test_endless_repetitions_end(unit):
    found = find_entities(unit * (100_000 // len(unit)))
    places = [item.first for item in found]
    assert places == sorted(places)
