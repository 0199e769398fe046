"""Draw the README's pictures from the demo: the terminal app, and the printed report, as SVG.

python .extras/make_pictures.py
"""

import asyncio
import io
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.text import Text

from echotrace.cli.bundled import demo_runs
from echotrace.model.report import Report
from echotrace.orchestrator import run
from echotrace.render.console import render_console
from echotrace.tui.app import EchoTraceApp
from echotrace.tui.job import Saved

OUT = Path(__file__).parents[1] / "docs"
PRINTED_WIDTH = 100
APP_SIZE = (110, 26)


def demo_reports() -> dict[str, Report]:
    reports = {}
    for name, request, settings in demo_runs():
        report = asyncio.run(run(request, settings)).report
        source = replace(report.source, path=Path(report.source.path).name)
        reports[name] = replace(report, source=source)
    return reports


async def draw_app(reports: dict[str, Report]) -> str:
    app = EchoTraceApp([Saved(name=name, report=report) for name, report in reports.items()])
    async with app.run_test(size=APP_SIZE) as pilot:
        await pilot.pause()
        await pilot.press("n")  # the call comes second
        await pilot.pause()
        return app.export_screenshot(title="echotrace demo")


def draw_printed(report: Report, path: Path) -> None:
    text = Text.from_ansi(render_console(report, width=PRINTED_WIDTH, color=True))
    console = Console(record=True, width=PRINTED_WIDTH, file=io.StringIO())
    console.print(text)
    console.save_svg(str(path), title="echotrace demo --only call --no-tui")


def main() -> None:
    reports = demo_reports()
    (OUT / "demo-app.svg").write_text(asyncio.run(draw_app(reports)), "utf-8")
    draw_printed(reports["call"], OUT / "demo-report.svg")


if __name__ == "__main__":
    main()
