"""Draw the README's two pictures from the demo call: the app, and its worst turn on the timeline.

python .extras/make_pictures.py
"""

import asyncio
from pathlib import Path

from echotrace.cli.bundled import demo_runs
from echotrace.orchestrator import run
from echotrace.tui.app import EchoTraceApp
from echotrace.tui.job import Saved

OUT = Path(__file__).parents[1] / "docs"
SIZE = (110, 30)
TO_THE_CALL = ("right_square_bracket",)
TO_ITS_WORST_TURN = (*TO_THE_CALL, "enter", "l", "plus")


def demo_reports() -> list[Saved]:
    return [
        Saved(name=name, report=asyncio.run(run(request, settings)).report)
        for name, request, settings in demo_runs()
    ]


async def draw(reports: list[Saved], *keys: str) -> str:
    app = EchoTraceApp(reports)
    async with app.run_test(size=SIZE) as pilot:
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        await app.workers.wait_for_complete()
        await pilot.pause()
        return app.export_screenshot(title="echotrace demo")


def main() -> None:
    reports = demo_reports()
    for name, keys in (("demo-app", TO_THE_CALL), ("demo-timeline", TO_ITS_WORST_TURN)):
        (OUT / f"{name}.svg").write_text(asyncio.run(draw(reports, *keys)), "utf-8")


if __name__ == "__main__":
    main()
