"""How a connection is made: names, the race over addresses, and what is stamped of it."""

import asyncio
import contextlib
import socket
import sys
import threading

import httpcore
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.providers.exchange import Exchange
from echotrace.providers.failures import Kind, Target, by_wire, chain_of
from echotrace.providers.network import STAGGER_S, TimedBackend, alternate, recording
from echotrace.providers.reply_body import ReplyStoppedError, as_httpx_errors
from tests.fakes.timed_server import TimedServer, Timing

pytestmark = pytest.mark.on_a_clock

QUICK = Timing(tls_ms=0, first_byte_ms=0, reasoning_ms=None, answer_ms=0, token_ms=0, answer=("a",))
loopback_net = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux answers for all of 127.0.0.0/8"
)


def code_of(error):
    target = Target(
        kind=Kind(prefix="LLM", reply="stream"), provider="p", model="m", host="h", timeout_s=1
    )
    found = by_wire(tuple(chain_of(error)), target, stalled=None)
    return found.code


def resolver(*addresses):
    async def resolve(host, port):
        return list(addresses)

    return resolve


async def connect(port, backend=None, *, host="name.test", timeout_s=5.0):
    exchange = Exchange(started_ns=0)
    with recording(exchange), as_httpx_errors():
        stream = await (backend or TimedBackend()).connect_tcp(host, port, timeout=timeout_s)
    address = stream.get_extra_info("server_addr")
    await stream.aclose()
    return exchange, address[0]


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def nobody():
    """A port that is bound, so that no other program takes it, and refuses."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_a_name_is_resolved_and_its_time_is_told_apart(asker):
    async def ask(url):
        async with asker(url) as one:
            return await one.read()

    with TimedServer(QUICK) as server:
        exchange, _ = asyncio.run(ask(f"http://localhost:{server.port}"))
    assert (
        exchange.started_ns
        < exchange.dns_start_ns
        < exchange.dns_end_ns
        <= exchange.connect_start_ns
        < exchange.connect_end_ns
        < exchange.sent_ns
        < exchange.uploaded_ns
        < exchange.first_byte_ns
        <= exchange.ended_ns
    )
    assert exchange.tls_start_ns is exchange.tls_end_ns is None


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_address_needs_no_dns(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip("this machine has no such address")
    with listener:
        exchange, address = asyncio.run(connect(listener.getsockname()[1], host=host))
    assert address == host
    assert exchange.dns_start_ns is exchange.dns_end_ns is None
    assert exchange.connect_start_ns < exchange.connect_end_ns


@pytest.mark.parametrize("host", [f"{'a' * 70}.test", "."])
def test_a_name_without_an_address(asker, host):
    async def ask():
        async with asker(f"http://{host}:1") as one:
            with pytest.raises(httpx.ConnectError) as caught:
                await one.read()
            return one.wire.exchange, caught.value

    exchange, error = asyncio.run(ask())
    assert code_of(error) == "LLM_DNS"
    assert exchange.dns_start_ns is not None
    assert exchange.dns_end_ns is exchange.connect_start_ns is None


def test_dns_that_does_not_answer_is_called_dns():
    async def never(host, port):
        await asyncio.Event().wait()

    with pytest.raises(httpx.ConnectTimeout) as caught:
        asyncio.run(connect(1, TimedBackend(never), timeout_s=0.05))
    assert code_of(caught.value) == "LLM_DNS"


class Lookups:
    """The system's lookups, answered by the test; they wait while ``silent``."""

    def __init__(self):
        self.begun, self.go, self.ended = (threading.Event() for _ in range(3))
        self.addresses = ()
        self.silent = False

    def __call__(self, host, port, *_, **__):
        self.begun.set()
        if self.silent:
            self.go.wait(10)
        self.ended.set()
        if not self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, (address, port)) for address in self.addresses]


@pytest.fixture
def lookups(monkeypatch):
    made = Lookups()
    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", made)
        yield made
        made.go.set()


def through_the_pool(asker, port, **more):
    """Ask by name, as a provider would; return the failure's code and the exchange."""

    async def ask():
        async with asker(f"http://name.test:{port}", **more) as one:
            with pytest.raises((httpx.HTTPError, ReplyStoppedError)) as caught:
                await one.read()
            return code_of(caught.value), one.wire.exchange

    return asyncio.run(ask())


