"""The wire is API: golden files pin its bytes, properties its strictness."""

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import wire
from edge.errors import EdgeError

GOLDEN = Path(__file__).parent / "golden"
BOOT = "0123456789abcdef"
TIME_NS = 1_750_000_000_123_456_789
CURVE = tuple(round(i / 62, 4) for i in range(63))
EVENTS: dict[str, wire.Event] = {
    "stride": wire.Stride(
        seq=7,
        time_ns=TIME_NS,
        side="left",
        stride_s=1.12,
        stance_s=0.71,
        swing_s=0.41,
        strike="toe",
        strike_index=81.5,
        heel_lead_ms=-42.0,
        pitch_at_contact_deg=-6.25,
        pitch_at_toe_off_deg=-48.0,
        max_dorsiflexion_deg=1.5,
        stride_length_m=1.05,
        clearance_mm=7.5,
        lift_mm=231.0,
        lateral_excursion_mm=38.0,
        double_support_percent=24.5,
        lift_over_percent=31.25,
        excursion_over_mm=-2.5,
        toe_drag="scuff",
        drag_ms=60.0,
        valid_swing=True,
        trip_risk=0.62,
        trip_level="raised",
        trip_reasons=("toe_first", "drags"),
        sync_uncertainty_ms=1.75,
        sources=("pressure", "imu"),
        flags=("disagree",),
    ),
    "stride_unknown": wire.Stride(seq=1, time_ns=TIME_NS, side="right", strike="unknown"),
    "toe_drag": wire.ToeDrag(seq=8, time_ns=TIME_NS, side="left", drag="late_release"),
    "near_trip": wire.NearTrip(seq=9, time_ns=TIME_NS, side="right"),
    "bout": wire.Bout(
        seq=10,
        time_ns=TIME_NS,
        duration_s=61.5,
        strides_left=50,
        strides_right=51,
        valid_swings_left=48,
        valid_swings_right=51,
        heel_first_left=20,
        heel_first_right=51,
        flat_left=12,
        flat_right=0,
        toe_first_left=18,
        toe_first_right=0,
        drags_left=6,
        drags_right=0,
        cadence_per_min=98.5,
        double_support_percent=31.0,
        stance_symmetry_index=-12.5,
        stride_time_cv_percent=4.2,
        speed_m_s=0.83,
        curve_left=CURVE,
        curve_right=CURVE[::-1],
        continues=True,
        swing_symmetry_index=14.0,
        stance_time_ratio=0.88,
        asymmetric=True,
        steppage_left=7,
        steppage_judged_left=44,
        circumduction_left=0,
        circumduction_judged_left=44,
        clearance_swings_left=45,
        clearance_impossible_left=3,
        clearance_under_5mm_left=0.2,
        clearance_under_10mm_left=0.4,
        clearance_under_15mm_left=0.8,
        clearance_p1_mm_left=-3.5,
        clearance_spread_mm_left=6.25,
    ),
    "wear": wire.Wear(seq=11, time_ns=TIME_NS, state="sitting"),
    "exercise": wire.Exercise(
        seq=12,
        time_ns=TIME_NS,
        side="left",
        exercise="ankle_dorsiflexion",
        repetitions=12,
        duration_s=45.0,
        hold_s=1.75,
        range_deg=22.5,
        tempo_per_min=16.0,
        quality=0.75,
        advice=("hold for 2 s",),
        guided=True,
        is_complete=True,
    ),
    "acknowledge": wire.Acknowledge(
        seq=16,
        time_ns=TIME_NS,
        id="drags-left-20250615",
        by="patient",
        true_alarm=True,
        snooze_s=1800.0,
    ),
    "cue": wire.Cue(
        seq=17, time_ns=TIME_NS, side="left", cause="toe_strike", given=True, delay_ms=18.5
    ),
    "cue_suppressed": wire.Cue(
        seq=18,
        time_ns=TIME_NS,
        side="left",
        cause="off_target",
        given=False,
        reason="fading",
        mode="practice",
    ),
    "practice": wire.Practice(
        seq=19,
        time_ns=TIME_NS,
        side="left",
        duration_s=150.0,
        steps=92,
        on_target=61,
        target_deg=6.5,
        level=1.0,
        fading=0.5,
    ),
    "habit": wire.Habit(
        seq=20, time_ns=TIME_NS, habit="legs_crossed", duration_s=640.0, certainty=0.7
    ),
    "wearing": wire.Wearing(seq=21, time_ns=TIME_NS, side="left", orthosis="afo"),
    "tally": wire.Tally(
        seq=22,
        time_ns=TIME_NS,
        duration_s=3600.0,
        worn_s=2400.0,
        strides_left=812,
        strides_right=809,
        valid_swings_left=801,
        valid_swings_right=805,
        drags_left=41,
        drags_right=0,
        samples_left=360000,
        samples_right=359100,
        samples_lost_left=0,
        samples_lost_right=900,
        events_lost=0,
    ),
    "alert": wire.Alert(
        seq=13,
        time_ns=TIME_NS,
        id="drags-left-20250615",
        rule="repeated_toe_drag",
        side="left",
        priority="high",
        raised=True,
        detail="6 of 48 swings",
    ),
    "sensor_fault": wire.Alert(
        seq=15,
        time_ns=TIME_NS,
        id="sensor_fault-right-imu_turned_over",
        rule="sensor_fault",
        side="right",
        priority="medium",
        raised=True,
        detail="imu turned over",
        technical=True,
    ),
    "gap": wire.Gap(
        seq=14, time_ns=TIME_NS, what="events", lost=1002, duration_s=1099.0, reason="outbox full"
    ),
}
MESSAGES: dict[str, wire.Batch | wire.Receipt | wire.Status | wire.Setup | wire.Command] = {
    **{
        name: wire.Batch(device="insole-1", boot=BOOT, events=(event,))
        for name, event in EVENTS.items()
    },
    "receipt": wire.Receipt(boot=BOOT, ranges=((1, 7), (9, 9))),
    "status": wire.Status(
        device="insole-1", boot=BOOT, online=True, time_ns=TIME_NS, waiting=3, agent_version="0.1.0"
    ),
    "status_full": wire.Status(
        device="insole-1",
        boot=BOOT,
        online=True,
        time_ns=TIME_NS,
        waiting=3,
        agent_version="0.1.0",
        oldest_s=12.5,
        outbox_bytes=81920,
        dropped=0,
        reconnections=2,
        worn=True,
        is_paused=False,
        clock_known=True,
        battery_left_percent=80.0,
        battery_right_percent=15.0,
        link_left_percent=100.0,
        link_right_percent=97.5,
        setup_revision=4,
    ),
    "last_will": wire.Status(device="insole-1", boot=BOOT, online=False),
    "setup": wire.Setup(
        device="insole-1",
        revision=4,
        affected="left",
        zone="Europe/Berlin",
        thresholds=wire.Thresholds(drags=6),
        targets=wire.Targets(steps_per_day=3000),
        plan=(
            wire.Dose(
                exercise="ankle_dorsiflexion", side="left", sets=3, repetitions=12, hold_s=2.0
            ),
            wire.Dose(exercise="heel_walk", sets=3, seconds=25.0, days=("mon", "wed", "fri")),
        ),
        orthoses=(
            wire.OrthosisSpan(
                since_ns=TIME_NS, until_ns=TIME_NS + 10**9, side="left", orthosis="afo"
            ),
        ),
        share_raw_until_ns=TIME_NS,
    ),
    "command": wire.Command(
        device="insole-1",
        requests=(
            wire.Snooze(id="drags-left-20250615", until_ns=TIME_NS),
            wire.Forget(before_ns=TIME_NS),
        ),
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_golden_bytes(name):
    golden = (GOLDEN / f"{name}.json").read_bytes().rstrip(b"\n")
    message = MESSAGES[name]
    assert wire.encode(message) == golden
    assert wire.decode(golden, type(message)) == message


def test_golden_files_are_all_of_the_wire():
    assert {path.stem for path in GOLDEN.glob("*.json")} == {*MESSAGES, "schema"}
    kinds = {str(kind.__struct_config__.tag) for kind in wire.Event.__args__}
    assert kinds <= set(EVENTS)


def test_exported_schema_is_pinned():
    exported = json.loads(json.dumps(wire.schema()))
    assert exported == json.loads((GOLDEN / "schema.json").read_text())


def batch(**changes: Any) -> bytes:
    tree = json.loads((GOLDEN / "stride.json").read_bytes())
    tree["events"][0].update(changes)
    return json.dumps(tree).encode()


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"strike_index": 100.5}, "strike_index"),
        ({"trip_risk": -0.1}, "trip_risk"),
        ({"strike": "sideways"}, "strike"),
        ({"side": None}, "side"),
        ({"stride_s": "1.1"}, "stride_s"),
        ({"seq": 0}, "seq"),
        ({"seq": 1.5}, "seq"),
        ({"time_ns": -1}, "time_ns"),
        ({"time_ns": 2**63}, "time_ns"),
        ({"colour": "red"}, "colour"),
        ({"kind": "jump"}, "kind"),
        ({"sources": ["smell"]}, "sources"),
        ({"valid_swing": 1}, "valid_swing"),
    ],
)
def test_wrong_value_is_refused_and_named(changes, place):
    with pytest.raises(wire.WireError, match=place):
        wire.decode(batch(**changes), wire.Batch)


