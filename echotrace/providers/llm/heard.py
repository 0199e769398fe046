"""What was heard of one streamed answer, event by event, and the figures that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from echotrace.model.probes import ServerTimes
from echotrace.providers.llm.sentence import FirstSentence

if TYPE_CHECKING:
    from echotrace.providers.llm.base import TokenEvent

__all__ = ["Figures", "Heard"]

_TOKENS_OF_A_PIECE: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The figures of one answer, in milliseconds since the request began to go out.

    ``total_ms`` is None when the stream was cut while tokens still came. ``first_sentence_ms`` is
    None when the answer was cut off before a sentence was whole. ``tokens`` is the server's whole
    count, with the reasoning that it kept to itself.

    ``tokens_per_s`` is the pace of what was streamed: the tokens that came after the first read,
    over the time from the first read to the last. It is None below two tokens, and when more than
    half of them came in one read: then the time between reads tells how the network or a proxy
    bundled them, not how fast the model wrote.
    """

    ttft_ms: float | None
    ttfat_ms: float | None
    first_sentence_ms: float | None
    total_ms: float | None
    tokens: int
    tokens_counted: bool
    tokens_per_s: float | None


@dataclass(slots=True)
class _Read:
    """The pieces that one read brought, and their letters."""

    pieces: int = 0
    letters: int = 0


@dataclass(slots=True)
class Heard:
    """Takes the events of one answer; ``done_ns`` is when the model said that it had finished.

    ``gaps_ms`` are the waits between one read that brought pieces and the next. Pieces of one read
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
    _reads: list[_Read] = field(default_factory=list)
    _reasoned: bool = False
    _reasoning_tokens: int | None = None
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
        return Figures(
            ttft_ms=self._since(self.first_ns),
            ttfat_ms=self._since(self.first_answer_ns),
            first_sentence_ms=self._since(self._sentence_ns),
            total_ms=self._since(self.done_ns),
            tokens=tokens,
            tokens_counted=counted,
            tokens_per_s=self._pace(self._streamed(tokens) if counted else tokens),
        )

    def _streamed(self, counted: int) -> int:
        """Return how many of the counted tokens came: without the reasoning that did not."""
        return counted if self._reasoned else counted - (self._reasoning_tokens or 0)

    def _pace(self, tokens: int) -> float | None:
        """Return the tokens per second after the first read.

        Each read has its share of the tokens: by its pieces, or by its letters where a piece holds
        more than two tokens, for then it may hold any number.
        """
        if tokens < 2 or len(self._reads) < 2 or self.first_ns is None or self.last_ns is None:
            return None
        spread_s = (self.last_ns - self.first_ns) / 1e9
        by_letters = tokens > _TOKENS_OF_A_PIECE * self.pieces
        shares = [read.letters if by_letters else read.pieces for read in self._reads]
        whole = sum(shares)
        if spread_s <= 0 or 2 * max(shares) > whole:
            return None
        return tokens * (whole - shares[0]) / whole / spread_s

    def _take_done(self, event: TokenEvent) -> None:
        if self.done_ns is None:
            self.done_ns = event.at_ns
            if not event.truncated and self._sentence.finish():
                self._sentence_ns = event.at_ns
        self.end_ns = event.at_ns
        self.counted = event.tokens if event.tokens is not None else self.counted
        self.prompt_tokens = (
            event.prompt_tokens if event.prompt_tokens is not None else self.prompt_tokens
        )
        if event.reasoning_tokens is not None:
            self._reasoning_tokens = event.reasoning_tokens
        self.server = event.server or self.server

    def _take_piece(self, event: TokenEvent) -> None:
        self.pieces += 1
        if self.last_ns is not None and event.at_ns > self.last_ns:
            self.gaps_ms.append((event.at_ns - self.last_ns) / 1e6)
        if self.last_ns != event.at_ns:
            self._reads.append(_Read())
        self._reads[-1].pieces += 1
        self._reads[-1].letters += len(event.text)
        self.last_ns = event.at_ns
        if self.first_ns is None:
            self.first_ns = event.at_ns
            self.reasoned_first = event.kind == "reasoning"
        if event.kind == "reasoning":
            self._reasoned = True
            if event.all_reasoning:
                self._take_back_the_answer()
        else:
            self.first_answer_ns = self.first_answer_ns or event.at_ns
            if self._sentence.feed(event.text):
                self._sentence_ns = event.at_ns

    def _take_back_the_answer(self) -> None:
        self.reasoned_first = True
        self.first_answer_ns = self._sentence_ns = None
        self._sentence = FirstSentence()

    def _since(self, at_ns: int | None) -> float | None:
        if at_ns is None or self.sent_ns is None:
            return None
        return (at_ns - self.sent_ns) / 1e6
