"""Entry points: how analyzers, engines and renderers are found, the built-in ones included.

Only names are read here; a class is loaded when it is going to run, so a broken plug-in costs
nothing until then and cannot take a command down.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from echotrace.model.measure import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["PluginRef", "Registry", "find_plugins", "plugins_remembered"]

_OWN_PREFIX = "echotrace."


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginRef:
    """A registered name and where its class is; ``distribution`` is the package that brought it."""

    name: str
    target: str
    distribution: str
    built_in: bool

    def load(self) -> Any:
        """Import the class; whatever the plug-in's import raises goes through."""
        import importlib

        module, _, attribute = self.target.partition(":")
        value: Any = importlib.import_module(module)
        for part in attribute.split("."):
            value = getattr(value, part)
        return value


@dataclass(frozen=True, slots=True)
class Registry:
    """The plug-ins of one group by name, and findings about those that were left out."""

    plugins: dict[str, PluginRef]
    findings: tuple[Finding, ...]


_REMEMBERED: ContextVar[dict[str, Registry] | None] = ContextVar("echotrace_plugins", default=None)


@contextmanager
def plugins_remembered() -> Iterator[None]:
    """Read each group once inside the block, for many runs in a process whose packages stay."""
    token = _REMEMBERED.set({})
    try:
        yield
    finally:
        _REMEMBERED.reset(token)


def find_plugins(group: str) -> Registry:
    """Read one entry-point group, such as ``analyzers``; a built-in name cannot be taken over."""
    remembered = _REMEMBERED.get()
    if remembered is None:
        return _read(group)
    if group not in remembered:
        remembered[group] = _read(group)
    return remembered[group]


def _read(group: str) -> Registry:
    found = sorted(_references(group), key=lambda ref: (not ref.built_in, ref.distribution))
    plugins: dict[str, PluginRef] = {}
    findings = []
    for ref in found:
        first = plugins.setdefault(ref.name, ref)
        if first.target == ref.target:
            continue
        findings.append(
            Finding(
                code="PLUGIN_CLASH",
                severity=Severity.WARNING,
                message=f"{ref.distribution} registers {group[:-1]} {ref.name!r}, "
                f"which {first.distribution} has already; it is left out",
                hint="give the entry point another name",
            )
        )
    return Registry(plugins, tuple(findings))


def _references(group: str) -> Iterator[PluginRef]:
    from importlib.metadata import entry_points

    for point in entry_points(group=f"echotrace.{group}"):
        distribution = point.dist.name if point.dist else "unknown"
        yield PluginRef(
            name=point.name,
            target=point.value,
            distribution=distribution,
            built_in=distribution == "echotrace" and point.value.startswith(_OWN_PREFIX),
        )
