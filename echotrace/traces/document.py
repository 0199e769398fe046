"""A trace file taken apart into JSON values, before anybody asks which format it is."""

from __future__ import annotations

import json
import math
import os
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from echotrace.config.secrets import redactor
from echotrace.errors import InputError
from echotrace.files import read_regular
from echotrace.model.measure import Finding, JsonValue, Severity
from echotrace.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from echotrace.config.secrets import Secret

__all__ = ["MAX_BYTES", "Document", "read_document"]

MAX_BYTES: Final = 256 * 1024 * 1024
"""The largest trace that is read, packed or unpacked."""

_GZIP: Final = b"\x1f\x8b"
_CHUNK: Final = 1 << 16
_BLANKS: Final = re.compile(r"[\s\x1e]*")
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a file holds: one JSON value, or one per line of a log.

    ``is_log`` tells JSON Lines (or several documents in a row) from one document; ``lines`` are
    the line numbers, from 1, at which the values begin. NaN and infinities have become None.
    """

    name: str
    values: tuple[JsonValue, ...]
    lines: tuple[int, ...]
    is_log: bool = False
    findings: tuple[Finding, ...] = ()

    @property
    def only(self) -> JsonValue:
        """The value of a file that is one document, None for a log."""
        return None if self.is_log or not self.values else self.values[0]

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The objects at the top: every line's, or the document's, arrays taken apart."""
        found: list[dict[str, Any]] = []
        for value in self.values:
            items = value if isinstance(value, list) else [value]
            found.extend(item for item in items if isinstance(item, dict))
        return found


def read_document(path: str, *, secrets: tuple[Secret, ...] = ()) -> Document:
    """Read a file of JSON, JSON Lines or either packed by gzip; ``secrets`` are left out of it.

    Raises:
        InputError: it cannot be read, is too large or is no JSON; the message names the place.
    """
    name = printable(os.path.basename(path))  # noqa: PTH119 - Path would refuse a NUL byte
    try:
        data = read_regular(path, limit=MAX_BYTES)
    except OSError as error:
        raise InputError(
            f"the trace {name} cannot be read",
            why=error.strerror or str(error),
            hint="--trace takes a file of JSON or JSON Lines",
            code="TRACE_UNREADABLE",
        ) from None
    _check_size(len(data), name)
    is_torn = False
    if data.startswith(_GZIP):
        data, is_torn = _unpacked(data, name)
    text = _decoded(data, name, is_torn=is_torn)
    return parse_document(text, name=name, is_torn=is_torn, secrets=secrets)


def parse_document(
    text: str, *, name: str, is_torn: bool = False, secrets: tuple[Secret, ...] = ()
) -> Document:
    """Take text apart; ``is_torn`` says that the end of its packed file was missing.

    In place of each of the ``secrets`` stands a mark: a pipeline that writes its key into a span
    would have it in every report, page and export.

    Raises:
        InputError: the first value is no whole JSON, or most lines are unreadable.
    """
    decoder = json.JSONDecoder(
        parse_constant=lambda _: None, parse_float=_finite, parse_int=_integer
    )
    values: list[JsonValue] = []
    starts: list[int] = []
    unread: list[int] = []
    at = _skip(text, 0)
    while at < len(text):
        try:
            value, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            if not values:
                raise _no_json(text, name, error, is_torn=is_torn) from None
            unread.append(at)
            at = _next_line(text, at)
            continue
        values.append(value)
        starts.append(at)
        at = _skip(text, end)
    if not values:
        raise InputError(
            f"the trace {name} is empty",
            hint="--trace takes a file of JSON or JSON Lines",
            code="TRACE_EMPTY",
        )
    if len(unread) > len(values) or (unread and not isinstance(values[0], dict | list)):
        raise _no_json(text, name, ValueError("it is no JSON"), at=unread[0])
    if "\\u" in text and _SURROGATE.search(text):
        values = [_each_text(value, _without_surrogates) for value in values]
    if held := [secret for secret in secrets if _holds(text, secret.reveal())]:
        redacted = redactor(held)
        values = [_each_text(value, redacted) for value in values]
    return Document(
        name=name,
        values=tuple(values),
        lines=_line_numbers(text, starts),
        is_log=len(values) + len(unread) > 1,
        findings=_unread_findings(text, starts, unread, is_torn=is_torn),
    )


