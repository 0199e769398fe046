"""The schema of a report, read once: ``jsonschema.validate`` checks the schema itself each time."""

import json

from jsonschema.validators import validator_for

from echotrace.model.schema import SCHEMA_FILE

SCHEMA = json.loads(SCHEMA_FILE.read_text("utf-8"))
VALIDATOR = validator_for(SCHEMA)(SCHEMA)
