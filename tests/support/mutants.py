"""Breaks the product on purpose and sees that a test notices: `mutants.py [word ..]`.

Each mutation of mutations.toml is applied to a copy of the tree, and its test run there, after it
passed without. A word
selects the mutations whose invariant or description holds it. Ends with 1 where one survived.
"""

import functools
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
SOUND_LIMIT_S = 300
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


def run_test(folder: Path, test: str, limit_s: float) -> subprocess.CompletedProcess[bytes]:
    """Run a test in the copy of the tree; raises `subprocess.TimeoutExpired`."""
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", test]
    env = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, timeout=limit_s, check=False
    )


@functools.cache
def passes(folder: Path, test: str) -> bool:
    """Say whether a test passes while nothing is broken: else it can catch nothing."""
    return run_test(folder, test, SOUND_LIMIT_S).returncode == NO_TEST_FAILED


def outcome(folder: Path, mutation: Mutation) -> str:
    """Apply a mutation, run its test, take it back; return what happened."""
    path = folder / mutation.file
    sound = path.read_text()
    if sound.count(mutation.old) != 1:
        return "STALE: the text to break is not there once; bring mutations.toml up to date"
    if not passes(folder, mutation.test):
        return "FAILS ANYWAY: the test does not pass on the sound tree"
    path.write_text(sound.replace(mutation.old, mutation.new))
    try:
        done = run_test(folder, mutation.test, LIMIT_S)
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
