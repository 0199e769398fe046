"""The parts of a pipecat turn, rebuilt from its spans: pipecat itself exports only their sum.

The moments are those of pipecat's own latency breakdown: the caller's silence, the transcript, the
request to the LLM, its first chunk, the first sentence, the first audio.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from echotrace.model.trace import ClaimedPart, TraceSide, TraceTurn
from echotrace.traces.owners import service
from echotrace.traces.span_tree import Node
from echotrace.traces.values import duration, mapping, parsed, sequence, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from echotrace.model.measure import JsonValue

__all__ = ["is_discarded", "turn_of", "wait_setting_s"]

LATENCY: Final = "turn.user_bot_latency_seconds"
SILENCE_OWNER: Final = "config: VAD stop_secs"

_WAITS: Final = ("vad.stop_secs", "vad_stop_secs", "settings.vad.stop_secs")
_CLOSE_S: Final = 0.05
"""How far a stage may begin before the span that it waits for is written down as ended."""

_EMPTY_S: Final = 0.005
"""A synthesis that ends this soon was cancelled before there was sound; its ttfb is noise."""

_NO_WAIT_S: Final = 0.02
"""An STT ttfb below this was stopped by an interruption frame (pipecat 0.0.98): no measurement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chain:
    """The spans that lead to an answer."""

    stt: Node | None
    llms: tuple[Node, ...]
    tts: Node | None


def wait_setting_s(attributes: Mapping[str, JsonValue]) -> float | None:
    """The VAD's stop_secs, where the conversation's own attributes tell it."""
    found = (duration(attributes.get(key)) for key in _WAITS)
    return next((value for value in found if value is not None and value >= 0.0), None)


def is_discarded(node: Node) -> bool:
    """Whether a synthesis was cancelled before its first sound."""
    return node.name == "tts" and node.duration_s < _EMPTY_S


def turn_of(
    node: Node, children: Sequence[Node], *, turn_id: int, wait_s: float | None
) -> TraceTurn:
    """One turn from its span and the spans of its services, by their start."""
    heard = [child for child in children if child.name == "stt"]
    chain = _chain(children, heard)
    silence_s = _silence(chain.stt)
    latency_s = duration(node.attributes.get(LATENCY))
    spoken = [child for child in children if child.name == "llm_response"]
    starts_s = _agent_start(chain, silence_s, latency_s)
    was_cut = node.attributes.get("turn.was_interrupted") is True
    user = _user(node, heard, silence_s) if chain.stt is not None or spoken else None
    agent = _agent(node, children, starts_s, was_cut=was_cut)
    parts = _parts(chain, silence_s, wait_s) if starts_s is not None else ()
    if spoken:
        agent, parts = _realtime(spoken, starts_s), _inference(spoken[0])
    return TraceTurn(
        id=turn_id,
        user=user,
        agent=agent,
        claimed_gap_ms=None if latency_s is None else latency_s * 1000.0,
        claimed_by=None if latency_s is None else LATENCY,
        parts=parts,
        interrupted=was_cut and agent is not None,
        aborted=agent is None,
        attributes=dict(node.attributes),
    )


def _chain(children: Sequence[Node], heard: Sequence[Node]) -> _Chain:
    """The last transcript that an answer followed, and what followed it up to the first sound.

    Generations and syntheses before it belong to tries that the caller cut short by going on.
    """
    llms = [child for child in children if child.name == "llm"]
    voices = [child for child in children if child.name == "tts" and not is_discarded(child)]
    for stt in reversed(heard):
        after_s = stt.end_s - _CLOSE_S
        tts = next((voice for voice in voices if voice.start_s >= after_s), None)
        led = _led_to(tts, [llm for llm in llms if llm.start_s >= after_s])
        if tts is not None or led:
            return _Chain(stt=stt, llms=led, tts=tts)
    if voices:  # nothing was said before it: a greeting, an announcement
        return _Chain(stt=None, llms=_led_to(voices[0], llms), tts=voices[0])
    return _Chain(stt=heard[-1] if heard else None, llms=(), tts=None)


