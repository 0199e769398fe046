import math
import random
from collections import defaultdict
from dataclasses import replace
from itertools import islice

import jiwer
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.audio.vad import SAMPLE_RATE_HZ
from echotrace.model.measure import Status
from echotrace.telemetry import TelemetryCollector
from echotrace.text.compare import compare, not_compared
from echotrace.text.pool import (
    ErrorCounts,
    pool,
    pooled_mer,
    pooled_rate,
    pooled_wil,
    with_interval,
)
from tests.fakes.array_reader import ArrayReader
from tests.fakes.speech_models import shared


def counts(*pairs):
    return [ErrorCounts(edits=edits, reference=words) for edits, words in pairs]


def levenshtein(gold, actual):
    """The textbook table, written apart from what is tested."""
    row = list(range(len(actual) + 1))
    for i, one in enumerate(gold, 1):
        previous, row = row, [i]
        for j, other in enumerate(actual, 1):
            row.append(min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (one != other)))
    return row[-1]


def own_ratio(pairs):
    """A ratio of sums and its standard error, by plain loops."""
    words = sum(words for _, words in pairs)
    ratio = sum(edits for edits, _ in pairs) / words
    squares = sum((edits - ratio * said) ** 2 for edits, said in pairs)
    by_clips = squares * len(pairs) / (len(pairs) - 1) / words**2
    return ratio, math.sqrt(max(by_clips, ratio * (1 - ratio) / words))


def own_interval(pairs, seed=1, resamples=4_000):
    """The studentised bootstrap, written apart from what is tested."""
    rng = random.Random(seed)
    ratio, error = own_ratio(pairs)
    found = []
    for _ in range(resamples):
        again, spread = own_ratio(rng.choices(pairs, k=len(pairs)))
        away = (again - ratio) / spread if spread else math.copysign(6.0, again - ratio)
        found.append(min(6.0, max(-6.0, away)))
    found.sort()
    upper, lower = found[int(0.975 * resamples)], found[int(0.025 * resamples)]
    return max(0.0, ratio - upper * error), ratio - lower * error


def test_pooled_is_edits_over_words_and_not_the_mean_of_clips():
    found = pooled_rate(counts((1, 1), (0, 99)))
    assert found.value == 0.01
    assert found.n == 2
    assert (found.low, found.high) == (None, None)
    assert "too few utterances (2) for an interval" in found.method


def test_the_interval_is_that_of_a_bootstrap_written_apart():
    rng = random.Random(3)
    pairs = [(rng.randrange(0, 6), rng.randrange(4, 30)) for _ in range(40)]
    found = pooled_rate(counts(*pairs), name="WER")
    low, high = own_interval(pairs)
    assert found.low == pytest.approx(low, abs=0.01)
    assert found.high == pytest.approx(high, abs=0.01)
    assert found.low < found.value < found.high
    assert found.method == "WER, pooled; 95 % studentised bootstrap, over 40 utterances"


def test_the_same_seed_gives_the_same_interval_and_another_one_another():
    pairs = counts(*((i % 3, 5 + i % 7) for i in range(12)))
    assert pooled_rate(pairs, seed=1) == pooled_rate(pairs, seed=1)
    assert pooled_rate(pairs, seed=1).low != pooled_rate(pairs, seed=2).low


def test_ten_utterances_have_an_interval_and_nine_have_none():
    pairs = counts(*((i % 2, 5) for i in range(10)))
    assert pooled_rate(pairs).low is not None
    assert pooled_rate(pairs[:9], unit_name="clips").low is None
    assert "too few clips (9)" in pooled_rate(pairs[:9], unit_name="clips").method
    assert pooled_rate([*pairs[:9], *counts((3, 0))]).low is None, "no reference, no utterance"


def test_words_without_a_reference_are_no_errors_but_made_up():
    found = pool([compare("", "thank you"), compare("hello there", "hello"), compare("", "")])
    assert (found.wer.value, found.wer.n) == (0.5, 1)
    assert (found.utterances, found.without_reference) == (1, 2)
    assert found.hallucinated_words == 2


def test_nothing_to_pool_is_not_measurable():
    for found in (pool([]), pool([compare("", "hi")]), pool([not_compared("no reference")])):
        for figure in (found.wer, found.cer, found.mer, found.wil):
            assert figure.status is Status.NOT_MEASURABLE
    assert pool([not_compared("no reference")]).not_compared == 1


def test_a_doubt_makes_the_pooled_figures_estimates():
    found = pool([compare("a b", "a c")], doubt="the embedded engine stood in")
    assert found.wer.status is found.mer.status is Status.ESTIMATED
    assert found.wer.reason == "the embedded engine stood in"


TEXTS = [
    *(("the quick fox", "the quick fox"), ("jumps over it", "jumped over"), ("so", "so be it")),
    *(("well then", ""), ("one fine day", "a fine day"), ("call me back", "call me back")),
]


