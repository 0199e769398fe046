"""The parts of a LiveKit turn: which answer belongs to which words, and where its time went.

The identity behind it (equal to LiveKit's own ``e2e_latency``): agent_speaking.start - caller's
stop = end_of_turn_delay + (llm_node.start - commit) + first token + tools + sentence wait + first
audio + output. With preemptive generation the LLM starts before the commit: that part is negative.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from echotrace.model.trace import ClaimedPart, TraceSide, TraceTurn
from echotrace.traces.owners import service
from echotrace.traces.span_tree import Node, SpanTree
from echotrace.traces.values import duration, mapping, parsed, text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echotrace.model.measure import JsonValue

__all__ = ["TurnPair", "first_output_s", "pair_turns", "tts_first_s", "turn_of"]

_SLACK_S: Final = 0.05
"""How far spans that hand over to each other may overlap."""

_LOOK_BACK: Final = 8
"""How many unanswered turns an answer is compared with."""

_EOT: Final = "lk.end_of_turn_delay"
_TRANSCRIPTION: Final = "lk.transcription_delay"
_E2E: Final = "lk.e2e_latency"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnPair:
    """A caller's turn, the generations of the speech that answers it, or one of both."""

    user: Node | None
    agents: tuple[Node, ...]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The spans of both sides."""
        return self.agents if self.user is None else (self.user, *self.agents)

    @property
    def start_s(self) -> float:
        """Where the turn begins."""
        return min(node.start_s for node in self.nodes)


def pair_turns(tree: SpanTree) -> list[TurnPair]:
    """The turns of a session in the order of time.

    Nothing in the spans links an answer to what it answers: the delays that 1.8 copies onto both
    do, else the last committed turn of the caller before the answer.
    """
    users = tree.named("user_turn")
    callers = _Callers(users)
    taken: set[str] = set()
    pairs = []
    for speech in _speeches(tree):
        user = _answered(tree, speech, callers, taken)
        if user is not None:
            taken.add(user.id)
        if user is not None or tree.children(speech, "agent_speaking"):
            pairs.append(TurnPair(user=user, agents=speech))
    pairs.extend(TurnPair(user=node, agents=()) for node in users if node.id not in taken)
    return sorted(pairs, key=lambda pair: pair.start_s)


def turn_of(tree: SpanTree, pair: TurnPair, turn_id: int) -> TraceTurn:
    """One turn with the parts of its wait."""
    stop_s = None if pair.user is None else _stop(tree, pair.user)
    voices = tree.children(pair.agents, "agent_speaking")
    speaks_s = voices[0].start_s if voices else None
    claimed_s, claimed_by = _claimed(pair, stop_s, speaks_s)
    was_cut = any(node.attributes.get("lk.interrupted") is True for node in pair.agents)
    parts: list[ClaimedPart] = []
    if pair.user is not None and speaks_s is not None:
        commit_s = None
        delay_s = _delay(pair.user.attributes.get(_EOT))
        if stop_s is not None and delay_s is not None:
            commit_s = stop_s + delay_s
            parts.extend(_waiting(tree, pair.user, stop_s, delay_s))
        parts.extend(_answering(tree, pair.agents, commit_s, speaks_s))
    return TraceTurn(
        id=turn_id,
        user=None if pair.user is None else _user_side(tree, pair.user, stop_s),
        agent=_agent_side(pair, voices),
        claimed_gap_ms=None if claimed_s is None else claimed_s * 1000.0,
        claimed_by=claimed_by,
        parts=tuple(parts),
        interrupted=was_cut and bool(voices),
        aborted=not voices,
        attributes=_kept(pair),
    )


def first_output_s(llm: Node) -> float | None:
    """When a generation gave its first token (or the first of a tool call)."""
    for key in ("lk.response.ttft", "gen_ai.response.time_to_first_chunk"):
        if (first := duration(llm.attributes.get(key))) is not None:
            return llm.start_s + first
    first = duration(mapping(parsed(llm.attributes.get("lk.llm_metrics"))).get("ttft"))
    return None if first is None or first < 0.0 else llm.start_s + first


def tts_first_s(request: Node) -> float | None:
    """When a request for speech gave its first sound."""
    first = duration(mapping(parsed(request.attributes.get("lk.tts_metrics"))).get("ttfb"))
    return None if first is None or first < 0.0 else request.start_s + first


def _speeches(tree: SpanTree) -> list[tuple[Node, ...]]:
    """The generations of each speech: before 1.8 every step of a tool call is a span of its own."""
    groups: dict[str, list[Node]] = {}
    for node in tree.named("agent_turn"):
        groups.setdefault(text(node.attributes.get("lk.speech_id")) or node.id, []).append(node)
    return [tuple(nodes) for nodes in groups.values()]


class _Callers:
    """The caller's turns, found by their delays or by their time."""

    def __init__(self, users: Sequence[Node]) -> None:
        self._users = users
        self._starts = [user.start_s for user in users]
        self._by_delays = {_delays(user): user for user in users if _delay(_delays(user)[0])}

    def with_delays_of(self, node: Node) -> Node | None:
        """The turn whose delays 1.8 copied onto an answer."""
        return self._by_delays.get(_delays(node))

    def before(self, begins_s: float, taken: set[str]) -> list[Node]:
        """The last committed turns that no answer has yet, the latest first."""
        found: list[Node] = []
        for at in range(bisect_left(self._starts, begins_s) - 1, -1, -1):
            user = self._users[at]
            if user.id in taken or user.end_s > begins_s + _SLACK_S or not _is_committed(user):
                continue
            found.append(user)
            if len(found) == _LOOK_BACK:
                break
        return found