@pytest.mark.parametrize("token", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_numbers_that_are_none_are_refused(token):
    data = batch(stride_s=0.123456789).replace(b"0.123456789", token)
    with pytest.raises(wire.WireError):
        wire.decode(data, wire.Batch)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["stride_s", "clearance_mm", "heel_lead_ms"])
def test_nan_never_leaves_as_a_number(name, value):
    event = msgspec.structs.replace(EVENTS["stride"], **{name: value})
    data = wire.encode(wire.Batch(device="insole-1", boot=BOOT, events=(event,)))
    assert json.loads(data)["events"][0][name] is None


def test_what_decode_refuses_is_not_encoded():
    with pytest.raises(wire.WireError, match="device"):
        wire.encode(wire.Status(device="Not A Device", boot=BOOT, online=True))


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_unknown_version_is_refused(version):
    data = json.dumps({**json.loads(batch()), "version": version}).encode()
    with pytest.raises(wire.WireError, match="version"):
        wire.decode(data, wire.Batch)


def test_message_over_the_limit_is_refused():
    data = batch() + b" " * wire.MAX_MESSAGE_BYTES
    with pytest.raises(wire.WireError, match="at most 65536"):
        wire.decode(data, wire.Batch)


@pytest.mark.parametrize("count", [0, 501])
def test_number_of_events_is_bounded(count):
    event = json.loads(batch())["events"][0]
    tree = {**json.loads(batch()), "events": [event] * count}
    with pytest.raises(wire.WireError):
        wire.decode(json.dumps(tree).encode(), wire.Batch)


