"""Loading: layers, origins, profiles, and every way in which a file or variable can be wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from echotrace.config.loader import OriginKind
from echotrace.config.settings import Settings
from echotrace.errors import ConfigError, ExitCode


def test_nothing_set_gives_the_defaults(place):
    loaded = place.load()
    assert loaded.settings == Settings()
    assert {origin.kind for origin in loaded.origins.values()} == {OriginKind.DEFAULT}
    assert loaded.files == ()
    assert loaded.notes == ()


def test_each_layer_with_its_origin(place):
    user = place.user('[llm]\nmodel = "a"\nprobes = 2\ntimeout_s = 3\n')
    project = place.project("# ours\n[llm]\nprobes = 4\n\ntimeout_s = 5.5\n")
    place.extra["ECHOTRACE_LLM_TIMEOUT_S"] = "7"
    loaded = place.load({"llm.max_tokens": 8, "llm.mock_seed": None})
    llm = loaded.settings.llm
    assert (llm.model, llm.probes, llm.timeout_s, llm.max_tokens) == ("a", 4, 7.0, 8)
    assert isinstance(llm.timeout_s, float)
    origins = loaded.origins
    assert (origins["llm.model"].path, origins["llm.model"].line) == (user, 2)
    assert (origins["llm.probes"].path, origins["llm.probes"].line) == (project, 3)
    assert str(origins["llm.probes"]) == ".echotrace.toml:3"
    assert origins["llm.timeout_s"].name == "ECHOTRACE_LLM_TIMEOUT_S"
    assert origins["llm.max_tokens"].kind is OriginKind.FLAG
    assert origins["llm.mock_seed"].kind is OriginKind.DEFAULT
    assert loaded.files == (project, user)


def test_pyproject_is_read_when_there_is_no_file_of_ours(place):
    path = place.project(
        '[project]\nname = "x"\n[tool.echotrace.stt]\nbeam_size = 1\n', "pyproject.toml"
    )
    loaded = place.load()
    assert loaded.settings.stt.beam_size == 1
    assert loaded.origins["stt.beam_size"].path == path
    assert loaded.origins["stt.beam_size"].line == 4
    place.project("")
    assert place.load().settings.stt.beam_size == 5


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("[project\nname = 1\n", set()),
        ('[project\nname = "echotrace"\n', {"PYPROJECT_SKIPPED"}),
        ("[tool]\nother = 1\n", set()),
        ('[project]\nname = "echotrace"\n', set()),
        ("tool = 3 # echotrace\n", set()),
        ("# echotrace\n" + "#" * (1 << 20), {"PYPROJECT_SKIPPED"}),
    ],
)
def test_a_pyproject_of_somebody_else_never_stops_a_run(place, text, codes):
    place.project(text, "pyproject.toml")
    loaded = place.load()
    assert loaded.settings == Settings()
    assert {note.code for note in loaded.notes} == codes


def test_our_table_in_a_broken_pyproject_is_an_error(place):
    place.project("[tool.echotrace]\noffline = yes\n", "pyproject.toml")
    with pytest.raises(ConfigError) as caught:
        place.load()
    assert caught.value.what == "pyproject.toml:2: not valid TOML"


def test_a_pyproject_that_is_a_folder_is_a_note(place):
    (place.cwd / "pyproject.toml").mkdir()
    assert [note.code for note in place.load().notes] == ["PYPROJECT_SKIPPED"]


def test_a_named_file_stands_in_for_the_users(place, tmp_path):
    place.user("offline = true\n")
    named = tmp_path / "other.toml"
    named.write_text('[llm]\nbase_url = "http://127.0.0.1:8000/v1"\n')
    loaded = place.load(config_path=named)
    assert loaded.settings.offline is False
    assert loaded.settings.llm.base_url == "http://127.0.0.1:8000/v1"
    assert loaded.origins["llm.base_url"].kind is OriginKind.USER


def test_naming_a_project_file_is_trusting_it(place):
    path = place.project('[llm]\nbase_url = "http://127.0.0.1:8000"\n')
    with pytest.raises(ConfigError):
        place.load()
    loaded = place.load(config_path=path)
    assert loaded.settings.llm.base_url == "http://127.0.0.1:8000"
    assert loaded.files == (path,)


# file text, line of the fault, what is said, what is advised, code
BAD_FILES = {
    "unknown key": (
        '[stt]\n# x\nengin = "sphinx"',
        3,
        "unknown key stt.engin",
        "did you mean stt.engine?",
        "UNKNOWN_KEY",
    ),
    "unknown key, dotted": (
        "stt.beam_sise = 1",
        1,
        "unknown key stt.beam_sise",
        "stt.beam_size?",
        "UNKNOWN_KEY",
    ),
    "unknown key, inline": (
        "\nstt = { beam_size = 1, engin = 'x' }",
        2,
        "unknown key stt.engin",
        "stt.engine?",
        "UNKNOWN_KEY",
    ),
    "key in no table": (
        "beam_size = 1",
        1,
        "unknown key beam_size",
        "stt.beam_size?",
        "UNKNOWN_KEY",
    ),
    "like nothing": ("zzzzqqq = 1", 1, "unknown key zzzzqqq", "", "UNKNOWN_KEY"),
    "unknown table": (
        "[stt]\n\n[lm]\nprobes = 1",
        3,
        "unknown table [lm]",
        "did you mean [llm]?",
        "UNKNOWN_KEY",
    ),
    "unknown deep table": ("[stt.more]\nx = 1", 1, "unknown table [stt.more]", "", "UNKNOWN_KEY"),
    "dotted key in quotes": (
        '"stt.engine" = "x"',
        1,
        'unknown key "stt.engine"',
        "stt.engine?",
        "UNKNOWN_KEY",
    ),
    "key with quotes and newline": (
        '[stt]\n"a\\"\\nb" = 1',
        2,
        'unknown key stt."a\\"\\nb"',
        "",
        "UNKNOWN_KEY",
    ),
    "key with an escape sequence": ('"\\u001b[31mred" = 1', 1, "\\u001b[31mred", "", "UNKNOWN_KEY"),
    "very long key": ("k" * 5000 + " = 1", 1, "kkk...", "", "UNKNOWN_KEY"),
    "text for a number": (
        '[llm]\ntimeout_s = "abc"',
        2,
        "llm.timeout_s must be a number above 0, at most 3600, not 'abc'",
        "",
        "BAD_VALUE",
    ),
    "true for a number": ("[llm]\nprobes = true", 2, "not true", "default is 5", "BAD_VALUE"),
    "fraction for a whole number": (
        "[llm]\nprobes = 1.0",
        2,
        "whole number from 1 to 1000, not 1.0",
        "",
        "BAD_VALUE",
    ),
    "number for a text": ("[stt]\nengine = 3", 2, "must be text, not 3", "", "BAD_VALUE"),
    "number for true": ("offline = 1", 1, "must be true or false, not 1", "", "BAD_VALUE"),
    "text for true": ('offline = "true"', 1, "must be true or false, not 'true'", "", "BAD_VALUE"),
    "array": ("[stt]\nengine = ['a']", 2, "not an array", "", "BAD_VALUE"),
    "date": ("[stt]\nengine = 2024-01-01", 2, "not a date or time", "", "BAD_VALUE"),
    "table for a value": (
        "[stt.engine]\na = 1",
        1,
        "stt.engine must be text, not a table",
        "",
        "BAD_VALUE",
    ),
    "value for a table": ("stt = 3", 1, "stt must be a table", "[stt]", "WRONG_TYPE"),
    "array of tables": ("[[stt]]\nengine = 'x'", 1, "stt must be a table", "[stt]", "WRONG_TYPE"),
    "zero time": ("[llm]\ntimeout_s = 0", 2, "above 0", "", "BAD_VALUE"),
    "negative probes": ("[llm]\nprobes = -1", 2, "from 1 to 1000, not -1", "", "BAD_VALUE"),
    "nan": ("analyzer_timeout_s = nan", 1, "not nan", "", "BAD_VALUE"),
    "infinity": ("[audio]\nmax_duration_s = inf", 2, "not inf", "", "BAD_VALUE"),
    "too large for a float": (
        "[audio]\nmax_duration_s = 1" + "0" * 400,
        2,
        "a number of that length",
        "",
        "BAD_VALUE",
    ),
    "number too long for Python": ("[llm]\nprobes = " + "9" * 5000, 1, ":", "", None),
    "empty text": ('[stt]\nengine = ""', 2, "not an empty text", "", "BAD_VALUE"),
    "control characters": ('[stt]\nengine = "a\\u001b[0m"', 2, "\\x1b[0m", "", "BAD_VALUE"),
    "long text": (
        "[llm]\nprobes = '" + "s" * 40 + "'",
        2,
        "a text of 40 characters",
        "",
        "BAD_VALUE",
    ),
    "choice": (
        "[stt]\ncompute_type = 'int9'",
        2,
        "one of default, auto, int8",
        "did you mean int8?",
        "BAD_VALUE",
    ),
    "percentage for a ratio": (
        "[thresholds]\nwer_good_ratio = 5",
        2,
        "from 0 to 1, not 5",
        "5 % is 0.05",
        "BAD_VALUE",
    ),
    "secret": (
        "[llm]\ngroq_api_key = 'gsk_0123456789abcdef'",
        2,
        "llm.groq_api_key looks like a secret",
        "GROQ_API_KEY",
        "SECRET_IN_SETTINGS",
    ),
    "secret at the top": (
        "GROQ_API_KEY = 'gsk_0123456789abcdef'",
        1,
        "GROQ_API_KEY looks like a secret",
        "secrets.toml",
        "SECRET_IN_SETTINGS",
    ),
    "max_token is no secret": (
        "[llm]\nmax_token = 5",
        2,
        "unknown key llm.max_token",
        "llm.max_tokens?",
        "UNKNOWN_KEY",
    ),
    "not TOML": ("[stt]\n\nengine: sphinx", 3, "not valid TOML", "KEY = VALUE", "BAD_TOML"),
    "key twice": ("offline = true\noffline = true", 2, "not valid TOML", "", "BAD_TOML"),
    "table twice": ("[stt]\n[llm]\n[stt]", 3, "not valid TOML", "", "BAD_TOML"),
    "text without an end": ("[stt]\nengine = 'a", 2, "not valid TOML", "", "BAD_TOML"),
    "nested too deeply": ("a = " + "[" * 50_000, 1, "not valid TOML", "", "BAD_TOML"),
    "NUL": ("[stt]\nengine = 'a\0'", 2, "not valid TOML", "", "BAD_TOML"),
    "unknown profile": (
        'profile = "strikt"\n[profiles.strict]',
        1,
        "unknown profile strikt",
        "did you mean strict?",
        "UNKNOWN_PROFILE",
    ),
    "built-in profile": (
        "[profiles.default]\nwer_good_ratio = 0.1",
        1,
        "default is built in",
        "[thresholds]",
        "BUILT_IN_PROFILE",
    ),
    "profile is no table": (
        "[profiles]\nstrict = 1",
        2,
        "profiles.strict must be a table",
        "",
        "WRONG_TYPE",
    ),
    "profiles is no table": ("profiles = 1", 1, "profiles must be a table", "", "WRONG_TYPE"),
    "unknown key in a profile": (
        "[profiles.strict]\nwer_god_ratio = 0.1",
        2,
        "unknown key profiles.strict.wer_god_ratio",
        "profiles.strict.wer_good_ratio?",
        "UNKNOWN_KEY",
    ),
    "bad value in a profile": (
        "[profiles.strict]\nwer_good_ratio = true",
        2,
        "profiles.strict.wer_good_ratio must be",
        "",
        "BAD_VALUE",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
@pytest.mark.parametrize("layer", ["project", "user", "bom and crlf"])
def test_bad_file(place, name, layer):
    text, line, what, hint, code = BAD_FILES[name]
    if layer == "project":
        label, _ = ".echotrace.toml", place.project(text)
    elif layer == "user":
        label = str(place.user(text))
    else:
        label, _ = ".echotrace.toml", place.project("\ufeff" + text.replace("\n", "\r\n"))
    with pytest.raises(ConfigError) as caught:
        place.load()
    error = caught.value
    assert error.exit_code is ExitCode.USAGE
    if code is not None:
        assert error.what.startswith(f"{label}:{line}: "), error.what
        assert error.code == code
    assert what in error.what
    assert hint in error.hint
    said = error.what + error.why + error.hint
    assert said.isprintable()
    assert len(error.what) < 300 + len(label)
    assert "0123456789" not in said
    assert "sssss" not in said


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        (
            '[tool.echotrace]\nstt.engin = "x"',
            "pyproject.toml:2: unknown key stt.engin",
            "stt.engine?",
        ),
        ("[a]\n[tool.echotrace.sst]", "pyproject.toml:2: unknown table [sst]", "[stt]?"),
        ("[tool]\necho = 1\nechotrace.offline = 1", "pyproject.toml:3: offline must be", ""),
        ("[tool]\n\nechotrace = 1", "pyproject.toml:3: tool.echotrace must be a table", ""),
        ("[tool.echotrace]\noffline = 'x", "pyproject.toml:2: not valid TOML", ""),
    ],
)
def test_bad_table_in_pyproject(place, text, what, hint):
    place.project(text, "pyproject.toml")
    with pytest.raises(ConfigError) as caught:
        place.load()
    assert what in caught.value.what
    assert hint in caught.value.hint


@pytest.mark.parametrize("layer", ["project", "pyproject"])
def test_a_project_file_may_not_set_an_address(place, layer):
    text = '[llm]\nprovider = "groq"\nbase_url = "https://user:hunter2@evil.example"\n'
    if layer == "project":
        place.project(text)
    else:
        place.project(text.replace("[", "[tool.echotrace."), "pyproject.toml")
    with pytest.raises(ConfigError) as caught:
        place.load()
    error = caught.value
    assert ":3: llm.base_url may not be set by a project file" in error.what
    assert str(place.user_file) in error.hint
    assert "ECHOTRACE_LLM_BASE_URL" in error.hint
    assert "hunter2" not in error.what + error.why + error.hint


@pytest.mark.parametrize(
    "url",
    [
        "localhost:11434",
        "ftp://x",
        "http://h:0",
        "http://h:70000",
        "http://h:port",
        "http://me:hunter2@h",
        "http://[::1",
        "http://a b",
        "file:///etc/passwd",
    ],
)
def test_bad_address_is_refused_and_not_repeated(place, url):
    place.extra["ECHOTRACE_LLM_BASE_URL"] = url
    with pytest.raises(ConfigError) as caught:
        place.load()
    assert caught.value.what.startswith("ECHOTRACE_LLM_BASE_URL must be an http:// or https://")
    assert url not in caught.value.what + caught.value.why + caught.value.hint


@pytest.mark.parametrize("url", ["http://[::1]:8080/v1", "https://api.example/v1?x=1"])
def test_good_address(place, url):
    place.extra["ECHOTRACE_LLM_BASE_URL"] = url
    assert place.load().settings.llm.base_url == url


@pytest.mark.parametrize(
    ("name", "text", "what", "hint"),
    [
        (
            "ECHOTRACE_LLM_TIMEOUT_S",
            "abc",
            "ECHOTRACE_LLM_TIMEOUT_S must be a number above 0",
            "default is 20.0",
        ),
        ("ECHOTRACE_LLM_TIMEOUT_S", "-1", "not '-1'", "default"),
        ("ECHOTRACE_LLM_TIMEOUT_S", "nan", "not 'nan'", ""),
        ("ECHOTRACE_LLM_TIMEOUT_S", "1e999", "number", ""),
        ("ECHOTRACE_LLM_TIMEOUT_S", "5s", "not '5s'", ""),
        ("ECHOTRACE_LLM_PROBES", "1_0", "not '1_0'", ""),
        ("ECHOTRACE_LLM_PROBES", "\u0663", "whole number", ""),
        ("ECHOTRACE_LLM_PROBES", "9" * 6000, "a text of 6000 characters", ""),
        ("ECHOTRACE_OFFLINE", "maybe", "true or false", "default is false"),
        ("ECHOTRACE_STT_ENGINE", " ", "must be text", ""),
        ("ECHOTRACE_STT_ENGINE", "a\udcff", "\\xff", ""),
        ("ECHOTRACE_STT_DEVICE", "gpu", "one of cpu, cuda, auto", "cpu"),
        (
            "ECHOTRACE_TIMEOUT",
            "abc",
            "unknown environment variable ECHOTRACE_TIMEOUT",
            "did you mean ECHOTRACE_",
        ),
        ("ECHOTRACE_STT_ENGIN", "x", "ECHOTRACE_STT_ENGIN", "did you mean ECHOTRACE_STT_ENGINE?"),
        ("ECHOTRACE_DEBUGG", "1", "ECHOTRACE_DEBUGG", "did you mean ECHOTRACE_DEBUG?"),
        (
            "ECHOTRACE_GROQ_API_KEY",
            "gsk_hunter2",
            "ECHOTRACE_GROQ_API_KEY",
            "GROQ_API_KEY is read under its own name",
        ),
        ("ECHOTRACE_ZZZQQQXXX", "1", "ECHOTRACE_ZZZQQQXXX", "unset ECHOTRACE_ZZZQQQXXX"),
        ("ECHOTRACE_\x1b[31m", "1", "\\x1b", ""),
        (
            "ECHOTRACE_PROFILE",
            "strikt",
            "ECHOTRACE_PROFILE: unknown profile strikt",
            "[profiles.strikt]",
        ),
    ],
)
def test_bad_variable(place, name, text, what, hint):
    place.extra[name] = text
    with pytest.raises(ConfigError) as caught:
        place.load()
    error = caught.value
    assert error.exit_code is ExitCode.USAGE
    assert what in error.what
    assert hint in error.hint
    assert (error.what + error.why + error.hint).isprintable()
    assert "hunter2" not in error.what + error.why + error.hint


@pytest.mark.parametrize(
    "name", ["ECHOTRACE_LLM_TIMEOUT_S", "ECHOTRACE_TIMEOUT", "ECHOTRACE_OFFLINE"]
)
def test_an_empty_variable_is_not_set(place, name):
    place.extra[name] = ""
    assert place.load().settings == Settings()


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", True), ("YES", True), (" on ", True), ("true", True), ("0", False), ("No", False)],
)
def test_true_and_false_in_a_variable(place, text, value):
    place.extra["ECHOTRACE_OFFLINE"] = text
    assert place.load().settings.offline is value


def test_foreign_and_control_variables_are_left_alone(place):
    place.extra |= {
        "ECHOTRACE_DEBUG": "1",
        "GROQ_API_KEY": "gsk_x",
        "GROQ_BASE_URL": "http://elsewhere",
        "OLLAMA_HOST": "0.0.0.0:1",
        "HTTPS_PROXY": "http://proxy",
        "echotrace_offline": "1",
        "ECHOTRACER": "1",
    }
    assert place.load().settings == Settings()


@pytest.mark.parametrize(
    ("flags", "what", "hint"),
    [
        ({"stt.engin": "x"}, "unknown setting stt.engin", "stt.engine?"),
        ({"stt": "x"}, "unknown setting", ""),
        ({"llm.probes": 0}, "llm.probes must be a whole number from 1", ""),
        ({"llm.probes": "many"}, "llm.probes must be", ""),
        ({"profile": "strikt"}, "unknown profile strikt", "[profiles.strikt]"),
    ],
)
def test_bad_flag(place, flags, what, hint):
    with pytest.raises(ConfigError) as caught:
        place.load(flags)
    assert what in caught.value.what
    assert hint in caught.value.hint


def test_a_flag_may_come_as_text(place):
    loaded = place.load({"llm.probes": "3", "offline": "yes", "stt.language": "de"})
    assert loaded.settings.llm.probes == 3
    assert loaded.settings.offline is True
    assert loaded.settings.stt.language == "de"


def test_profile_lies_between_the_defaults_and_single_values(place):
    place.user("[profiles.strict]\nwer_good_ratio = 0.02\nwer_critical_ratio = 0.1\n")
    place.project('profile = "strict"\n[thresholds]\nwer_critical_ratio = 0.12\n')
    loaded = place.load()
    limits = loaded.settings.thresholds
    assert (limits.wer_good_ratio, limits.wer_critical_ratio, limits.snr_good_db) == (
        0.02,
        0.12,
        20,
    )
    origin = loaded.origins["thresholds.wer_good_ratio"]
    assert (origin.kind, origin.line, origin.profile) == (OriginKind.USER, 2, "strict")
    assert str(origin).endswith("config.toml:2 (profile strict)")
    assert loaded.origins["thresholds.wer_critical_ratio"].profile is None


def test_a_value_of_the_user_file_wins_over_a_profile_of_the_project(place):
    place.user("[thresholds]\nwer_good_ratio = 0.03\n")
    place.project('profile = "strict"\n[profiles.strict]\nwer_good_ratio = 0.02\n')
    assert place.load().settings.thresholds.wer_good_ratio == 0.03


def test_a_profile_in_both_files_is_merged(place):
    place.user("[profiles.a]\nwer_good_ratio = 0.01\nsnr_good_db = 30\n")
    place.project("[profiles.a]\nwer_good_ratio = 0.02\n")
    limits = place.load({"profile": "a"}).settings.thresholds
    assert (limits.wer_good_ratio, limits.snr_good_db) == (0.02, 30)


def test_a_flag_chooses_the_default_profile_again(place):
    place.user('profile = "a"\n[profiles.a]\nsnr_good_db = 30\n')
    assert place.load().settings.thresholds.snr_good_db == 30
    assert place.load({"profile": "default"}).settings.thresholds.snr_good_db == 20


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        (
            "wer_good_ratio = 0.2",
            "wer_good_ratio = 0.2 (.echotrace.toml:2)",
            "wer_critical_ratio = 0.15 (default)",
        ),
        (
            "snr_critical_db = 25",
            "snr_critical_db = 25 (.echotrace.toml:2)",
            "snr_good_db = 20 (default)",
        ),
        (
            "ttft_critical_ms = 10",
            "ttft_good_ms = 1000 (default)",
            "ttft_critical_ms = 10 (.echotrace.toml:2)",
        ),
        ("grade_healthy = 50", "grade_warning = 60 (default)", "grade_healthy = 50"),
        ("dead_air_warning_s = 6", "dead_air_warning_s = 6", "dead_air_critical_s = 5"),
        ("yield_good_ms = 1001", "yield_good_ms = 1001", "yield_critical_ms = 1000"),
        ("heard_gap_good_ms = 1501", "heard_gap_good_ms", "heard_gap_critical_ms = 1500"),
    ],
)
def test_contradictory_thresholds(place, text, first, second):
    place.project(f"[thresholds]\n{text}\n")
    with pytest.raises(ConfigError) as caught:
        place.load()
    assert caught.value.code == "CONTRADICTION"
    assert first in caught.value.what
    assert second in caught.value.what


def test_equal_thresholds_are_no_contradiction(place):
    place.project("[thresholds]\nwer_good_ratio = 0.15\n")
    assert place.load().settings.thresholds.wer_good_ratio == 0.15


@pytest.mark.parametrize(
    ("data", "line"), [(b"\n\noffline = '\xff'", 3), ("offline = true".encode("utf-16"), 1)]
)
def test_not_utf8(place, data, line):
    (place.cwd / ".echotrace.toml").write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        place.load()
    assert caught.value.what == f".echotrace.toml:{line}: not UTF-8 text"


def test_byte_order_mark_and_crlf_are_tolerated(place):
    place.project("\ufeffoffline = true\r\n[stt]\r\nbeam_size = 2\r\n")
    loaded = place.load()
    assert loaded.settings.stt.beam_size == 2
    assert loaded.origins["offline"].line == 1
    assert loaded.origins["stt.beam_size"].line == 3


def _folder(path):
    path.mkdir()


def _pipe(path):
    os.mkfifo(path)


def _loop(path):
    path.symlink_to(path.name)


def _device(path):
    path.symlink_to("/dev/zero")


def _huge(path):
    path.write_bytes(b"#" * ((1 << 20) + 1))


@pytest.mark.parametrize("make", [_folder, _pipe, _loop, _device, _huge])
@pytest.mark.parametrize("layer", ["project", "user", "named"])
def test_what_is_no_file_is_refused_without_reading_it(place, make, layer):
    path = {
        "project": place.cwd / ".echotrace.toml",
        "user": place.user_file,
        "named": place.root / "named.toml",
    }[layer]
    make(path)
    with pytest.raises(ConfigError) as caught:
        place.load(config_path=path if layer == "named" else None)
    assert path.name in caught.value.what


@pytest.mark.parametrize("name", ["missing.toml", "a" * 5000, "nul\0", "missing/x.toml"])
def test_a_named_file_must_exist(place, name):
    with pytest.raises(ConfigError) as caught:
        place.load(config_path=place.root / name)
    assert caught.value.code == "CONFIG_UNREADABLE"
    assert caught.value.what.isprintable()


@pytest.mark.parametrize("layer", ["project", "user"])
def test_a_file_that_may_not_be_read_is_an_error(open_place, unprivileged, layer):
    path = open_place.project("") if layer == "project" else open_place.user("")
    path.chmod(0)
    with unprivileged(), pytest.raises(ConfigError) as caught:
        open_place.load()
    assert caught.value.code == "CONFIG_UNREADABLE"


def test_a_home_that_may_not_be_entered_is_a_note(open_place, unprivileged):
    open_place.user("offline = true\n")
    home = open_place.root / "home"
    home.chmod(0)
    try:
        with unprivileged():
            loaded = open_place.load()
    finally:
        home.chmod(0o700)
    assert loaded.settings == Settings()
    assert [note.code for note in loaded.notes] == ["CONFIG_NOT_SEEN"]


def test_no_home_is_a_note(place):
    loaded = place.load(environ={"PATH": "/usr/bin", "HOME": "", "XDG_CONFIG_HOME": "relative"})
    assert loaded.settings == Settings()
    assert [note.code for note in loaded.notes] == ["NO_USER_FILE"]


def test_no_current_folder_is_a_note(place):
    assert [note.code for note in place.load(cwd=None).notes] == ["NO_PROJECT_FILE"]
    assert place.load(cwd=Path("/nonexistent/folder")).notes == ()


def test_loading_writes_nothing(place):
    def files():
        return sorted((path, path.stat().st_mtime_ns) for path in place.root.rglob("*"))

    place.project("[stt]\nengin = 1\n")
    before = files()
    with pytest.raises(ConfigError):
        place.load()
    assert files() == before


def test_the_origins_cannot_be_changed(place):
    with pytest.raises(TypeError):
        place.load().origins["offline"] = None


def test_a_project_may_forbid_connections_and_never_allow_them(place):
    place.user("offline = true\n")
    place.project("offline = false\n")
    with pytest.raises(ConfigError, match="switch offline on, and not off") as caught:
        place.load()
    assert caught.value.code == "NOT_IN_PROJECT_FILE"
    place.user("offline = false\n")
    place.project("offline = true\n")
    assert place.load().settings.offline is True
