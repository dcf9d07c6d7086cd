"""What hw/calibration/README.md shows is true."""

import re
from pathlib import Path

from hw.calibration import records

FOLDER = Path(records.__file__).parent
TEXT = (FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_example_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(compile(example, "hw/calibration/README.md", "exec"), {})


def test_every_file_is_in_the_table() -> None:
    named = set(re.findall(r"\b(\w+\.py)\b", TEXT))
    assert {path.name for path in FOLDER.glob("*.py")} - named == {
        "__init__.py",
        "errors.py",
        "regions.py",
    }
