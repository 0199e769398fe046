"""The one door for traces: a file in, a Trace out, whichever pipeline or platform wrote it."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from echotrace.errors import InputError, UsageError
from echotrace.traces.document import read_document
from echotrace.traces.kinds import IMPORTERS
from echotrace.traces.otlp import span_sources

if TYPE_CHECKING:
    from collections.abc import Iterator

    from echotrace.config.secrets import Secret
    from echotrace.model.trace import Trace
    from echotrace.traces.document import Document
    from echotrace.traces.kinds import Importer

__all__ = ["read_trace"]


def read_trace(path: str, *, kind: str | None = None, secrets: tuple[Secret, ...] = ()) -> Trace:
    """Read a trace; its kind is told by its content unless ``kind`` names one.

    Where one of the ``secrets`` stands in a text of the file, the trace has a mark instead.

    Raises:
        UsageError: there is no such kind.
        InputError: the file cannot be read, is no JSON, is of no kind that is understood, or
            holds nothing of the kind that was named.
    """
    named = None if kind is None else _named(kind)
    try:
        with _collection_paused():
            document = read_document(path, secrets=secrets)
            importer = named or _detected(document)
            trace = importer.read(document)
    except RecursionError:
        raise InputError(
            "the trace cannot be read",
            why="it is nested too deeply",
            hint="--trace takes spans or call JSON as the pipeline wrote them",
            code="TRACE_JSON",
        ) from None
    if not trace.turns and not trace.spans:
        raise InputError(
            f"the trace {document.name} holds no turn and no span of the kind {importer.name}",
            hint="docs/traces.md has the lines and spans that tell something"
            if named is None
            else "leave --trace-kind out, and the kind is told by the content",
            code="TRACE_NOTHING_READ",
        )
    return replace(trace, findings=document.findings + trace.findings)


@contextmanager
def _collection_paused() -> Iterator[None]:
    """Keep the garbage collector from walking millions of fresh values again and again.

    Of a large trace nothing is garbage until it is read: with it 100,000 spans take twice as long.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _named(kind: str) -> Importer:
    for importer in IMPORTERS:
        if importer.name == kind:
            return importer
    raise UsageError(
        f"there is no trace kind {kind!r}", hint=f"one of: {_kinds()}", code="TRACE_KIND_UNKNOWN"
    )


def _detected(document: Document) -> Importer:
    for importer in IMPORTERS:
        if importer.detects(document):
            return importer
    count = sum(len(source.spans) for source in span_sources(document))
    raise InputError(
        f"the trace {document.name} is of no kind that is understood",
        why=f"its {count:,} spans come from none of the pipelines that are known"
        if count
        else "it has the fields of none of them",
        hint=f"understood are: {_kinds()}",
        code="TRACE_KIND_UNKNOWN",
    )


def _kinds() -> str:
    return ", ".join(importer.name for importer in IMPORTERS)
