"""Options that several commands share, as one parameter.

A parameter whose type is a dataclass stands for all of its fields, each of which is an option::

    @grouped
    def command(*, show: Show) -> int: ...
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints

__all__ = ["grouped"]


def grouped(command: Callable[..., int]) -> Callable[..., int]:
    """Return the command with a parameter for each field of its dataclasses, as Typer reads it."""
    parameters: list[inspect.Parameter] = []
    groups: dict[str, Any] = {}
    for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
        if is_dataclass(parameter.annotation):
            groups[name] = parameter.annotation
            parameters += _options(parameter.annotation)
        else:
            parameters.append(parameter)

    @wraps(command)
    def called(**given: Any) -> int:
        for name, group in groups.items():
            options = {entry.name: given.pop(entry.name) for entry in fields(group)}
            given[name] = group(**options)
        return command(**given)

    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # see PEP 362
    called.__annotations__ = {item.name: item.annotation for item in parameters}
    return called


def _options(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            entry.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if entry.default is MISSING else entry.default,
            annotation=hints[entry.name],
        )
        for entry in fields(group)
    ]
