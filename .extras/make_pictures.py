"""Draw the README's pictures: what `echotrace demo` prints, as SVG.

python .extras/make_pictures.py
"""

import asyncio
import io
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.text import Text

from echotrace.cli.bundled import demo_runs
from echotrace.orchestrator import run
from echotrace.render.console import render_console

OUT = Path(__file__).parents[1] / "docs"
WIDTH = 100


def main() -> None:
    for name, request, settings in demo_runs():
        report = asyncio.run(run(request, settings)).report
        shown = replace(report.source, path=Path(report.source.path).name)
        report = replace(report, source=shown)
        text = Text.from_ansi(render_console(report, width=WIDTH, color=True))
        console = Console(record=True, width=WIDTH, file=io.StringIO())
        console.print(text)
        console.save_svg(str(OUT / f"demo-{name}.svg"), title=f"echotrace demo --only {name}")


if __name__ == "__main__":
    main()
