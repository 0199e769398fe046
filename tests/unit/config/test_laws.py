"""Laws of loading: what is written is what is loaded, and the highest layer wins."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.config.describe import describe
from echotrace.config.loader import OriginKind, load_settings
from echotrace.config.thresholds import ORDERED

KEYS = {key.key: key for key in describe()}
PAIRS = [(f"thresholds.{low}", f"thresholds.{high}") for low, high in ORDERED]
PROFILES = ("mine", "other one", 'with "quotes"')
TEXT_CHARS = "abXY09 :/\\\"'#=[]{}.,-_%\u00e9\u4e2d\U0001f642"
KINDS = (OriginKind.FLAG, OriginKind.ENVIRONMENT, OriginKind.PROJECT, OriginKind.USER)


def _texts(signs):
    return st.text(signs, min_size=1, max_size=12).filter(str.strip)


def _values(key):
    rule = key.rule
    if key.key == "profile":
        return st.sampled_from(PROFILES)
    if rule.choices:
        return st.sampled_from(rule.choices)
    if rule.is_url:
        return st.sampled_from(["http://127.0.0.1:1", "https://host.example/v1"])
    if key.kind is tuple:
        return st.lists(_texts(TEXT_CHARS).map(str.strip), max_size=3).map(tuple)
    if key.kind is bool:
        return st.booleans()
    if key.kind is str:
        return _texts(TEXT_CHARS)
    if key.kind is int:
        return st.integers(int(rule.minimum), int(rule.maximum))
    low = rule.above if rule.above is not None else rule.minimum
    return st.floats(
        low,
        1e12 if rule.maximum is None else rule.maximum,
        exclude_min=rule.above is not None,
        allow_nan=False,
    )


@st.composite
def some_settings(draw, names=tuple(KEYS)):
    """Draw values for some of the keys; both of an ordered pair or none, and in order."""
    found = {name: draw(_values(KEYS[name])) for name in names if draw(st.booleans())}
    for low, high in PAIRS:
        pair = [found.pop(name, None) for name in (low, high)]
        if None not in pair:
            found[low], found[high] = sorted(pair)
    return found


def _toml(value):
    if isinstance(value, (bool, str, tuple)):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)


def _variable(value):
    if isinstance(value, tuple):
        return ";".join(value) or ";"
    return value if isinstance(value, str) else json.dumps(value)


def _write(path, values, *, root="", profiles=()):
    """Write a file in the plainest style; return the line of each key."""
    lines, where = [], {}
    for section in sorted({name.rpartition(".")[0] for name in values}):
        title = ".".join(part for part in (root, section) if part)
        lines += ["", f"[{title}]"] if title else []
        for name, value in values.items():
            if name.rpartition(".")[0] == section:
                lines.append(f"{name.rpartition('.')[2]} = {_toml(value)}")
                where[name] = len(lines)
    prefix = f"{root}." if root else ""
    lines += [f"[{prefix}profiles.{json.dumps(name)}]" for name in profiles]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return where


def _get(loaded, name):
    value = loaded.settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def _same(value, expected):
    return value == expected and type(value) is type(expected)


@given(some_settings(), st.sampled_from(["", "tool.echotrace"]))
def test_what_is_written_is_loaded_with_its_line(values, root):
    with tempfile.TemporaryDirectory() as folder:
        cwd = Path(folder)
        path = cwd / ("pyproject.toml" if root else "named.toml")
        if root:
            values = {
                name: value
                for name, value in values.items()
                if not KEYS[name].rule.user_only and not (KEYS[name].rule.only_on and not value)
            }
        where = _write(path, values, root=root, profiles=PROFILES)
        loaded = load_settings(
            {}, environ={"HOME": folder}, cwd=cwd, config_path=None if root else path
        )
    for name, key in KEYS.items():
        origin = loaded.origins[name]
        if name in values:
            assert _same(_get(loaded, name), values[name])
            assert (origin.path, origin.line) == (path, where[name])
            assert origin.kind is (OriginKind.PROJECT if root else OriginKind.USER)
        else:
            assert _same(_get(loaded, name), key.default)
            assert origin.kind is OriginKind.DEFAULT


@settings(max_examples=60)
@given(st.data())
def test_the_highest_layer_wins_for_any_subset_of_layers(data):
    free = tuple(name for name in KEYS if not KEYS[name].rule.user_only)
    layers = {
        kind: data.draw(some_settings(free if kind is OriginKind.PROJECT else tuple(KEYS)))
        for kind in KINDS
    }
    for name in KEYS:
        if KEYS[name].rule.only_on and layers[OriginKind.PROJECT].get(name) is False:
            layers[OriginKind.PROJECT][name] = True
    with tempfile.TemporaryDirectory() as folder:
        cwd = Path(folder)
        user = cwd / "user.toml"
        lines = {
            OriginKind.PROJECT: _write(cwd / ".echotrace.toml", layers[OriginKind.PROJECT]),
            OriginKind.USER: _write(user, layers[OriginKind.USER], profiles=PROFILES),
        }
        environ = {
            KEYS[name].env: _variable(value)
            for name, value in layers[OriginKind.ENVIRONMENT].items()
        }
        loaded = load_settings(
            layers[OriginKind.FLAG], environ={"HOME": folder, **environ}, cwd=cwd, config_path=user
        )
    for name, key in KEYS.items():
        winner = next((kind for kind in KINDS if name in layers[kind]), OriginKind.DEFAULT)
        expected = layers[winner][name] if winner in layers else key.default
        origin = loaded.origins[name]
        assert _same(_get(loaded, name), expected)
        assert origin.kind is winner
        if winner in lines:
            assert origin.line == lines[winner][name]
        if winner is OriginKind.ENVIRONMENT:
            assert origin.name == key.env
