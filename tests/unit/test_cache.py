import errno
import json
import multiprocessing
import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echotrace.cache import CACHE_FILE, Cache, open_cache
from echotrace.config.settings import CacheSettings

ROOT = Path(__file__).resolve().parents[2]
MIB = 2**20
PROGRAM = "tests.fakes.cache_kills"


@pytest.fixture
def troubles():
    return []


@pytest.fixture
def cache(tmp_path, troubles):
    return Cache(tmp_path / "c" / CACHE_FILE, max_bytes=MIB, on_trouble=troubles.append)


def test_what_was_put_comes_back_also_in_another_object(cache, troubles):
    cache.put("key", b"value")
    assert cache.get("key") == b"value"
    assert Cache(cache.path, max_bytes=MIB).get("key") == b"value"
    assert cache.get("other") is None
    assert not troubles


def test_looking_creates_nothing_and_the_file_is_for_its_owner_alone(cache):
    assert cache.get("key") is None
    assert not cache.path.parent.exists()
    cache.put("key", b"value")
    assert stat.S_IMODE(cache.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(cache.path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("kills", [20, pytest.param(50, marks=pytest.mark.slow)])
def test_kills_while_it_is_written_leave_right_entries_only(tmp_path, kills):
    path = str(tmp_path / "c.sqlite3")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", PROGRAM, path, str(kills), "7"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr
    seen = json.loads(done.stdout)
    assert seen["killed"] == seen["rounds"] >= kills
    assert seen["in_transaction"] >= kills // 10, (
        "kills have to fall into transactions to show anything"
    )
    assert seen["held"] > 4 * kills
    assert (seen["wrong"], seen["troubled"], seen["troubles"]) == (0, 0, [])
    assert seen["last"]
    assert seen["integrity"] == "ok"
    assert seen["largest"] <= MIB + 16 * 4096


def test_two_processes_write_and_read_at_once(tmp_path):
    path = tmp_path / CACHE_FILE
    method = multiprocessing.get_context("spawn")
    with method.Pool(2) as pool:
        results = pool.starmap(_write_and_read, [(str(path), name) for name in "ab"])
    assert results == [[], []]
    cache = Cache(path, max_bytes=MIB)
    for name in "ab":
        assert cache.get(f"{name} 59") == name.encode() * 900
    shared = cache.get("shared")
    assert shared[:1] * 900 == shared


def _write_and_read(path, name):
    wrong = []
    cache = Cache(Path(path), max_bytes=MIB, on_trouble=wrong.append)
    for number in range(60):
        cache.put(f"{name} {number}", name.encode() * 900)
        cache.put("shared", name.encode() * 900)
        if cache.get(f"{name} {number}") != name.encode() * 900:
            wrong.append(f"{name} {number} is gone")
        if cache.get("shared") not in (b"a" * 900, b"b" * 900):
            wrong.append("the shared entry is torn")
    return wrong


def test_threads_share_one_object(cache, troubles):
    def work(name):
        for number in range(20):
            cache.put(f"{name}{number}", name.encode())

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(cache.get(f"{name}{n}") == name.encode() for name in "abcd" for n in range(20))
    assert not troubles


def test_the_entry_that_was_used_longest_ago_goes_first(cache):
    for number in range(4):
        cache.put(f"{number}", bytes(200_000))
    assert cache.get("0") is not None  # used just now: 1 is the oldest
    cache.put("4", bytes(200_000))
    cache.put("5", bytes(200_000))
    held = [number for number in range(6) if cache.get(f"{number}") is not None]
    assert held == [0, 3, 4, 5]


def test_the_file_stays_below_its_cap(cache):
    for number in range(60):
        cache.put(f"{number}", os.urandom(1_000 * (number % 90)))
        assert cache.path.stat().st_size <= MIB + 16 * 4096
    assert cache.get("59") is not None


def test_a_lowered_cap_shrinks_the_file(cache):
    for number in range(9):
        cache.put(f"{number}", bytes(100_000))
    assert cache.path.stat().st_size > 900_000
    Cache(cache.path, max_bytes=400_000).put("new", bytes(1_000))
    assert cache.path.stat().st_size <= 400_000 + 16 * 4096
    assert cache.get("new") == bytes(1_000)
    assert cache.get("8") == bytes(100_000)


def test_a_value_larger_than_the_cap_is_not_kept_and_drops_nothing(cache, troubles):
    cache.put("small", b"value")
    cache.put("large", bytes(MIB))
    assert cache.get("large") is None
    assert cache.get("small") == b"value"
    assert not troubles


@pytest.mark.parametrize("change", ["value = x'00'", "checksum = x'00'", "value = 'text'"])
def test_an_entry_that_was_tampered_with_is_deleted_and_a_miss(cache, change):
    cache.put("key", b"value")
    cache.put("other", b"kept")
    with _raw(cache) as file:
        file.execute(f"UPDATE entries SET {change} WHERE key = ?", (b"key",))
    file.close()
    assert cache.get("key") is None
    assert cache.get("other") == b"kept"
    with _raw(cache) as file:
        assert file.execute("SELECT COUNT(*) FROM entries").fetchone() == (1,)
    file.close()


def test_a_value_that_got_under_another_key_is_not_given_back(cache):
    cache.put("key", b"value")
    with _raw(cache) as file:
        file.execute("UPDATE entries SET key = ?", (b"another",))
    file.close()
    assert cache.get("another") is None


def _raw(cache):
    return sqlite3.connect(cache.path)


def _garbage(path):
    path.write_bytes(b"this is no database, " * 500)


def _truncated(path):
    cache = Cache(path, max_bytes=MIB)
    for number in range(9):
        cache.put(f"{number}", bytes(20_000))
    with path.open("r+b") as file:
        file.truncate(30_000)


def _flipped(path):
    cache = Cache(path, max_bytes=MIB)
    for number in range(50):
        cache.put(f"{number}", bytes(2_000))
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(3 * 4096))


