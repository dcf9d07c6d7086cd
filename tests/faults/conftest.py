"""Short doses always, long ones with `-m soak`, whose results are kept so that a stop costs little.

A soak test that passed is skipped in the next run as long as its file `out/soak.jsonl` is there;
at the end a table says per fault how many runs there were and how many violated an invariant.
"""

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sim_story import scratch

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "out" / "soak.jsonl"


def is_soak(config: pytest.Config) -> bool:
    return "soak" in (config.option.markexpr or "")


def known_results() -> dict[str, dict[str, object]]:
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    return {str(each["test"]): each for each in map(json.loads, lines)}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not is_soak(config):
        left = [item for item in items if item.get_closest_marker("soak") is None]
        config.hook.pytest_deselected(items=[item for item in items if item not in left])
        items[:] = left
        return
    done = {name for name, each in known_results().items() if not each["violations"]}
    for item in items:
        if item.nodeid in done:
            item.add_marker(pytest.mark.skip(reason="passed in an earlier run: out/soak.jsonl"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]  # pluggy's result
    marker = item.get_closest_marker("soak")
    if marker is None or report.when != "call" or report.skipped:
        return
    RESULTS.parent.mkdir(exist_ok=True)
    line = {
        "test": item.nodeid,
        "fault": marker.kwargs.get("fault", "?"),
        "runs": marker.kwargs.get("runs", 1),
        "violations": int(report.failed),
        "seconds": round(call.duration, 1),
    }
    with RESULTS.open("a") as file:
        file.write(json.dumps(line) + "\n")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not is_soak(terminalreporter.config):
        return
    runs: Counter[str] = Counter()
    bad: Counter[str] = Counter()
    for each in known_results().values():
        runs[str(each["fault"])] += int(str(each["runs"]))
        bad[str(each["fault"])] += int(str(each["violations"]))
    terminalreporter.section("soak: fault, runs, violations")
    for fault in sorted(runs, key=lambda name: int(name) if name.isdigit() else 99):
        terminalreporter.write_line(f"| {fault} | {runs[fault]} | {bad[fault]} |")


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory where there is such a place: simulated disks need no real one."""
    folder = scratch()
    yield folder
    shutil.rmtree(folder)
