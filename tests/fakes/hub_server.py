"""A local server that speaks the part of the Hugging Face hub's API which a download needs."""

import hashlib
import json
import os
import re
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REPOSITORY = "Systran/faster-whisper-tiny"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "config.json": b'{"alignment_heads": [[0, 1]]}',
    "model.bin": os.urandom(100) * 30_000,
    "tokenizer.json": b'{"model": {}}' * 1_000,
    "vocabulary.txt": b"<|endoftext|>\nhello\n",
    "README.md": b"not needed",
}
LARGE = ("model.bin",)


def digest(name, content):
    """The name of a blob: SHA-256 of a large file, git's hash of a small one."""
    if name in LARGE:
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class HubServer:
    """Serves ``files`` of one repository; ``faults`` maps a path's end to what to do, in order.

    A fault is a status, ``("cut", bytes)``: close the connection after so many bytes,
    ``("hold", bytes)``: send so many and wait for ``release``, ``"wrong"``: other bytes of the same
    length, ``"short"``: say and send less, or ``"whole"``: ignore the range that was asked for.
    ``answer`` takes the place of what the API says of the repository.
    """

    def __init__(self, files=None, faults=None, repository=REPOSITORY):
        self.files = FILES if files is None else files
        self.faults = {name: list(steps) for name, steps in (faults or {}).items()}
        self.repository = repository
        self.seen = []
        self.answer = None
        self.held = threading.Event()
        self.release = threading.Event()
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                with suppress(ConnectionError):
                    hub._answer(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def fetched(self, name):
        """The Range header, or None, of every request for a file."""
        return [wanted for path, wanted in self.seen if path.endswith(f"/{name}")]

    def _answer(self, request):
        path = request.path.partition("?")[0]
        wanted = request.headers.get("Range")
        self.seen.append((path, wanted))
        name = path.rpartition("/")[2]
        key = "api" if path.startswith("/api/") else name
        steps = self.faults.get(key) or [None]
        fault = steps.pop(0) if len(steps) > 1 else steps[0]
        if isinstance(fault, int):
            self._send(request, fault, b'{"error": "so it is"}')
        elif path.startswith("/api/models/"):
            found = path.startswith(f"/api/models/{self.repository}")
            if not found:
                headers = {"X-Error-Code": "RepoNotFound"}
                self._send(request, 404, b'{"error": "Repository not found"}', headers)
            else:
                self._send(request, 200, self.answer or json.dumps(self._info()).encode())
        elif path == f"/{self.repository}/resolve/{COMMIT}/{name}" and name in self.files:
            self._send_file(request, self.files[name], wanted, fault)
        else:
            self._send(request, 404, b"{}", {"X-Error-Code": "EntryNotFound"})

    def _info(self):
        siblings = []
        for name, content in self.files.items():
            item = {"rfilename": name, "size": len(content), "blobId": digest("", content)}
            if name in LARGE:
                item["lfs"] = {
                    "sha256": digest(name, content),
                    "size": len(content),
                    "pointerSize": 130,
                }
            siblings.append(item)
        return {"id": self.repository, "modelId": self.repository, "sha": COMMIT} | {
            "siblings": siblings,
            "private": False,
            "tags": [],
            "downloads": 1,
            "likes": 1,
        }

    def _send_file(self, request, content, wanted, fault):
        begin = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted else 0
        if fault == "whole":
            begin = 0
        if begin >= len(content) and wanted:
            self._send(request, 416, b"")
            return
        status = 206 if begin else 200
        headers = {"Content-Range": f"bytes {begin}-{len(content) - 1}/{len(content)}"}
        body = content[begin:]
        if fault == "wrong":
            body = bytes(255 - byte for byte in body)
        if fault == "short":
            body = body[:-7]
        if not isinstance(fault, tuple):
            self._send(request, status, body, headers if begin else {})
            return
        self._head(request, status, len(body), headers if begin else {})
        request.wfile.write(body[: fault[1]])
        request.wfile.flush()
        if fault[0] == "hold":
            self.held.set()
            self.release.wait(60)
        request.close_connection = True

    def _head(self, request, status, length, headers):
        request.send_response(status)
        request.send_header("Content-Length", str(length))
        request.send_header("Content-Type", "application/octet-stream")
        for name, value in headers.items():
            request.send_header(name, value)
        request.end_headers()

    def _send(self, request, status, body, headers=None):
        self._head(request, status, len(body), headers or {})
        request.wfile.write(body)
