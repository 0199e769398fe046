"""Where the first sentence of an answer ends, and when that can be known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.providers.llm.sentence import FirstSentence

TEXTS = st.text(alphabet=list("aBe g1.!?\u2026\"')\n\u3002\uff01*"), max_size=40)
WORDS = st.lists(
    st.sampled_from(
        ["Mr.", "Smith", "e.g.", "etc.", "Yes.", "No.", "5", "3.5", "$4.20", "I.", "\n\n", "p.m."]
    ),
    max_size=8,
).map(" ".join)


def first_of(*pieces):
    """The first sentence, and the index of the piece that made it whole; None for the end."""
    sentence = FirstSentence()
    for at, piece in enumerate(pieces):
        if sentence.feed(piece):
            return sentence.found, at
    return (sentence.found, None) if sentence.finish() else (None, None)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I can help. What is your name?", "I can help."),
        ("Stop! Now.", "Stop!"),
        ("Really? Yes.", "Really?"),
        ("Well\u2026 let me see.", "Well\u2026"),
        ("Hello Mr. Smith, one moment. Thanks.", "Hello Mr. Smith, one moment."),
        ("Bring a document, e.g. a passport. Then call.", "Bring a document, e.g. a passport."),
        ("It costs 3.5 euros. Fine?", "It costs 3.5 euros."),
        ("That is $4.20 now. Fine?", "That is $4.20 now."),
        ("It costs 5. Fine?", "It costs 5."),
        ("J. Smith is here. He waits.", "J. Smith is here."),
        ("So do I. Then call.", "So do I."),
        ("No. I cannot.", "No."),
        ("Use form No. 5 today. Then call.", "Use form No. 5 today."),
        ("Cards, keys, etc. are here. Good.", "Cards, keys, etc. are here."),
        ("Cards, keys, etc. Bring them.", "Cards, keys, etc."),
        ("We open at 9 a.m. on Monday. Bye.", "We open at 9 a.m. on Monday."),
        ("1. Block the card. 2. Call us.", "1. Block the card."),
        ('He said "Stop." Then he left.', 'He said "Stop."'),
        ("**Block the card.** Then call.", "**Block the card.**"),
        ("Visit example.com today. Thanks.", "Visit example.com today."),
        ("First do this:\n\n- block it", "First do this:"),
        ("Hello.\nNext.", "Hello."),
        ("\u4f60\u597d\u3002\u518d\u89c1\u3002", "\u4f60\u597d\u3002"),
        ("\u672c\u5f53\uff1f\u306f\u3044", "\u672c\u5f53\uff1f"),
        ("no end at all", "no end at all"),
        ("  ... and then. Next", "... and then."),
        ("!", "!"),
        ("", None),
        (" \n ", None),
    ],
)
def test_where_the_first_sentence_ends(text, found):
    assert first_of(text)[0] == found
    assert first_of(*text)[0] == found  # one character at a time


@pytest.mark.parametrize(
    ("pieces", "at"),
    [
        (("Hello.", " Next"), 1),
        (("Hello. ", "Next"), 0),
        (("Hello", ".", "\n"), 2),
        (("That is 3.", "5 euros", ". ", "Fine"), 2),
        (("Hello Mr.", " Smith", ". ", "Yes"), 2),
        (("etc.", " ", "Then"), 2),
        (("\u4f60\u597d\u3002", "\u518d"), 0),
        (("Hello.",), None),
    ],
)
def test_when_it_is_known(pieces, at):
    assert first_of(*pieces)[1] == at


@given(st.one_of(TEXTS, WORDS), st.data())
def test_how_the_text_was_cut_into_pieces_does_not_matter(text, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert first_of(*pieces)[0] == first_of(text)[0]


@given(st.one_of(TEXTS, WORDS))
def test_it_is_the_beginning_of_the_answer_and_never_blank(text):
    found, _ = first_of(text)
    assert (found is None) is (not text.strip())
    if found is not None:
        assert found.strip() == found
        assert text.strip().startswith(found)


def test_a_sentence_without_an_end_is_ended_and_costs_no_time():
    sentence = FirstSentence()
    assert sentence.feed("." * 200_000)
    assert len(sentence.found) == 1000
    assert not sentence.feed("More. ")
    assert not sentence.finish()
