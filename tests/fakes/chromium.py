"""A real Chromium without a window, told what to do over a pipe in the DevTools protocol."""

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_EXEC = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); "
    "os.execv(sys.argv[3], sys.argv[3:])"
)


def find_chromium():
    """Return the program's path, or None where there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Chromium:
    """One browser with one page; leave it as a context manager.

    ``console`` holds what the page wrote or what went wrong in it (violations of its policy too),
    ``requests`` the address of everything that it asked for.
    """

    def __init__(self, *, timeout_s=30.0):
        self.console, self.requests = [], []
        self._timeout_s = timeout_s
        self._last, self._answers, self._events, self._buffer = 0, {}, [], b""
        self._home = tempfile.TemporaryDirectory(prefix="chromium-")
        to_child, self._write = os.pipe()
        self._read, from_child = os.pipe()
        # Numbers over 10, so that they are none of those that the child makes 3 and 4 of.
        inside = [_moved(to_child), _moved(from_child)]
        arguments = [
            find_chromium(),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-extensions",
            "--autoplay-policy=no-user-gesture-required",
            "--mute-audio",
            "--remote-debugging-pipe",
            f"--user-data-dir={self._home.name}",
        ]
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", "-c", _EXEC, *map(str, inside), *arguments],
            pass_fds=inside,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for number in inside:
            os.close(number)
        self._session = None
        try:
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            made = self.call("Target.attachToTarget", targetId=target, flatten=True)
            self._session = made["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.call(f"{domain}.enable")
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """End the browser that was started here."""
        try:
            os.write(self._write, b'{"id": 0, "method": "Browser.close"}\0')
            self._process.wait(5)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        for number in (self._write, self._read):
            os.close(number)
        try:
            self._home.cleanup()
        except OSError:  # a process of the browser wrote on its way out
            shutil.rmtree(self._home.name, ignore_errors=True)

    def call(self, method, **parameters):
        """Give an order and return its result."""
        self._last += 1
        number = self._last
        order = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            order["sessionId"] = self._session
        os.write(self._write, json.dumps(order).encode() + b"\0")
        self._until(lambda: number in self._answers, method)
        answer = self._answers.pop(number)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def open(self, path, *, width=1280, height=900, dark=False):
        """Open a file and wait until it is loaded."""
        self.resize(width, height)
        self.prefer(dark=dark)
        self._events.clear()
        self.call("Page.navigate", url=Path(path).resolve().as_uri())
        self._until(lambda: "Page.loadEventFired" in self._events, "load")

    def resize(self, width, height):
        """Make the window so large."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def prefer(self, *, dark):
        """Say which colours the reader prefers."""
        chosen = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[chosen])

    def run(self, script):
        """Return the value of an expression in the page; a promise is waited for."""
        answer = self.call(
            "Runtime.evaluate",
            expression=script,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def click(self, selector):
        """Click in the middle of the first element, as a mouse does."""
        x, y = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
            "return [b.left + b.width / 2, b.top + b.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, key):
        """Press and release a key."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key)

    def picture(self):
        """Return the window as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def _until(self, done, what):
        end = time.monotonic() + self._timeout_s
        while not done():
            left = end - time.monotonic()
            ready = select.select([self._read], [], [], max(0.0, left))[0]
            assert ready, f"no answer to {what} within {self._timeout_s} s"
            found = os.read(self._read, 1 << 20)
            assert found, f"the browser ended before {what}"
            *whole, self._buffer = (self._buffer + found).split(b"\0")
            for message in whole:
                self._take(json.loads(message))

    def _take(self, message):
        if "id" in message:
            self._answers[message["id"]] = message
            return
        method, told = message["method"], message["params"]
        self._events.append(method)
        if method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif method == "Runtime.consoleAPICalled":
            self.console.append(str(told["args"]))
        elif method == "Runtime.exceptionThrown":
            self.console.append(str(told["exceptionDetails"]))
        elif method == "Log.entryAdded":
            self.console.append(told["entry"]["text"])


def _moved(number):
    """Return the same file under a number over 10."""
    import fcntl

    made = fcntl.fcntl(number, fcntl.F_DUPFD, 11)
    os.close(number)
    return made
