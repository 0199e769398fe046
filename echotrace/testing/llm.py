"""The rules of a language model provider, of the group ``echotrace.llm``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from echotrace.model.probes import ServerTimes
from echotrace.providers.llm.base import BUILT_IN_PROMPT, Prompt, Turn
from echotrace.testing.provider import ProviderConformance
from echotrace.testing.rule import require, said

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["LlmConformance"]

_ANY_SCRIPT = Prompt(
    system="You are a voice agent. Answer in one short sentence. \N{SMILING FACE WITH SUNGLASSES}",
    turns=(
        Turn(role="user", text="\u0634\u06a9\u0631\u0627\u064b \N{WAVING HAND SIGN}\u200f"),
        Turn(role="assistant", text="\u05e9\u05dc\u05d5\u05dd, \u4f60\u597d."),
        Turn(role="user", text='Zoë said: "50 % <off> \\ \n 2 lines" \U0001f469\u200d\U0001f680'),
    ),
)


class LlmConformance(ProviderConformance):
    """Subclass it as ``TestSomething`` and set ``name``; see :mod:`echotrace.testing`."""

    group: ClassVar[str] = "llm"
    kinds: ClassVar[tuple[str, ...]] = ("sent", "role", "reasoning", "answer", "done")
    payloads: ClassVar[tuple[str, ...]] = ("answer", "reasoning")
    asks: ClassVar[tuple[str, ...]] = ("prepare", "stream")

    def test_its_members_have_their_types(self) -> None:
        """The members of the Protocol are there before anything was asked."""
        super().test_its_members_have_their_types()
        simulated = "True or False: whether its figures are made up"
        self._member(self._make(), "simulated", lambda value: isinstance(value, bool), simulated)

    def test_tokens_carry_text(self) -> None:
        """``answer`` and ``reasoning`` carry text, the others none; counts are whole numbers."""
        rule = "tokens carry text"
        for asked in self._whole():
            for event, _ in asked.events:
                text, kind = event.text, event.kind
                got = f"{kind} with {said(text)}"
                require(isinstance(text, str), rule, expected="text", got=got)
                if kind in self.payloads:
                    require(text, rule, expected="a text that is not empty", got=got)
                elif kind in self.kinds:
                    require(not text, rule, expected=f"no text in {kind!r}", got=got)
                for name in ("tokens", "prompt_tokens"):
                    count = getattr(event, name)
                    got = f"{kind} with {name} = {said(count)}"
                    require(_count_or_none(count), rule, expected="a count or None", got=got)
                server = event.server
                times = server is None or isinstance(server, ServerTimes)
                require(times, rule, expected="ServerTimes or None", got=said(server))

    def _asks(self) -> tuple[Callable[[Any], Any], ...]:
        most = self.settings.llm.max_tokens

        def asking(prompt: Prompt) -> Callable[[Any], Any]:
            return lambda provider: provider.stream(prompt, max_tokens=most)

        return (asking(BUILT_IN_PROMPT), asking(BUILT_IN_PROMPT), asking(_ANY_SCRIPT))


def _count_or_none(value: Any) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value is None or (whole and value >= 0)
