"""What was heard of one streamed answer, event by event, and the figures that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from echotrace.model.probes import ServerTimes
from echotrace.providers.llm.sentence import FirstSentence

if TYPE_CHECKING:
    from echotrace.providers.llm.base import TokenEvent

__all__ = ["Figures", "Heard"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of one answer, in milliseconds since the request began to go out.

    ``total_ms`` is None when the stream was cut while tokens still came, ``tokens_per_s``, the pace
    after the first token, below two tokens or when all came at once.
    """

    ttft_ms: float | None
    ttfat_ms: float | None
    first_sentence_ms: float | None
    total_ms: float | None
    tokens: int
    tokens_counted: bool
    tokens_per_s: float | None


@dataclass(slots=True)
class Heard:
    """Takes the events of one answer; ``done_ns`` is when the model said that it had finished.

    ``gaps_ms`` are the waits between two pieces that came one after the other. Pieces of one read
    have one stamp: there is no wait between them, and a zero would say how the network bundled
    them, not how fast the model was.
    """

    sent_ns: int | None = None
    first_ns: int | None = None
    first_answer_ns: int | None = None
    last_ns: int | None = None
    done_ns: int | None = None
    end_ns: int | None = None
    pieces: int = 0
    reasoned_first: bool = False
    counted: int | None = None
    prompt_tokens: int | None = None
    server: ServerTimes | None = None
    note: str = ""
    cut: bool = False
    gaps_ms: list[float] = field(default_factory=list)
    _sentence: FirstSentence = field(default_factory=FirstSentence)
    _sentence_ns: int | None = None

    @property
    def sentence(self) -> str | None:
        """The answer's first sentence."""
        return self._sentence.found

    def take(self, event: TokenEvent) -> None:
        """Take the next event."""
        if event.kind == "sent":
            self.sent_ns = event.at_ns
            self.note = event.text
        elif event.kind == "done":
            self._take_done(event)
        elif event.kind != "role":
            self._take_piece(event)

    def marks(self, ended_ns: int | None, *, over: bool) -> list[tuple[str, int | None]]:
        """Return the ends of the parts that follow the reply's first byte.

        Args:
            ended_ns: when the reply's last byte came, as far as the wire knows.
            over: whether the answer came to its end; else the part that was going on has none.
        """
        marks: list[tuple[str, int | None]] = [("first_token", self.first_ns)]
        if self.reasoned_first:
            silent = over and self.first_answer_ns is None
            marks.append(("reasoning", self.last_ns if silent else self.first_answer_ns))
        if self.first_answer_ns is not None:
            streamed = over and self.last_ns != self.first_answer_ns
            if streamed or not over:
                marks.append(("streaming", self.last_ns if over else None))
        if over:
            ends = [at_ns for at_ns in (self.end_ns, ended_ns) if at_ns is not None]
            marks.append(("done", max(ends, default=None)))
        return marks

    def figures(self) -> Figures:
        """Work out the figures of what has come."""
        counted = self.counted is not None and not self.cut
        tokens = self.counted if counted and self.counted is not None else self.pieces
        spread_s = 0.0
        if self.first_ns is not None and self.last_ns is not None:
            spread_s = (self.last_ns - self.first_ns) / 1e9
        paced = tokens > 1 and self.pieces > 1 and spread_s > 0
        return Figures(
            ttft_ms=self._since(self.first_ns),
            ttfat_ms=self._since(self.first_answer_ns),
            first_sentence_ms=self._since(self._sentence_ns),
            total_ms=self._since(self.done_ns),
            tokens=tokens,
            tokens_counted=counted,
            tokens_per_s=(tokens - 1) / spread_s if paced else None,
        )

    def _take_done(self, event: TokenEvent) -> None:
        if self.done_ns is None:
            self.done_ns = event.at_ns
            if self._sentence.finish():
                self._sentence_ns = event.at_ns
        self.end_ns = event.at_ns
        self.counted = event.tokens if event.tokens is not None else self.counted
        self.prompt_tokens = (
            event.prompt_tokens if event.prompt_tokens is not None else self.prompt_tokens
        )
        self.server = event.server or self.server

    def _take_piece(self, event: TokenEvent) -> None:
        self.pieces += 1
        if self.last_ns is not None and event.at_ns > self.last_ns:
            self.gaps_ms.append((event.at_ns - self.last_ns) / 1e6)
        self.last_ns = event.at_ns
        if self.first_ns is None:
            self.first_ns = event.at_ns
            self.reasoned_first = event.kind == "reasoning"
        if event.kind == "answer":
            self.first_answer_ns = self.first_answer_ns or event.at_ns
            if self._sentence.feed(event.text):
                self._sentence_ns = event.at_ns

    def _since(self, at_ns: int | None) -> float | None:
        if at_ns is None or self.sent_ns is None:
            return None
        return (at_ns - self.sent_ns) / 1e6
