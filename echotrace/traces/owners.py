"""Whose time a part is: the service, the setting, the bot's own code or the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echotrace.traces.values import text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from echotrace.model.measure import JsonValue

__all__ = ["service", "service_name"]

_PROVIDERS = ("gen_ai.provider.name", "gen_ai.system")
_MODELS = ("gen_ai.request.model", "gen_ai.response.model")
_NO_NAME = frozenset({"unknown", "NOT_GIVEN", "none", "None"})


def service(attributes: Mapping[str, JsonValue], *, fallback: str) -> str:
    """The service of a span as ``provider:model``, after the GenAI attributes, old and new."""
    provider = next((name for key in _PROVIDERS if (name := text(attributes.get(key)))), None)
    model = next((name for key in _MODELS if (name := text(attributes.get(key)))), None)
    return service_name(provider, model, fallback=fallback)


def service_name(provider: str | None, model: str | None, *, fallback: str) -> str:
    """``provider:model``, or what there is of it."""
    parts = [name for name in (provider, model) if name and name not in _NO_NAME]
    return ":".join(parts) or fallback
