"""Benchmark runs to text and back: lines of a run file, whole runs, comparisons.

A run file is a line for its header and one for each item; the document of a whole run is what
``--json`` prints. Reading validates every type, because a file may come from anywhere.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from echotrace.errors import SchemaError
from echotrace.model.benchmark import RUN_SCHEMA, BenchmarkRun, RunComparison, RunHeader, RunItem
from echotrace.model.codec import to_plain
from echotrace.model.strict_json import strict_json, with_whole_characters
from echotrace.printable import printable

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = [
    "BENCHMARK_SCHEMA",
    "COMPARISON_SCHEMA",
    "dumps_comparison",
    "dumps_run",
    "header_line",
    "item_line",
    "loads_run",
    "read_header",
    "read_item",
    "run_json_schema",
]

BENCHMARK_SCHEMA: Final = "echotrace.benchmark/1"
COMPARISON_SCHEMA: Final = "echotrace.comparison/1"

_ADVICE: Final = "pass the run file or the JSON document that `echotrace benchmark` wrote"

T = TypeVar("T")


def header_line(header: RunHeader) -> str:
    """Return the first line of a run file, with its line feed."""
    return _line(_schema_first(header))


def item_line(item: RunItem) -> str:
    """Return one item as a line, with its line feed.

    Raises:
        ValueError: a figure is NaN or infinite, which an item never holds.
    """
    return _line(to_plain(item))


def read_header(line: str | bytes) -> RunHeader:
    """Read the first line of a run file.

    Raises:
        SchemaError: it is none, is damaged, or was written by a newer version.
    """
    document = _parse(line, what="run file")
    _check_schema(document, RUN_SCHEMA, what="run file")
    return _validated(RunHeader, document, what="the header of the run")


def read_item(line: str | bytes) -> RunItem:
    """Read one item.

    Raises:
        SchemaError: the line is damaged.
    """
    return _validated(RunItem, _parse(line, what="line of a run file"), what="an item of the run")


def dumps_run(run: BenchmarkRun, *, indent: int | None = 2) -> str:
    """Write a whole run as one JSON document, without a trailing line feed.

    Raises:
        ValueError: a figure is NaN or infinite, which a run never holds.
    """
    return _text(_schema_first(run), indent=indent)


def loads_run(text: str | bytes) -> BenchmarkRun:
    """Read what ``dumps_run`` wrote.

    Raises:
        SchemaError: the document is no run, is damaged, or was written by a newer version.
    """
    document = _parse(text, what="benchmark run")
    _check_schema(document, BENCHMARK_SCHEMA, what="benchmark run")
    return _validated(BenchmarkRun, document, what="the run")


def dumps_comparison(comparison: RunComparison, *, indent: int | None = 2) -> str:
    """Write a comparison as one JSON document, without a trailing line feed."""
    return _text(_schema_first(comparison), indent=indent)


def run_json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) that every written run validates against."""
    schema = _adapter(BenchmarkRun).json_schema(mode="serialization")
    schema["$defs"]["Measurement"]["required"] = ["unit", "status"]
    schema["properties"]["schema"]["const"] = BENCHMARK_SCHEMA
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "EchoTrace benchmark run",
        **{key: value for key, value in schema.items() if key != "title"},
    }


def _schema_first(value: object) -> dict[str, Any]:
    plain: dict[str, Any] = to_plain(value)
    return {"schema": plain.pop("schema"), "tool": plain.pop("tool"), **plain}


def _line(plain: dict[str, Any]) -> str:
    text = json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return with_whole_characters(text) + "\n"


def _text(plain: dict[str, Any], *, indent: int | None) -> str:
    text = json.dumps(plain, indent=indent, ensure_ascii=False, allow_nan=False)
    return with_whole_characters(text)


def _parse(text: str | bytes, *, what: str) -> dict[str, Any]:
    try:
        document = strict_json(text)
    except (ValueError, RecursionError) as error:
        raise SchemaError(
            f"this is no {what}",
            why=f"it is not valid JSON: {error}",
            hint=_ADVICE,
            code="NOT_A_RUN",
        ) from None
    if not isinstance(document, dict):
        raise SchemaError(
            f"this is no {what}", why="it is no object", hint=_ADVICE, code="NOT_A_RUN"
        )
    return document


def _check_schema(document: dict[str, Any], wanted: str, *, what: str) -> None:
    """Refuse another kind of document, and one of a newer version."""
    found = document.get("schema")
    if found == wanted:
        return
    prefix, _, major = wanted.rpartition("/")
    given, _, number = str(found).rpartition("/")
    if given == prefix and number.isascii() and number.isdigit() and len(number) < 6:
        raise SchemaError(
            f"the {what} has schema {given}/{number}, this version reads up to {prefix}/{major}",
            why="it was written by a newer EchoTrace",
            code="SCHEMA_NEWER",
        )
    raise SchemaError(
        f"this is no {what}", why=f'it has no "schema": "{wanted}"', hint=_ADVICE, code="NOT_A_RUN"
    )


def _validated(kind: type[T], document: dict[str, Any], *, what: str) -> T:
    from pydantic import ValidationError

    try:
        value: T = _adapter(cast("Any", kind)).validate_python(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SchemaError(
            f"{what} is damaged at {printable(place) or 'its root'}",
            why=first["msg"],
            hint="run the benchmark again",
            code="RUN_DAMAGED",
        ) from None
    return value


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)
