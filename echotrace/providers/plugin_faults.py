"""What a plug-in's provider raises or gives: told with whose it is, and without a secret.

A run goes on whatever a plug-in does, and no traceback reaches the user. Texts of its exceptions
may quote what it sent, so that every key that it could have read is taken out of them.
"""

from __future__ import annotations

import asyncio
import inspect
import re
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, TypeVar

from echotrace.errors import ConfigError, EchoTraceError, ProviderError, UsageError
from echotrace.providers.known_secrets import known_secrets, safe_text
from echotrace.providers.scrub import one_line, scrub

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from echotrace.plugins import PluginRef

__all__ = ["PluginFaults"]

T = TypeVar("T")

_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_LONGEST: Final = 300
_END: Final = object()


class PluginFaults:
    """Turns what a plug-in raises into errors that name its distribution.

    Everything is caught but Ctrl-C, also what is no ``Exception``: ``sys.exit`` in a plug-in must
    not end the run, and its own ``CancelledError`` must not look as if somebody had stopped it.

    Args:
        ref: the plug-in.
        what: what it makes, such as ``language model provider``.
        code: the code of the error for one that is broken.
    """

    def __init__(self, ref: PluginRef, *, what: str, code: str) -> None:
        self._ref = ref
        self._what = what
        self._code = code
        self.secrets = known_secrets()

    def around(self, call: Callable[[], T]) -> T:
        """Return what ``call`` gives; a fault of it is told without its chain."""
        told: EchoTraceError
        try:
            return call()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - foreign code may raise anything
            told = self.told(error)
        raise told

    async def awaited(self, call: Callable[[], Awaitable[T]]) -> T:
        """Await what ``call`` gives, which is asked something; only a real cancellation passes."""
        told: ProviderError
        try:
            return await call()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                raise
            told = self.in_a_request(error)
        raise told

    async def events(
        self, ask: Callable[[], Any], wrong: Callable[[Any], str | None]
    ) -> AsyncGenerator[Any, None]:
        """Yield the events of one request, as far as they are what they should be.

        Args:
            ask: gives the plug-in's generator.
            wrong: says what is wrong with an event apart from its stamp, None for nothing.

        Raises:
            ProviderError: the request failed, or the plug-in is broken.
        """
        before_ns = perf_counter_ns()
        source = self.around(lambda: self._generator(ask()))

        async def step() -> Any:
            try:
                return await anext(source)
            except StopAsyncIteration:
                return _END

        try:
            while (event := await self.awaited(step)) is not _END:
                why = wrong(event) or _wrong_time(event.at_ns, before_ns)
                if why is not None:
                    raise self.broken(why)
                before_ns = event.at_ns
                yield event
        finally:
            await self.awaited(source.aclose)

    def told(self, error: BaseException) -> EchoTraceError:
        """Return the error to raise: its own where it is one of ours, else one that names it."""
        if isinstance(error, EchoTraceError):
            kind = next(
                (kind for kind in (ConfigError, UsageError) if isinstance(error, kind)),
                ProviderError,
            )
            return kind(
                self.clean(error.what),
                why=self.clean(error.why),
                hint=self.clean(error.hint),
                code=self._clean_code(error.code),
            )
        lines = [line for line in safe_text(error).splitlines() if line.strip()]
        name = type(error).__name__
        return self.broken(f"{name}: {lines[0]}" if lines else name)

    def in_a_request(self, error: BaseException) -> ProviderError:
        """Return what was raised while it was asked, as the error of a request that failed."""
        told = self.told(error)
        if isinstance(told, ProviderError):
            return told
        return ProviderError(told.what, why=told.why, hint=told.hint, code=told.code)

    def broken(self, why: str) -> ProviderError:
        """Return the error for a provider that does not keep to its contract."""
        package = self._ref.distribution
        return ProviderError(
            f"the {self._what} {self._ref.name!r} of the package {package!r} is broken",
            why=self.clean(why),
            hint=f"update or remove it: pip install --upgrade {package}",
            code=self._code,
        )

    def member(self, inner: Any, name: str, kinds: tuple[type, ...]) -> Any:
        """Return a member, which has one of the types."""
        value = self.around(lambda: getattr(inner, name))
        if not isinstance(value, kinds):
            raise self.broken(f"its {name} is a {type(value).__name__}")
        return value

    def _generator(self, events: Any) -> Any:
        if hasattr(events, "__aiter__") and hasattr(events, "aclose"):
            return events
        if inspect.iscoroutine(events):
            events.close()
        raise self.broken(f"its stream is a {type(events).__name__}, no async generator")

    def clean(self, text: Any) -> str:
        """Return a text of the plug-in's as one short line without a key."""
        return one_line(scrub(safe_text(text), self.secrets), _LONGEST)

    def _clean_code(self, code: Any) -> str:
        text = safe_text(code)
        whole = _CODE.fullmatch(text) is not None and scrub(text, self.secrets) == text
        return text if whole else self._code


def _is_cancelled() -> bool:
    """Whether the running task was asked to stop.

    Python 3.10 does not know: there every cancellation counts as asked for, and the orchestrator
    tells of a stage that ended so while nobody had stopped it.
    """
    task = asyncio.current_task()
    count = getattr(task, "cancelling", None)
    return count is None or count() > 0


def _wrong_time(at_ns: Any, before_ns: int) -> str | None:
    """Say what is wrong with a stamp that must lie between the one before it and now."""
    if not isinstance(at_ns, int) or isinstance(at_ns, bool):
        return "it gave an event without a time"
    if at_ns < before_ns:
        return "it gave an event with a time before the request, or before that of the last event"
    if at_ns > perf_counter_ns():
        return "it gave an event with a time in the future; it must be time.perf_counter_ns()"
    return None
