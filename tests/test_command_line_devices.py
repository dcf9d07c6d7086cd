"""Devices on the command line: scan, add, outputs off, the demo through a device's driver."""

import subprocess
import sys
from pathlib import Path

import pytest

from edge.config import load

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = [sys.executable, "-m", "heelfirst"]


def run(*arguments: str | Path, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, *map(str, arguments)]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=120, cwd=folder
    )


def test_a_scan_says_one_line_per_bus_and_no_traceback() -> None:
    done = run("devices", "--seconds", "0.5")
    assert done.returncode in (0, 1)
    assert "Traceback" not in done.stderr
    assert "i2c: " in done.stderr or "lsm6dsox" in done.stdout


def test_add_writes_the_source_section(tmp_path: Path) -> None:
    file = tmp_path / "agent.toml"
    done = run(
        "devices", "add", "--config", file, "--driver", "orphe", "--right", "AA:00:00:00:00:02"
    )
    assert done.returncode == 0, done.stderr
    source = load(file).source
    assert (source.driver, source.left, source.right) == ("orphe", "", "AA:00:00:00:00:02")


def test_add_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    done = run("devices", "add", "--config", tmp_path / "a.toml", "--driver", "orfe", "--left", "x")
    assert done.returncode == 2
    assert "did you mean orphe?" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "devise = 1\n"])
def test_outputs_off_needs_no_pins_and_no_good_settings(tmp_path: Path, text: str) -> None:
    file = tmp_path / "agent.toml"
    file.write_text(f'{text}[state]\ndir = "{tmp_path}"\n')
    done = run("outputs-off", "--config", file)
    assert done.returncode == 0, done.stderr
    assert "no pin is in use" in done.stdout


@pytest.mark.parametrize("device", ["openfoot", "lsm6dsox"])
def test_the_demo_walks_in_a_simulated_device(tmp_path: Path, device: str) -> None:
    done = run("demo", "--device", device, "--seconds", "12", "--speed", "4", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "0 waiting" in done.stdout


def test_the_demo_names_the_devices_it_knows() -> None:
    done = run("demo", "--device", "orfe")
    assert done.returncode == 2
    assert "orphe, openfoot" in done.stderr
