"""The rules of cues: each limit silences, the unknown silences, everything is counted."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config import CueConfig
from edge.cues import Conditions, CuePolicy
from kernels import GaitEvent

MS, SECOND = 1_000_000, 1_000_000_000
NOON_NS = int(datetime(2026, 3, 2, 12, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()) * SECOND
BASE = CueConfig(enabled=True, sound=True, zone="Europe/Berlin", failures=1, failures_of=1)


def toe_strike(at_ns: int, side: str = "left", decided_ms: int = 50) -> GaitEvent:
    return GaitEvent(at_ns, at_ns + decided_ms * MS, side, "initial_contact", "toe")


def good(now_ns: int) -> Conditions:
    return Conditions(last_sample_ns=now_ns, worn=True, calibrated=True)


def judge(policy, event, after_ms=70, wall_ns=NOON_NS, conditions=None):
    now_ns = event.time_ns + after_ms * MS
    return policy.judge(event, now_ns, wall_ns, conditions or good(now_ns))


def policy(affected="left", **changes) -> CuePolicy:
    return CuePolicy(msgspec.structs.replace(BASE, **changes), affected)


def test_a_landing_on_the_toes_gets_a_cue_at_once_when_sixty_ms_are_over():
    verdict = judge(policy(), toe_strike(SECOND), after_ms=70)
    assert verdict.given
    assert verdict.start_ns == SECOND + 70 * MS


def test_it_waits_until_sixty_ms_after_the_contact():
    verdict = judge(policy(), toe_strike(SECOND, decided_ms=41), after_ms=45)
    assert verdict.start_ns == SECOND + 60 * MS


@given(after_ms=st.integers(0, 1000))
def test_a_cue_never_comes_outside_its_window(after_ms):
    rules = policy()
    verdict = judge(rules, toe_strike(SECOND, decided_ms=0), after_ms=after_ms)
    assert verdict.given == (after_ms <= 100)
    if verdict.given:
        assert 60 * MS <= verdict.start_ns - SECOND <= 100 * MS
    else:
        assert rules.counts.suppressed == {("toe_strike", "late"): 1}


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        (Conditions(None, True, True), "stale"),
        (Conditions(SECOND, None, True), "unworn"),
        (Conditions(SECOND, False, True), "unworn"),
        (Conditions(SECOND, True, None), "uncalibrated"),
        (Conditions(SECOND, True, False), "uncalibrated"),
        (Conditions(SECOND - 600 * MS, True, True), "stale"),
    ],
)
def test_what_is_not_known_to_be_well_silences(conditions, reason):
    rules = policy()
    verdict = judge(rules, toe_strike(SECOND), conditions=conditions)
    assert verdict.reason == reason
    assert rules.counts.suppressed == {("toe_strike", reason): 1}
    assert not rules.counts.given


def test_off_by_default():
    assert judge(CuePolicy(CueConfig(), "left"), toe_strike(SECOND)).reason == "off"


def test_each_cause_can_be_turned_off():
    assert judge(policy(toe_strike=False), toe_strike(SECOND)).reason == "off"
    trip = GaitEvent(SECOND, SECOND, "left", "near_trip")
    assert judge(policy(), trip).reason == "off"
    assert judge(policy(near_trip=True), trip).given


@pytest.mark.parametrize(("affected", "given"), [("left", True), ("right", False), ("both", True)])
def test_only_the_leg_with_foot_drop_gets_cues(affected, given):
    verdict = judge(policy(affected), toe_strike(SECOND))
    assert verdict.given is given
    assert given or verdict.reason == "other leg"


@pytest.mark.parametrize(
    "record",
    [
        GaitEvent(SECOND, SECOND, "left", "initial_contact", "heel"),
        GaitEvent(SECOND, SECOND, "left", "initial_contact", "unknown"),
        GaitEvent(SECOND, SECOND, "left", "toe_off"),
        GaitEvent(SECOND, SECOND, "left", "sensor_fault", "cell 3 stuck"),
    ],
)
def test_nothing_else_is_a_cause(record):
    assert judge(policy(), record) is None


def test_a_drag_is_timed_from_the_sample_that_decided_it():
    drag = GaitEvent(SECOND, SECOND + 240 * MS, "left", "toe_drag", "full")
    assert judge(policy(), drag, after_ms=260).start_ns == SECOND + 260 * MS
    assert judge(policy(), drag, after_ms=400).reason == "late"


# -- how often ------------------------------------------------------------------------------------


def test_pause_between_cues():
    rules = policy(pause_s=2.0)
    assert judge(rules, toe_strike(SECOND)).given
    assert judge(rules, toe_strike(2 * SECOND)).reason == "pause"
    assert judge(rules, toe_strike(3 * SECOND + MS)).given


@given(
    gaps_ms=st.lists(st.integers(400, 4000), max_size=120),
    most=st.integers(1, 60),
    duty=st.floats(0.5, 20),
    pulse_ms=st.floats(20, 500),
)
def test_no_minute_holds_more_than_its_rate_and_duty(gaps_ms, most, duty, pulse_ms):
    rules = policy(most_per_minute=most, most_duty_percent=duty, pulse_ms=pulse_ms, pause_s=0.5)
    starts, now_ns = [], SECOND
    for gap_ms in gaps_ms:
        now_ns += gap_ms * MS
        verdict = judge(rules, toe_strike(now_ns))
        starts += [verdict.start_ns] if verdict.given else []
    for start in starts:
        inside = sum(start <= other < start + 60 * SECOND for other in starts)
        assert inside <= most
        assert inside * pulse_ms <= duty / 100 * 60_000 + 1e-6
    counts = rules.counts
    assert counts.given["toe_strike"] == len(starts)
    assert counts.given.total() + counts.suppressed.total() == len(gaps_ms)


# -- quiet hours, the button ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hour", "minute", "quiet"),
    [(6, 59, True), (7, 0, False), (20, 59, False), (21, 0, True), (0, 0, True)],
)
def test_quiet_hours_are_the_patients(hour, minute, quiet):
    for zone in ("Europe/Berlin", "America/New_York"):
        local = datetime(2026, 7, 2, hour, minute, tzinfo=ZoneInfo(zone))
        verdict = judge(
            policy(zone=zone), toe_strike(SECOND), wall_ns=int(local.timestamp()) * SECOND
        )
        assert (verdict.reason == "quiet hours") is quiet


def test_quiet_hours_within_a_day():
    noon = policy(quiet_from="11:30", quiet_to="13:00")
    assert judge(noon, toe_strike(SECOND)).reason == "quiet hours"


def test_without_the_time_quiet_hours_silence():
    rules = policy()
    assert judge(rules, toe_strike(SECOND), wall_ns=None).reason == "time unknown"
    assert judge(policy(quiet_from="", quiet_to=""), toe_strike(SECOND), wall_ns=None).given


def test_the_button_mutes_and_a_second_press_ends_it():
    rules = policy(mute_min=1.0)
    assert rules.press_mute(SECOND)
    assert judge(rules, toe_strike(2 * SECOND)).reason == "muted"
    assert not rules.press_mute(3 * SECOND)
    assert judge(rules, toe_strike(4 * SECOND)).given


@pytest.mark.parametrize(
    ("mute_min", "after_s", "muted"), [(1, 59, True), (1, 61, False), (0, 9**9, True)]
)
def test_a_mute_ends_by_itself_or_not_at_all(mute_min, after_s, muted):
    rules = policy(mute_min=float(mute_min))
    rules.press_mute(0)
    assert rules.muted(after_s * SECOND) is muted


def test_a_cue_withdrawn_counts_with_its_reason():
    rules = policy()
    verdict = rules.withdraw(judge(rules, toe_strike(SECOND)), "muted")
    assert verdict.reason == "muted"
    assert rules.counts.given.total() == 0
    assert rules.counts.suppressed == {("toe_strike", "muted"): 1}
    assert judge(rules, toe_strike(SECOND + 200 * MS)).given
