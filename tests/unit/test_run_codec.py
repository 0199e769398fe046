import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema.validators import validator_for

from echotrace.errors import SchemaError
from echotrace.model.benchmark import ClipCondition
from echotrace.model.run_codec import (
    dumps_comparison,
    dumps_run,
    header_line,
    item_line,
    loads_run,
    read_header,
    read_item,
)
from echotrace.model.schema import RUN_SCHEMA_FILE, run_schema_text
from tests.fakes.runs import (
    example_comparison,
    example_header,
    example_item,
    example_run,
    failed_item,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
numbers = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def items(draw):
    condition = ClipCondition(
        noise=draw(st.none() | texts), snr_db=draw(numbers), codec=draw(st.none() | texts)
    )
    changes = {
        "repeat": draw(st.integers(1, 1000)),
        "wall_ms": draw(numbers),
        "heard_gaps_ms": tuple(draw(st.lists(st.floats(-1e9, 1e9), max_size=4))),
        "doubt": draw(st.none() | texts),
    }
    make = draw(st.sampled_from([example_item, failed_item]))
    return replace(make(draw(texts), draw(texts)), condition=condition, **changes)


@given(items())
def test_an_item_survives_its_line(item):
    line = item_line(item)
    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert read_item(line) == item


def test_a_header_survives_its_line_and_begins_with_its_schema():
    header = example_header()
    line = header_line(header)
    assert line.startswith('{"schema":"echotrace.run/1"')
    assert read_header(line) == header


def test_a_run_survives_and_fits_the_schema_in_the_package():
    run = example_run(comparison=example_comparison())
    text = dumps_run(run)
    assert loads_run(text) == run
    schema = json.loads(RUN_SCHEMA_FILE.read_text("utf-8"))
    kind = validator_for(schema)
    kind.check_schema(schema)
    kind(schema).validate(json.loads(text))
    assert json.loads(dumps_comparison(run.comparison))["schema"] == "echotrace.comparison/1"


def test_the_schema_in_the_package_is_the_one_of_the_dataclasses():
    assert RUN_SCHEMA_FILE.read_text("utf-8") == run_schema_text(), "run `make schema`"


def test_nan_never_reaches_a_line_and_half_pairs_stand_as_their_bytes():
    with pytest.raises(ValueError, match="JSON compliant"):
        item_line(replace(example_item("a", "b"), wall_ms=float("nan")))
    assert read_item(item_line(replace(example_item("a", "b"), clip="a\udcff"))).clip == "a\\xff"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "NOT_A_RUN"),
        ("[1]", "NOT_A_RUN"),
        ('{"schema": "echotrace.report/1"}', "NOT_A_RUN"),
        ('{"schema": "echotrace.benchmark/2"}', "SCHEMA_NEWER"),
        ('{"schema": "echotrace.benchmark/1"}', "RUN_DAMAGED"),
        ('{"schema": "echotrace.benchmark/1", "items": NaN}', "NOT_A_RUN"),
        ('{"schema": "echotrace.benchmark/1", "items": [-1e999]}', "NOT_A_RUN"),
        (b"\xff\xfe\x00", "NOT_A_RUN"),
        ("[" * 100_000, "NOT_A_RUN"),
    ],
)
def test_what_is_no_run_is_told(text, code):
    with pytest.raises(SchemaError) as caught:
        loads_run(text)
    assert caught.value.code == code


def test_a_field_of_another_type_is_named():
    line = json.loads(item_line(example_item("a", "b")))
    line["counts"]["hits"] = "many"
    with pytest.raises(SchemaError) as caught:
        read_item(json.dumps(line))
    assert caught.value.what == "an item of the run is damaged at counts.hits"
