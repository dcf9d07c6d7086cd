"""Breaks the product on purpose and sees that a test notices: `mutants.py [word ..]`.

Each mutation of mutations.toml is applied to a copy of the tree, and its test run there. A word
selects the mutations whose invariant or description holds it. Ends with 1 where one survived.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("mutations.toml")
COPIED = ("edge", "hw", "heelfirst", "kernels", "pipeline", "grafana", "tests")
LIMIT_S = 60
NO_TEST_FAILED, A_TEST_FAILED = 0, 1


class Mutation(NamedTuple):
    """A break, and the test that must fail of it."""

    invariant: str
    breaks: str
    file: str
    old: str
    new: str
    test: str


def load() -> list[Mutation]:
    """Return the list."""
    return [Mutation(**each) for each in tomllib.loads(LIST.read_text())["mutation"]]


def copy_tree(folder: Path) -> None:
    """Copy what the tests need, compiled kernel included."""
    unwanted = shutil.ignore_patterns("__pycache__", ".hypothesis")
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=unwanted)
    shutil.copy(ROOT / "pyproject.toml", folder)


def outcome(folder: Path, mutation: Mutation) -> str:
    """Apply a mutation, run its test, take it back; return what happened."""
    path = folder / mutation.file
    sound = path.read_text()
    if sound.count(mutation.old) != 1:
        return "STALE: the text to break is not there once; bring mutations.toml up to date"
    path.write_text(sound.replace(mutation.old, mutation.new))
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    env = {**os.environ, "PYTHONPATH": str(folder)}
    try:
        done = subprocess.run(
            [*command, mutation.test],
            cwd=folder,
            env=env,
            capture_output=True,
            timeout=LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "caught (hung)"
    finally:
        path.write_text(sound)
    if done.returncode == A_TEST_FAILED:
        return "caught"
    if done.returncode == NO_TEST_FAILED:
        return "SURVIVED"
    return f"BROKEN RUN: {done.stdout.decode()[-300:]}"


def main(words: list[str]) -> int:
    """Run the mutations that hold one of the words, or all."""
    chosen = [
        m for m in load() if not words or any(w in (m.invariant, *m.breaks.split()) for w in words)
    ]
    bad = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copy_tree(folder)
        for mutation in chosen:
            begin = time.monotonic()
            result = outcome(folder, mutation)
            bad += not result.startswith("caught")
            took = time.monotonic() - begin
            line = f"{mutation.invariant}  {result:<10} {took:5.1f} s  {mutation.breaks}\n"
            sys.stdout.write(line)
            sys.stdout.flush()
    sys.stdout.write(f"{len(chosen) - bad} of {len(chosen)} caught\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
