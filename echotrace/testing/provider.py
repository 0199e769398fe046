"""The rules that hold for every provider that is probed, whatever it makes."""

from __future__ import annotations

import logging
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar
from unittest import SkipTest

from echotrace.config.settings import Settings
from echotrace.errors import EchoTraceError
from echotrace.providers.exchange import Exchange
from echotrace.testing.asking import Course, ask_all, cancel_and_ask_again, only_check, refused
from echotrace.testing.refusing_server import RefusingServer
from echotrace.testing.rule import BrokenRuleError, check_rules, load_class, require, said
from echotrace.testing.watch import NeverEnds, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from echotrace.testing.asking import Asked

__all__ = ["ProviderConformance"]

_WINDOW = 8


class ProviderConformance:
    """What a subclass sets, and the rules that are alike.

    ``name`` is the name of the entry point, ``model`` what follows the colon, ``settings`` those of
    a run in which requests succeed, ``secrets`` the texts that must never be seen, ``limit_s`` how
    long all requests of a rule may take together.
    """

    group: ClassVar[str] = ""
    kinds: ClassVar[tuple[str, ...]] = ()
    payloads: ClassVar[tuple[str, ...]] = ()
    asks: ClassVar[tuple[str, ...]] = ()

    name = ""
    model: str | None = None
    settings = Settings()
    secrets: tuple[str, ...] = ()
    limit_s = 60.0

    _kinds: ClassVar[dict[str, Any]]
    _courses: ClassVar[list[tuple[Any, Course | BrokenRuleError]]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._courses = []
        cls._kinds = {}

    def refusing(self, url: str) -> Settings | None:
        """Return settings with which every request fails; None leaves out the rule of errors.

        Args:
            url: a server on this machine that refuses every request with 401 and repeats in its
                error all that it was sent, keys included.
        """
        del url
        return None

    def check_all(self) -> None:
        """Check every rule, for a suite without pytest and unittest.

        Raises:
            AssertionError: it lists every rule that is broken, one a line.
        """
        check_rules(self, f"{self.group} {self.name!r}")

    def test_it_is_found_by_its_entry_point(self) -> None:
        """The entry point is registered, is not taken by another package, and its class loads."""
        self._kind()

    def test_making_it_opens_nothing(self) -> None:
        """``create`` and ``check`` make no connection, look nothing up and start no program."""
        rule = "create() and check() open nothing"
        with opened() as found:
            error = only_check(self._make)
        require(not found, rule, expected="no connection, look-up or program", got=", ".join(found))
        rule = "check() refuses with an error of EchoTrace"
        require(
            error is None or isinstance(error, EchoTraceError),
            rule,
            expected="nothing, or an EchoTraceError with what, why and what to try",
            got=said(error),
        )

    def test_its_members_have_their_types(self) -> None:
        """The members of the Protocol are there before anything was asked."""
        provider = self._make()
        self._member(provider, "name", lambda value: value == self.name, repr(self.name))
        self._member(provider, "model", _text_or_none, "a text or None")
        self._member(provider, "sent_to", _text_or_none, "a host as text, or None")
        self._member(provider, "exchange", _exchange_or_none, "an Exchange or None")
        self._member(provider, "requests_sent", lambda value: value == 0, "0 before any request")
        for method in ("check", "close", *self.asks):
            self._member(provider, method, callable, "a method")

    def test_events_come_in_order(self) -> None:
        """``sent`` comes first and once, then what was asked for, then only ``done``."""
        rule = "events come in order"
        for asked in self._whole():
            kinds = [getattr(event, "kind", None) for event, _ in asked.events]
            shown = ", ".join(map(str, kinds[:12])) + (", ..." if len(kinds) > 12 else "")
            got = shown or "no event at all"
            wrong = [kind for kind in kinds if kind not in self.kinds]
            require(not wrong, rule, expected=f"kinds of {', '.join(self.kinds)}", got=got)
            require(kinds[:1] == ["sent"], rule, expected="'sent' as the first event", got=got)
            require(kinds.count("sent") == 1, rule, expected="one 'sent'", got=got)
            wanted = "at least one " + " or ".join(map(repr, self.payloads))
            require(set(kinds) & set(self.payloads), rule, expected=wanted, got=got)
            require("done" in kinds, rule, expected="'done' at the end", got=got)
            after = set(kinds[kinds.index("done") :])
            require(after == {"done"}, rule, expected="nothing but 'done' after 'done'", got=got)

    def test_stamps_are_of_the_clock_of_the_run(self) -> None:
        """``at_ns`` is ``time.perf_counter_ns()``, inside the call, and never goes back."""
        rule = "at_ns is time.perf_counter_ns() of the bytes"
        for asked in self._whole():
            before = asked.started_ns
            for event, came_ns in asked.events:
                at_ns = event.at_ns
                whole = isinstance(at_ns, int) and not isinstance(at_ns, bool)
                require(whole, rule, expected="a whole number of nanoseconds", got=said(at_ns))
                late = f"{event.kind} at {at_ns}, which came out at {came_ns}"
                require(at_ns <= came_ns, rule, expected="no stamp of the future", got=late)
                early = f"{event.kind} at {at_ns}, after {before}"
                require(at_ns >= before, rule, expected="no stamp before the last one", got=early)
                before = at_ns

    def test_it_can_be_asked_again(self) -> None:
        """One provider answers several requests, one after the other, on any text."""
        rule = "a provider answers requests one after the other"
        expected = "the second and third request to be answered like the first"
        for asked in self._course().asked[1:]:
            require(asked.error is None, rule, expected=expected, got=said(asked.error))

    def test_requests_are_counted(self) -> None:
        """``requests_sent`` grows with every request, so that a run says truly what went out."""
        rule = "requests_sent counts what went out"
        for number, asked in enumerate(self._whole()):
            before, after = asked.counts
            whole = all(isinstance(count, int) for count in asked.counts)
            require(whole, rule, expected="whole numbers", got=said(asked.counts))
            got = f"{before} before and {after} after request {number + 1}"
            if self._course().provider.sent_to is None and after == before:
                continue  # nothing left the process
            require(after > before, rule, expected="more after a request than before", got=got)
            require(
                number == 0 or after == before + 1, rule, expected="one more a request", got=got
            )

    def test_closing_twice_is_harmless(self) -> None:
        """``close`` may be called again; who cleans up need not know whether somebody did."""
        closing = self._course().closing
        rule = "close() may be called twice"
        require(not closing, rule, expected="no error", got=said(closing[0]) if closing else "")

    def test_nothing_is_printed(self) -> None:
        """Stdout belongs to the report, which may be piped as JSON."""
        printed = self._course().printed
        rule = "nothing is printed on stdout"
        require(not printed, rule, expected="nothing", got=said(printed))

    def test_cancelling_leaves_nothing_behind(self) -> None:
        """Ctrl-C and time-outs cancel a request: it ends at once, and the next one is answered."""
        rule = "a cancelled request leaves nothing behind"
        self._whole()
        expected = "the next request to be answered"
        try:
            asked = cancel_and_ask_again(rule, self._make, self._asks()[0], self.limit_s)
        except NeverEnds as error:
            raise BrokenRuleError(rule, expected="the request to end", got=str(error)) from None
        except BrokenRuleError:
            raise
        except Exception as error:
            raise BrokenRuleError(rule, expected=expected, got=said(error)) from error
        require(asked.error is None, rule, expected=expected, got=said(asked.error))
        require(asked.events, rule, expected=expected, got="no event")

    def test_an_error_is_of_echotrace_and_holds_no_secret(self) -> None:
        """A refused request raises an EchoTraceError; neither it nor a log record shows a key."""
        rule = "a failed request raises an EchoTraceError without secrets"
        with RefusingServer() as server:
            settings = self.refusing(server.url)
            if settings is None:
                raise SkipTest("refusing() gives no settings with which requests fail")
            with _logged() as lines:
                try:
                    make = self._maker(settings)
                    error = refused(make, self._asks()[0], self.limit_s)
                except NeverEnds as late:
                    raise BrokenRuleError(
                        rule, expected="the request to fail", got=str(late)
                    ) from None
        require(error is not None, rule, expected="an error", got="an answer")
        require(
            isinstance(error, EchoTraceError), rule, expected="an EchoTraceError", got=said(error)
        )
        for place, text in (("error", _everything(error)), ("log", "\n".join(lines))):
            seen = _seen(text, self.secrets)
            got = f"the {place} holds {seen} characters of one in a row"
            require(not seen, rule, expected="no part of a secret", got=got)

    def _asks(self) -> tuple[Callable[[Any], Any], ...]:
        raise NotImplementedError

    def _kind(self) -> Any:
        return load_class(self.group, self.name)

    def _maker(self, settings: Settings) -> Callable[[], Any]:
        kinds = type(self)._kinds
        kind = kinds[self.name] = kinds.get(self.name) or self._kind()
        return lambda: kind.create(self.model, settings)

    def _make(self) -> Any:
        make = self._maker(self.settings)
        try:
            return make()
        except Exception as error:
            raise BrokenRuleError(
                "create(model, settings) makes it",
                expected="a provider (what cannot work yet is for check() to say)",
                got=said(error),
            ) from error

    def _member(self, provider: Any, name: str, fits: Callable[[Any], Any], expected: str) -> None:
        rule = f"the member {name}"
        try:
            value = getattr(provider, name)
        except AttributeError:
            raise BrokenRuleError(rule, expected=expected, got="no such member") from None
        require(fits(value), rule, expected=expected, got=said(value))

    def _course(self) -> Course:
        """Return the requests that most rules judge; they are made once, failed or not."""
        key = (self.name, self.model, self.settings)
        made = [course for known, course in type(self)._courses if known == key]
        course = made[0] if made else self._asked()
        if not made:
            type(self)._courses.append((key, course))
        if isinstance(course, BrokenRuleError):
            raise course
        return course

    def _asked(self) -> Course | BrokenRuleError:
        rule = "a request is answered"
        try:
            return ask_all(self._make, self._asks(), self.limit_s)
        except NeverEnds as error:
            return BrokenRuleError(rule, expected="the requests to end", got=str(error))
        except BrokenRuleError as error:
            return error
        except Exception as error:  # noqa: BLE001 - it is the plug-in's, of any kind
            return BrokenRuleError(rule, expected="no error", got=said(error))

    def _whole(self) -> list[Asked]:
        """Return the requests that were answered, of which the first must be one."""
        first, *others = self._course().asked
        if first.error is not None:
            if isinstance(first.error, BrokenRuleError):
                raise first.error
            raise BrokenRuleError(
                "a request is answered", expected="no error", got=said(first.error)
            ) from first.error
        return [first, *(asked for asked in others if asked.error is None)]


def _text_or_none(value: Any) -> bool:
    return value is None or (isinstance(value, str) and bool(value))


def _exchange_or_none(value: Any) -> bool:
    return value is None or isinstance(value, Exchange)


@contextmanager
def _logged() -> Iterator[list[str]]:
    """Return a list that fills with every log record made meanwhile, of every level."""
    lines: list[str] = []

    class _Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    root, handler = logging.getLogger(), _Keep()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def _everything(error: BaseException | None) -> str:
    """Return all that any part of EchoTrace could show of an error, its traceback included."""
    if error is None:
        return ""
    parts = [getattr(error, name, "") for name in ("what", "why", "hint", "code")]
    return "\n".join([*map(str, parts), repr(error), *traceback.format_exception(error)])


def _seen(text: str, secrets: tuple[str, ...]) -> int:
    """Return the length of the longest part of a secret in the text, from 8 characters on."""
    longest = 0
    for secret in secrets:
        for at in range(len(secret)):
            size = max(longest + 1, min(_WINDOW, len(secret)))
            while at + size <= len(secret) and secret[at : at + size] in text:
                longest, size = size, size + 1
    return longest