def _check_size(size: int, name: str) -> None:
    if size > MAX_BYTES:
        raise InputError(
            f"the trace {name} is larger than {MAX_BYTES // (1024 * 1024)} MB",
            why="a trace is read whole",
            hint="export the spans of one call only",
            code="TRACE_TOO_LARGE",
        )


def _unpacked(data: bytes, name: str) -> tuple[bytes, bool]:
    """What a gzip file of one or more members holds, and whether its end is missing."""
    found = bytearray()
    at = 0
    while data.startswith(_GZIP, at):
        member = zlib.decompressobj(wbits=31)
        try:
            while at < len(data) and not member.eof:
                found += member.decompress(data[at : at + _CHUNK])
                at += _CHUNK
                _check_size(len(found), name)
        except zlib.error as error:
            if not found:
                raise InputError(
                    f"the trace {name} cannot be unpacked",
                    why=str(error),
                    hint="gunzip --test tells where it breaks off",
                    code="TRACE_GZIP",
                ) from None
            return bytes(found), True
        if not member.eof:
            return bytes(found), True
        at = min(at, len(data)) - len(member.unused_data)
    return bytes(found), False


def _decoded(data: bytes, name: str, *, is_torn: bool) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if is_torn or error.end >= len(data) - 3:  # cut inside a character
            return data[: error.start].decode("utf-8-sig", errors="replace")
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"the trace {name} is not text in UTF-8",
            why=f"byte {error.start + 1:,} (line {line:,}) is 0x{data[error.start]:02x}",
            hint="--trace takes a file of JSON or JSON Lines in UTF-8",
            code="TRACE_ENCODING",
        ) from None


def _no_json(
    text: str, name: str, error: Exception, *, at: int | None = None, is_torn: bool = False
) -> InputError:
    if isinstance(error, RecursionError):
        why = "it is nested too deeply"
    elif isinstance(error, json.JSONDecodeError) or at is not None:
        place = error.pos if isinstance(error, json.JSONDecodeError) else at or 0
        line = text.count("\n", 0, place) + 1
        byte = len(text[:place].encode("utf-8", errors="surrogatepass")) + 1
        said = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        ends = is_torn or place >= len(text.rstrip()) or said.startswith("Unterminated")
        why = f"line {line:,}, byte {byte:,}: " + ("it breaks off here" if ends else said)
    else:
        why = str(error)
    return InputError(
        f"the trace {name} is not valid JSON",
        why=why,
        hint="export it again; a log of one JSON object per line may be cut anywhere",
        code="TRACE_JSON",
    )


def _unread_findings(
    text: str, starts: list[int], unread: list[int], *, is_torn: bool
) -> tuple[Finding, ...]:
    found = []
    if is_torn or (unread and unread[-1] > starts[-1]):
        found.append(
            Finding(
                code="TRACE_TORN",
                severity=Severity.WARNING,
                message=f"the trace breaks off in line {text.count(chr(10)) + 1:,}; "
                "what is whole before it was read",
                hint="export it again after the call has ended",
            )
        )
        unread = [place for place in unread if place < starts[-1]]
    if unread:
        line = _line_numbers(text, unread[:1])[0]
        found.append(
            Finding(
                code="TRACE_LINES_UNREAD",
                severity=Severity.WARNING,
                message=f"{len(unread):,} lines of the trace are no whole JSON and were left out, "
                f"the first is line {line:,}",
                hint="two writers of one file tear each other's lines",
            )
        )
    return tuple(found)


def _line_numbers(text: str, places: list[int]) -> tuple[int, ...]:
    numbers = []
    line, last = 1, 0
    for place in places:
        line += text.count("\n", last, place)
        last = place
        numbers.append(line)
    return tuple(numbers)


def _skip(text: str, at: int) -> int:
    match = _BLANKS.match(text, at)
    return match.end() if match else at


def _next_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else _skip(text, end)


def _finite(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits) <= 40 else None


def _holds(text: str, key: str) -> bool:
    return key in text or json.dumps(key)[1:-1] in text


def _without_surrogates(text: str) -> str:
    """The text with half characters, which no UTF-8 can hold, replaced."""
    return text.encode("utf-8", errors="replace").decode("utf-8")


def _each_text(value: JsonValue, change: Callable[[str], str]) -> JsonValue:
    """The value with every text in it changed, the names of fields as well."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_each_text(item, change) for item in value]
    if isinstance(value, dict):
        return {change(key): _each_text(item, change) for key, item in value.items()}
    return value
