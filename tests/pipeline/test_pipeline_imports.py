"""A server that only ingests needs no numpy, no plots, no drivers."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
import pipeline.ingest, pipeline.link, pipeline.page, pipeline.sqlite, pipeline.store
heavy = {"numpy", "matplotlib", "jinja2", "influxdb_client", "aiohttp", "hw", "kernels"}
sys.exit(", ".join(heavy & set(sys.modules)) or 0)
"""


def test_ingesting_imports_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