def _of_another_layout(path):
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA application_id=1164142676")
        file.execute("PRAGMA user_version=99")
        file.execute("CREATE TABLE entries (something TEXT)")
    file.close()


def _of_somebody_else(path):
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE bookmarks (url TEXT)")
    file.close()


def _without_its_table(path):
    Cache(path, max_bytes=MIB).put("old", b"old")
    with sqlite3.connect(path) as file:
        file.execute("DROP TABLE entries")
    file.close()


def _with_another_journal(path):
    """What a killed process left beside a file that was then replaced."""
    _garbage(path)
    path.with_name(f"{path.name}-journal").write_bytes(b"\xd9\xd5\x05\xf9" + bytes(5000))


def _folder(path):
    path.mkdir()
    (path / "inside").write_text("kept")


def _pipe(path):
    os.mkfifo(path)


def _dead_link(path):
    path.symlink_to(path.with_name("nowhere"))


@pytest.mark.parametrize(
    "damage",
    [
        _garbage,
        _truncated,
        _flipped,
        _of_another_layout,
        _of_somebody_else,
        _without_its_table,
        _with_another_journal,
        _folder,
        _pipe,
    ],
)
@pytest.mark.parametrize("begin", ["get", "put"])
def test_a_damaged_file_is_put_aside_and_begun_anew(cache, troubles, damage, begin):
    cache.path.parent.mkdir()
    damage(cache.path)
    if begin == "get":
        cache.get("new")
    for number in range(3):
        cache.put(f"new {number}", f"value {number}".encode() * 5000)
    assert [cache.get(f"new {n}") for n in range(3)] == [
        f"value {n}".encode() * 5000 for n in range(3)
    ]
    assert len(troubles) == 1
    assert "begun anew" in troubles[0]
    aside = cache.path.with_name(f"{CACHE_FILE}.broken")
    assert os.path.lexists(aside)
    if damage is _folder:
        assert (aside / "inside").read_text() == "kept"


def test_a_link_that_leads_nowhere_is_put_aside(cache):
    cache.path.parent.mkdir()
    _dead_link(cache.path)
    cache.put("key", b"value")
    assert cache.get("key") == b"value"
    assert not cache.path.with_name("nowhere").exists()


def test_damage_again_and_again_keeps_one_copy_and_no_folder_is_lost(cache):
    cache.path.parent.mkdir()
    _folder(cache.path)
    for _ in range(3):
        cache.put("key", b"value")
        _garbage(cache.path)
    cache.put("key", b"value")
    names = sorted(path.name for path in cache.path.parent.iterdir())
    assert names == [CACHE_FILE, f"{CACHE_FILE}.broken", f"{CACHE_FILE}.broken-2"]