@loopback_net
def test_a_name_whose_addresses_all_refuse_is_refused(asker, lookups, nobody):
    lookups.addresses = ("127.0.0.1", "127.0.0.2")
    code, exchange = through_the_pool(asker, nobody)
    assert code == "LLM_CONNECTION_REFUSED"
    assert exchange.dns_end_ns < exchange.connect_start_ns


def test_a_name_with_one_address_that_refuses_is_refused(asker, lookups, nobody):
    lookups.addresses = ("127.0.0.1",)
    assert through_the_pool(asker, nobody)[0] == "LLM_CONNECTION_REFUSED"


def test_a_name_that_nobody_knows_is_dns(asker, lookups):
    code, exchange = through_the_pool(asker, 1)
    assert code == "LLM_DNS"
    assert exchange.dns_end_ns is None


@loopback_net
def test_addresses_that_stay_silent_are_no_fault_of_dns(asker, lookups):
    lookups.addresses = ("127.0.0.2", "127.0.0.2", "127.0.0.3")
    with silent_address("127.0.0.2", 0) as port, silent_address("127.0.0.3", port):
        assert through_the_pool(asker, port, timeout_s=0.1)[0] == "LLM_CONNECT_TIMEOUT"


def test_a_silent_dns_is_dns_and_nobody_waits_for_it(asker, lookups):
    lookups.silent = True
    code, exchange = through_the_pool(asker, 1, timeout_s=0.1)
    assert not lookups.ended.is_set()
    assert code == "LLM_DNS"
    assert exchange.dns_start_ns is not None
    assert exchange.dns_end_ns is exchange.connect_start_ns is None


def test_who_is_stopped_does_not_wait_for_dns_and_its_late_answer_harms_nobody(lookups):
    lookups.silent = True

    async def stop():
        asking = asyncio.create_task(connect(1))
        while not lookups.begun.is_set():  # noqa: ASYNC110 - it is a thread's, not a task's
            await asyncio.sleep(0.001)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(stop())
    assert not lookups.ended.is_set()
    (thread,) = [one for one in threading.enumerate() if one.name == "lookup of name.test"]
    assert thread.daemon
    lookups.go.set()
    thread.join(10)  # a fault in it fails this test
    assert lookups.ended.is_set()


def test_an_answer_after_the_limit_harms_nobody(lookups):
    lookups.silent = True
    faults = []

    async def ask():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        with pytest.raises(httpx.ConnectTimeout):
            await connect(1, timeout_s=0.05)
        (thread,) = [one for one in threading.enumerate() if one.name == "lookup of name.test"]
        lookups.go.set()
        await asyncio.to_thread(thread.join, 10)
        await asyncio.sleep(0)  # what the thread left behind is taken up

    asyncio.run(ask())
    assert lookups.ended.is_set()
    assert faults == []


def test_offline_a_name_leads_nowhere_but_here(asker, lookups, listening):
    lookups.addresses = ("192.0.2.2", "192.0.2.3")

    async def ask():
        async with asker(f"http://evil.localhost:{listening}", offline=True) as one:
            with pytest.raises(ReplyStoppedError, match=r"192\.0\.2\.2, where evil\.localhost"):
                await one.read()
            return one.wire.exchange

    exchange = asyncio.run(ask())
    assert exchange.dns_end_ns is not None
    assert exchange.connect_start_ns is exchange.sent_ns is None


def test_offline_the_address_of_this_machine_is_taken_among_others(listening):
    backend = TimedBackend(resolver("192.0.2.2", "127.0.0.1"), loopback_only=True)
    assert asyncio.run(connect(listening, backend))[1] == "127.0.0.1"


def test_a_refused_address(nobody):
    with pytest.raises(httpx.ConnectError) as caught:
        asyncio.run(connect(nobody, host="127.0.0.1"))
    assert code_of(caught.value) == "LLM_CONNECTION_REFUSED"


@loopback_net
def test_after_a_refused_address_the_next_is_tried_at_once(listening):
    exchange, address = asyncio.run(
        connect(listening, TimedBackend(resolver("127.0.0.2", "127.0.0.3", "127.0.0.1")))
    )
    assert address == "127.0.0.1"
    assert exchange.connect_ms < STAGGER_S * 1e3


