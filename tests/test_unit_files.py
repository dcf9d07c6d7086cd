"""The systemd units of the clinic's machine: what the code relies on stands in them."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PIPELINE = ROOT / "pipeline" / "heelfirst-pipeline.service"
RELOAD = ROOT / "pipeline" / "provision" / "heelfirst-reload.service"
TIMER = ROOT / "pipeline" / "provision" / "heelfirst-reload.timer"


def settings(unit: Path) -> dict[str, str]:
    lines = unit.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {key: value for key, _, value in pairs}


def test_the_pipeline_waits_for_ready_and_is_watched():
    unit = settings(PIPELINE)
    assert (unit["Type"], unit["NotifyAccess"], unit["Restart"]) == ("notify", "main", "always")
    from heelfirst.watchdog import MAX_AGE_S

    assert float(unit["WatchdogSec"]) >= MAX_AGE_S, "as long as a stage may stand still"


def test_the_pipeline_is_unprivileged_and_writes_its_state_only():
    from pipeline.config import PipelineConfig

    unit = settings(PIPELINE)
    assert unit["User"] not in ("", "root")
    assert (unit["ProtectSystem"], unit["CapabilityBoundingSet"]) == ("strict", "")
    assert unit["NoNewPrivileges"] == "yes"
    state = Path("/var/lib") / unit["StateDirectory"]
    defaults = PipelineConfig()
    paths = (defaults.store.path, defaults.registry.path, defaults.deadletter.path)
    assert all(Path(path).is_relative_to(state) for path in paths)


def test_the_reload_is_hourly_and_may_signal_and_read_only():
    timer, unit = settings(TIMER), settings(RELOAD)
    assert timer["OnUnitActiveSec"] == "1h"
    assert unit["ExecStart"].endswith("heelfirst provision reload")
    assert set(unit["CapabilityBoundingSet"].split()) == {"CAP_KILL", "CAP_DAC_READ_SEARCH"}


@pytest.mark.parametrize("unit", [PIPELINE, RELOAD, TIMER], ids=lambda path: path.name)
def test_systemd_reads_them_without_complaint(unit, tmp_path):
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed: sudo apt-get install systemd")
    for path in (PIPELINE, RELOAD, TIMER):
        text = path.read_text(encoding="utf-8").replace("/opt/heelfirst/bin/heelfirst", "/bin/true")
        (tmp_path / path.name).write_text(text, encoding="utf-8")
    command = [program, "verify", "--man=no", str(tmp_path / unit.name)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert [line for line in done.stderr.splitlines() if unit.name in line] == []
