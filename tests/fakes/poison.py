"""The same text in every text field of a model value: what no renderer may take for its own."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace

from hypothesis import strategies as st

PAYLOAD = (
    "</td><script>alert(1)</script> | `x` **b** [l](http://e.vil) @team #12 :tada: \x1b[31m\x00"
    "\r\n::error::forged\n=1+1\udc80 ``` -- ]]> &amp;"
)
"""Markup of every language that reports are written in, and what moves a cursor."""

TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="@#:`|<>&*_~[]()!-+=. \n\r\x1b1aé中", max_size=30),
    st.sampled_from(
        [
            "@me",
            "1. a",
            "- a",
            "# a",
            "www.x.y",
            ":white_check_mark:",
            "@_x",
            "http://x.y",
            "a | b",
            "GH-1",
        ]
    ),
)
"""Foreign text, much of it close to markup."""


def poisoned(value, text=PAYLOAD):
    """Return the value with this text for every text in it; keys of mappings stay."""
    if isinstance(value, str) and type(value) is str:
        return text
    if isinstance(value, tuple):
        return tuple(poisoned(item, text) for item in value)
    if isinstance(value, Mapping):
        return {key: poisoned(item, text) for key, item in value.items()}
    if is_dataclass(value):
        changes = {item.name: poisoned(getattr(value, item.name), text) for item in fields(value)}
        return replace(value, **changes)
    return value
