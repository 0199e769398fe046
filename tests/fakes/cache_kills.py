"""Kills writers of a cache with SIGKILL, again and again, and looks at what they leave behind.

Run as a program, so that it may fork: ``python cache_kills.py PATH KILLS SEED``. Prints one JSON
document. Half of the writers are killed from outside after a number of puts and a random number of
turns of an empty loop, half kill themselves at a random step of SQLite's own machine, which is
mostly inside a transaction. How many are hit there depends on how busy the machine is: it goes on
until a tenth of KILLS were.
"""

import json
import os
import random
import signal
import sqlite3
import sys
from pathlib import Path

from echotrace.cache import Cache

KEYS = 24
CAP = 2**20


def value_of(key, number):
    """The only right value of a key in a round: anyone can work it out from the first 8 bytes."""
    seed = random.Random(f"{key} {number}")
    return number.to_bytes(8, "big") + seed.randbytes(seed.choice((10, 3_000, 40_000, 200_000)))


def is_right(key, value):
    return value == value_of(key, int.from_bytes(value[:8], "big"))


def write_for_ever(path, report, seed, steps):
    troubles = []
    chooser = random.Random(seed)
    if steps:
        kill_at_step(steps)
    cache = Cache(path, max_bytes=CAP, on_trouble=troubles.append)
    number = 0
    while not troubles:
        number += 1
        key = f"key {chooser.randrange(KEYS)}"
        value = value_of(key, seed * 1_000_000 + number)
        os.write(report, b".")
        cache.put(key, value)
        os.write(report, b"+")
    os.write(report, b"!")
    os._exit(3)


def kill_at_step(steps):
    left = [steps]

    def count():
        left[0] -= 1
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    connect = sqlite3.connect

    def counted(*args, **kwargs):
        file = connect(*args, **kwargs)
        file.set_progress_handler(count, 1)
        return file

    sqlite3.connect = counted


def one_kill(path, seed):
    chooser = random.Random(seed)
    reading, writing = os.pipe()
    steps = chooser.randrange(20, 3_000) if seed % 2 else 0
    child = os.fork()
    if not child:
        os.close(reading)
        write_for_ever(path, writing, seed, steps)
    os.close(writing)
    reports = b""
    wanted = chooser.randrange(1, 30)
    while len(reports) < wanted or steps:
        more = os.read(reading, 1)
        if not more:
            break
        reports += more
    if not steps:
        for _ in range(chooser.randrange(40_000)):
            pass
        os.kill(child, signal.SIGKILL)
    os.close(reading)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) == signal.SIGKILL, b"!" in reports


def main():
    path, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    counted = ("rounds", "killed", "in_transaction", "troubled", "held", "wrong", "largest")
    seen = dict.fromkeys(counted, 0)
    journal = path.with_name(f"{path.name}-journal")
    troubles = []
    for number in range(20 * kills):
        if number >= kills and seen["in_transaction"] >= kills // 10:
            break
        seen["rounds"] += 1
        killed, troubled = one_kill(path, seed * 1000 + number)
        seen["killed"] += killed
        seen["troubled"] += troubled
        seen["in_transaction"] += journal.exists() and journal.stat().st_size > 0
        cache = Cache(path, max_bytes=CAP, on_trouble=troubles.append)
        for key in map("key {}".format, range(KEYS)):
            value = cache.get(key)
            if value is not None:
                seen["held"] += 1
                seen["wrong"] += not is_right(key, value)
        seen["largest"] = max(seen["largest"], path.stat().st_size if path.exists() else 0)
    cache.put("last", b"word")
    last = cache.get("last")
    with sqlite3.connect(path) as file:
        integrity = file.execute("PRAGMA integrity_check").fetchone()[0]
    file.close()
    result = {**seen, "troubles": troubles, "last": last == b"word", "integrity": integrity}
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
