"""Which price holds for which request, and what a file of prices may say."""

from __future__ import annotations

import re
import sys
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import echotrace.pricing
from echotrace.errors import ConfigError
from echotrace.pricing import (
    UNITS,
    VENDOR_HOSTS,
    PriceTable,
    built_in_prices,
    host_of,
    load_prices,
)

GROQ = VENDOR_HOSTS["groq"]
OPENAI = VENDOR_HOSTS["openai"]


def file_of(tmp_path, text, name="prices.toml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_prices_are_per_unit_dated_and_with_their_source():
    find = built_in_prices().find
    token = find("groq", "openai/gpt-oss-20b", "output tokens", sent_to=GROQ)
    assert token.usd_per_unit == pytest.approx(0.30 / 1e6)
    assert str(token).startswith("built-in prices as of 20")
    assert "https://console.groq.com/docs/models" in str(token)
    character = find("openai", "tts-1", "characters", sent_to=OPENAI)
    assert character.usd_per_unit == pytest.approx(15 / 1e6)
    second = find("groq", "whisper-large-v3-turbo", "audio seconds", sent_to=GROQ)
    assert second.usd_per_unit == pytest.approx(0.04 / 3600)
    assert second.minimum_s == 10


def test_every_built_in_price_is_dated_has_a_source_and_costs_something():
    table = built_in_prices()
    assert not table.hosts
    assert set(table.providers) == set(VENDOR_HOSTS)
    for models in table.providers.values():
        for model, prices in models.items():
            assert prices, model
            assert set(prices) <= set(UNITS)
            for price in prices.values():
                assert price.usd_per_unit > 0
                assert price.source.startswith("https://")
                first_day = (price.as_of + "-01-01")[:10]
                assert date(2025, 1, 1) <= date.fromisoformat(first_day) <= date.today()  # noqa: DTZ011


def test_a_language_model_has_both_of_its_prices_or_none():
    for models in built_in_prices().providers.values():
        for model, prices in models.items():
            assert ("input tokens" in prices) == ("output tokens" in prices), model


@pytest.mark.parametrize(
    ("model", "usd_per_1m"),
    [
        ("gpt-4o-mini", 0.15),
        ("gpt-4o-mini-2024-07-18", 0.15),
        ("gpt-4o-2024-08-06", 2.5),
        ("gpt-4o-2024-05-13", 5.0),
        ("gpt-4o-mini-2024-07-18-x", None),
        ("gpt-4o-mini-audio-preview", None),
        ("gpt-4o-mini-0718", None),
        ("gpt-4", None),
        ("GPT-4o-mini", None),
        ("", None),
        (None, None),
    ],
)
def test_only_a_dated_snapshot_stands_for_its_family(model, usd_per_1m):
    found = built_in_prices().find("openai", model, "input tokens", sent_to=OPENAI)
    assert (found.usd_per_unit * 1e6 if found else None) == (
        None if usd_per_1m is None else pytest.approx(usd_per_1m)
    )


@pytest.mark.parametrize(
    ("sent_to", "known"),
    [
        ("api.openai.com", True),
        ("api.openai.com:443", True),
        ("API.OpenAI.com", True),
        ("llm.example", False),
        ("api.openai.com.evil.example", False),
        ("127.0.0.1:8000", False),
        ("[::1]:8000", False),
        ("not a host [", False),
        (None, False),
    ],
)
def test_a_vendors_prices_hold_at_its_own_address_only(sent_to, known):
    found = built_in_prices().find("openai", "gpt-4o", "input tokens", sent_to=sent_to)
    assert (found is not None) == known


def test_one_vendor_at_the_address_of_another_has_no_price():
    table = built_in_prices()
    assert table.find("openai", "openai/gpt-oss-20b", "input tokens", sent_to=GROQ) is None
    assert table.find("groq", "gpt-4o", "input tokens", sent_to=OPENAI) is None


def test_a_users_entry_replaces_the_whole_entry_and_leaves_the_others(tmp_path):
    path = file_of(
        tmp_path, '[provider.openai."gpt-4o"]\ninput_usd_per_1m_tokens = 1\nas_of = 2026-11-05\n'
    )
    find = load_prices(path).find
    mine = find("openai", "gpt-4o", "input tokens", sent_to=OPENAI)
    assert mine.usd_per_unit == pytest.approx(1e-6)
    assert str(mine) == f"{path}:1 as of 2026-11-05"
    assert find("openai", "gpt-4o", "output tokens", sent_to=OPENAI) is None
    assert find("openai", "gpt-4o-mini", "output tokens", sent_to=OPENAI) is not None


def test_a_host_may_be_named_with_or_without_its_port_and_comes_first(tmp_path):
    path = file_of(
        tmp_path,
        '[host."LLM.example"."m"]\nusd_per_1m_characters = 1\n'
        '[host."llm.example:8000"."m"]\nusd_per_1m_characters = 2\n'
        '[host."api.openai.com"."tts-1"]\nusd_per_1m_characters = 3\n'
        "[provider.acme.m]\nusd_per_1m_characters = 4\n",
    )
    find = load_prices(path).find
    expected = {
        ("openai", "m", "llm.example:8000"): 2,
        ("openai", "m", "llm.example:9"): 1,
        ("openai", "m", "Llm.Example"): 1,
        ("openai", "tts-1", "api.openai.com"): 3,
        ("acme", "m", "anywhere.example"): 4,
        ("acme", "m", "llm.example"): 1,
    }
    for (provider, model, sent_to), usd in expected.items():
        found = find(provider, model, "characters", sent_to=sent_to)
        assert found.usd_per_unit == pytest.approx(usd / 1e6), (provider, model, sent_to)


def test_free_may_be_said_and_is_no_unknown_price(tmp_path):
    path = file_of(tmp_path, '[provider.groq."x"]\nusd_per_audio_hour = 0\n')
    found = load_prices(path).find("groq", "x", "audio seconds", sent_to=GROQ)
    assert found.usd_per_unit == 0


@pytest.mark.parametrize(
    ("text", "line", "what", "hint"),
    [
        ("[provder.groq.x]\n", 1, "unknown key provder", "provider"),
        (
            "\n[provider.groq.x]\nusd_per_audio_our = 1\n",
            3,
            "usd_per_audio_our",
            "usd_per_audio_hour",
        ),
        ("[provider.groq.x]\nprice = 1\n", 2, "unknown key provider.groq.x.price", "the keys are"),
        ("[provider.openai.gpt-4.1]\nusd_per_audio_hour = 1\n", 1, "gpt-4.1", "stands in quotes"),
        ("[provider.groq.x]\nusd_per_audio_hour = -0.1\n", 2, "at least 0, not -0.1", ""),
        ("[provider.groq.x]\nusd_per_audio_hour = nan\n", 2, "at least 0, not nan", ""),
        ("[provider.groq.x]\nusd_per_audio_hour = inf\n", 2, "at least 0, not inf", ""),
        ("[provider.groq.x]\nusd_per_audio_hour = true\n", 2, "at least 0, not true", ""),
        ('[provider.groq.x]\nusd_per_audio_hour = "1"\n', 2, "at least 0, not '1'", ""),
        ("[provider.groq.x]\nminimum_s = -1\n", 2, "at least 0", ""),
        (f"[provider.groq.x]\nusd_per_audio_hour = 1{'0' * 400}\n", 2, "of that length", ""),
        ("[provider.groq.x]\nas_of = 3\n", 2, "must be a date", ""),
        ("[provider.groq.x]\nas_of = 12:00:00\n", 2, "must be a date", ""),
        ('[provider.groq.x]\nas_of = "2026-13-45"\n', 2, "not '2026-13-45'", ""),
        ('[provider.groq.x]\nas_of = "2026-02-30"\n', 2, "must be a date", ""),
        ('[provider.groq.x]\nas_of = "2026-00"\n', 2, "must be a date", ""),
        ('[provider.groq.x]\nas_of = "0000"\n', 2, "must be a date", ""),
        ("[provider.groq.x]\nsource = 3\n", 2, "must be a text", ""),
        ("[provider]\ngroq = 3\n", 2, "provider.groq must be a table", "[provider.openai"),
        ("provider = 3\n", 1, "provider must be a table", "[provider.openai"),
        ("[host]\nm = 3\n", 2, "host.m must be a table", "[host."),
        ("[host.a]\nm = 3\n", 2, "host.a.m must be a table", "[host."),
        ("[provider.groq.x\n", 1, "not valid TOML", ""),
    ],
)
def test_a_bad_file_is_named_with_its_line_and_what_would_fit(tmp_path, text, line, what, hint):
    path = file_of(tmp_path, text)
    with pytest.raises(ConfigError) as told:
        load_prices(path)
    assert told.value.what.startswith(f"{path}:{line}: ")
    assert what in told.value.what
    assert hint in told.value.hint
    assert "\n" not in told.value.what


@pytest.mark.parametrize("as_of", ["2026", "2026-02", "2024-02-29"])
def test_a_price_may_be_as_old_as_a_year_a_month_or_a_day(tmp_path, as_of):
    path = file_of(tmp_path, f'[provider.groq."x"]\nusd_per_audio_hour = 0\nas_of = "{as_of}"\n')
    assert load_prices(path).find("groq", "x", "audio seconds", sent_to=GROQ).as_of == as_of


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("http://192.0.2.2/v1", "192.0.2.2"),
        ("https://LLM.example:8000", "llm.example:8000"),
        ("llm.example/v1", "llm.example"),
        ("llm.example/", "llm.example"),
        ("http://me:hidden@llm.example/v1", "llm.example"),
        ("me:hidden@llm.example", "llm.example"),
        ("llm.example?x=1", "llm.example"),
        ("llm.example:", "llm.example"),
        ("llm.example:99999", "llm.example:8000"),
        ("llm example", "llm.example:8000"),
        ("[::1", "llm.example:8000"),
        ("http://[::1]:9/v1", "[::1]:9"),
        ("ftp://llm.example", "llm.example:8000"),
        ("", "llm.example:8000"),
    ],
)
def test_a_host_that_no_request_goes_to_is_refused_with_the_one_that_fits(tmp_path, name, fits):
    path = file_of(tmp_path, f'\n[host."{name}"."m"]\nusd_per_1m_characters = 1\n')
    with pytest.raises(ConfigError) as told:
        load_prices(path)
    assert told.value.what.startswith(f"{path}:2: a host is named as host or host:port, not ")
    assert told.value.hint == f'write [host."{fits}"."MODEL"]'
    assert "hidden" not in f"{told.value}{told.value.hint}"