def _led_to(tts: Node | None, llms: Sequence[Node]) -> tuple[Node, ...]:
    """The generations, one after the other, that the first synthesis waited for."""
    found: list[Node] = []
    for llm in reversed(llms):
        if tts is not None and llm.start_s > tts.start_s:
            continue
        if not found or llm.end_s <= found[-1].start_s + _CLOSE_S:
            found.append(llm)
    return tuple(reversed(found))


def _silence(stt: Node | None) -> float | None:
    """When the VAD holds that the caller stopped: the transcript less the time since then."""
    waited = duration(stt.attributes.get("metrics.ttfb")) if stt is not None else None
    if stt is None or waited is None or waited < _NO_WAIT_S:
        return None
    return stt.end_s - waited


def _agent_start(chain: _Chain, silence_s: float | None, latency_s: float | None) -> float | None:
    if silence_s is not None and latency_s is not None:
        return silence_s + latency_s
    first = duration(chain.tts.attributes.get("metrics.ttfb")) if chain.tts is not None else None
    return None if chain.tts is None or first is None else chain.tts.start_s + first


def _realtime(spoken: Sequence[Node], starts_s: float | None) -> TraceSide:
    """The answer of a speech-to-speech model, whose spans are written when it is complete."""
    said = [found for node in spoken if (found := text(node.attributes.get("output")))]
    return TraceSide(start_s=starts_s, text=" ".join(said) or None, edge="playout")


def _inference(response: Node) -> tuple[ClaimedPart, ...]:
    first = duration(response.attributes.get("metrics.ttfb"))
    if first is None:
        return ()
    return (
        ClaimedPart(
            key="llm_inference",
            ms=first * 1000.0,
            owner=service(response.attributes, fallback="realtime model"),
            source="llm_response metrics.ttfb",
        ),
    )


def _user(node: Node, heard: Sequence[Node], silence_s: float | None) -> TraceSide | None:
    """The caller's side: edges of speech where the STT spans have a length, else the detector's."""
    if not heard:
        return None
    said = [found for stt in heard if (found := text(stt.attributes.get("transcript")))]
    words = " ".join(said) or None
    has_length = heard[0].duration_s >= _EMPTY_S
    if has_length or silence_s is not None:
        start = heard[0].start_s if has_length else None
        return TraceSide(start_s=start, end_s=silence_s, text=words)
    return TraceSide(start_s=node.start_s, text=words, edge="detected")


def _agent(
    node: Node, children: Sequence[Node], starts_s: float | None, *, was_cut: bool
) -> TraceSide | None:
    if starts_s is None:
        return None
    said = [
        found
        for child in children
        if child.name == "tts" and not is_discarded(child)
        if (found := text(child.attributes.get("text")))
    ]
    return TraceSide(
        start_s=starts_s,
        end_s=_agent_end(node, was_cut=was_cut),
        text=" ".join(said) or None,
        edge="playout",
    )


def _agent_end(node: Node, *, was_cut: bool) -> float | None:
    """When the bot stopped: told only where the turn was cut, or closed by its own timer.

    ``turn.duration_seconds`` ends with the bot's last sound where the timer closed the turn (the
    span then is longer by it) and with the caller's next word otherwise.
    """
    lasted = duration(node.attributes.get("turn.duration_seconds"))
    if lasted is None:
        return None
    if was_cut or node.duration_s - lasted > _CLOSE_S:
        return node.start_s + lasted
    return None


