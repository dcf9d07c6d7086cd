"""Who is told when: grouping, escalation, limits, quiet hours, snooze, all-clear."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notify_room import NOON_NS, PATIENT, SECOND, Room, alert

from pipeline.notify.intake import fold
from pipeline.notify.model import Ack, Role
from pipeline.notify.texts import NOT_A_DEVICE

MINUTE, HOUR = 60, 3600


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    room = Room(tmp_path)
    room.person(Role.PATIENT)
    room.person(Role.CAREGIVER)
    room.person(Role.THERAPIST)
    yield room
    await room.close()


async def test_patient_after_the_group_then_caregiver_then_the_list(room: Room):
    await room.take(alert())
    await room.pass_(29)
    assert room.target.told() == []
    await room.pass_(1)
    assert room.target.told() == [("page", "patient")]
    await room.pass_(10 * MINUTE - 1)
    assert len(room.target.told()) == 1
    await room.pass_(1)
    assert room.target.told()[1:] == [("page", "caregiver")]
    await room.pass_(19 * HOUR)
    assert room.target.told()[-1] == ("list", "therapist")
    assert PATIENT in room.target.messages[-1].body


async def test_high_priority_goes_at_once_and_a_missing_role_is_skipped(room: Room):
    (room.people / f"{PATIENT}.patient").unlink()
    room.notifier.recipients._read_s = -100.0
    await room.take(alert("near_trips", priority="high"))
    await room.pass_()
    assert room.target.told() == [("page", "caregiver")]


async def test_one_message_for_a_group_headed_by_the_highest(room: Room):
    await room.take(alert())
    await room.pass_(10)
    await room.take(alert("other_rule", priority="low"))
    await room.pass_(20)
    (message,) = room.target.messages
    assert message.title == "Toes drag again and again (you)"
    assert "Other rule" in message.body
    await room.take(alert("high_trip_risk", priority="high"))
    await room.pass_()
    assert room.target.messages[-1].title == "Now: High risk of tripping (you)"
    assert len(room.target.messages) == 2  # the cooldown holds no urgent one


async def test_a_lower_alarm_than_the_one_that_is_open_is_not_paged(room: Room):
    await room.take(alert("near_trips", priority="high"))
    await room.pass_()
    await room.take(alert("other_rule", 1, priority="low"))
    await room.pass_(3 * HOUR)
    assert [each.role.word for each in room.target.messages] == ["patient", "caregiver"]


async def test_technical_alarms_are_apart_and_silence_gait_alarms_of_the_foot(room: Room):
    fault = alert("sensor_fault", technical=True)
    await room.take(fault, alert(), alert(name="right", side="right"))
    await room.pass_(30)
    bodies = [each.body for each in room.target.messages]
    assert len(bodies) == 2
    assert "Toes drag again and again, right" in bodies[0]
    assert "Toes drag again and again, left" not in bodies[0]
    assert room.target.messages[1].title.startswith("Technical: ")
    await room.take(alert("sensor_fault", 40, raised=False, technical=True))
    await room.pass_(2 * HOUR)
    assert "Toes drag again and again, left" in room.target.messages[-1].body


async def test_cooldown_repeat_and_three_a_day(tmp_path: Path):
    room = Room(tmp_path)
    room.person(Role.CAREGIVER)
    await room.take(alert(name="one"))
    await room.pass_(MINUTE)
    await room.take(alert("other", name="two"))
    await room.pass_(MINUTE)
    assert len(room.target.messages) == 1  # cooldown
    await room.pass_(2 * HOUR)
    assert len(room.target.messages) == 2
    await room.pass_(4 * HOUR)
    assert len(room.target.messages) == 2  # the third is kept for what is urgent
    await room.take(alert("near_trips", 6 * HOUR, priority="high"))
    await room.pass_()
    assert len(room.target.messages) == 3
    await room.take(alert("high_trip_risk", 6 * HOUR, priority="high"))
    await room.pass_(3 * HOUR)
    assert len(room.target.messages) == 3
    await room.pass_(10 * HOUR)  # the next morning
    assert room.target.told()[-1] == ("summary", "caregiver")
    assert "High risk of tripping" in room.target.messages[-1].body
    await room.close()


async def test_what_is_urgent_is_repeated_in_the_night_too(tmp_path: Path):
    room = Room(tmp_path)
    room.person(Role.CAREGIVER)
    await room.pass_(11 * HOUR)
    await room.take(alert("near_trips", 11 * HOUR, priority="high"))
    await room.pass_()
    await room.pass_(4 * HOUR)
    assert room.target.told() == [("page", "caregiver")] * 2
    await room.close()


async def test_quiet_hours_in_the_patients_zone_and_a_summary(tmp_path: Path):
    room = Room(tmp_path)
    room.person(Role.CAREGIVER)
    zone = "Asia/Tokyo"  # noon UTC is 21:00 there

    async def zone_of(patient: str) -> str:
        return zone

    await room.restart(zone_of=zone_of)
    room.person(Role.CAREGIVER)
    await room.pass_(HOUR)
    await room.take(alert(at_s=HOUR), alert(name="over", at_s=HOUR))
    await room.pass_(MINUTE)
    await room.take(alert(name="over", at_s=HOUR + 50, raised=False))
    await room.pass_(MINUTE)
    assert room.target.told() == []
    await room.take(alert("near_trips", 2 * HOUR, priority="high"))
    await room.pass_()
    assert room.target.told() == [("page", "caregiver")]
    await room.take(alert("near_trips", 2 * HOUR + 60, raised=False))
    await room.pass_(9 * HOUR - 3 * MINUTE)
    assert len(room.target.told()) == 1
    await room.pass_(2 * MINUTE)
    assert room.target.told()[1:] == [("summary", "caregiver")]
    body = room.target.messages[-1].body
    assert body.count("Toes drag") == 2
    assert body.count("(over)") == 1
    assert "01 Mar 22:00" in body
    await room.pass_(HOUR)
    assert len(room.target.told()) == 2
    await room.close()


async def test_a_late_alert_pages_nobody_and_stands_in_the_list(room: Room):
    await room.pass_(31 * MINUTE)
    await room.take(alert("near_trips", priority="high"))
    await room.pass_(2 * HOUR)
    assert room.target.told() == []
    await room.pass_(18 * HOUR)
    assert room.target.told() == [("list", "therapist")]
    assert "(arrived late)" in room.target.messages[0].body


async def acknowledge(room: Room, true_alarm: bool | None = None, snooze_s: float = 0.0) -> None:
    (episode,) = [e for e in await room.notifier.office.find("", False, 9) if e.is_open][-1:]
    ack = Ack(room.now_ns, "caregiver", true_alarm, snooze_s)
    await room.notifier.acknowledge(episode.number, ack, "link:caregiver")


async def test_an_acknowledgement_ends_it(room: Room):
    await room.take(alert())
    await room.pass_(30)
    await acknowledge(room, False)
    await room.pass_(30 * HOUR)
    assert room.target.told() == [("page", "patient")]
    assert await room.notifier.office.shares() == [("repeated_toe_drag", 1, 0, 1)]


async def test_a_snoozed_warning_never_silences_an_urgent_one(room: Room):
    await room.take(alert())
    await room.pass_(30)
    await acknowledge(room, snooze_s=1800)
    await room.pass_(11 * MINUTE)
    assert room.target.told() == [("page", "patient")]
    await room.take(alert("near_trips", 12 * MINUTE, priority="high"))
    await room.pass_()
    assert len(room.target.told()) == 2
    await room.pass_(20 * MINUTE)
    assert room.target.messages[-1].role == Role.CAREGIVER
    assert "Toes drag" not in room.target.messages[-1].title


async def test_one_all_clear_when_the_last_is_over(room: Room):
    await room.take(alert(), alert("other"))
    await room.pass_(30)
    await room.take(alert(at_s=60, raised=False))
    await room.pass_(60)
    assert len(room.target.messages) == 1
    await room.take(alert("other", 100, raised=False))
    await room.pass_(1)
    assert room.target.told() == [("page", "patient"), ("clear", "patient")]
    await room.pass_(MINUTE)
    assert len(room.target.messages) == 2


async def test_what_is_over_within_the_group_wakes_nobody(room: Room):
    await room.take(alert())
    await room.take(alert(at_s=5, raised=False))
    await room.pass_(HOUR)
    assert room.target.messages == []
    await room.pass_(20 * HOUR)
    assert {kind for kind, _ in room.target.told()} == {"summary", "list"}


async def test_replays_raise_none(room: Room):
    points = [alert(), alert(at_s=700, raised=False), alert("near_trips", 5, priority="high")]
    for _ in range(3):
        for point in points:
            await room.take(point, point)
        await room.pass_(HOUR)
        await room.restart()
    assert len(room.target.told()) == len(set(room.target.told())) == 2


async def test_a_fault_that_comes_again_is_a_new_alert(room: Room):
    for begin in (0, 4 * HOUR):
        room.now_ns = NOON_NS + begin * SECOND
        await room.take(alert("sensor_fault", begin, technical=True))
        await room.pass_(30)
        await room.take(alert("sensor_fault", begin + 40, raised=False, technical=True))
        await room.pass_(30)
    assert [kind for kind, _ in room.target.told()] == ["page", "clear", "page", "clear"]


async def test_every_message_says_what_this_is_not_and_how_to_answer(room: Room):
    await room.take(alert())
    await room.pass_(30)
    (message,) = room.target.messages
    assert message.body.endswith(NOT_A_DEVICE)
    assert "5 of the last 50 swings of the left leg dragged" in message.body
    assert "What to do: Take a rest." in message.body
    assert "https://clinic.example/alerts/1.p." in message.body


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=12), st.randoms())
def test_any_order_and_any_repeats_make_the_same_episodes(events, random):
    spans = fold(events)
    again = [*events, *events]
    random.shuffle(again)
    assert fold(again) == fold(set(events)) == spans
    flat = [time for span in spans for time in span if time is not None]
    assert flat == sorted(flat)
    assert sum(end is None for _, end in spans) <= 1
