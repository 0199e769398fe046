"""Reports to JSON and back, and the JSON Schema of a report.

Writing is plain recursion, so that a run that only prints JSON does not load pydantic; reading
validates every type through pydantic, because a saved file may come from anywhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any

from echotrace.errors import SchemaError
from echotrace.model.measure import Measurement
from echotrace.model.report import SCHEMA, SCHEMA_MAJOR, Report
from echotrace.model.strict_json import strict_json, with_whole_characters

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["UPGRADES", "dumps", "json_schema", "loads", "to_plain"]

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]

UPGRADES: dict[int, Upgrade] = {}
"""Step from schema major N to N + 1, by N; an older report goes through them in order."""

_NUMBERS = re.compile(r"\[\n\s+(-?\d[^]{}[\"]*)\]")
"""An array of numbers over several lines; a JSON string holds no line break, so it is never one."""

_PREFIX = SCHEMA.rpartition("/")[0]


@cache
def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(item.name for item in fields(kind))


def to_plain(value: Any) -> Any:
    """Turn a model value into dicts, lists and scalars, without a Measurement's absent keys."""
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((name, getattr(value, name)) for name in _field_names(type(value)))
        if isinstance(value, Measurement):
            return {name: to_plain(item) for name, item in pairs if item is not None}
        return {name: to_plain(item) for name, item in pairs}
    raise TypeError(f"{type(value).__name__} cannot stand in a report")


def dumps(report: Report, *, indent: int | None = 2) -> str:
    """Write a report as one JSON document.

    Raises:
        ValueError: a figure is NaN or infinite, which a report never holds.
    """
    plain = to_plain(report)
    first = {"schema": plain.pop("schema"), "tool": plain.pop("tool")}
    text = json.dumps(first | plain, indent=indent, ensure_ascii=False, allow_nan=False)
    return with_whole_characters(_NUMBERS.sub(_on_one_line, text))


def _on_one_line(match: re.Match[str]) -> str:
    return f"[{' '.join(match[1].split())}]"


def loads(
    text: str | bytes, *, upgrades: Mapping[int, Upgrade] = UPGRADES, target: int = SCHEMA_MAJOR
) -> Report:
    """Read a report, bringing an older schema up to date first.

    Raises:
        SchemaError: the text is no report, is damaged, or has a schema newer than ``target``.
    """
    document = _parse(text)
    major = _schema_major(document)
    if major > target:
        raise SchemaError(
            f"the report has schema {_PREFIX}/{major}, this version reads up to {_PREFIX}/{target}",
            why="it was written by a newer EchoTrace",
            code="SCHEMA_NEWER",
        )
    for step in range(major, target):
        if step not in upgrades:
            raise SchemaError(
                f"no way is known from schema {_PREFIX}/{step} to {_PREFIX}/{target}",
                hint="analyse the recording again",
                code="SCHEMA_UNKNOWN",
            )
        document = upgrades[step](document)
        document["schema"] = f"{_PREFIX}/{step + 1}"
    from pydantic import ValidationError

    try:
        return _adapter().validate_python(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SchemaError(
            f"the report is damaged at {place or 'its root'}",
            why=first["msg"],
            hint="analyse the recording again",
            code="REPORT_DAMAGED",
        ) from None


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) that every written report validates against."""
    schema = _adapter().json_schema(mode="serialization")
    schema["$defs"]["Measurement"]["required"] = ["unit", "status"]
    schema["properties"]["schema"]["const"] = SCHEMA
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "EchoTrace report",
        **{key: value for key, value in schema.items() if key != "title"},
    }


@cache
def _adapter() -> TypeAdapter[Report]:
    from pydantic import TypeAdapter

    return TypeAdapter(Report)


def _parse(text: str | bytes) -> dict[str, Any]:
    try:
        document = strict_json(text)
    except (ValueError, RecursionError) as error:
        raise SchemaError(
            "this is no EchoTrace report",
            why=f"it is not valid JSON: {error}",
            hint="pass the file that `echotrace analyze --output` wrote",
            code="NOT_A_REPORT",
        ) from None
    if not isinstance(document, dict):
        raise _not_a_report()
    return document


def _schema_major(document: Mapping[str, Any]) -> int:
    prefix, _, major = str(document.get("schema", "")).rpartition("/")
    if prefix != _PREFIX or not (major.isascii() and major.isdigit()) or len(major) > 6:
        raise _not_a_report()
    return int(major)


def _not_a_report() -> SchemaError:
    return SchemaError(
        "this is no EchoTrace report",
        why=f'it has no "schema": "{SCHEMA}"',
        hint="pass the file that `echotrace analyze --output` wrote",
        code="NOT_A_REPORT",
    )
