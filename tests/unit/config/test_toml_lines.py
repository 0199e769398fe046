"""Every key is found on the line where it was written, whatever surrounds it."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echotrace.config.toml_lines import key_lines

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", {}),
        ("# a = 1\n", {}),
        ("a = 1", {("a",): 1}),
        ("\n\n  a\t=\t1 # b = 2\nc = 2", {("a",): 3, ("c",): 4}),
        ("[t]\na = 1\n[u]\na = 2", {("t",): 1, ("t", "a"): 2, ("u",): 3, ("u", "a"): 4}),
        ("[ a . b ] # c\nd.e = 1", {("a",): 1, ("a", "b"): 1, ("a", "b", "d", "e"): 2}),
        ("\n[a.b]\n[a]\nc = 1", {("a",): 2, ("a", "b"): 2, ("a", "c"): 4}),
        ("t = { a = 1, b.c = {d = 2} }\n", {("t", "a"): 1, ("t", "b", "c", "d"): 1}),
        ("t = [\n {a = 1},\n {b = 2}, # ]\n]\nc = 1", {("t", "a"): 2, ("t", "b"): 3, ("c",): 5}),
        ("[[a]]\nb = 1\n[[a]]\nb = 2\nc = 3", {("a",): 1, ("a", "b"): 2, ("a", "c"): 5}),
        ('s = """\n[t]\na = 1\n\\""" b"" """"\na = 1', {("s",): 1, ("a",): 5}),
        ("s = '''\na = 1\\'''''\na = 1", {("s",): 1, ("a",): 3}),
        ("s = '' # '''\na = \"\" # \"\nb = 1", {("s",): 1, ("a",): 2, ("b",): 3}),
        ('s = "\\" # \\\\"\na = 1', {("s",): 1, ("a",): 2}),
        (
            '"a.b" = 1\n"c\\nd\\u00e9" = 2\n\'\\e\' = 3\n"" = 4',
            {("a.b",): 1, ("c\nd\u00e9",): 2, ("\\e",): 3, ("",): 4},
        ),
        ("a = 1\r\n\r\nb = 2\r\n", {("a",): 1, ("b",): 3}),
        ("1 = 1979-05-27 07:32:00Z # t\n-_ = -1e9", {("1",): 1, ("-_",): 2}),
        ("a = [[1, 2], ['#', \"]\"]] # x = 1\nb = 1", {("a",): 1, ("b",): 2}),
    ],
)
def test_lines(text, lines):
    tomllib.loads(text)
    found = key_lines(text)
    assert lines.items() <= found.items()
    assert all(any(path == given[: len(path)] for given in lines) for path in found)


def test_inline_tables_of_toml_1_1():
    text = "t = { # x\n a = 1,\n b = 2,\n}\nc = 3"
    assert key_lines(text) == {("t",): 1, ("t", "a"): 2, ("t", "b"): 3, ("c",): 5}


KEYS = st.one_of(
    st.sampled_from(["a", "b", "stt", "engine", "a.b", "", "[x]", "x = 1", '"', "'", "\\", "#"]),
    st.text(max_size=6),
    st.text(alphabet="abc-_9", min_size=1, max_size=3),
).filter(lambda key: key.isascii() or key.encode("utf-8", "ignore").decode() == key)
TEXTS = st.one_of(
    st.text(max_size=12).filter(lambda text: text.encode("utf-8", "ignore").decode() == text),
    st.sampled_from(["[t]\nkey = 1\n", '"""', "'''", "a # b", '\\"', "]", "}", "{ a = 1 }", "\\"]),
)
SCALARS = st.one_of(st.booleans(), st.integers(-(10**9), 10**9), TEXTS)
LEAVES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3))
TABLES = st.recursive(
    st.dictionaries(KEYS, LEAVES, max_size=3),
    lambda inner: st.dictionaries(KEYS, st.one_of(LEAVES, inner), max_size=4),
    max_leaves=12,
)


def _basic(text):
    """Write a basic string; JSON's escapes are TOML's but for surrogate pairs and DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


class _Writer:
    """Writes a table in a style drawn at random and knows on which line each key went."""

    def __init__(self, draw):
        self.draw = draw
        self.text = ""
        self.lines = {}

    def one_of(self, *choices):
        return self.draw(st.sampled_from(choices))

    def note(self, path):
        line = self.text.count("\n") + 1
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], line)

    def gap(self):
        self.text += self.one_of("", "", "\n", "# a = 1\n", "  \t", "# [stt]\n\n", "\r\n")

    def key(self, name):
        bare = name and all(char.isascii() and (char.isalnum() or char in "-_") for char in name)
        literal = "'" not in name and name.isprintable()
        styles = [_basic(name)] + [name] * 3 * bool(bare) + [f"'{name}'"] * literal
        return self.one_of(*styles)

    def scalar(self, value):
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return str(value)
        body = _basic(value)[1:-1].replace("\\n", "\n")
        trimmed = "\n" * body.startswith("\n")  # TOML takes a first line feed away
        styles = [_basic(value), f'"""{trimmed}{body}"""']
        if "\\\n" in styles[1]:
            styles.pop()
        if "'" not in value and all(char.isprintable() or char == "\n" for char in value):
            styles.append(f"'''\n{value}'''")
        return self.one_of(*styles)

    def value(self, path, value):
        if isinstance(value, dict):
            self.text += "{"
            for number, (name, inner) in enumerate(value.items()):
                self.text += ", " if number else " "
                self.pair(path, name, inner)
            self.text += "}"
        elif isinstance(value, list):
            self.text += "["
            for item in value:
                self.text += self.one_of("", "\n", " # ]\n") + self.scalar(item) + ","
            self.text += "]"
        else:
            self.text += self.scalar(value)

    def pair(self, path, name, value):
        self.note((*path, name))
        self.text += self.key(name)
        while isinstance(value, dict) and len(value) == 1 and self.one_of(True, False):
            [(name_below, value)] = value.items()
            path, name = (*path, name), name_below
            self.note((*path, name))
            self.text += self.one_of(".", " . ") + self.key(name)
        self.text += self.one_of(" = ", "=", "\t=  ")
        self.value((*path, name), value)

    def table(self, path, table):
        later = []
        for name, value in table.items():
            if isinstance(value, dict) and self.one_of(True, True, False):
                later.append((name, value))
                continue
            self.gap()
            self.pair(path, name, value)
            self.text += self.one_of("\n", " # b = 2\n", "\r\n")
        for name, value in later:
            self.gap()
            below = (*path, name)
            self.note(below)
            self.text += "[" + self.one_of("", " ") + ".".join(map(self.key, below)) + "]\n"
            self.table(below, value)


def _paths(table, path=()):
    for name, value in table.items():
        yield (*path, name)
        if isinstance(value, dict):
            yield from _paths(value, (*path, name))


@given(TABLES, st.data())
def test_every_key_of_any_document_is_found_on_its_line(table, data):
    writer = _Writer(data.draw)
    writer.table((), table)
    assert tomllib.loads(writer.text) == table  # the writer writes TOML
    assert key_lines(writer.text) == writer.lines
    assert set(writer.lines) == set(_paths(table))


@given(st.text(alphabet="ab.=[]{}\"'\\#,\n \t1", max_size=40))
def test_no_text_makes_it_raise_or_hang(text):
    key_lines(text)


@pytest.mark.parametrize(
    "text", ['a = """' + "\\" * 99_999, "a = " + "[" * 99_999, 'a = "' + 'x\\"' * 99_999, "a=[" * 9]
)
def test_long_broken_documents_end(text):
    assert key_lines(text)["a",] == 1
