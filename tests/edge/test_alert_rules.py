"""When the Pi raises and clears an alert, and what a restart changes: nothing."""

from pathlib import Path

import pytest
from alert_rig import MORNING_NS, SECOND, Rig
from hypothesis import given
from hypothesis import strategies as st

from edge import wire
from edge.alerts import RULES
from edge.alerts.drags import DailyShares

DRAGS = "repeated_toe_drag"


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


# -- toe drags


def test_five_drags_in_fifty_swings_raise_and_under_five_percent_of_a_hundred_clear(rig: Rig):
    rig.walk("." * 40 + "dddd")
    assert rig.alerts == []
    rig.walk("d")
    (alert,) = rig.alerts
    assert (alert.rule, alert.side, alert.raised, alert.priority) == (DRAGS, "left", True, "medium")
    assert alert.detail == "5 of the last 45 swings of the left leg dragged"
    assert alert.time_ns == rig.now_ns
    rig.walk("." * 95)
    assert rig.told(DRAGS) == [True]  # 5 of the last 100
    rig.walk(".")
    assert rig.told(DRAGS) == [True, False]
    assert rig.alerts[1].id == rig.alerts[0].id
    assert rig.alerts[1].detail == "4 of the last 100 swings of the left leg dragged"


@pytest.mark.parametrize(
    "swings",
    [
        "d" * 4,  # too few
        ("." * 12 + "d") * 20,  # every thirteenth: under 5 in 50
        "?" * 200,  # not known is no drag, and no swing
    ],
)
def test_less_raises_nothing(rig: Rig, swings: str):
    rig.walk(swings)
    assert rig.alerts == []


def test_swings_that_are_not_valid_count_neither_way(rig: Rig):
    rig.walk("d" * 60, valid=False)
    rig.walk("d" * 60, side="right")  # not the affected leg
    assert rig.alerts == []


def test_ten_percent_are_needed_too(rig: Rig):
    rig.thresholds(drags=5, drags_window=100)
    rig.walk(("." * 14 + "d") * 12)  # 6 or 7 in 100
    assert rig.alerts == []


@pytest.mark.parametrize(
    ("affected", "legs"), [("none", 2), ("both", 2), ("left", 1), ("right", 1)]
)
def test_each_watched_leg_by_itself(tmp_path: Path, affected: str, legs: int):
    rig = Rig(tmp_path, affected)
    rig.walk("dddd")
    rig.walk("dddd", side="right")
    assert rig.alerts == []  # four each make no eight
    rig.walk("d")
    rig.walk("d", side="right")
    assert len({(alert.id, alert.side) for alert in rig.alerts}) == len(rig.alerts) == legs


def test_the_setup_names_the_leg(rig: Rig):
    rig.companions.setup(wire.Setup(device="insole-1", revision=9, affected="right"))
    rig.walk("d" * 9)
    assert rig.alerts == []
    rig.walk("d" * 9, side="right")
    assert [alert.side for alert in rig.alerts] == ["right"]


def test_what_is_raised_of_a_leg_clears_though_the_leg_is_no_longer_watched(rig: Rig):
    rig.walk("d" * 5)
    rig.companions.setup(wire.Setup(device="insole-1", revision=9, affected="right"))
    rig.walk("." * 110)
    assert rig.told(DRAGS) == [True, False]
    rig.walk("d" * 20)
    assert rig.told(DRAGS) == [True, False]


def walk_days(rig: Rig, shares: list[int]) -> None:
    """Walk 100 swings a day, so many of them dragging, thinly spread."""
    for drags in shares:
        step = 100 // drags
        rig.walk(("d" + "." * (step - 1)) * drags + "." * (100 - step * drags))
        rig.pass_hours(24)


def test_with_a_baseline_more_than_usual_is_needed(rig: Rig):
    rig.tick(1)
    rig.thresholds(drags=1000)  # nothing is raised while the baseline is learnt
    walk_days(rig, [20, 25, 20, 25, 20, 25, 20])
    rig.thresholds()
    rig.walk("." * 40)
    mean, spread = rig.rules._rules[0]._days["left"].usual(7, None)  # type: ignore[attr-defined]
    assert (round(100 * mean, 1), round(100 * spread, 2)) == (22.1, 2.67)
    rig.walk("d..." * 12)
    assert rig.told(DRAGS) == []  # a quarter is usual for this person
    rig.walk("dd" * 8)
    assert rig.told(DRAGS) == [True]
    assert next(a.detail for a in rig.alerts if a.rule == DRAGS).endswith("usually 22 of 100")


def test_six_days_are_no_baseline(rig: Rig):
    rig.thresholds(drags=1000)
    walk_days(rig, [20, 25, 20, 25, 20, 25])
    rig.thresholds()
    rig.walk("." * 50 + "d..." * 12)
    assert rig.told(DRAGS) == [True]


def test_a_slow_decline_does_not_become_usual():
    days = DailyShares()
    for day in range(60):
        for swing in range(100):
            days.add(f"2026-{1 + day // 28:02}-{1 + day % 28:02}", swing < 5 + day)
    usual = days.usual(7, "2027-01-01")
    assert usual is not None and usual[0] == pytest.approx(0.08)


