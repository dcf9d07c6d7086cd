"""The README says what the code does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec

import pipeline
from pipeline.config import PipelineConfig
from pipeline.points import MEASUREMENTS

ROOM = Path(pipeline.__file__).parent
README = (ROOM / "README.md").read_text()


def test_the_stored_names_are_those_of_the_table() -> None:
    rows = re.findall(r"^\| (\w+) \| (yes|no) \| ([\w, ]+) \|$", README, flags=re.MULTILINE)
    assert rows == [
        (table.name, "yes" if table.sided else "no", ", ".join(f.name for f in table.fields))
        for table in MEASUREMENTS.values()
    ]


def test_every_setting_is_named() -> None:
    for section, keys in msgspec.to_builtins(PipelineConfig()).items():
        for key in keys:
            assert re.search(rf"\b{section}\.[\w., ]*\b{key}\b", README), f"{section}.{key}"


def test_every_file_of_the_example_runs(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    environment = os.environ | {"PYTHONPATH": str(ROOM.parent)}
    subprocess.run(
        [sys.executable, "-W", "error", "-c", example], cwd=tmp_path, env=environment, check=True
    )
    assert (tmp_path / "example.db").exists()
