"""What the long doses came to: one JSON line per test, and the table that sums them up.

A test that passed is not run again as long as its line is there; a test that failed is. A line that
a stop tore is left out.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

__all__ = ["Dose", "Outcome", "known", "note", "passed", "round_robin", "table"]


class Dose(NamedTuple):
    """A long test: the fault's number in the list of faults, and how often it lets it happen."""

    test: str
    fault: str
    runs: int


class Outcome(NamedTuple):
    """How a long test ended; `violations` counts the tests in which an invariant did not hold."""

    test: str
    fault: str
    runs: int
    violations: int
    seconds: float


def note(path: Path, outcome: Outcome) -> None:
    """Add a line."""
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(outcome._asdict()) + "\n")


def known(path: Path) -> dict[str, Outcome]:
    """Return the last outcome of each test."""
    found = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            outcome = Outcome(**json.loads(line))
        except (ValueError, TypeError):
            continue
        found[outcome.test] = outcome
    return found


def passed(path: Path) -> set[str]:
    """Return the tests that need not be run again."""
    return {test for test, outcome in known(path).items() if not outcome.violations}


def round_robin(doses: Iterable[Dose]) -> list[str]:
    """Return the tests in an order in which a stop finds every fault equally far."""
    place: Counter[str] = Counter()
    order: list[tuple[int, int, str]] = []
    for dose in doses:
        order.append((place[dose.fault], len(order), dose.test))
        place[dose.fault] += 1
    return [test for _, _, test in sorted(order)]


def table(doses: Iterable[Dose], outcomes: Iterable[Outcome]) -> list[str]:
    """Return the lines of the table; `of` is the whole dose."""
    whole: Counter[str] = Counter()
    runs: Counter[str] = Counter()
    violations: Counter[str] = Counter()
    seconds: dict[str, float] = defaultdict(float)
    for dose in doses:
        whole[dose.fault] += dose.runs
    for each in outcomes:
        runs[each.fault] += each.runs
        violations[each.fault] += each.violations
        seconds[each.fault] += each.seconds
    rows = [
        f"| {fault} | {runs[fault]} | {whole[fault]} | {violations[fault]} | {seconds[fault]:.0f} |"
        for fault in sorted(whole | runs, key=int)
    ]
    return ["| fault | runs | of | violations | seconds |", "|---|---|---|---|---|", *rows]
