"""Reading price files; they are TOML and print prices the way vendors do.

``[provider.groq."openai/gpt-oss-20b"]`` is a model of a provider, ``[host."llm.example:8000"."m"]``
one of a server. A key that nobody knows is an error, and so is a server that no request can go to:
a price that is silently ignored would make a total look complete.
"""

from __future__ import annotations

import ipaddress
import math
import re
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from echotrace.config.describe import nearest
from echotrace.config.files import ConfigFile, parse, read_regular
from echotrace.config.paths import config_folder
from echotrace.config.values import address_problem, shown
from echotrace.errors import ConfigError
from echotrace.pricing.table import Price, PriceTable
from echotrace.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["PRICES_FILE", "built_in_prices", "load_prices"]

PRICES_FILE: Final = "prices.toml"
"""The user's own prices in the folder of ``config.toml``."""
_PRICES: Final = {
    "input_usd_per_1m_tokens": ("input tokens", 1e6),
    "output_usd_per_1m_tokens": ("output tokens", 1e6),
    "usd_per_1m_characters": ("characters", 1e6),
    "usd_per_audio_hour": ("audio seconds", 3600.0),
}
"""Each key of a price, with the unit it is for and how many of them it buys."""
_FACTS: Final = ("as_of", "source", "minimum_s")
_KINDS: Final = ("provider", "host")
_SERVER: Final = "llm.example:8000"
_DATE: Final = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?")
_Path = tuple[str, ...]


@lru_cache(maxsize=1)
def built_in_prices() -> PriceTable:
    """Return the table of the package, read once."""
    path = Path(__file__).with_name(PRICES_FILE)
    return _table(
        parse(path.read_bytes(), path=path, label=PRICES_FILE), lambda _: "built-in prices"
    )


