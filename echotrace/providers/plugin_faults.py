"""What a plug-in's provider raises or gives: told with whose it is, and without a secret.

A run goes on whatever a plug-in does, and no traceback reaches the user. Texts of its exceptions
may quote what it sent, so that every key of the environment is taken out of them.
"""

from __future__ import annotations

import inspect
import os
import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

from echotrace.config.secrets import Secret
from echotrace.errors import ConfigError, EchoTraceError, ProviderError, UsageError
from echotrace.providers.address import is_loopback
from echotrace.providers.scrub import one_line, scrub

if TYPE_CHECKING:
    from collections.abc import Callable

    from echotrace.plugins import PluginRef

__all__ = ["PLUGIN_FAULTS", "PluginFaults", "leaves_this_machine"]

T = TypeVar("T")

PLUGIN_FAULTS: Final = (Exception, SystemExit)
"""What is caught around a plug-in; ``sys.exit`` in it must not end the run."""
_SECRET_NAME: Final = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)$", re.IGNORECASE)
_SHORTEST_SECRET: Final = 8


class PluginFaults:
    """Turns what a plug-in raises into errors that name its distribution.

    Args:
        ref: the plug-in.
        what: what it makes, such as ``language model provider``.
        code: the code of the error for one that is broken.
    """

    def __init__(self, ref: PluginRef, *, what: str, code: str) -> None:
        self._ref = ref
        self._what = what
        self._code = code
        self.secrets = tuple(
            Secret(name, value)
            for name, value in os.environ.items()
            if _SECRET_NAME.search(name) and len(value) >= _SHORTEST_SECRET
        )

    def around(self, call: Callable[[], T]) -> T:
        """Return what ``call`` gives; a fault of it is told without its chain."""
        told: EchoTraceError
        try:
            return call()
        except PLUGIN_FAULTS as error:
            told = self.told(error)
        raise told

    def told(self, error: BaseException) -> EchoTraceError:
        """Return the error to raise: its own where it is one of ours, else one that names it."""
        if isinstance(error, EchoTraceError):
            kind = next(
                (kind for kind in (ConfigError, UsageError) if isinstance(error, kind)),
                ProviderError,
            )
            return kind(
                self._clean(error.what),
                why=self._clean(error.why),
                hint=self._clean(error.hint),
                code=error.code,
            )
        lines = str(error).splitlines()
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
            why=self._clean(why),
            hint=f"update or remove it: pip install --upgrade {package}",
            code=self._code,
        )

    def member(self, inner: Any, name: str, kinds: tuple[type, ...]) -> Any:
        """Return a member, which has one of the types."""
        value = self.around(lambda: getattr(inner, name))
        if not isinstance(value, kinds):
            raise self.broken(f"its {name} is a {type(value).__name__}")
        return value

    def generator(self, events: Any) -> Any:
        """Return what a request gave; it must be an asynchronous generator."""
        if hasattr(events, "__aiter__") and hasattr(events, "aclose"):
            return events
        if inspect.iscoroutine(events):
            events.close()
        raise self.broken(f"its stream is a {type(events).__name__}, no async generator")

    def _clean(self, text: str) -> str:
        return one_line(scrub(text, self.secrets), 300)


def leaves_this_machine(sent_to: str | None) -> bool:
    """Whether a plug-in says that it asks another machine, which ``--offline`` forbids."""
    if sent_to is None:
        return False
    host = sent_to[1:].partition("]")[0] if sent_to.startswith("[") else sent_to.partition(":")[0]
    return not is_loopback(host)
