"""Which answer is summed with which speech, also where requests failed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from echotrace.aggregator.pairs import pair
from echotrace.model.measure import Status
from tests.fakes.estimates import llm, part, run, tts


def totals(found):
    return [item.total_ms for item in found.samples]


def test_a_failed_request_takes_its_partner_with_it_and_shifts_nothing():
    found = run(
        0.0,
        llm=llm((300, 300), None, (500, 500), (700, 700), (900, 900)),
        tts=tts((1, 0), (2, 0), None, (4, 0), (5, 0)),
    )
    assert totals(found) == [301.0, 704.0, 905.0]
    assert (found.percentiles.n, found.percentiles.not_measured) == (3, 2)


def test_the_shorter_probe_gives_the_number():
    found = run(0.0, llm=llm((300, 300), (500, 500), (700, 700)), tts=tts((10, 0), (20, 0)))
    assert totals(found) == [310.0, 520.0]
    assert (found.percentiles.n, found.percentiles.not_measured) == (2, 1)


def test_an_answer_that_is_left_out_leaves_its_speech_out_too():
    found = run(0.0, llm=llm((300, None), (500, 600)), tts=tts((1, 0), (2, 0)))
    assert totals(found) == [602.0]


def test_speech_goes_with_the_answer_that_it_speaks():
    """The second answer failed, so that its request of the synthesiser spoke the third."""
    found = run(
        0.0,
        llm=llm((10, 10), None, (30, 30), (40, 40), sentences=("One.", "", "Three.", "Four.")),
        tts=tts((1, 0), (3, 0), (4, 0), (1, 0), texts=("One.", "Three.", "Four.", "One.")),
    )
    assert totals(found) == [11.0, 33.0, 44.0]
    assert found.percentiles.not_measured == 1


def test_a_failed_synthesis_leaves_out_the_answer_that_it_was_of():
    words = ("One.", "Two.", "Three.")
    found = run(
        0.0,
        llm=llm((10, 10), (20, 20), (30, 30), sentences=words),
        tts=tts((1, 0), None, (3, 0), texts=words),
    )
    assert totals(found) == [11.0, 33.0]


def test_answers_that_are_all_the_same_go_by_place():
    same = ("Sure.",) * 4
    found = run(
        0.0,
        llm=llm((10, 10), None, (30, 30), (40, 40), sentences=same),
        tts=tts((1, 0), (2, 0), (3, 0), None, texts=same),
    )
    assert totals(found) == [11.0, 33.0]


def test_where_no_two_belong_together_there_is_no_sum_and_it_says_why():
    found = run(llm=llm((300, 300), None), tts=tts(None, (20, 0)))
    assert (found.samples, found.total_ms.value) == ((), None)
    assert found.total_ms.status is Status.UNAVAILABLE
    assert "answered by both" in found.total_ms.reason
    assert "answered by both" in part(found, "speech_synthesis").ms.reason
    assert part(found, "llm_inference").ms.value is None
    assert (found.percentiles.n, found.percentiles.not_measured) == (0, 2)


fates = st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=1, max_size=8)


@given(fates, fates)
def test_no_request_is_used_twice_and_the_words_agree(answers, sounds):
    found = pair(
        llm(
            *[(9, 9) if ok else None for _, ok in answers], sentences=[word for word, _ in answers]
        ),
        tts(*[(1, 0) if ok else None for _, ok in sounds], texts=[word for word, _ in sounds]),
    )
    if found.answers and found.sounds:
        assert [item.first_sentence for item in found.answers] == [
            item.text for item in found.sounds
        ]
    for samples in (found.answers, found.sounds):
        assert len({item.index for item in samples}) == len(samples)
        assert not any(item.cold or item.status == "failed" for item in samples)
    both = any(ok for _, ok in answers) and any(ok for _, ok in sounds)
    assert found.apart == (both and not found.count)