def _delays(node: Node) -> tuple[float | None, float | None]:
    return duration(node.attributes.get(_EOT)), duration(node.attributes.get(_TRANSCRIPTION))


def _answered(
    tree: SpanTree, speech: Sequence[Node], callers: _Callers, taken: set[str]
) -> Node | None:
    """The caller's turn that a speech answers; None for a greeting or an announcement."""
    for node in speech:
        user = callers.with_delays_of(node)
        if user is not None and user.id not in taken:
            return user
    heard = next((said for node in speech if (said := _said(node, "user_input"))), None)
    is_answer = heard is not None or any(_E2E in node.attributes for node in speech)
    if not is_answer and not tree.children(speech, "realtime_inference"):
        return None
    voices = tree.children(speech, "agent_speaking")
    begins_s = voices[0].start_s if voices else max(node.end_s for node in speech)
    fitting = callers.before(begins_s, taken)
    same = [user for user in fitting if heard and _said(user, "user_transcript") == heard]
    fitting = same or fitting
    return fitting[0] if fitting else None


def _is_committed(user: Node) -> bool:
    return _delay(user.attributes.get(_EOT)) is not None or bool(_said(user, "user_transcript"))


def _said(node: Node, key: str) -> str | None:
    """A text attribute under its name since 1.8 (``lk.pii.``) or the one before."""
    return text(node.attributes.get(f"lk.pii.{key}")) or text(node.attributes.get(f"lk.{key}"))


def _delay(value: JsonValue) -> float | None:
    """A delay in seconds; LiveKit writes 0 for one that it does not know."""
    found = duration(value)
    return found if found else None


def _stop(tree: SpanTree, user: Node) -> float | None:
    """When the caller stopped: exact in ``eou_wait``, else the commit less its delay."""
    waits = tree.children([user], "eou_wait")
    committed = [wait for wait in waits if wait.attributes.get("lk.eou.outcome") == "committed"]
    if waits:
        return (committed or waits)[-1].start_s
    delay_s = _delay(user.attributes.get(_EOT))
    return None if delay_s is None else user.end_s - delay_s


def _user_side(tree: SpanTree, user: Node, stop_s: float | None) -> TraceSide:
    words = _said(user, "user_transcript")
    spoken = tree.children([user], "user_speaking")
    ends_s = spoken[-1].end_s if spoken else None
    if stop_s is not None:
        # 1.3 stamps both edges when the detector spoke: its start is about 0.1 s late.
        is_late = ends_s is not None and ends_s - stop_s > _SLACK_S
        return TraceSide(start_s=None if is_late else user.start_s, end_s=stop_s, text=words)
    return TraceSide(start_s=user.start_s, end_s=ends_s, text=words, edge="detected")