def load_prices(
    prices_file: str | None = None, *, environ: Mapping[str, str] | None = None
) -> PriceTable:
    """Return the built-in prices with the user's own before them.

    Args:
        prices_file: the file that ``cost.prices_file`` names; None looks for ``prices.toml`` in the
            user's folder of configuration, and is content without one.
        environ: the environment that says where that folder is, by default the process's.

    Raises:
        ConfigError: the named file is missing, or a file is not understood; with file and line.
    """
    named = prices_file is not None
    if prices_file is not None:
        path = _expanded(prices_file)
    else:
        folder = config_folder(environ).path
        if folder is None:
            return built_in_prices()
        path = folder / PRICES_FILE
    label = printable(path)
    try:
        data, _ = read_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        if not named:
            return built_in_prices()
        raise _unreadable(label, "there is no such file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _unreadable(label, printable(reason)) from None
    file = parse(data, path=path, label=label)
    return _table(file, file.where).over(built_in_prices())


def _expanded(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError:  # no home folder is known: the name stands as it is
        return Path(name)


def _unreadable(label: str, why: str) -> ConfigError:
    return ConfigError(
        f"the prices in {label} cannot be read",
        why=why,
        hint="name a file of prices as cost.prices_file, or remove that setting",
        code="NO_PRICES_FILE",
    )


def _table(file: ConfigFile, table_of: Callable[[_Path], str]) -> PriceTable:
    """Return the prices of a file; ``table_of`` names a model's entry as the source of a price."""
    kinds: dict[str, dict[str, dict[str, dict[str, Price]]]] = {kind: {} for kind in _KINDS}
    for kind, owners in file.table.items():
        if kind not in kinds:
            raise _unknown(file, (kind,), _KINDS)
        for owner, models in _tables(file, (kind,), owners).items():
            name = _host(file, owner) if kind == "host" else owner
            found = kinds[kind].setdefault(name, {})
            for model, entry in _tables(file, (kind, owner), models).items():
                path = (kind, owner, model)
                found[model] = _entry(file, path, entry, table_of(path))
    return PriceTable(providers=kinds["provider"], hosts=kinds["host"])


def _tables(file: ConfigFile, path: _Path, value: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(value, dict):
        raise _wrong(file, path, "must be a table", _example(path))
    for name, inner in value.items():
        if not isinstance(inner, dict):
            raise _wrong(file, (*path, name), "must be a table", _example(path))
    return value


def _entry(file: ConfigFile, path: _Path, entry: dict[str, Any], table: str) -> dict[str, Price]:
    for key, value in entry.items():
        if key not in _PRICES and key not in _FACTS:
            raise _unknown(
                file, (*path, key), (*_PRICES, *_FACTS), is_table=isinstance(value, dict)
            )
    facts: dict[str, Any] = {
        "as_of": _date(file, (*path, "as_of"), entry.get("as_of")),
        "source": _text(file, (*path, "source"), entry.get("source")),
    }
    minimum = entry.get("minimum_s")
    minimum_s = None if minimum is None else _number(file, (*path, "minimum_s"), minimum)
    return {
        unit: Price(
            usd_per_unit=_number(file, (*path, key), entry[key]) / bought,
            table=table,
            minimum_s=minimum_s if unit == "audio seconds" else None,
            **facts,
        )
        for key, (unit, bought) in _PRICES.items()
        if key in entry
    }


def _number(file: ConfigFile, path: _Path, value: Any) -> float:
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            number = float(value)
            if math.isfinite(number) and number >= 0.0:
                return number
    except OverflowError:  # a whole number beyond what a float holds
        pass
    raise _wrong(file, path, f"must be a number of at least 0, not {shown(value)}")


def _text(file: ConfigFile, path: _Path, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return None if value is None else printable(value)
    raise _wrong(file, path, f"must be a text, not {shown(value)}")


def _date(file: ConfigFile, path: _Path, value: Any) -> str | None:
    if value is None:
        return None
    text = value.isoformat() if hasattr(value, "isoformat") else value
    if isinstance(text, str) and _DATE.fullmatch(text) and _is_day((text + "-01-01")[:10]):
        return text
    raise _wrong(file, path, f"must be a date such as 2026-11-05, not {shown(value)}")


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _host(file: ConfigFile, name: str) -> str:
    """Return a server's name as requests give it: ``host``, or ``host:port``, in small letters.

    Raises:
        ConfigError: it is anything else, such as a whole address; a user name in it is not shown.
    """
    small = name.lower()
    try:
        ipaddress.ip_address(small)
    except ValueError:
        pass
    else:
        return small  # one of version 6 may stand without brackets
    if address_problem(f"http://{small}") is None:
        parts = urlsplit(f"//{small}")
        host = parts.hostname or ""
        literal = f"[{host}]" if ":" in host else host
        if small in (literal, f"{literal}:{parts.port}"):
            return host if parts.port is None else small
    raise ConfigError(
        f"{file.where(('host', name))}: a host is named as host or host:port, not "
        f"{shown(name.rpartition('@')[2])}",
        hint=f'write [host."{_server_in(small)}"."MODEL"]',
        code="BAD_PRICE",
    )


def _server_in(address: str) -> str:
    """Return the ``host:port`` of a whole address, an example where there is none."""
    whole = address if "://" in address else f"http://{address}"
    if address_problem(whole) is not None:
        return _SERVER
    return urlsplit(whole).netloc.rpartition("@")[2].removesuffix(":")


def _unknown(
    file: ConfigFile, path: _Path, known: tuple[str, ...], *, is_table: bool = False
) -> ConfigError:
    close = nearest(path[-1], list(known))
    hint = f"did you mean {close}?" if close else f"the keys are: {', '.join(known)}"
    if is_table:  # [provider.openai.gpt-4.1] is a table "1" in a table "gpt-4"
        hint = "a name with a dot stands in quotes, as in " + _example(path[:-1])
    return ConfigError(
        f"{file.where(path)}: unknown key {_dotted(path)}", hint=hint, code="UNKNOWN_KEY"
    )


def _wrong(file: ConfigFile, path: _Path, what: str, hint: str = "") -> ConfigError:
    return ConfigError(
        f"{file.where(path)}: {_dotted(path)} {what}",
        hint=f"write {hint}" if hint else "",
        code="BAD_PRICE",
    )


def _example(path: _Path) -> str:
    if path[0] == "host":
        return f'[host."{_SERVER}"."MODEL"]'
    return '[provider.openai."gpt-4.1"]'


def _dotted(path: _Path) -> str:
    return ".".join(printable(part) for part in path)
