"""The whole chain on real servers: recording → kernel → MQTT → pipeline → InfluxDB → InfluxQL.

What comes back from the database equals, field by field, what `heelfirst analyse` writes.
"""

import csv
import json
import os
import subprocess
import sys
import urllib.parse
import urllib.request
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from servers import InfluxServer, Server

from hw.source import SIDES, Recording
from hw.virtual import VirtualPatient, preset

ROOT = Path(__file__).resolve().parent.parent
TEXT_COLUMNS = {"strike", "toe_drag", "trip_level", "trip_reasons", "sources", "flags"}
SHARED_COLUMNS = (
    "stride_s",
    "stance_s",
    "swing_s",
    "strike",
    "strike_index",
    "heel_lead_ms",
    "pitch_at_contact_deg",
    "pitch_at_toe_off_deg",
    "max_dorsiflexion_deg",
    "stride_length_m",
    "clearance_mm",
    "lift_mm",
    "lateral_excursion_mm",
    "toe_drag",
    "drag_ms",
    "trip_risk",
    "trip_level",
    "trip_reasons",
    "sources",
    "flags",
)


def heelfirst(*arguments: str | Path, **environment: str) -> str:
    """Run the command line; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "heelfirst", *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def read_strides_csv(folder: Path) -> list[dict[str, str]]:
    with (folder / "strides.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def query(server: InfluxServer, influxql: str) -> list[dict[str, Any]]:
    """Return the rows of an InfluxQL query, by the server's own answer."""
    parameters = urllib.parse.urlencode({"db": "gait", "epoch": "ns", "q": influxql})
    with urllib.request.urlopen(f"{server.url}/query?{parameters}", timeout=10) as answer:
        series = json.load(answer)["results"][0].get("series", [])
    return [
        dict(zip(part["columns"], row, strict=True)) for part in series for row in part["values"]
    ]


def relative_ns(rows: list[dict[str, str]]) -> list[int]:
    times = [int(Decimal(row["initial_contact_s"]) * 10**9) for row in rows]
    return [time - times[0] for time in times]


def expected(row: dict[str, str], column: str) -> object:
    """A CSV field as the store has it: words are joined by commas there, a missing one is null."""
    text = row[column]
    if not text:
        return None
    return text.replace("+", ",") if column in TEXT_COLUMNS else float(text)


def found(point: dict[str, Any], column: str) -> object:
    value = point.get(column)
    return None if value == "" else value


def write_csv(recording: Recording, path: Path) -> None:
    """Write a recording as plain CSV with one row per time of either foot."""
    left, right = (recording.feet[side] for side in SIDES)
    assert np.array_equal(left.time_ns, right.time_ns)
    names, columns = ["time"], [left.time_ns / 1e9]
    for side in SIDES:
        series = recording.feet[side]
        assert series.load is not None and series.imu is not None
        for cell in range(series.load.shape[1]):
            names.append(f"{side}_cell_{cell + 1}")
            columns.append(series.load[:, cell])
        axes = [f"{kind}_{axis}" for kind in ("acc", "gyr") for axis in "xyz"]
        for index, axis in enumerate(axes):
            names.append(f"{side}_{axis}")
            columns.append(series.imu[:, index])
    np.savetxt(path, np.column_stack(columns), "%.9g", ",", header=",".join(names), comments="")


def assert_comes_back(
    recording: list[str | Path],
    folder: Path,
    broker: Server,
    influx: InfluxServer,
    url: str,
    **env: str,
) -> None:
    heelfirst("analyse", *recording, "--out", folder / "analysis", "--affected", "left")
    rows = read_strides_csv(folder / "analysis")
    walk: list[str | Path] = ["--replay", recording[0], *recording[1:]]
    place = f"127.0.0.1:{broker.port}"
    arguments = ["--speed", "10", "--broker", place, "--influx", f"{url}/gait", "--out", folder]
    said = heelfirst("demo", *walk, "--affected", "left", *arguments, **env)
    assert " 0 waiting" in said

    stored = query(influx, "SELECT * FROM stride ORDER BY time")
    assert len(stored) == len(rows) > 10
    assert [point["time"] - stored[0]["time"] for point in stored] == relative_ns(rows)
    for point, row in zip(stored, rows, strict=True):
        assert point["side"] == row["side"]
        for column in SHARED_COLUMNS:
            assert found(point, column) == expected(row, column), column


@pytest.fixture
def virtual_walk(tmp_path: Path) -> list[str | Path]:
    """A minute of a virtual patient as a CSV with its profile."""
    recording, _ = VirtualPatient(preset("moderate", "left"), seed=5).recording(60)
    path = tmp_path / "virtual.csv"
    write_csv(recording, path)
    return [path, "--profile", ROOT / "hw" / "profiles" / "virtual.toml"]


def test_virtual_walk_comes_back_from_influxdb_1(
    virtual_walk: list[str | Path], tmp_path: Path, mosquitto: Server, influx: InfluxServer
) -> None:
    assert_comes_back(virtual_walk, tmp_path, mosquitto, influx, influx.url)


def test_virtual_walk_comes_back_from_the_v2_write_path(
    virtual_walk: list[str | Path],
    tmp_path: Path,
    mosquitto: Server,
    influx: InfluxServer,
    influx_v2: Server,
) -> None:
    token = {"HEELFIRST_STORE_TOKEN": "demo:token"}
    assert_comes_back(virtual_walk, tmp_path, mosquitto, influx, influx_v2.url, **token)


def test_recorded_walk_comes_back_from_influxdb(
    recordings: Path, tmp_path: Path, mosquitto: Server, influx: InfluxServer
) -> None:
    walk: list[str | Path] = [recordings / "moticon_opengo" / "230927_102114.txt"]
    assert_comes_back(walk, tmp_path, mosquitto, influx, influx.url)