def _agent_side(pair: TurnPair, voices: Sequence[Node]) -> TraceSide | None:
    if not voices:
        return None
    said = [found for node in pair.agents if (found := _said(node, "response.text"))]
    return TraceSide(
        start_s=voices[0].start_s,
        end_s=max(voice.end_s for voice in voices),
        text=" ".join(said) or None,
        edge="playout",
    )


def _claimed(
    pair: TurnPair, stop_s: float | None, speaks_s: float | None
) -> tuple[float | None, str | None]:
    """LiveKit's own latency, which before 1.5 stands in no attribute but in the spans' edges."""
    for node in pair.agents:
        if (found := duration(node.attributes.get(_E2E))) is not None:
            return found, _E2E
    if pair.user is None or stop_s is None or speaks_s is None:
        return None, None
    return speaks_s - stop_s, "agent_speaking start - end of the caller's speech"


def _kept(pair: TurnPair) -> dict[str, JsonValue]:
    """What both sides' spans say of the turn, less the texts, which stand in the sides."""
    return {
        key: value
        for node in pair.nodes
        for key, value in node.attributes.items()
        if key.startswith("lk.") and not isinstance(value, list | dict) and "pii" not in key
    }


def _waiting(tree: SpanTree, user: Node, stop_s: float, delay_s: float) -> list[ClaimedPart]:
    """The wait for the end of the turn, and the transcript inside it."""
    settings = [
        setting
        for wait in tree.children([user], "eou_wait")
        if (setting := duration(wait.attributes.get("lk.eou.endpointing_delay"))) is not None
    ]
    owner = f"endpointing delay {settings[-1]:g} s" if settings else "endpointing delay"
    parts = [
        ClaimedPart(
            key="endpointing_wait",
            ms=delay_s * 1000.0,
            owner=owner,
            owner_kind="setting",
            start_s=stop_s,
            source=_EOT,
        )
    ]
    heard_s = _delay(user.attributes.get(_TRANSCRIPTION))
    if heard_s is not None:
        parts.append(
            ClaimedPart(
                key="transcription",
                ms=heard_s * 1000.0,
                owner=service(user.attributes, fallback="stt"),
                start_s=stop_s,
                inside="endpointing_wait",
                source=_TRANSCRIPTION,
            )
        )
    return parts


def _answering(
    tree: SpanTree, agents: Sequence[Node], commit_s: float | None, speaks_s: float
) -> list[ClaimedPart]:
    """From the committed turn to the sound."""
    llms = [llm for llm in tree.children(agents, "llm_node") if llm.start_s < speaks_s]
    if not llms:
        return []
    parts: list[ClaimedPart] = []
    token_s = None
    for llm in llms:
        token_s = _token(tree, llm)
        if token_s is not None:
            parts.append(
                ClaimedPart(
                    key="llm_inference",
                    ms=(token_s - llm.start_s) * 1000.0,
                    owner=_llm_owner(tree, llm),
                    start_s=llm.start_s,
                    source="llm_node first token",
                )
            )
    parts.extend(_tools(tree, agents, llms))
    parts.sort(key=lambda part: part.start_s or 0.0)
    if commit_s is not None:
        parts.insert(0, _handover(commit_s, llms[0].start_s))
    if token_s is not None:
        parts.extend(_speaking(tree, agents, token_s, speaks_s))
    return parts


def _handover(commit_s: float, llm_s: float) -> ClaimedPart:
    is_early = llm_s < commit_s
    return ClaimedPart(
        key="turn_detection",
        ms=(llm_s - commit_s) * 1000.0,
        owner="preemptive generation" if is_early else "on_user_turn_completed",
        owner_kind="setting" if is_early else "bot",
        start_s=commit_s,
        source="llm_node start - (stop + lk.end_of_turn_delay)",
    )


def _token(tree: SpanTree, llm: Node) -> float | None:
    found = first_output_s(llm)
    if found is not None:
        return found
    requests = tree.below([llm], "llm_request")
    return first_output_s(requests[0]) if requests else None


