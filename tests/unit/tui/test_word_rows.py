"""Aligned words as lines, their search, their entities: laws over any words and widths."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from echotrace.model.report import DiffOp, Entity, SegmentFlag, Utterance, Word
from echotrace.render.console.diff import cells_of
from echotrace.tui.word_entities import EntityPlaces, bad_first
from echotrace.tui.word_rows import Paragraph, Words, after, before, lay_out
from echotrace.tui.word_search import WordIndex, folded
from echotrace.tui.word_texts import aligned, dialogue, has_dialogue, heard_of
from tests.fakes.audit_reports import (
    audited_call_report,
    audited_report,
    unreferenced_report,
    wide_report,
)
from tests.fakes.reports import long_report

TEXT = st.text(alphabet="abAB .*[(中é\u0301İß", max_size=9).map(lambda text: text.replace(" ", ""))
ONE = (Paragraph(first=0),)
KINDS = ("equal", "substitute", "delete", "insert")


@st.composite
def word_columns(draw):
    """Words of one or two sides, some of them wider than a line, in some paragraphs."""
    kinds = draw(st.lists(st.sampled_from(KINDS), max_size=30))
    upper, lower = [], []
    for kind in kinds:
        gold, actual = draw(TEXT), draw(TEXT)
        upper.append("" if kind == "insert" else gold)
        lower.append("" if kind == "delete" else gold if kind == "equal" else actual)
    firsts = sorted(draw(st.sets(st.integers(0, max(0, len(kinds) - 1)), max_size=4)) | {0})
    single = draw(st.booleans())
    return some_words(
        (lower,) if single else (upper, lower),
        ["equal"] * len(kinds) if single else kinds,
        tuple(Paragraph(first=at) for at in firsts) if kinds else (),
        spaced=draw(st.booleans()),
    )


def some_words(sides, kinds, paragraphs=ONE, *, spaced=True, start_s=None):
    count = len(kinds)
    return Words(
        sides=sides,
        kinds=kinds,
        heard=[None] * count,
        errors=[-1] * count,
        start_s=start_s or [math.nan] * count,
        flagged=bytes(count),
        unsure=bytes(count),
        paragraphs=paragraphs,
        places=[at for at, kind in enumerate(kinds) if kind != "equal"],
        spaced=spaced,
    )


def pair(gold, actual=None):
    """Columns of alike words, said and heard."""
    said = gold.split()
    return some_words((said, said if actual is None else actual.split()), ["equal"] * len(said))


@given(word_columns(), st.integers(1, 40))
def test_the_lines_hold_every_word_once_and_in_order(words, room):
    lines = lay_out(words, room)
    pieces = [piece for number in range(len(lines)) for piece in lines.line(number)]
    firsts = [piece.column for piece in pieces if piece.part == 0]
    assert firsts == list(range(len(words)))
    for side in range(len(words.sides)):
        for column in range(len(words)):
            parts = "".join(p.texts[side] for p in pieces if p.column == column)
            assert parts == words.shown(column)[side]


@given(word_columns(), st.integers(2, 40))
def test_no_line_is_wider_than_its_room_and_no_words_overlap(words, room):
    lines = lay_out(words, room)
    for number in range(len(lines)):
        end = 0
        for piece in lines.line(number):
            assert piece.x >= end
            assert piece.width == max(map(cell_len, piece.texts))
            end = piece.x + piece.width
        assert end <= room


@given(word_columns(), st.integers(1, 40))
def test_a_paragraph_begins_a_line_and_a_word_is_found_where_it_stands(words, room):
    lines = lay_out(words, room)
    for paragraph in words.paragraphs:
        assert lines.x_of(paragraph.first) == 0
    for column in range(len(words)):
        line = lines.line_of(column)
        assert column in lines.span_of(line)
        first = next(piece for piece in lines.line(line) if piece.column == column)
        assert first.x == lines.x_of(column)
        if first.width:
            assert lines.nearest(line, first.x) in (column, column + 1)


def naive(words, query):
    """The columns in which a match begins, found by trying every place of every side."""
    joint = " " if words.spaced else ""
    wanted = joint.join(folded(query).split())
    found = set()
    for side in words.sides:
        text, owners = "", []
        for column, word in enumerate(side):
            if word:
                lead = joint if text else ""
                text += lead + folded(word)
                owners += [owners[-1] if owners else column] * len(lead) + [column] * len(word)
        at = 0
        while wanted and (at := text.find(wanted, at)) >= 0:
            found.add(owners[at])
            at += len(wanted)
    return sorted(found)


@given(word_columns(), st.text(alphabet="abAB .*[(中ß", max_size=4))
def test_search_finds_what_a_naive_search_finds(words, query):
    search = WordIndex(words).search(query)
    assert search.places == naive(words, query)
    for side, texts in enumerate(words.sides):
        for column, text in enumerate(texts):
            for start, end in search.spans(side, column, len(text)):
                assert 0 <= start < end <= len(text)


@given(st.sets(st.integers(0, 50)).map(sorted))
def test_next_and_previous_undo_each_other(places):
    for this, that in pairwise(places):
        assert after(places, this) == that
        assert before(places, that) == this
    if places:
        assert after(places, places[-1]) is None
        assert before(places, places[0]) is None


def test_a_match_runs_across_words_and_says_which_characters():
    words = pair("cancel my Credit Card please")
    search = WordIndex(words).search("  edit   CAR ")
    assert search.places == [2]
    assert [list(search.spans(0, at, len(words.sides[0][at]))) for at in range(1, 5)] == [
        [],
        [(2, 6)],
        [(0, 3)],
        [],
    ]


def test_a_word_said_and_heard_alike_counts_once_and_an_unlike_one_on_either_side():
    words = some_words((["the", "third"], ["the", "bird"]), ["equal", "substitute"])
    index = WordIndex(words)
    assert index.search("the").places == [0]
    assert index.search("third").places == [1]
    assert index.search("bird").places == [1]
    assert index.search("ird").number(1) == 1


def test_in_a_language_without_spaces_a_match_runs_over_the_borders_of_words():
    words = some_words((["解約", "したい"],), ["equal"] * 2, spaced=False)
    assert WordIndex(words).search("約し").places == [0]
    assert words.gap == 0


def test_the_aligned_words_know_their_errors_and_their_times():
    words = aligned(audited_report())
    wrong = [at for at in range(len(words)) if words.kinds[at] != "equal"]
    assert list(words.places) == wrong
    assert sorted(words.errors[at] for at in wrong) == list(range(8))
    at = words.sides[0].index("comprehensive")
    assert words.heard[at].text == "compassion"
    assert words.start_s[at] == 2.82
    assert math.isnan(words.start_s[words.sides[0].index("please")])
    flagged = [words.sides[1][at] for at in range(len(words)) if words.flagged[at]]
    assert flagged == ["for", "watching"]


def test_errors_that_the_report_leaves_out_have_no_number():
    report = audited_report()
    few = replace(report.transcription, errors=report.transcription.errors[:2])
    words = aligned(replace(report, transcription=few))
    assert [number for number in words.errors if number >= 0] == [0, 1]


def test_runs_of_unlike_lengths_are_taken_apart_as_the_errors_are():
    report = audited_report()
    diff = (DiffOp(op="substitute", gold=("a", "b"), actual=("c",)),)
    words = aligned(replace(report, transcription=replace(report.transcription, diff=diff)))
    assert words.kinds == ["substitute", "delete"]
    assert words.sides == (["a", "b"], ["c", ""])


@pytest.mark.parametrize(
    ("tokens", "raw", "expected"),
    [
        ("i am here", ("I'm", "here."), ("I'm", "I'm", "here.")),
        ("a b c", ("A", "B,", "C."), ("A", "B,", "C.")),
        ("a x c", ("A", "y", "z", "C"), ("A", None, "C")),
        ("a b", (), (None, None)),
        ("$36 please", ("thirty", "six", "dollars", "please"), (None, "please")),
    ],
)
def test_normalised_words_find_the_words_that_were_heard(tokens, raw, expected):
    cells = cells_of([DiffOp(op="equal", gold=tuple(tokens.split()), actual=tuple(tokens.split()))])
    found = heard_of(cells, [Word(text=text) for text in raw], [-1] * len(cells), ())
    assert tuple(word and word.text for word in found) == expected


def test_a_long_pause_and_the_other_side_begin_paragraphs():
    report = audited_call_report()
    words = aligned(report)
    assert [words.sides[1][item.first] for item in words.paragraphs] == ["i", "do", "you"]
    spoken_at = [words.start_s[item.first] for item in words.paragraphs]
    assert spoken_at[0] < 5.6 <= spoken_at[1] < 11.9 <= spoken_at[2]
    times = replace(report.transcription, dialogue=())
    late = tuple(
        replace(word, start_s=word.start_s + 9, end_s=word.end_s + 9) if at > 8 else word
        for at, word in enumerate(times.words)
    )
    paused = aligned(replace(report, transcription=replace(times, words=late)))
    assert [paused.sides[1][item.first] for item in paused.paragraphs] == ["i", "uh"]


def test_the_dialogue_names_who_speaks_and_finds_the_words_of_the_channel():
    report = audited_call_report()
    words = dialogue(report)
    assert [item.role for item in words.paragraphs] == [
        *("agent", "caller", "agent", "caller", "agent")
    ]
    assert list(words.places) == [item.first for item in words.paragraphs]
    assert words.paragraphs[1].start_s == 5.6
    assert has_dialogue(report.transcription)
    assert not has_dialogue(audited_report().transcription)


def test_lines_of_a_channel_carry_the_times_of_its_words():
    report = audited_call_report()
    lines = (
        Utterance(channel_index=0, role="caller", start_s=0.3, end_s=2.0, text="i am going"),
        Utterance(channel_index=1, role="agent", start_s=2.0, end_s=3.0, text="yes"),
        Utterance(channel_index=0, role="caller", start_s=3.0, end_s=4.0, text="to cancel"),
    )
    words = dialogue(replace(report, transcription=replace(report.transcription, dialogue=lines)))
    heard = [word and word.text for word in words.heard]
    assert heard == ["i", "am", "going", None, "to", "cancel"]


def test_without_gold_the_unsure_words_and_the_made_up_ones_are_the_places():
    report = unreferenced_report()
    low = (replace(report.transcription.words[0], probability=0.3),)
    told = replace(report.transcription, words=low + report.transcription.words[1:])
    words = aligned(replace(report, transcription=told))
    assert len(words.sides) == 1
    assert [words.sides[0][at] for at in words.places] == ["i", "for", "watching"]


def test_a_flag_that_does_not_quote_all_its_words_holds_the_middles():
    report = unreferenced_report()
    flag = SegmentFlag(kind="repetition", text="going ...", words=9, start_s=0.9, end_s=2.0)
    loops = replace(report.transcription.hallucination, flags=(flag,))
    told = replace(report.transcription, hallucination=loops)
    words = aligned(replace(report, transcription=told))
    assert [words.sides[0][at] for at in words.places] == ["am", "going", "to"]


def test_one_side_alone_and_both_without_an_alignment_are_told_apart():
    report = audited_report()
    bare = replace(report.transcription, diff=(), words=(), errors=(), hallucination=None)
    gold = aligned(replace(report, transcription=replace(bare, actual="")))
    assert (len(gold.sides), gold.sides[0][0], gold.paragraphs[0].role) == (1, "i", "caller")
    both = aligned(replace(report, transcription=replace(bare, actual="oh no")))
    assert [item.role for item in both.paragraphs] == ["gold", "heard"]
    none = aligned(replace(report, transcription=replace(bare, actual=" ", gold=None)))
    assert len(none) == 0
    assert len(lay_out(none, 10)) == 0


def test_entities_are_found_by_spelling_near_their_time_or_by_time_alone():
    starts = [0.0, 1.0, 2.0, 30.0, 31.0, 60.0]
    said = ["may", "third", "so", "may", "third", "36"]
    words = some_words((said, said), ["equal"] * 6, start_s=starts)
    late = Entity(type="date", outcome="wrong", value="", gold="May third", at_s=30.2)
    money = Entity(type="money", outcome="missed", value="36", gold="thirty six", at_s=60.5)
    both = Entity(type="date", outcome="found", value="", gold="may third")
    nowhere = Entity(type="date", outcome="found", value="", gold="june", at_s=45.0)
    places = EntityPlaces(words, (late, money, both, nowhere), WordIndex(words))
    assert places.columns(late) == range(3, 5)
    assert places.columns(money) == range(5, 6)
    assert places.columns(both) is None
    assert places.columns(nowhere) is None
    assert [places.at(at) for at in range(6)] == [None, None, None, late, late, money]


def test_the_entities_that_went_wrong_come_first():
    items = audited_report().transcription.entities.items
    assert [item.outcome for item in bad_first(items[::-1])] == [
        *("wrong", "wrong", "missed", "found")
    ]


def test_twenty_thousand_words_and_wide_ones_are_all_there():
    words = aligned(long_report())
    lines = lay_out(words, 62)
    assert lines.columns[-1] == len(words) - 1
    assert {at for at, _ in enumerate(words.kinds) if words.kinds[at] != "equal"} == set(
        words.places
    )
    wide = aligned(wide_report())
    assert wide.sides[0][0] == "解約したい"
    assert not wide.spaced
