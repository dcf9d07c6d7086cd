"""Wear states on virtual days that were not looked at while the thresholds were set."""

from dataclasses import replace

import numpy as np
import pytest
from wear_day import DAY, away_from_changes, follow, patient_day, resting, truth

from edge import wire
from edge.wear import WearWatch
from hw.source import SIDES, Block, FootSeries, Recording
from hw.virtual import DeviceConfig, Phase, VirtualPatient, preset

SEEDS = (2001, 2002, 2003)
SECONDS = 160.0


def in_raw_units(recording: Recording) -> Recording:
    """The same walk from cells whose unit says nothing."""
    feet = {side: replace(recording.profile.foot(side), cell_unit="raw") for side in SIDES}
    return replace(recording, profile=replace(recording.profile, **feet))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["healthy", "moderate", "severe"])
def test_states_of_a_day(name: str, seed: int) -> None:
    recording, labels = patient_day(name, seed, SECONDS)
    time_ns = np.arange(0, SECONDS - 6, 0.1) * 1e9
    day = follow(recording)
    right = day.states(time_ns) == truth(labels, time_ns)
    assert right.mean() >= 0.93
    assert right[away_from_changes(labels, time_ns, 2.5)].all()
    assert day.watch.worn_s == pytest.approx(SECONDS, abs=1.0)


def test_a_calibrated_weight_gives_the_same_states() -> None:
    recording, _ = patient_day("mild", 2004, SECONDS)
    known, learnt = follow(recording, full_load=750.0), follow(recording)
    assert [c.state for c in known.changes] == [c.state for c in learnt.changes]


def test_cells_without_a_unit_claim_no_standing_before_the_first_walk() -> None:
    recording, labels = patient_day("mild", 2005, SECONDS)
    day = follow(in_raw_units(recording))
    assert "standing" not in [change.state for change in day.changes[:2]]
    time_ns = np.arange(20, SECONDS - 6, 0.1) * 1e9
    right = day.states(time_ns) == truth(labels, time_ns)
    assert right[away_from_changes(labels, time_ns, 2.5)].all()


def test_one_foot_alone() -> None:
    recording, labels = patient_day("moderate", 2006, SECONDS)
    time_ns = np.arange(0, SECONDS - 6, 0.1) * 1e9
    states = follow(recording, sides=("left",)).states(time_ns)
    right = states == truth(labels, time_ns)
    assert right[away_from_changes(labels, time_ns, 4.5)].mean() >= 0.9


@pytest.mark.parametrize("rows", [1, 7, 100])
def test_any_cut_gives_the_same_changes(rows: int) -> None:
    recording, _ = patient_day("mild", 2007, 60.0, DAY[:3])
    usual, other = follow(recording), follow(recording, rows)
    assert [(c.state, c.time_ns) for c in usual.changes] == [
        (c.state, c.time_ns) for c in other.changes
    ]


def test_shoes_taken_off_and_put_on_again() -> None:
    programme = (Phase("stand", 10), Phase("walk", 15), Phase("stand", 60))
    recording, _ = patient_day("mild", 2008, 40.0, programme)
    day = follow(recording)
    worn_s = day.watch.worn_s
    found = []
    for block in resting(recording.profile, 40.0, 60.0):
        found += day.watch.push(block)
    assert [change.state for change in found] == ["off"]
    assert found[0].time_ns / 1e9 == pytest.approx(40.0, abs=1.0)
    assert day.watch.worn_s == pytest.approx(worn_s, abs=1.0)
    for block in resting(recording.profile, 100.0, 10.0, load=6.0, moving=True):
        found += day.watch.push(block)
    assert [change.state for change in found] == ["off", "sitting"]


def test_lifted_feet_of_a_seated_person_are_not_off() -> None:
    recording, _ = patient_day("mild", 2009, 40.0)
    watch = follow(recording).watch
    found = [
        change
        for block in resting(recording.profile, 40.0, 60.0, moving=True)
        for change in watch.push(block)
    ]
    assert "off" not in [change.state for change in found]