def _llm_owner(tree: SpanTree, llm: Node) -> str:
    """Before 1.5 the model stands on the request only."""
    requests = tree.below([llm], "llm_request")
    fallback = service(requests[0].attributes, fallback="llm") if requests else "llm"
    return service(llm.attributes, fallback=fallback)


def _tools(tree: SpanTree, agents: Sequence[Node], llms: Sequence[Node]) -> list[ClaimedPart]:
    """The rest of a generation that called tools, and the time until the next one."""
    parts = []
    calls = tree.children(agents, "function_tool")
    for llm, following in pairwise(llms):
        token_s = _token(tree, llm)
        if token_s is not None:
            parts.append(
                ClaimedPart(
                    key="tool_call",
                    ms=(llm.end_s - token_s) * 1000.0,
                    owner=_llm_owner(tree, llm),
                    start_s=token_s,
                    source="llm_node end - first token",
                )
            )
        names = [
            text(call.attributes.get("lk.function_tool.name")) or "function"
            for call in calls
            if llm.start_s <= call.start_s <= following.start_s
        ]
        parts.append(
            ClaimedPart(
                key="tool_call",
                ms=(following.start_s - llm.end_s) * 1000.0,
                owner=", ".join(dict.fromkeys(names)) or "function_tool",
                owner_kind="bot",
                start_s=llm.end_s,
                source="next llm_node start - llm_node end",
            )
        )
    return parts


def _speaking(
    tree: SpanTree, agents: Sequence[Node], token_s: float, speaks_s: float
) -> list[ClaimedPart]:
    """The wait for a sentence, the first sound of it, and the way out."""
    nodes = tree.children(agents, "tts_node")
    requests = [
        request
        for request in tree.below(agents, "tts_request")
        if request.end_s > token_s and request.start_s < speaks_s
    ]
    whole = [request for request in requests if request.start_s >= token_s - _SLACK_S]
    if whole and (first_s := _synthesised(whole[0], nodes)) is not None:
        owner = _tts_owner(whole[0], nodes)
        return _spoken(token_s, whole[0].start_s, first_s, speaks_s, owner)
    lasted = [
        found for node in nodes if (found := duration(node.attributes.get("lk.response.ttfb")))
    ]
    if not lasted or not tree.named("eou_wait"):
        return []
    # A streaming request opens before there is text: 1.8 counts from the first sentence pushed.
    begins_s = max(token_s, speaks_s - lasted[-1])
    return _spoken(token_s, begins_s, speaks_s, speaks_s, _tts_owner(nodes[-1], nodes))


def _synthesised(request: Node, nodes: Sequence[Node]) -> float | None:
    found = tts_first_s(request)
    if found is not None:
        return found
    lasted = [duration(node.attributes.get("lk.response.ttfb")) for node in nodes]
    first = next((value for value in reversed(lasted) if value is not None), None)
    return None if first is None else request.start_s + first


def _tts_owner(request: Node, nodes: Sequence[Node]) -> str:
    fallback = text(request.attributes.get("lk.tts.label")) or "tts"
    for node in nodes:
        fallback = service(node.attributes, fallback=fallback)
    return service(request.attributes, fallback=fallback)


def _spoken(
    token_s: float, begins_s: float, first_s: float, speaks_s: float, owner: str
) -> list[ClaimedPart]:
    return [
        ClaimedPart(
            key="sentence_aggregation",
            ms=(begins_s - token_s) * 1000.0,
            owner="sentence tokenizer",
            owner_kind="setting",
            start_s=token_s,
            source="tts_request start - first token",
        ),
        ClaimedPart(
            key="speech_synthesis",
            ms=(first_s - begins_s) * 1000.0,
            owner=owner,
            start_s=begins_s,
            source="tts_request ttfb",
        ),
        ClaimedPart(
            key="output_transport",
            ms=(speaks_s - first_s) * 1000.0,
            owner="audio output",
            owner_kind="pipeline",
            start_s=first_s,
            source="agent_speaking start - first audio",
        ),
    ]
