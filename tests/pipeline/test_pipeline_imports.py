"""A server that only ingests needs no numpy, no plots, no drivers."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
import pipeline.ingest, pipeline.link, pipeline.page, pipeline.sqlite, pipeline.store
heavy = {"numpy", "matplotlib", "jinja2", "influxdb_client", "aiohttp", "hw", "kernels"}
edge = {name for name in sys.modules if name.startswith("edge.")}
edge = {name for name in edge if not name.startswith("edge.wire.")}
wrong = heavy & set(sys.modules) | edge - {"edge.wire", "edge.settings", "edge.errors"}
sys.exit(", ".join(wrong) or 0)
"""
SHARED = """
import sys, msgspec  # before the count: what it imports is its own affair
before = set(sys.modules)
import edge.settings, edge.wire
new = {name.partition(".")[0] for name in set(sys.modules) - before}
sys.exit(", ".join(new - sys.stdlib_module_names - {"edge"}) or 0)
"""


def run(script: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


def test_ingesting_imports_nothing_heavy() -> None:
    assert run(SCRIPT) == (0, "")


def test_what_the_rooms_share_needs_msgspec_alone() -> None:
    assert run(SHARED) == (0, "")
