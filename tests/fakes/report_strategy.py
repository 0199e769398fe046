"""A hypothesis strategy for whole Reports, read off the dataclasses themselves."""

import types
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from echotrace.model.measure import Measurement, Status
from echotrace.model.report import SCHEMA, Report

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)


@st.composite
def measurements(draw: st.DrawFn) -> Measurement:
    status = draw(st.sampled_from(Status))
    return Measurement(
        unit=draw(texts),
        status=status,
        value=draw(numbers) if status.has_value else None,
        reason=draw(texts.filter(bool)) if not status.has_value else draw(st.none() | texts),
        method=draw(st.none() | texts),
        low=draw(st.none() | numbers),
        high=draw(st.none() | numbers),
        n=draw(st.none() | st.integers(0, 10**6)),
        band=draw(st.none() | texts),
    )


def of_type(kind: Any) -> st.SearchStrategy:
    if kind is Any:
        return json_values
    if kind is Measurement:
        return measurements()
    if kind is float:
        return numbers
    if kind is int:
        return st.integers(-(2**53), 2**53)
    if kind is bool:
        return st.booleans()
    if kind is str:
        return texts
    if kind is type(None):
        return st.none()
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return st.builds(kind, **{item.name: of_type(hints[item.name]) for item in fields(kind)})
    origin, inner = get_origin(kind), get_args(kind)
    if origin is tuple:
        return st.lists(of_type(inner[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(texts, of_type(inner[1]), max_size=2)
    if origin in (Union, types.UnionType):
        return st.one_of(*(of_type(part) for part in inner))
    raise TypeError(f"no strategy for {kind}")


@st.composite
def reports(draw: st.DrawFn) -> Report:
    hints = get_type_hints(Report)
    values = {item.name: draw(of_type(hints[item.name])) for item in fields(Report)}
    return Report(**(values | {"schema": SCHEMA}))