@pytest.mark.parametrize("times", [1, 2])
def test_all_four_rates_are_those_of_jiwer_on_the_lists(times):
    """Pieces that no rule of the normaliser touches, so that jiwer sees the same words."""
    texts = TEXTS * times
    found = pool([compare(gold, actual) for gold, actual in texts])
    golds, actuals = [gold for gold, _ in texts], [actual for _, actual in texts]
    expected = jiwer.process_words(golds, actuals)
    assert found.wer.value == pytest.approx(expected.wer)
    assert found.mer.value == pytest.approx(expected.mer)
    assert found.wil.value == pytest.approx(expected.wil)
    assert found.cer.value == pytest.approx(jiwer.process_characters(golds, actuals).cer)
    for figure in (found.wer, found.cer, found.mer, found.wil):
        assert (figure.low is None) == (times == 1)
        assert figure.low is None or figure.low <= figure.value <= figure.high


entries = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), min_size=1, max_size=14)


@given(entries)
def test_pooled_lies_between_the_best_and_the_worst_clip(pairs):
    found = pooled_rate(counts(*pairs))
    rates = [edits / words for edits, words in pairs]
    assert min(rates) - 1e-12 <= found.value <= max(rates) + 1e-12
    if found.low is not None:
        assert 0.0 <= found.low <= found.value <= found.high < math.inf


@given(entries, st.randoms(use_true_random=False), st.integers(2, 5))
def test_order_does_not_matter_nor_saying_it_all_again(pairs, rng, times):
    value = pooled_rate(counts(*pairs)).value
    shuffled = rng.sample(pairs, len(pairs))
    assert pooled_rate(counts(*shuffled)).value == value
    assert pooled_rate(counts(*(pairs * times))).value == pytest.approx(value)
    scaled = [(edits * times, words) for edits, words in pairs]
    assert pooled_rate(counts(*scaled)).value == pytest.approx(value * times)


def test_rates_of_an_empty_transcript_are_one():
    lost = [ErrorCounts(edits=3, reference=3)] * 10
    assert pooled_wil(lost).value == pooled_mer(lost).value == pooled_rate(lost).value == 1.0


def spoken(blocks, rng):
    """A reference, a transcript and the block of each word heard, of plain words."""
    gold, actual, where = [], [], []
    for block in range(blocks):
        for _ in range(rng.randrange(4, 9)):
            word = f"w{rng.choice('abcdefghij')}{rng.choice('klmnop')}"
            gold.append(word)
            if rng.random() < 0.9:
                actual.append(word if rng.random() < 0.9 else "wrong")
                where.append(block)
    return " ".join(gold), " ".join(actual), where


def test_one_recording_of_many_segments_gets_an_interval():
    gold, actual, where = spoken(24, random.Random(5))
    before = compare(gold, actual)
    found = with_interval(before, where)
    for name in ("wer", "cer", "mer", "wil"):
        figure = getattr(found, name)
        assert figure.value == getattr(before, name).value
        assert figure.low < figure.value < figure.high
        assert figure.method.endswith("95 % studentised bootstrap, over 24 segments")
    assert found.wer.n == 1
    assert with_interval(before, where) == found
    unchanged = replace(found, wer=before.wer, cer=before.cer, mer=before.mer, wil=before.wil)
    assert unchanged == before