@loopback_net
def test_when_all_addresses_refuse_it_is_called_refused(nobody):
    with pytest.raises(httpx.ConnectError) as caught:
        asyncio.run(connect(nobody, TimedBackend(resolver("127.0.0.2", "127.0.0.1"))))
    assert code_of(caught.value) == "LLM_CONNECTION_REFUSED"


@contextlib.contextmanager
def silent_address(host, port):
    """A listener whose queue is full: the kernel drops what asks to connect."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((host, listener.getsockname()[1]))
        yield listener.getsockname()[1]


@loopback_net
def test_a_silent_address_costs_the_stagger_and_not_the_limit(listening):
    with silent_address("127.0.0.2", listening):
        backend = TimedBackend(resolver("127.0.0.2", "127.0.0.1"))
        exchange, address = asyncio.run(connect(listening, backend, timeout_s=30.0))
    assert address == "127.0.0.1"
    assert STAGGER_S * 1e3 - 1 <= exchange.connect_ms < 10 * STAGGER_S * 1e3


@loopback_net
@pytest.mark.parametrize("addresses", [("127.0.0.2",), ("127.0.0.2", "127.0.0.2")])
def test_only_silent_addresses_end_at_the_limit(addresses):
    with silent_address("127.0.0.2", 0) as port, pytest.raises(httpx.ConnectTimeout) as caught:
        asyncio.run(connect(port, TimedBackend(resolver(*addresses)), timeout_s=0.1))
    assert code_of(caught.value) == "LLM_CONNECT_TIMEOUT"


@given(st.lists(st.tuples(st.sampled_from((4, 6)), st.sampled_from("abcdefgh")), unique=True))
def test_families_take_turns_and_no_address_is_lost(found):
    found = [(family, f"{family}{name}") for family, name in found]
    order = alternate(found)
    assert sorted(order) == sorted(address for _, address in found)
    assert order[:1] == [address for _, address in found][:1]
    for family in "46":
        kept = [address for address in order if address[0] == family]
        assert kept == [address for _, address in found if address[0] == family]
    fewer = min(sum(address[0] == family for address in order) for family in "46")
    for one, other in zip(order[: 2 * fewer : 2], order[1 : 2 * fewer : 2], strict=True):
        assert {one[0], other[0]} == {"4", "6"}


def test_an_address_that_is_given_twice_is_tried_once():
    assert alternate([(4, "a"), (4, "a"), (6, "b"), (4, "c")]) == ["a", "b", "c"]


def test_a_handshake_that_is_given_up_leaves_no_connection(trusted, asker):
    async def give_up():
        greeted, gone = asyncio.Event(), asyncio.Event()

        async def serve(reader, writer):
            await reader.read(1)
            greeted.set()
            while await reader.read(65536):
                pass
            gone.set()
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with asker(f"https://127.0.0.1:{port}") as one:
                asking = asyncio.create_task(one.read())
                await greeted.wait()
                asking.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await asking
                await asyncio.wait_for(gone.wait(), 10)
                return one.wire.exchange

    exchange = asyncio.run(give_up())
    assert exchange.tls_start_ns is not None
    assert exchange.tls_end_ns is exchange.sent_ns is None


NAMES = (
    *("ConnectTimeout", "ReadTimeout", "WriteTimeout", "PoolTimeout", "TimeoutException"),
    *("ConnectError", "ReadError", "WriteError", "NetworkError", "ProxyError"),
    *("UnsupportedProtocol", "LocalProtocolError", "RemoteProtocolError", "ProtocolError"),
)


@pytest.mark.parametrize("name", NAMES)
def test_each_error_of_the_pool_becomes_the_clients_of_the_same_name(name):
    cause = getattr(httpcore, name)("why")
    with pytest.raises(httpx.HTTPError, match="why") as caught, as_httpx_errors():
        raise cause
    assert type(caught.value) is getattr(httpx, name)
    assert caught.value.__cause__ is cause


def test_an_error_of_a_later_kind_becomes_the_nearest():
    class NewError(httpcore.ReadTimeout):
        pass

    with pytest.raises(httpx.ReadTimeout), as_httpx_errors():
        raise NewError("why")


def test_other_errors_pass_as_they_are():
    with pytest.raises(ZeroDivisionError), as_httpx_errors():
        raise ZeroDivisionError
