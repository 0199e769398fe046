"""The list of settings, and what importing the loader loads."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from echotrace.config.describe import (
    CONTROL_VARIABLES,
    ENV_PREFIX,
    VENDOR_VARIABLES,
    describe,
    nearest,
    sections,
    setting_keys,
)
from echotrace.config.settings import Settings
from echotrace.config.thresholds import ORDERED, Thresholds, contradiction
from echotrace.config.values import from_toml


def test_every_setting_is_described():
    for key in describe():
        assert key.help
        assert key.expected
        assert re.fullmatch(r"ECHOTRACE_[A-Z0-9_]+", key.env)
    assert len(describe()) > 40
    assert set(sections()) == {
        "audio",
        "stt",
        "cache",
        "llm",
        "tts",
        "pipeline",
        "cost",
        "gates",
        "tui",
        "thresholds",
    }


def test_examples():
    keys = {key.key: key for key in describe()}
    assert keys["stt.engine"].env == "ECHOTRACE_STT_ENGINE"
    assert keys["llm.timeout_s"].expected == "a number above 0, at most 3600"
    assert keys["llm.probes"].expected == "a whole number from 1 to 1000"
    assert keys["audio.caller_channel"].optional
    assert keys["audio.caller_channel"].default is None
    assert keys["offline"].type_name == "true or false"


def test_names_of_variables_are_unique():
    names = [key.env for key in describe()]
    assert len(set(names)) == len(names)
    assert not set(names) & set(CONTROL_VARIABLES)
    assert all(name.startswith(ENV_PREFIX) for name in CONTROL_VARIABLES)
    assert not any(name.startswith(ENV_PREFIX) for name in VENDOR_VARIABLES)


def test_every_default_fits_its_own_rule():
    for key in describe():
        if key.default is not None:
            assert from_toml(key, key.default) == key.default
        else:
            assert key.optional


def test_no_setting_is_a_secret_and_addresses_and_commands_are_the_users():
    for key in describe():
        words = set(key.path[-1].split("_"))
        assert not words & {"key", "secret", "password", "token", "credential"}
        if words & {"url", "host", "endpoint", "address", "command", "cmd", "exec", "shell"}:
            assert key.rule.user_only


def test_defaults_are_in_order():
    assert contradiction(Settings().thresholds) is None
    for low, high in ORDERED:
        base = Thresholds()
        wrong = {low: getattr(base, high), high: getattr(base, low)}
        assert contradiction(Thresholds(**wrong)) == (low, high)


def test_every_good_has_its_critical():
    names = {path[1] for path in setting_keys() if path[0] == "thresholds"}
    bands = {name for name in names if re.search(r"_(good|warning|critical)_", name)}
    assert bands <= {name for pair in ORDERED for name in pair}


@pytest.mark.parametrize("name", ["", "q" * 10**6, "\0", "stt.engin\udcff"])
def test_nearest_of_anything(name):
    assert nearest(name, [key.key for key in describe()]) in {None, "stt.engine"}


def test_importing_the_loader_is_light():
    code = (
        "import json, sys; before = set(sys.modules)\n"
        "import echotrace.config.loader, echotrace.config.secrets, echotrace.config.paths\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    tops = {name.partition(".")[0] for name in json.loads(run.stdout)}
    assert "echotrace" in tops
    assert not tops & {"tomllib", "tomli", "platformdirs", "difflib", "base64", "html"}
    assert tops - {"echotrace"} <= set(sys.stdlib_module_names)
