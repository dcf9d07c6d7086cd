"""The systemd unit: what the agent's code relies on stands in it."""

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

import edge.config
from edge.config import StateConfig
from heelfirst.watchdog import MAX_AGE_S

UNIT = Path(edge.config.__file__).with_name("heelfirst-agent.service")


class _Repeating(dict):
    def __setitem__(self, key, value):
        if isinstance(value, list) and isinstance(self.get(key), list):
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


@pytest.fixture
def service() -> dict[str, str]:
    parser = configparser.RawConfigParser(strict=False, dict_type=_Repeating)
    parser.optionxform = str
    parser.read_string(UNIT.read_text(encoding="utf-8"))
    return dict(parser["Service"])


def test_it_waits_for_ready_and_watches(service):
    assert service["Type"] == "notify"
    assert service["Restart"] == "always"
    assert service["NotifyAccess"] == "main"
    assert float(service["WatchdogSec"]) >= MAX_AGE_S, "as long as a stage may stand still"


def test_outputs_go_low_whatever_ended_it(service):
    assert " outputs-off " in service["ExecStopPost"]
    config = service["ExecStart"].partition("--config ")[2]
    assert config.startswith("/etc/heelfirst/")
    assert service["ExecStopPost"].endswith(config)
    assert "KillMode" not in service


def test_it_runs_unprivileged_and_may_write_its_state_only(service):
    assert service["User"] not in ("", "root")
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    assert f"/var/lib/{service['StateDirectory']}" == StateConfig().dir


def test_the_clock_may_still_be_asked(service):
    assert "ProtectClock" not in service
    assert {"adjtimex", "clock_adjtime"} <= set(service["SystemCallFilter"].split())


def test_systemd_reads_it_without_complaint(tmp_path):
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed: sudo apt-get install systemd")
    text = UNIT.read_text(encoding="utf-8").replace("/opt/heelfirst/bin/heelfirst", "/bin/true")
    (tmp_path / UNIT.name).write_text(text, encoding="utf-8")
    command = [program, "verify", "--man=no", str(tmp_path / UNIT.name)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    ours = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert ours == []