@given(st.binary(max_size=300))
def test_any_bytes_give_a_message_or_a_wire_error(data):
    for kind in (wire.Batch, wire.Receipt, wire.Status, wire.Setup, wire.Command):
        try:
            message = wire.decode(data, kind)
        except wire.WireError as error:
            assert error.reason
        else:
            assert wire.decode(wire.encode(message), kind) == message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@given(name=st.sampled_from(wire.Stride.__struct_fields__), value=JSON)
def test_any_value_in_any_field_is_taken_as_it_is_or_refused(name, value):
    try:
        message = wire.decode(batch(**{name: value}), wire.Batch)
    except wire.WireError:
        return
    taken = getattr(message.events[0], name)
    taken = list(taken) if isinstance(taken, tuple) else taken
    assert taken == value
    assert isinstance(taken, bool) == isinstance(value, bool)


STRIDES = st.builds(
    wire.Stride,
    seq=st.integers(1, 2**53),
    time_ns=st.integers(0, 2**63 - 1),
    side=st.sampled_from(["left", "right"]),
    strike=st.sampled_from(["heel", "flat", "toe", "unknown"]),
    stride_s=st.none() | st.floats(0, 864_000),
    strike_index=st.none() | st.floats(0, 100),
    clearance_mm=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    toe_drag=st.sampled_from([None, "none", "late_release", "scuff", "full"]),
    valid_swing=st.booleans(),
    flags=st.lists(st.text(max_size=12), max_size=3).map(tuple),
)


@given(st.lists(STRIDES, min_size=1, max_size=5).map(tuple))
def test_every_batch_comes_back_equal(events):
    message = wire.Batch(device="d", boot=BOOT, events=events)
    assert wire.decode(wire.encode(message), wire.Batch) == message


@given(st.text(max_size=40))
def test_any_topic_is_parsed_or_refused(name):
    try:
        device, channel = wire.parse_topic(name)
    except wire.WireError:
        return
    assert wire.topic(device, channel) == name


@pytest.mark.parametrize(
    "name",
    [
        "heelfirst/v2/d/events",
        "heelfirst/v1//events",
        "heelfirst/v1/d/secrets",
        "heelfirst/v1/d/events/more",
        "heelfirst/v1/+/events",
        "x/heelfirst/v1/d/events",
        "heelfirst/v1/UPPER/events",
    ],
)
def test_foreign_topics_are_refused(name):
    with pytest.raises(wire.WireError):
        wire.parse_topic(name)


def test_topic_and_back():
    assert wire.parse_topic(wire.topic("insole-1", "receipt")) == ("insole-1", "receipt")


def test_wire_error_is_of_this_room_and_a_value_error():
    assert issubclass(wire.WireError, EdgeError)
    assert issubclass(wire.WireError, ValueError)