def test_an_empty_file_that_a_kill_left_is_simply_used(cache, troubles):
    cache.path.parent.mkdir()
    cache.path.touch()
    assert cache.get("key") is None
    cache.put("key", b"value")
    assert cache.get("key") == b"value"
    assert not troubles


def test_a_locked_file_is_waited_for(cache, troubles):
    cache.put("key", b"value")
    holder = sqlite3.connect(cache.path, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN EXCLUSIVE")
    waiter = threading.Thread(target=cache.put, args=("other", b"late"))
    waiter.start()
    holder.execute("COMMIT")
    waiter.join()
    holder.close()
    assert cache.get("other") == b"late"
    assert not troubles


def test_a_file_that_stays_locked_is_a_miss_and_said(cache, troubles, monkeypatch):
    monkeypatch.setattr("echotrace.cache._READ_WAIT_S", 0.05)
    monkeypatch.setattr("echotrace.cache._WRITE_WAIT_S", 0.05)
    cache.put("key", b"value")
    holder = sqlite3.connect(cache.path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    assert cache.get("key") is None
    cache.put("other", b"late")
    holder.close()
    assert len(troubles) == 2
    assert all("locked" in trouble for trouble in troubles)
    assert cache.get("key") == b"value", "a lock is no damage"


def test_a_full_disk_costs_the_entry_and_nothing_else(cache, troubles, monkeypatch):
    cache.put("key", b"value")
    connect = sqlite3.connect

    def small(*args, **kwargs):
        file = connect(*args, **kwargs)
        file.execute("PRAGMA max_page_count=8")  # SQLite then says what it says of a full disk
        return file

    monkeypatch.setattr(sqlite3, "connect", small)
    cache.put("large", bytes(100_000))
    assert "full" in troubles[0]
    assert cache.get("large") is None
    assert cache.get("key") == b"value"


def test_a_folder_that_cannot_be_made_is_said_and_no_error(tmp_path, troubles):
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file" / "c", max_bytes=MIB, on_trouble=troubles.append)
    assert cache.get("key") is None
    cache.put("key", b"value")
    assert os.strerror(errno.ENOTDIR) in troubles[-1] or os.strerror(errno.EEXIST) in troubles[-1]


def test_the_user_decides_whether_and_how_much(tmp_path, troubles):
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    assert open_cache(CacheSettings(enabled=False), environ) is None
    cache = open_cache(CacheSettings(max_mib=1), environ, on_trouble=troubles.append)
    assert cache.path == tmp_path / "echotrace" / CACHE_FILE
    cache.put("key", bytes(2 * MIB))
    assert cache.get("key") is None
    cache.put("key", bytes(MIB // 2))
    assert cache.get("key") == bytes(MIB // 2)
    assert not troubles


def test_without_a_home_there_is_no_cache_and_a_reason(troubles):
    assert open_cache(CacheSettings(), {}, on_trouble=troubles.append) is None
    assert "no cache folder" in troubles[0]
    assert open_cache(CacheSettings(), {}) is None


KEYS = st.sampled_from(["", "a", "b", "A", "\0", "é", "\udc80", "k" * 300])
OPERATIONS = st.one_of(
    st.tuples(st.just("put"), KEYS, st.binary(max_size=9000)),
    st.tuples(st.just("get"), KEYS, st.just(b"")),
    st.tuples(st.just("open again"), KEYS, st.just(b"")),
)


@settings(max_examples=40)
@given(st.lists(OPERATIONS, max_size=12))
def test_below_its_cap_it_is_a_dictionary(operations):
    with tempfile.TemporaryDirectory() as folder:
        path, model = Path(folder) / "c", {}
        cache = Cache(path, max_bytes=64 * MIB, on_trouble=pytest.fail)
        for name, key, value in operations:
            if name == "put":
                cache.put(key, value)
                model[key] = value
            elif name == "get":
                assert cache.get(key) == model.get(key)
            else:
                cache.close()
                cache = Cache(path, max_bytes=64 * MIB, on_trouble=pytest.fail)
        assert {key: cache.get(key) for key in model} == model
