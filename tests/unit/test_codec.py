import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from echotrace.errors import SchemaError
from echotrace.model import codec
from echotrace.model.measure import Measurement, Status
from echotrace.model.report import SCHEMA, Report
from echotrace.model.schema import SCHEMA_FILE, schema_text
from tests.fakes.report_schema import VALIDATOR
from tests.fakes.report_strategy import reports
from tests.fakes.reports import complete_report

SLOW = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@SLOW
@given(reports())
def test_a_report_survives_json_and_validates(report):
    text = report.to_json()
    assert Report.from_json(text) == report
    VALIDATOR.validate(json.loads(text))


def test_the_schema_in_the_package_is_a_schema():
    VALIDATOR.check_schema(VALIDATOR.schema)
    assert VALIDATOR.schema["$schema"].endswith("2020-12/schema")


def test_the_schema_in_the_package_is_the_one_of_the_dataclasses():
    assert SCHEMA_FILE.read_text("utf-8") == schema_text(), "run `make schema`"


def test_every_top_level_key_is_there_and_absent_keys_of_a_figure_are_left_out():
    plain = json.loads(complete_report().to_json())
    assert list(plain)[:2] == ["schema", "tool"]
    assert {"signal", "conversation", "pipeline", "cost", "gates", "warnings"} <= set(plain)
    figure = codec.to_plain(Measurement.not_run("ms", "nobody asked"))
    assert figure == {"unit": "ms", "status": "not_run", "reason": "nobody asked"}


def test_nan_never_reaches_json():
    report = complete_report()
    broken = replace(report, analyzers={}, conversation={"x": float("nan")})
    with pytest.raises(ValueError, match="JSON compliant"):
        broken.to_json()


def test_bytes_that_are_no_utf_8_are_shown_and_never_break_the_document():
    report = replace(complete_report(), job_id="a\udcffb\ud800")
    text = report.to_json()
    text.encode("utf-8")
    assert Report.from_json(text).job_id == "a\\xffb\\ud800"


def test_a_figure_and_its_status_cannot_contradict():
    with pytest.raises(ValueError, match="contradict"):
        Measurement(unit="ms", status=Status.NOT_RUN, value=0.0, reason="x")
    with pytest.raises(ValueError, match="contradict"):
        Measurement(unit="ms", status=Status.MEASURED)
    with pytest.raises(ValueError, match="needs a reason"):
        Measurement(unit="ms", status=Status.UNAVAILABLE)


def change(**keys):
    return json.dumps(json.loads(complete_report().to_json()) | keys)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "NOT_A_REPORT"),
        ("{", "NOT_A_REPORT"),
        ("[" * 100_000, "NOT_A_REPORT"),
        ("[]", "NOT_A_REPORT"),
        ("{}", "NOT_A_REPORT"),
        ('{"schema": "other/1"}', "NOT_A_REPORT"),
        ('{"schema": "echotrace.report/x"}', "NOT_A_REPORT"),
        ('{"schema": NaN}', "NOT_A_REPORT"),
        ('{"schema": [1e999]}', "NOT_A_REPORT"),
        (b"\xff\xfe", "NOT_A_REPORT"),
        ('{"schema": "echotrace.report/1", "job_id": "\\ud800"}', "NOT_A_REPORT"),
        ('{"schema": "echotrace.report/1", "x": 1' + "0" * 400 + "}", "NOT_A_REPORT"),
        ('{"schema": "echotrace.report/2"}', "SCHEMA_NEWER"),
        ('{"schema": "echotrace.report/0"}', "SCHEMA_UNKNOWN"),
        ('{"schema": "echotrace.report/1"}', "REPORT_DAMAGED"),
    ],
)
def test_what_is_no_report_of_ours_is_refused_with_one_clear_line(text, code):
    with pytest.raises(SchemaError) as raised:
        Report.from_json(text)
    assert raised.value.code == code
    assert raised.value.hint


def test_damage_is_named_with_its_place():
    with pytest.raises(SchemaError, match=r"damaged at source\.path"):
        Report.from_json(change(source={"path": 3}))


def test_an_older_schema_goes_through_every_upgrade_in_order():
    steps = {
        1: lambda document: document | {"job_id": document["job_id"] + ">2"},
        2: lambda document: document | {"job_id": document["job_id"] + ">3"},
    }
    report = codec.loads(change(job_id="old"), upgrades=steps, target=3)
    assert report.job_id == "old>2>3"
    assert report.schema == "echotrace.report/3"


def test_a_key_that_a_later_minor_version_added_does_not_hinder():
    assert Report.from_json(change(later={"x": 1})).schema == SCHEMA
