"""What one day of a patient says: shares with denominators, unknown left out, odd days."""

import datetime as dt
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from month import FIRST_DAY, Person, day_points, people, rollup_points, rows_of, shelve

from edge import wire
from pipeline.care.record import PatientRecord, PlanChange
from pipeline.points import MEASUREMENTS, Point, check_point, encode_point, event_point
from pipeline.rollup.day import OF_A_DAY, roll_up
from pipeline.rollup.intervals import clip, length_s, overlap, union, without
from pipeline.rollup.strides import quantile

PATIENT, DEVICE, HOUR = "p0123456789ab", "insole-1", 3600 * 10**9
USUAL, ONE_INSOLE, NO_IMU, NEW = people(4)


def rolled(
    events: Sequence[wire.Event], day: dt.date, **record: Any
) -> dict[tuple[str, int, str], dict[str, Any]]:
    """Return the fields by (measurement, hours after the day's begin, side or device)."""
    known = PatientRecord(patient=PATIENT, **record)
    start_ns, stop_ns = known.day_span(day)
    points = [event_point(event, DEVICE, PATIENT) for event in events]
    found = roll_up(rows_of(shelve(points), start_ns, stop_ns), known, day)
    return {(p.measurement, (p.time_ns - start_ns) // HOUR, name_of(p)): p.fields for p in found}


def name_of(point: Point) -> str:
    tags = dict(point.tags)
    return tags.get("side") or tags.get("device") or ""


def stride(at: int, **more: Any) -> wire.Stride:
    usual: dict[str, Any] = {"side": "left", "strike": "heel"}
    return wire.Stride(seq=1, time_ns=at, **{**usual, **more})


def tally(at: int, strides_left: int, **more: Any) -> wire.Tally:
    names = ("strides", "valid_swings", "drags", "samples", "samples_lost")
    counts = {f"{name}_{side}": 0 for name in names for side in ("left", "right")}
    counts["strides_left"] = strides_left
    return wire.Tally(
        seq=1, time_ns=at, **{"duration_s": 3600.0, "events_lost": 0, **counts, **more}
    )


def ns(text: str) -> int:
    return int(dt.datetime.fromisoformat(f"{text}+00:00").timestamp()) * 10**9


@pytest.mark.parametrize("person", [USUAL, ONE_INSOLE, NO_IMU])
def test_every_point_can_be_stored_and_every_number_is_one(person: Person) -> None:
    points = rollup_points(day_points(person, FIRST_DAY, 800), person, 1)
    assert {point.measurement for point in points} == set(OF_A_DAY)
    keys = {(point.measurement, point.tags, point.time_ns) for point in points}
    assert len(keys) == len(points)
    for point in points:
        check_point(point)
        encode_point(point)


def test_every_field_of_the_tables_is_filled_by_the_usual_patient() -> None:
    points = [p for day in range(9) for p in day_points(USUAL, FIRST_DAY + dt.timedelta(day), 600)]
    filled: dict[str, set[str]] = {name: set() for name in OF_A_DAY}
    for point in rollup_points(points, USUAL, 9):
        filled[point.measurement] |= point.fields.keys()
    night = {f"{name}_h{hour:02}" for name in ("valid_swings", "drags") for hour in range(24)}
    for name, fields in filled.items():
        missing = {field.name for field in MEASUREMENTS[name].fields} - fields
        assert missing - night == set(), name


def test_nothing_is_said_of_a_day_without_data() -> None:
    assert rollup_points(day_points(NEW, FIRST_DAY, 100), NEW, 1) == [
        point for point in rollup_points([], NEW, 1) if point.measurement == "programme"
    ]
    assert rolled([], FIRST_DAY) == {}


def test_a_prescribed_day_that_nobody_saw_has_no_sets_done() -> None:
    plan = (wire.Dose(exercise="toe_taps", sets=3, days=("mon",)),)
    plans = (PlanChange(since_ns=0, plan=plan),)
    unseen = rolled([], FIRST_DAY, plans=plans)
    assert unseen == {("programme", 0, ""): {"toe_taps_sets_prescribed": 3}}
    assert rolled([], FIRST_DAY + dt.timedelta(1), plans=plans) == {}  # a Tuesday
    seen = rolled([tally(ns("2026-10-05T10:00"), 0)], FIRST_DAY, plans=plans)
    said = seen["programme", 0, ""]
    assert (said["toe_taps_sets_done"], said["done_percent"]) == (0, 0.0)


def test_sets_count_up_to_what_is_prescribed_and_on_its_side() -> None:
    doses = (
        wire.Dose(exercise="toe_taps", side="left", sets=2),
        wire.Dose(exercise="step_ups", sets=2),
    )

    def exercise(minute: int, name: Any, side: Any, complete: bool | None) -> wire.Exercise:
        return wire.Exercise(
            seq=1,
            time_ns=ns("2026-10-05T10:00") + minute * 60 * 10**9,
            side=side,
            exercise=name,
            repetitions=10,
            duration_s=30.0,
            is_complete=complete,
            quality=minute / 10,
        )

    events = [
        exercise(0, "toe_taps", "left", True),
        exercise(1, "toe_taps", "left", False),
        exercise(2, "toe_taps", "right", True),
        exercise(3, "step_ups", "right", True),
        exercise(4, "step_ups", "left", None),
        exercise(5, "step_ups", "left", True),
        exercise(6, "heel_walk", None, None),
    ]
    said = rolled(events, FIRST_DAY, plans=(PlanChange(since_ns=0, plan=doses),))
    fields = said["programme", 0, ""]
    assert fields["done_percent"] == 75.0  # one of two toe taps on the left, two of two step-ups
    assert (fields["toe_taps_sets_done"], fields["step_ups_sets_done"]) == (2, 3)
    assert fields["toe_taps_repetitions"] == 30
    assert fields["step_ups_quality"] == pytest.approx(0.4)
    assert fields["heel_walk_sets_done"] == 1
    assert "heel_walk_sets_prescribed" not in fields


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_days_on_which_clocks_change_have_their_hours(day: str, hours: int) -> None:
    date = dt.date.fromisoformat(day)
    start_ns = PatientRecord(patient=PATIENT, zone="Europe/Berlin").day_span(date)[0]
    events = [stride(start_ns + h * HOUR + 1, stride_s=1.0, valid_swing=True) for h in range(hours)]
    before, after = stride(start_ns - 1), stride(start_ns + hours * HOUR)
    said = rolled([*events, before, after], date, zone="Europe/Berlin")
    hourly = [at for name, at, side in said if name == "hourly" and side == "left"]
    assert sorted(hourly) == list(range(hours))
    assert said["daily", 0, "left"]["steps"] == hours
    clock = said["day_hours", 0, "left"]
    if hours == 25:
        assert clock["valid_swings_h02"] == 2
        assert sum(v for k, v in clock.items() if k.startswith("valid")) == 25
    else:
        assert "valid_swings_h02" not in clock


def test_a_share_names_its_denominator_and_an_unknown_one_is_left_out() -> None:
    at = ns("2026-10-05T10:00")
    said = rolled(
        [
            stride(at, strike="unknown"),
            stride(at + 1, strike="toe", flags=("stairs",), stride_s=1.0),
            stride(at + 2, strike="heel", pitch_at_contact_deg=400 / 40, flags=("implausible",)),
        ],
        FIRST_DAY,
    )
    fields = said["daily", 0, "left"]
    assert (fields["steps"], fields["known_strikes"], fields["heel_first_percent"]) == (3, 1, 100.0)
    assert (fields["strides"], fields["valid_swings"], fields["pitch_strides"]) == (1, 0, 0)
    absent = {"drags_per_100_swings", "pitch_at_contact_median_deg", "trip_risk_minutes", "worn_s"}
    assert absent & fields.keys() == set()
    assert ("daily", 0, "right") not in said
    assert said["daily", 0, "both"]["steps"] == 3


def test_what_the_device_counted_is_held_against_what_arrived() -> None:
    at = ns("2026-10-05T10:00")
    events = [stride(at + n * 10**9) for n in range(9)]
    late = stride(at + HOUR + 5)  # its hour has no tally yet: it says nothing either way
    gap = wire.Gap(seq=1, time_ns=at, what="events", lost=3, duration_s=4.5, reason="disk full")
    said = rolled([*events, late, gap, tally(at, 12, worn_s=1800.0, events_lost=3)], FIRST_DAY)
    fields = said["completeness", 0, DEVICE]
    assert (fields["strides_tallied"], fields["strides_received"]) == (12, 9)
    assert fields["received_percent"] == said["daily", 0, "left"]["completeness_percent"] == 75.0
    assert (fields["gaps"], fields["gap_s"], fields["events_lost"]) == (1, 4.5, 3)
    assert (fields["hours_tallied"], fields["tallied_s"], fields["worn_s"]) == (1, 3600.0, 1800.0)
    assert "samples_received_percent" not in fields  # no samples were due
    untold = rolled(events, FIRST_DAY)["completeness", 0, DEVICE]
    assert "received_percent" not in untold


def test_a_tally_that_was_sent_again_counts_once_and_its_parts_add_up() -> None:
    at = ns("2026-10-05T10:00") + 10**6
    parts = [tally(at, 5, worn_s=60.0), tally(at + 10**6, 7, worn_s=30.0)]
    again = tally(at + 1000, 5, worn_s=60.0)  # a microsecond later: the times in a series differ
    fields = rolled([*parts, again], FIRST_DAY)["completeness", 0, DEVICE]
    assert (fields["strides_tallied"], fields["worn_s"], fields["hours_tallied"]) == (12, 90.0, 1)


def test_more_than_was_tallied_is_no_more_than_complete() -> None:
    at = ns("2026-10-05T10:00")
    said = rolled([*(stride(at + n) for n in range(9)), tally(at, 4)], FIRST_DAY)
    assert said["completeness", 0, DEVICE]["received_percent"] == 100.0


def test_a_device_that_fell_silent_while_worn_is_not_worn_ever_after() -> None:
    at = ns("2026-10-05T10:00")
    worn = wire.Wear(seq=1, time_ns=at, state="sitting")
    said = rolled([worn, wire.Wear(seq=1, time_ns=at + HOUR // 2, state="standing")], FIRST_DAY)
    assert said["daily", 0, "both"]["worn_s"] == 1800.0
    assert said["daily", 0, "both"]["sitting_s"] == 1800.0
    alone = rolled([worn], FIRST_DAY)
    assert all("worn_s" not in fields for fields in alone.values())


def test_a_walk_that_was_cut_after_ten_minutes_is_one_walk() -> None:
    at = ns("2026-10-05T10:55")
    names = ("strides", "valid_swings", "heel_first", "flat", "toe_first", "drags")
    counts: dict[str, Any] = {f"{n}_{side}": 0 for n in names for side in ("left", "right")}
    cut = wire.Bout(
        seq=1, time_ns=at, duration_s=600.0, continues=True, cadence_per_min=80.0, **counts
    )
    rest = wire.Bout(
        seq=1, time_ns=at + 600 * 10**9, duration_s=200.0, cadence_per_min=100.0, **counts
    )
    said = rolled([cut, rest], FIRST_DAY)
    fields = said["daily", 0, "both"]
    assert (fields["bouts"], fields["walking_s"]) == (1, 800.0)
    assert fields["cadence_per_min"] == pytest.approx(85.0)
    assert said["hourly", 10, "both"]["walking_s"] == 300.0
    assert said["hourly", 11, "both"]["walking_s"] == 500.0


def test_risk_minutes_of_both_feet_are_not_added_up() -> None:
    at = ns("2026-10-05T10:00")
    events = [
        stride(at + (side == "right") * 10**9, side=side, stride_s=3.0, trip_level="high")
        for side in ("left", "right")
    ]
    said = rolled(events, FIRST_DAY)
    assert said["daily", 0, "left"]["trip_risk_minutes"] == pytest.approx(3 / 60)
    assert said["daily", 0, "both"]["trip_risk_minutes"] == pytest.approx(4 / 60)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(0, 1))
def test_a_quantile_lies_between_its_neighbours(values: list[float], share: float) -> None:
    ordered = sorted(values)
    found = quantile(ordered, share)
    assert ordered[0] <= found <= ordered[-1]
    below = sum(value < found for value in ordered)
    assert below <= share * (len(ordered) - 1) + 1


cells = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8)


@given(cells, cells, st.integers(0, 40), st.integers(0, 40))
def test_intervals_are_sets_of_moments(
    first: list[tuple[int, int]], second: list[tuple[int, int]], start: int, stop: int
) -> None:
    def moments(intervals: Sequence[tuple[int, int]]) -> set[int]:
        return {at for begin, end in intervals for at in range(begin, end)}

    a, b = union(first), union(second)
    assert moments(a) == moments(first)
    assert all(one[1] < two[0] for one, two in pairwise(a))
    assert moments(overlap(a, b)) == moments(a) & moments(b)
    assert moments(without(a, b)) == moments(a) - moments(b)
    assert moments(clip(a, start, stop)) == moments(a) & set(range(start, stop))
    assert length_s(a) * 1e9 == pytest.approx(len(moments(a)))