def _parts(chain: _Chain, silence_s: float | None, wait_s: float | None) -> tuple[ClaimedPart, ...]:
    parts = [*_listening(chain, silence_s, wait_s), *_thinking(chain)]
    last = chain.llms[-1] if chain.llms else None
    token_s = _first_chunk(last) if last is not None else None
    tts = chain.tts
    if tts is None:
        return tuple(parts)
    if token_s is not None:
        parts.append(
            ClaimedPart(
                key="sentence_aggregation",
                ms=(tts.start_s - token_s) * 1000.0,
                owner="config: text_aggregation_mode",
                owner_kind="setting",
                start_s=token_s,
                source="tts start - llm first chunk",
            )
        )
    first = duration(tts.attributes.get("metrics.ttfb"))
    if first is not None:
        parts.append(
            ClaimedPart(
                key="speech_synthesis",
                ms=first * 1000.0,
                owner=service(tts.attributes, fallback="tts"),
                start_s=tts.start_s,
                source="tts metrics.ttfb",
            )
        )
    return tuple(parts)


def _listening(chain: _Chain, silence_s: float | None, wait_s: float | None) -> list[ClaimedPart]:
    """From the caller's silence to the request to the LLM."""
    stt, parts = chain.stt, []
    if stt is not None and silence_s is not None:
        waited_s = min(wait_s or 0.0, stt.end_s - silence_s)
        if wait_s is not None:
            parts.append(
                ClaimedPart(
                    key="endpointing_wait",
                    ms=waited_s * 1000.0,
                    owner=SILENCE_OWNER,
                    owner_kind="setting",
                    start_s=silence_s,
                    source="conversation vad.stop_secs",
                )
            )
        parts.append(
            ClaimedPart(
                key="transcription",
                ms=(stt.end_s - silence_s - waited_s) * 1000.0,
                owner=service(stt.attributes, fallback="stt"),
                start_s=silence_s + waited_s,
                source="stt metrics.ttfb"
                if wait_s is not None
                else "stt metrics.ttfb, which holds the VAD's stop_secs",
            )
        )
    if stt is not None and chain.llms:
        parts.append(
            ClaimedPart(
                key="turn_detection",
                ms=(chain.llms[0].start_s - stt.end_s) * 1000.0,
                owner="config: user turn strategies",
                owner_kind="setting",
                start_s=stt.end_s,
                source="llm start - stt end",
            )
        )
    return parts


def _thinking(chain: _Chain) -> list[ClaimedPart]:
    """The generations up to the one that was spoken, and the tools between them."""
    parts = []
    for llm in chain.llms:
        first = _first_chunk(llm)
        if first is not None:
            parts.append(
                ClaimedPart(
                    key="llm_inference",
                    ms=(first - llm.start_s) * 1000.0,
                    owner=service(llm.attributes, fallback="llm"),
                    start_s=llm.start_s,
                    source="llm metrics.ttfb",
                )
            )
    for llm, following in pairwise(chain.llms):
        first = _first_chunk(llm)
        if first is not None:
            parts.append(
                ClaimedPart(
                    key="tool_call",
                    ms=(llm.end_s - first) * 1000.0,
                    owner=service(llm.attributes, fallback="llm"),
                    start_s=first,
                    source="llm end - llm first chunk",
                )
            )
        parts.append(
            ClaimedPart(
                key="tool_call",
                ms=(following.start_s - llm.end_s) * 1000.0,
                owner=_tools(following) or "function handler",
                owner_kind="bot",
                start_s=llm.end_s,
                source="next llm start - llm end",
            )
        )
    return sorted(parts, key=lambda part: part.start_s or 0.0)


def _first_chunk(llm: Node) -> float | None:
    first = duration(llm.attributes.get("metrics.ttfb"))
    return None if first is None else llm.start_s + first


def _tools(llm: Node) -> str | None:
    """The functions whose results a generation was given: the last calls in its messages."""
    for message in reversed(sequence(parsed(llm.attributes.get("input")))):
        calls = sequence(mapping(message).get("tool_calls"))
        names = [text(mapping(mapping(call).get("function")).get("name")) for call in calls]
        if found := [name for name in names if name]:
            return ", ".join(found)
    return None
