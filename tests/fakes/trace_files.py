"""OTLP spans and files of them, for tests of the importers."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent.parent / "data" / "traces"
START_NS = 1_795_318_766_000_000_000
CAPTURES = {
    name: next((DATA / name).glob("spans.otlp.json*"))
    for name in (
        "pipecat-1.14",
        "pipecat-1.0",
        "pipecat-0.0.98",
        "livekit-1.8",
        "livekit-1.8-nopreempt",
        "livekit-1.5",
        "livekit-1.3",
    )
}

WHOLE = frozenset({"pipecat-1.14", "livekit-1.8"})
"""Captures that are one document; the others are JSON Lines."""


def own_figures(name: str) -> dict[str, Any]:
    return json.loads((DATA / name / "own_figures.json").read_text("utf-8"))


def value(item: Any) -> dict[str, Any]:
    if isinstance(item, bool):
        return {"boolValue": item}
    if isinstance(item, int):
        return {"intValue": str(item)}
    if isinstance(item, float):
        return {"doubleValue": item}
    if isinstance(item, list):
        return {"arrayValue": {"values": [value(each) for each in item]}}
    return {"stringValue": item}


def span(name: str, span_id: int, begin_s: float, end_s: float, parent: int = 0, **attributes):
    """A span in OTLP JSON; underscores pairs in attribute names stand for dots."""
    return {
        "traceId": "a" * 32,
        "spanId": f"{span_id:016x}",
        **({"parentSpanId": f"{parent:016x}"} if parent else {}),
        "name": name,
        "startTimeUnixNano": str(START_NS + round(begin_s * 1e9)),
        "endTimeUnixNano": str(START_NS + round(end_s * 1e9)),
        "attributes": [
            {"key": key.replace("__", "."), "value": value(item)}
            for key, item in attributes.items()
        ],
        "status": {},
    }


def document(*spans: dict[str, Any], scope: str = "pipecat.turn") -> dict[str, Any]:
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": [{"key": "service.name", "value": value("bot")}]},
                "scopeSpans": [{"scope": {"name": scope}, "spans": list(spans)}],
            }
        ]
    }


def call(**first_turn: Any) -> list[dict[str, Any]]:
    """A conversation of one answered turn, as pipecat writes it."""
    turn = {"turn__number": 1, "turn__user_bot_latency_seconds": 1.0, **first_turn}
    return [
        span("conversation", 1, 0.0, 20.0, conversation__id="call-1"),
        span("turn", 2, 1.0, 9.0, 1, turn__duration_seconds=8.0, **turn),
        span("stt", 3, 0.8, 4.0, 2, metrics__ttfb=0.4, transcript="hello"),
        span("llm", 4, 4.1, 5.0, 2, metrics__ttfb=0.3),
        span("tts", 5, 4.5, 6.0, 2, metrics__ttfb=0.1, text="hi"),
    ]


def write(folder: Path, content: Any, name: str = "spans.json") -> str:
    """Write a document, or text, or bytes, and give back its path."""
    path = folder / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8")
    return str(path)


def written_spans(name: str) -> dict[str, dict[str, Any]]:
    """The spans of a capture by id as a plain reader sees them: name, times, attributes."""
    raw = CAPTURES[name].read_bytes()
    text = (gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw).decode("utf-8")
    documents = [json.loads(text)] if name in WHOLE else map(json.loads, text.splitlines())
    return {
        item["spanId"]: {
            "name": item["name"],
            "start_s": int(item["startTimeUnixNano"]) / 1e9,
            "end_s": int(item["endTimeUnixNano"]) / 1e9,
            "parent_id": item.get("parentSpanId"),
            "attributes": {each["key"]: _plain(each["value"]) for each in item["attributes"]},
            "events": [
                (each["name"], {pair["key"]: _plain(pair["value"]) for pair in each["attributes"]})
                for each in item.get("events", [])
            ],
        }
        for document in documents
        for resource in document["resourceSpans"]
        for scope in resource["scopeSpans"]
        for item in scope["spans"]
    }


def _plain(item: dict[str, Any]) -> Any:
    ((kind, held),) = item.items()
    if kind == "arrayValue":
        return [_plain(each) for each in held["values"]]
    return int(held) if kind == "intValue" else held
