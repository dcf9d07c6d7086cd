"""Short doses always, long ones with `-m soak`, whose results are kept so that a stop costs little.

A soak test that passed is skipped in the next run as long as its line in `out/soak.jsonl` is there;
at the end a table says per fault how many runs there were, of how many, and how many violated an
invariant. `SOAK_MINUTES=40` ends the run in good order; each fault has had its turn by then.
"""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sim_story import scratch
from soak_results import Dose, Outcome, known, note, passed, round_robin, table

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "out" / "soak.jsonl"
_DOSES = pytest.StashKey[list[Dose]]()
_BEGAN_S = time.monotonic()


def is_soak(config: pytest.Config) -> bool:
    return config.option.markexpr == "soak"


def dose_of(item: pytest.Item) -> Dose | None:
    marker = item.get_closest_marker("soak")
    if marker is None:
        return None
    return Dose(item.nodeid, marker.kwargs["fault"], marker.kwargs.get("runs", 1))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    doses = {item.nodeid: dose_of(item) for item in items}
    if not is_soak(config):
        long = [item for item in items if doses[item.nodeid] is not None]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if doses[item.nodeid] is None]
        return
    config.stash[_DOSES] = chosen = [dose for dose in doses.values() if dose is not None]
    place = {test: index for index, test in enumerate(round_robin(chosen))}
    items.sort(key=lambda item: place.get(item.nodeid, -1))
    done = passed(RESULTS)
    for item in items:
        if item.nodeid in done:
            item.add_marker(pytest.mark.skip(reason="passed in an earlier run: out/soak.jsonl"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    minutes = float(os.environ.get("SOAK_MINUTES", "inf"))
    if is_soak(item.config) and time.monotonic() - _BEGAN_S > 60 * minutes:
        pytest.skip("SOAK_MINUTES are over; the next run goes on here")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]  # pluggy's result
    dose = dose_of(item)
    if dose is not None and report.when == "call" and not report.skipped:
        note(RESULTS, Outcome(*dose, int(report.failed), round(call.duration, 1)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if is_soak(terminalreporter.config):
        terminalreporter.section("soak")
        doses = terminalreporter.config.stash.get(_DOSES, [])
        for line in table(doses, known(RESULTS).values()):
            terminalreporter.write_line(line)


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory where there is such a place: simulated disks need no real one."""
    folder = scratch()
    yield folder
    shutil.rmtree(folder)
