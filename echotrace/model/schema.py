"""The JSON Schemas kept in the package: ``python -m echotrace.model.schema [--write]``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from echotrace.model.codec import json_schema
from echotrace.model.run_codec import run_json_schema

__all__ = ["RUN_SCHEMA_FILE", "SCHEMA_FILE", "run_schema_text", "schema_text"]

SCHEMA_FILE = Path(__file__).with_name("report.schema.json")
RUN_SCHEMA_FILE = Path(__file__).with_name("run.schema.json")


def schema_text() -> str:
    """Return the schema as it stands in the file, so that a test can compare the two."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def run_schema_text() -> str:
    """Return the schema of a benchmark run likewise."""
    return json.dumps(run_json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        SCHEMA_FILE.write_text(schema_text(), "utf-8")
        RUN_SCHEMA_FILE.write_text(run_schema_text(), "utf-8")
    else:
        sys.stdout.write(schema_text() + run_schema_text())
