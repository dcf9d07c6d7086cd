"""The README's example runs, and its constants' table of files names files that exist."""

import re
from dataclasses import fields
from pathlib import Path

from kernels import Thresholds

ROOM = Path(__file__).resolve().parents[2] / "kernels"
README = (ROOM / "README.md").read_text()


def test_examples_run():
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})


def test_files_in_the_table_exist():
    names = re.findall(r"`(\w+\.py[x]?)`", README)
    assert len(names) > 10
    assert [name for name in names if not (ROOM / name).exists()] == []


def test_each_threshold_is_explained():
    source = (ROOM / "config.py").read_text()
    for field in fields(Thresholds):
        assert re.search(rf"    {field.name}: float = .*\n    \"\"\"", source), field.name
