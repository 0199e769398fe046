"""The parts of a request: laws for any stamps, and what was going on when one failed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.model.probes import PHASES
from echotrace.providers.anatomy import phases_of
from echotrace.providers.exchange import Exchange

DUE = 1_000_000_000
MS = 1_000_000
NAMES = ("first_token", "reasoning", "streaming", "done")
STAMPS = (
    "dns_start_ns",
    "dns_end_ns",
    "connect_start_ns",
    "connect_end_ns",
    "tls_start_ns",
    "tls_end_ns",
    "sent_ns",
    "uploaded_ns",
    "first_byte_ns",
)
WHOLE = dict(zip(STAMPS, (1, 3, 4, 10, 11, 30, 31, 35, 100), strict=True))


def exchange(status=200, **after_ms):
    stamps = {key: DUE + value * MS for key, value in after_ms.items()}
    return Exchange(started_ns=DUE, status=status, **stamps)


def marks(*after_ms):
    ends = (None if value is None else DUE + value * MS for value in after_ms)
    return tuple(zip(NAMES, ends, strict=True))


def shown(phases):
    return {phase.name: round(phase.duration_ms, 6) for phase in phases}


def assert_unbroken(phases):
    end_ns = 0
    for phase in phases:
        assert round(phase.start_ms * 1e6) == end_ns
        length_ns = round(phase.duration_ms * 1e6)
        assert length_ns >= 0
        end_ns += length_ns
    order = [PHASES.index(phase.name) for phase in phases]
    assert order == sorted(set(order))
    return end_ns


def maybe(values):
    return st.none() | values


TIMES = st.integers(DUE - 10**9, DUE + 10**10)


@given(
    st.fixed_dictionaries({name: maybe(TIMES) for name in STAMPS}),
    st.tuples(*[maybe(TIMES)] * len(NAMES)),
    maybe(TIMES),
    maybe(TIMES),
    st.sampled_from((None, 200, 429)),
    st.booleans(),
)
def test_any_stamps_give_parts_without_a_gap_that_sum_to_the_whole(
    stamps, ends, sent_ns, end_ns, status, bare
):
    one = None if bare else Exchange(started_ns=DUE, status=status, **stamps)
    pairs = tuple(zip(NAMES, ends, strict=True))
    phases = phases_of(one, due_ns=DUE, sent_ns=sent_ns, marks=pairs, end_ns=end_ns)
    whole_ns = assert_unbroken(phases)
    if end_ns is not None:
        assert whole_ns <= max(0, end_ns - DUE)
        assert whole_ns == max(0, end_ns - DUE) or ends[-1] is not None
        return
    begun = [stamps[name] for name in (*STAMPS[::2][:3], "sent_ns") if stamps[name] is not None]
    last = [stamps[name] for name in (*STAMPS[1::2][:3], "uploaded_ns", "first_byte_ns")]
    if bare:
        begun, last = [], []
    known = [value for value in (*(begun or [sent_ns])[:1], *last, *ends) if value is not None]
    assert whole_ns == max((0, *(value - DUE for value in known)))


@given(st.lists(st.integers(0, 10**10), min_size=9 + len(NAMES), max_size=9 + len(NAMES)))
def test_a_whole_request_has_all_parts_and_ends_at_its_last_stamp(values):
    ordered = [DUE + value for value in sorted(values)]
    one = Exchange(started_ns=DUE, status=200, **dict(zip(STAMPS, ordered, strict=False)))
    pairs = tuple(zip(NAMES, ordered[9:], strict=True))
    phases = phases_of(one, due_ns=DUE, marks=pairs)
    assert [phase.name for phase in phases] == [name for name in PHASES if name != "first_audio"]
    assert assert_unbroken(phases) == ordered[-1] - DUE
    ends = {phase.name: round((phase.start_ms + phase.duration_ms) * 1e6) for phase in phases}
    after = {name: at_ns - DUE for name, at_ns in zip(STAMPS, ordered, strict=False)}
    assert ends["queued"] == after["dns_start_ns"]
    assert ends["dns"] == after["dns_end_ns"]
    assert ends["connect"] == after["connect_end_ns"]
    assert ends["tls"] == after["tls_end_ns"]
    assert ends["request_sent"] == after["uploaded_ns"]
    assert ends["waiting"] == after["first_byte_ns"]


def test_the_parts_of_a_cold_request():
    phases = phases_of(exchange(**WHOLE), due_ns=DUE, marks=marks(150, 250, 400, 401))
    assert shown(phases) == {
        "queued": 1,
        "dns": 2,
        "connect": 7,
        "tls": 20,
        "request_sent": 5,
        "waiting": 65,
        "first_token": 50,
        "reasoning": 100,
        "streaming": 150,
        "done": 1,
    }


def test_an_open_connection_has_no_dns_connect_and_tls():
    one = exchange(sent_ns=2, uploaded_ns=3, first_byte_ns=60)
    phases = phases_of(one, due_ns=DUE, marks=marks(61, None, 90, 90))
    assert list(shown(phases)) == [
        "queued",
        "request_sent",
        "waiting",
        "first_token",
        "streaming",
        "done",
    ]  # fmt: skip - one list, one line
    assert shown(phases)["done"] == 0


def test_a_provider_without_an_exchange():
    phases = phases_of(None, due_ns=DUE, sent_ns=DUE + 4 * MS, marks=marks(10, None, 30, 31))
    assert shown(phases) == {"queued": 4, "first_token": 6, "streaming": 20, "done": 1}


def test_nothing_known_gives_nothing():
    assert phases_of(None, due_ns=DUE) == ()


@pytest.mark.parametrize(
    ("stamps", "going_on"),
    [
        (0, "queued"),
        (1, "dns"),
        (2, "connect"),
        (3, "connect"),
        (4, "request_sent"),  # a plain connection: what follows is the request
        (5, "tls"),
        (6, "request_sent"),
        (7, "request_sent"),
        (8, "waiting"),
        (9, "first_token"),
    ],
)
def test_what_was_going_on_is_closed_where_the_request_was_given_up(stamps, going_on):
    one = exchange(status=None, **dict(list(WHOLE.items())[:stamps]))
    phases = phases_of(one, due_ns=DUE, marks=marks(None, None, None, None), end_ns=DUE + 5000 * MS)
    assert phases[-1].name == going_on
    assert assert_unbroken(phases) == 5000 * MS


@pytest.mark.parametrize(
    ("ends", "going_on"),
    [
        ((150, None, None, None), "reasoning"),
        ((150, 160, None, None), "streaming"),
        ((150, 160, 400, None), "done"),
    ],
)
def test_a_stream_that_went_silent(ends, going_on):
    phases = phases_of(exchange(**WHOLE), due_ns=DUE, marks=marks(*ends), end_ns=DUE + 5000 * MS)
    assert phases[-1].name == going_on
    assert assert_unbroken(phases) == 5000 * MS


def test_without_the_mark_of_a_part_the_request_cannot_be_in_it():
    left = (("first_token", DUE + 150 * MS), ("streaming", None), ("done", None))
    phases = phases_of(exchange(**WHOLE), due_ns=DUE, marks=left, end_ns=DUE + 900 * MS)
    assert phases[-1].name == "streaming"
    assert phases_of(exchange(**WHOLE), due_ns=DUE, end_ns=DUE + 900 * MS)[-1].name == "done"


def test_a_refusal_is_waited_for_and_read():
    one = exchange(status=429, **WHOLE)
    phases = phases_of(one, due_ns=DUE, marks=marks(None, None, None, None), end_ns=DUE + 103 * MS)
    assert list(shown(phases).items())[-2:] == [("waiting", 65), ("done", 3)]


def test_a_request_that_came_to_its_end_is_not_made_longer():
    phases = phases_of(
        exchange(**WHOLE), due_ns=DUE, marks=marks(150, 250, 400, 401), end_ns=DUE + 900 * MS
    )
    assert assert_unbroken(phases) == 401 * MS