def test_without_cells_only_walking_and_rest_are_told() -> None:
    config = preset("mild", device=DeviceConfig(cells=0), programme=DAY[:3])
    recording, labels = VirtualPatient(config, 2015).recording(60.0)
    day = follow(recording)
    time_ns = np.arange(0, 54, 0.1) * 1e9
    walking = truth(labels, time_ns) == "walking"
    agree = (day.states(time_ns) == "walking") == walking
    assert agree[away_from_changes(labels, time_ns, 4.5)].mean() >= 0.95
    assert not {"standing"} & {change.state for change in day.changes}


def test_a_foot_that_falls_silent_leaves_the_other_to_judge() -> None:
    recording, _ = patient_day("mild", 2016, SECONDS)
    right = recording.feet["right"]
    stop = int(np.searchsorted(right.time_ns, 60 * 10**9))
    assert right.load is not None and right.imu is not None
    short = FootSeries(right.time_ns[:stop], right.load[:stop], right.imu[:stop])
    cut = replace(recording, feet={"left": recording.feet["left"], "right": short})
    day = follow(cut)
    assert "off" not in [change.state for change in day.changes]
    late = [change.state for change in day.changes if change.time_ns > 80 * 10**9]
    assert late[:1] == ["sitting"]


def test_shoes_taken_off_after_the_last_step_do_not_walk_on() -> None:
    recording, _ = patient_day("mild", 2017, 34.0, (Phase("stand", 10), Phase("walk", 60)))
    day = follow(recording)
    assert day.watch.state == "walking"
    found = []
    for block in resting(recording.profile, 34.0, 6.0):
        found += day.watch.push(block)
    assert [change.state for change in found] == ["sitting"]
    assert found[0].time_ns / 1e9 == pytest.approx(34.0, abs=1.5)
    for block in resting(recording.profile, 40.0, 40.0):
        found += day.watch.push(block)
    assert [change.state for change in found] == ["sitting", "off"]


def test_carried_shoes_are_never_worn() -> None:
    recording, _ = patient_day("mild", 2010, 1.0)
    watch = WearWatch(recording.profile)
    blocks = resting(recording.profile, 0.0, 40.0)
    blocks += resting(recording.profile, 40.0, 40.0, moving=True)
    states = [change.state for block in blocks for change in watch.push(block)]
    assert states == ["off"] and watch.worn_s == 0


def test_no_data_is_never_worn() -> None:
    recording, _ = patient_day("mild", 2011, 40.0)
    day = follow(recording)
    assert day.watch.worn
    last_ns = int(recording.feet["left"].time_ns[-1])
    assert day.watch.tick(last_ns + 5 * 10**9) == []
    worn_s = day.watch.worn_s
    (change,) = day.watch.tick(last_ns + 12 * 10**9)
    assert (change.state, change.reason) == ("off", "no data")
    assert day.watch.tick(last_ns + 600 * 10**9) == []
    assert day.watch.worn_s == worn_s and not day.watch.worn


def test_numbers_that_are_missing_are_no_data() -> None:
    recording, _ = patient_day("mild", 2012, 40.0)
    day = follow(recording)
    found = []
    for block in resting(recording.profile, 40.0, 20.0):
        assert block.load is not None
        found += day.watch.push(replace(block, load=np.full_like(block.load, np.nan)))
    assert [(c.state, c.reason) for c in found] == [("off", "no data")]


def test_a_watch_without_any_sample_knows_nothing() -> None:
    recording, _ = patient_day("mild", 2013, 1.0)
    watch = WearWatch(recording.profile)
    assert watch.tick(10**12) == []
    assert watch.push(Block("left", np.empty(0, np.int64), None, None)) == []
    assert watch.state is None and not watch.worn and watch.worn_s == 0


def test_times_ascend_and_events_pass_the_wire() -> None:
    recording, _ = patient_day("severe", 2014, SECONDS)
    changes = follow(recording).changes
    times = [change.time_ns for change in changes]
    assert times == sorted(set(times)) and len(changes) > 5
    events = tuple(change.event() for change in changes)
    batch = wire.Batch(device="insole-1", boot="0" * 16, events=events)
    assert wire.decode(wire.encode(batch), wire.Batch) == batch