def test_the_segments_interval_is_that_of_a_count_by_hand():
    """Each block: one word right, and every third one wrong besides."""
    gold = " ".join(f"right{chr(97 + i)} said{chr(97 + i)}" for i in range(15))
    actual = " ".join(
        f"right{chr(97 + i)} {'heard' if i % 3 == 0 else 'said'}{chr(97 + i)}" for i in range(15)
    )
    found = with_interval(compare(gold, actual), [i // 2 for i in range(30)]).wer
    low, high = own_interval([(int(i % 3 == 0), 2) for i in range(15)])
    assert found.value == 5 / 30
    assert found.low == pytest.approx(low, abs=0.02)
    assert found.high == pytest.approx(high, abs=0.02)


def test_a_recording_of_few_segments_keeps_no_interval_and_says_why():
    gold, actual, where = spoken(9, random.Random(5))
    found = with_interval(compare(gold, actual), where)
    assert found.wer.low is None
    assert "fewer than 10 segments" in found.wer.method


def test_segments_that_only_hold_inventions_are_no_segments():
    gold = " ".join(f"w{chr(97 + i)}" for i in range(9))
    actual = gold + " made up words here"
    blocks = [*range(9), 20, 21, 22, 23]
    assert with_interval(compare(gold, actual), blocks).wer.low is None


def test_missed_words_go_to_the_segment_before_them():
    """All of the second half is lost after the tenth segment: its errors lie in that one."""
    gold = " ".join(f"w{a}{b}" for a in "abcde" for b in "abcdefgh")
    actual = " ".join(gold.split()[:20])
    found = with_interval(compare(gold, actual), [i // 2 for i in range(20)])
    assert found.wer.value == 0.5
    assert found.wer.low < 0.1, "segments without an error were drawn alone"


def test_what_has_no_figures_stays_as_it_is():
    for compared in (not_compared("no reference"), compare("", ""), compare("hello there", "")):
        found = with_interval(compared, [])
        assert found.wer.value == compared.wer.value
        assert found.wer.low is None
    with pytest.raises(ValueError, match="1 blocks for 2 words"):
        with_interval(compare("a b", "a b"), [0])


@given(st.integers(0, 10_000), st.integers(1, 30))
@settings(max_examples=40)
def test_an_interval_always_holds_its_figure(seed, blocks):
    gold, actual, where = spoken(blocks, random.Random(seed))
    found = with_interval(compare(gold, actual), where)
    for figure in (found.wer, found.cer, found.mer, found.wil):
        assert figure.low is None or figure.low <= figure.value <= figure.high
        assert (figure.low is None) <= (blocks < 25)


def test_characters_lead_where_no_spaces_are_written():
    gold = "".join(chr(0x4E00 + 7 * i) for i in range(60))
    actual = " ".join(gold[i : i + 3] for i in range(0, 60, 3)).replace(gold[10], "").strip()
    before = compare(gold, actual, language="zh")
    found = with_interval(before, list(range(len(before.actual_tokens))))
    assert found.cer.value == pytest.approx(1 / 60)


JFK = (
    "and so my fellow americans ask not what your country can do for you "
    "ask what you can do for your country"
)


def utterances():
    """Real speech with its reference: 5 of LibriVox, 3 of LibriSpeech and one speech."""
    folder = shared("audio/librivox")
    for line in (folder / "transcripts.txt").read_text().splitlines():
        name, reference = line.split(" ", 1)
        yield folder / f"{name}.wav", reference
    for trans in sorted(shared("audio/librispeech").rglob("*.trans.txt")):
        for line in trans.read_text().splitlines():
            name, reference = line.split(" ", 1)
            path = trans.with_name(f"{name}.flac")
            if path.is_file():
                yield path, reference
    yield shared("audio/jfk.flac"), JFK


@pytest.mark.parametrize("count", [1, pytest.param(9, marks=pytest.mark.slow)])
def test_real_speech_pooled_equals_a_computation_apart(count):
    pytest.importorskip("pocketsphinx", reason="pocketsphinx has no wheel for this Python")
    from echotrace.providers.stt.pieces import cut_pieces
    from echotrace.providers.stt.sphinx import SphinxEngine

    collector = TelemetryCollector()
    engine = SphinxEngine()
    engine.load(collector)
    pairs, found = [], []
    totals = defaultdict(int)
    try:
        for path, reference in islice(utterances(), count):
            samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
            reader = ArrayReader(soxr.resample(samples.mean(axis=1), rate, SAMPLE_RATE_HZ))
            pieces = cut_pieces(
                reader, 0, begin_s=0.0, end_s=reader.duration_s, limits=engine.limits, spans=None
            )
            compared = compare(reference, engine.transcribe(pieces, collector).text)
            found.append(compared)
            edits = levenshtein(compared.gold_tokens, compared.actual_tokens)
            own = ErrorCounts.of_words(compared.counts)
            assert (own.edits, own.reference) == (edits, len(compared.gold_tokens))
            assert own.hypothesis == len(compared.actual_tokens)
            pairs.append((edits, len(compared.gold_tokens)))
            totals["characters"] += len(" ".join(compared.gold_tokens))
            totals["edits"] += levenshtein(
                " ".join(compared.gold_tokens), " ".join(compared.actual_tokens)
            )
    finally:
        engine.close()
    pooled = pool(found)
    assert pooled.utterances == len(pairs) == count
    assert pooled.wer.value == sum(e for e, _ in pairs) / sum(n for _, n in pairs)
    assert pooled.cer.value == totals["edits"] / totals["characters"]
    assert 0.1 < pooled.wer.value < 0.5
    assert f"too few utterances ({count})" in pooled.wer.method
    # Said again until they are 10 and more: enough for an interval over the same transcripts.
    times = 1 + 10 // count
    again = pool(found * times).wer
    low, high = own_interval(pairs * times)
    if count == 1:  # all alike: the words' own error and Student's t of 11 utterances
        ratio, error = own_ratio(pairs * times)
        low, high = ratio - 2.228 * error, ratio + 2.228 * error
    assert again.value == pooled.wer.value
    assert again.low == pytest.approx(low, abs=0.015)
    assert again.high == pytest.approx(high, abs=0.015)