def test_days_with_few_swings_say_nothing():
    days = DailyShares()
    for day in range(1, 8):
        for swing in range(99 if day == 3 else 100):
            days.add(f"2026-03-{day:02}", swing < 10)
    assert days.usual(7, None) is None
    assert days.usual(6, "2026-03-08") is not None
    assert days.usual(6, "2026-03-07") is None  # today does not count


# -- trip risk and near-trips


def test_minutes_of_high_risk_raise_and_as_long_a_walk_without_clears(rig: Rig):
    rig.walk("." * 149, level="high")
    assert rig.alerts == []
    rig.walk(".", level="high")  # 150 x 1.2 s
    (alert,) = rig.alerts
    assert (alert.rule, alert.priority, alert.side) == ("high_trip_risk", "high", "left")
    rig.pass_hours(10)
    rig.walk("." * 149, level="raised")
    assert rig.told("high_trip_risk") == [True]  # sitting proves nothing, walking does
    rig.walk(".", level="raised")
    assert rig.told("high_trip_risk") == [True, False]


def test_high_risk_over_more_than_half_an_hour_does_not_add_up(rig: Rig):
    for _ in range(4):
        rig.walk("." * 60, level="high")
        rig.pass_hours(0.5)
    rig.walk("." * 200, level=None)
    assert rig.alerts == []


def test_two_near_trips_within_an_hour(rig: Rig):
    rig.near_trip()
    rig.pass_hours(1.1)
    rig.near_trip("right")
    assert rig.alerts == []
    rig.pass_hours(0.5)
    rig.near_trip("left")
    (alert,) = rig.alerts
    assert (alert.rule, alert.side, alert.priority) == ("near_trips", None, "high")
    rig.pass_hours(2)
    rig.walk("." * 99)
    assert rig.told("near_trips") == [True]
    rig.walk(".", side="right")
    assert rig.told("near_trips") == [True, False]


# -- technical


def test_a_technical_alarm_inhibits_gait_alarms_of_its_foot(tmp_path: Path):
    rig = Rig(tmp_path, "both")
    rig.fault("left")
    rig.walk("d" * 20)
    rig.walk("d" * 20, side="right")
    assert [alert.side for alert in rig.alerts if alert.rule == DRAGS] == ["right"]
    rig.fault("left", raised=False)
    rig.walk("." * 20)
    assert rig.told(DRAGS) == [True]  # what was measured meanwhile is not held against anyone
    rig.walk("d" * 5)
    assert rig.told(DRAGS) == [True, True]


def test_a_minor_fault_inhibits_nothing(rig: Rig):
    rig.fault("left", detail="toe clearance impossible")
    rig.walk("d" * 5)
    assert rig.told(DRAGS) == [True]


def test_battery(rig: Rig):
    rig.battery = {"left": 16.0, "right": None}
    rig.tick(5)
    assert rig.alerts == []
    rig.battery = {"left": 14.0, "right": None}
    rig.tick(5)
    rig.battery = {"left": 16.0}
    rig.tick(5)
    rig.battery = {}
    rig.tick(5)
    assert rig.told("battery_low") == [True]
    rig.battery = {"left": 21.0}
    rig.tick(5)
    assert rig.told("battery_low") == [True, False]
    assert all(alert.technical for alert in rig.alerts)


def test_not_worn_counts_the_hours_of_the_day_alone(rig: Rig):
    rig.wear("sitting")
    rig.pass_hours(0.5)
    rig.wear("off")  # 08:30
    rig.pass_hours(4.4)  # 12:54
    assert rig.told("not_worn") == []
    rig.pass_hours(0.2)
    (alert,) = rig.alerts
    assert alert.id == "not_worn-2026-03-01"
    rig.pass_hours(30)
    rig.wear("walking")
    assert rig.told("not_worn") == [True, False]
    rig.wear("off")  # 19:06 of the next day
    rig.pass_hours(12)
    assert rig.told("not_worn") == [True, False]


def test_no_data_at_all_is_not_worn(rig: Rig):
    rig.pass_hours(5.1)
    assert rig.told("not_worn") == [True]


def test_a_silent_foot_is_told_within_a_minute(rig: Rig):
    rig.tick(5, alive=("left", "right"))
    begin_ns = rig.now_ns
    rig.tick(60, alive=("right",))
    (alert,) = [each for each in rig.alerts if each.rule == "sensor_silent"]
    assert (alert.side, alert.time_ns, alert.technical) == ("left", begin_ns, True)
    rig.walk("d" * 9)
    assert rig.told(DRAGS) == []
    rig.tick(2, alive=("left", "right"))
    assert rig.told("sensor_silent") == [True, False]


def test_insoles_that_were_taken_off_before_are_not_silent(rig: Rig):
    rig.wear("sitting")
    rig.tick(5, alive=("left", "right"))
    rig.wear("off")
    rig.tick(5, alive=("left", "right"))
    rig.tick(120)
    assert rig.told("sensor_silent") == []


