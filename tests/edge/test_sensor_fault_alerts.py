"""Technical faults of the sensors on their way out: alerts, events.csv, the live view."""

import csv

import numpy as np
import pytest

from edge import wire
from edge.analyse import analyse, write_csv
from edge.events import URGENT, to_wire
from edge.state import AgentState
from hw.source import FootSeries, Recording
from hw.virtual import DeviceConfig, PatientConfig, Phase, VirtualPatient
from kernels import GaitEvent
from kernels.faults import CLEARANCE_FAULT, FAULTS_OF_THE_IMU

NAMES = [name for _, name in FAULTS_OF_THE_IMU] + [CLEARANCE_FAULT, "cell 12 stuck"]


def fault(name, side="left", gone=False, time_ns=5):
    return GaitEvent(time_ns, time_ns, side, "sensor_fault_gone" if gone else "sensor_fault", name)


@pytest.mark.parametrize("name", NAMES)
def test_a_fault_is_an_alert_whose_id_follows_from_its_cause(name):
    begun, again = to_wire(fault(name)), to_wire(fault(name, time_ns=900))
    gone, other = to_wire(fault(name, gone=True)), to_wire(fault(name, side="right"))
    assert isinstance(begun, URGENT)
    assert begun.rule == "sensor_fault" and begun.detail == name
    assert (begun.raised, gone.raised) == (True, False)
    assert begun.id == again.id == gone.id != other.id
    assert begun.priority == ("low" if name == CLEARANCE_FAULT else "medium")
    batch = wire.Batch(device="d", boot="0" * 16, events=(begun, gone))
    assert wire.decode(wire.encode(batch), wire.Batch) == batch


def test_ids_of_different_faults_differ():
    ids = {to_wire(fault(name)).id for name in NAMES}
    assert len(ids) == len(NAMES)


def test_the_live_view_shows_the_last_fault_until_it_is_gone():
    state = AgentState()
    state.take_event(fault("imu turned over"))
    state.take_event(fault("cell 3 stuck", side="right"))
    assert state.last_error == "right foot: cell 3 stuck"
    state.take_event(fault("imu turned over", gone=True))
    assert state.last_error == "right foot: cell 3 stuck"
    state.take_event(fault("cell 3 stuck", side="right", gone=True))
    assert state.last_error == ""


def test_a_turned_over_imu_stands_in_events_csv_and_voids_its_numbers(tmp_path):
    config = PatientConfig(
        device=DeviceConfig(imu_tilt_deg=0.0), programme=(Phase("stand", 3), Phase("walk", 600))
    )
    recording, _ = VirtualPatient(config, 2003).recording(40)
    left = recording.feet["left"]
    imu = left.imu * np.array([1, -1, -1, 1, -1, -1], np.float32)
    turned = FootSeries(left.time_ns, left.load, imu)
    feet = {"left": turned, "right": recording.feet["right"]}
    analysis = analyse(Recording("turned", recording.profile, feet))
    events, strides = write_csv(analysis, tmp_path)
    with events.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["event"].startswith("sensor")]
    assert [(row["side"], row["event"], row["detail"]) for row in rows] == [
        ("left", "sensor_fault", "imu turned over")
    ]
    assert float(rows[0]["time_s"]) <= 10
    with strides.open(newline="") as file:
        table = list(csv.DictReader(file))
    assert sum(row["side"] == "left" for row in table) > 25, "pressure still tells the steps"
    for row in table[2:]:
        known = row["clearance_mm"] != "" or row["pitch_at_contact_deg"] != ""
        assert known == (row["side"] == "right")