@pytest.mark.parametrize(
    ("name", "sent_to"),
    [
        ("::1", "[::1]:8000"),
        ("[::1]", "[::1]:8000"),
        ("[::1]:8000", "[::1]:8000"),
        ("LocalHost:4000", "localhost:4000"),
        ("192.0.2.2", "192.0.2.2:1"),
    ],
)
def test_every_way_to_write_a_host_is_found_again(tmp_path, name, sent_to):
    path = file_of(tmp_path, f'[host."{name}"."m"]\nusd_per_1m_characters = 1\n')
    assert load_prices(path).find("openai", "m", "characters", sent_to=sent_to) is not None


def test_names_are_data_and_leave_no_control_characters(tmp_path):
    path = file_of(tmp_path, '[provider.groq."\\u001b[31mx"]\nb = 1\n')
    with pytest.raises(ConfigError) as told:
        load_prices(path)
    assert "\x1b" not in told.value.what


def test_a_named_file_must_be_there_and_be_a_file(tmp_path):
    for name in (str(tmp_path / "none.toml"), str(tmp_path), "a\0b"):
        with pytest.raises(ConfigError) as told:
            load_prices(name)
        assert told.value.code == "NO_PRICES_FILE"
        assert told.value.why


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="the XDG layout is that of Linux")
def test_the_users_folder_is_looked_in_without_being_told(tmp_path):
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert load_prices(environ=environ) is built_in_prices()
    folder = tmp_path / "echotrace"
    folder.mkdir()
    file_of(folder, "[provider.acme.m]\nusd_per_1m_characters = 4\n")
    found = load_prices(environ=environ).find("acme", "m", "characters", sent_to="a.example")
    assert found.usd_per_unit == pytest.approx(4e-6)
    named = file_of(tmp_path, "", name="mine.toml")
    assert load_prices(named, environ=environ).find("acme", "m", "characters", sent_to="a") is None


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="the XDG layout is that of Linux")
def test_without_a_home_the_built_in_prices_stand():
    assert load_prices(environ={}) is built_in_prices()


@given(st.text(max_size=30))
def test_a_host_of_any_text_never_raises(text):
    assert isinstance(host_of(text), str)


def test_an_empty_table_knows_nothing():
    for unit in UNITS:
        assert PriceTable().find("groq", "whisper-large-v3", unit, sent_to=GROQ) is None


def test_no_price_in_the_file_is_lost_on_the_way():
    text = Path(echotrace.pricing.__file__).with_name("prices.toml").read_text(encoding="utf-8")
    written = len(re.findall(r"^\w*usd_per_\w+ = ", text, re.MULTILINE))
    read = sum(
        len(prices) for models in built_in_prices().providers.values() for prices in models.values()
    )
    assert read == written > 30
