import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

PROGRAM = """
import sys
before = set(sys.modules)
from echotrace.telemetry import TelemetryCollector, timed
print("\\n".join(sorted(set(sys.modules) - before)))
"""


def test_a_fresh_interpreter_loads_the_standard_library_and_echotrace_only():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    roots = {name.partition(".")[0] for name in loaded}
    assert "echotrace.telemetry.timed" in loaded
    assert roots - {"echotrace"} <= sys.stdlib_module_names
    assert not roots & {"asyncio", "logging"}, "too heavy for `echotrace --help`"
    assert not {name for name in loaded if name.startswith("echotrace.model")}