def test_insoles_that_fall_silent_on_the_foot_are(rig: Rig):
    rig.wear("walking")
    rig.tick(5, alive=("left", "right"))
    rig.tick(10)
    rig.now_ns -= 10 * SECOND
    rig.wear("off")  # "no data", dated back to the last sample
    rig.now_ns += 10 * SECOND
    rig.tick(50)
    assert sorted(alert.side or "" for alert in rig.alerts) == ["left", "right"]


def test_a_clock_that_nobody_sets(rig: Rig):
    rig.offset_ns = None
    rig.tick(899)
    assert rig.alerts == []
    rig.tick(3)
    assert rig.told("clock_unknown") == [True]
    rig.offset_ns = MORNING_NS
    rig.tick(1)
    assert rig.told("clock_unknown") == [True, False]


# -- restarts


def test_a_restart_neither_raises_twice_nor_forgets_to_clear(rig: Rig):
    rig.walk("d" * 5)
    rig.tick(40)
    rig.kill()
    rig.walk("d" * 20)
    rig.tick(2)
    assert rig.told(DRAGS) == [True]
    rig.kill()
    rig.walk("." * 120)
    assert rig.told(DRAGS) == [True, False]
    assert len({alert.id for alert in rig.alerts}) == 1


def test_an_alert_that_may_not_be_committed_comes_again_as_the_same(rig: Rig):
    rig.walk("d" * 5)
    rig.kill()
    rig.tick(1)
    first, second = rig.alerts
    assert first == second
    rig.tick(40)
    rig.kill()
    rig.tick(1)
    assert len(rig.alerts) == 2


def test_a_window_goes_on_after_a_clean_stop(rig: Rig):
    rig.walk("." * 10 + "dddd")
    rig.companions.finish(rig.now_ns)
    rig.kill()
    rig.walk("d")
    assert rig.alerts[0].detail.startswith("5 of the last 15")


def test_over_a_boot_of_the_machine_times_are_moved(rig: Rig):
    rig.tick(1)
    rig.near_trip()
    rig.walk("." * 100, level="high")
    rig.tick(1)
    rig.companions.finish(rig.now_ns)
    rig.boot()
    rig.tick(1)
    rig.near_trip()
    rig.walk("." * 60, level="high")
    assert [alert.rule for alert in rig.alerts] == ["near_trips", "high_trip_risk"]
    assert len({alert.id for alert in rig.alerts}) == 2


def test_an_alert_that_waits_over_a_boot_keeps_its_wall_time(rig: Rig):
    rig.tick(1)
    rig.walk("d" * 5)
    wall_ns = rig.wall_ns
    rig.boot()
    rig.tick(1)
    assert rig.alerts[-1].id == rig.alerts[0].id
    assert rig.alerts[-1].time_ns + (rig.offset_ns or 0) == wall_ns


def test_a_fault_that_is_gone_after_a_restart_is_cleared(rig: Rig):
    rig.fault("left")
    rig.kill()
    rig.tick(700, alive=("left", "right"))
    assert rig.told("sensor_fault") == [True, False]
    rig.fault("left")
    rig.kill()
    rig.fault("left")
    rig.tick(700, alive=("left", "right"))
    assert rig.told("sensor_fault") == [True, False, True, True]


def test_a_damaged_state_is_set_aside(rig: Rig, caplog: pytest.LogCaptureFixture):
    rig.walk("d" * 5)
    rig.path.write_bytes(b"{")
    rig.kill()
    assert "set aside" in caplog.text
    assert rig.path.with_suffix(".damaged").exists()
    rig.walk("d" * 5)
    assert rig.told(DRAGS) == [True, True]


def test_forgetting_happens_once(rig: Rig):
    rig.walk("dddd")
    request = wire.Forget(before_ns=rig.wall_ns)
    rig.companions.request(request)
    rig.walk("dddd")
    rig.companions.request(request)
    assert rig.alerts == []
    rig.walk("d")
    assert rig.told(DRAGS) == [True]


@given(
    story=st.lists(st.tuples(st.sampled_from("d.k"), st.integers(1, 30)), min_size=1, max_size=25)
)
def test_alerts_are_the_same_whenever_the_agent_is_stopped_and_started(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[str, int]]
):
    told = []
    for with_stops in (False, True):
        rig = Rig(tmp_path_factory.mktemp("rig"))
        for letter, count in story:
            if letter != "k":
                rig.walk(letter * count)
            elif with_stops:
                rig.companions.finish(rig.now_ns)
                rig.kill()
        told.append({(alert.id, alert.raised, alert.time_ns) for alert in rig.alerts})
        raised = [alert.id for alert in rig.alerts if alert.raised]
        assert with_stops or len(set(raised)) == len(raised)
    assert told[0] == told[1]


def test_rule_names_are_unique_and_technical_is_told_apart():
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert {rule.name for rule in RULES if not rule.technical} == {
        "repeated_toe_drag",
        "high_trip_risk",
        "near_trips",
    }
