"""What the page says of a moment and of a day, and what a tap does."""

import asyncio
import json

import msgspec
import pytest

from edge import wire
from edge.config import PageConfig
from edge.page.actions import RefusedError, carry_out
from edge.page.example import HOUR, PLAN, SECOND, ExampleClock, ExamplePage


class SteppedClock(ExampleClock):
    """An example's clock that a test moves on."""

    def __init__(self, known: bool = True) -> None:
        super().__init__(known)
        self.more_ns = 0

    def monotonic_ns(self) -> int:
        return 48 * HOUR + self.more_ns


@pytest.fixture
async def room(tmp_path):
    """A page without a server, its clock set."""
    example = ExamplePage(tmp_path, SteppedClock(), PageConfig(port=0))
    yield example
    example.finish()


@pytest.fixture
async def dark_room(tmp_path):
    """The same, its clock not set."""
    example = ExamplePage(tmp_path, SteppedClock(known=False), PageConfig(port=0))
    yield example
    example.finish()


def show(example, name):
    example.server.model.touch()
    example.server.model.changes()
    return example.server.model.sections[name]


def tap(example, **message):
    carry_out(example.server.model, json.dumps(message).encode())


def sent(example, kind):
    return [event for event in example.sent if isinstance(event, kind)]


# -- the big state ------------------------------------------------------------------------------


async def test_without_samples_it_says_so_and_nothing_good(room):
    room.land("heel")
    now = show(room, "now")
    assert now["state"] == "nodata"
    assert show(room, "feet") == {"left": None, "right": None}


async def test_samples_that_stop_are_no_data_after_three_seconds(room):
    room.samples()
    room.land("heel")
    assert show(room, "now")["state"] == "heel"
    room.clock.more_ns = 3 * SECOND
    assert show(room, "now")["state"] == "nodata"


@pytest.mark.parametrize(
    ("strike", "state"), [("heel", "heel"), ("flat", "flat"), ("toe", "toe"), ("unknown", "unsure")]
)
async def test_landing_is_shown_by_its_strike(room, strike, state):
    room.samples()
    room.wear("walking")
    room.land(strike)
    assert show(room, "now")["state"] == state


async def test_not_worn_is_not_at_rest(room):
    room.samples()
    assert show(room, "now")["state"] == "wait"
    room.wear("off")
    assert show(room, "now")["state"] == "off"
    room.wear("sitting")
    now = show(room, "now")
    assert (now["state"], now["posture"]) == ("rest", "sitting")


async def test_landing_of_the_other_foot_is_not_shown(room):
    room.samples()
    room.wear("standing")
    room.land("heel", "right")
    assert show(room, "now")["state"] == "rest"


async def test_streak_counts_heels_ends_with_toes_and_passes_over_the_unknown(room):
    assert show(room, "now")["streak"] is None
    for strike in ("heel", "heel", "unknown", "heel"):
        room.land(strike)
    assert show(room, "now")["streak"] == 3
    room.land("toe")
    now = show(room, "now")
    assert (now["streak"], now["best"]) == (0, 3)


async def test_one_silent_insole_is_named(room):
    room.samples()
    room.clock.more_ns = 4 * SECOND
    from edge.page.example import _sample

    room.server.model.gait.block(_sample("right", 0.2, 0), room.clock.monotonic_ns())
    assert show(room, "now")["silent"] == ["left"]


async def test_setup_of_the_therapist_changes_the_watched_leg(room):
    room.setup()
    assert show(room, "watched") == ["left"]
    setup = wire.Setup(device="example", revision=2, affected="both")
    room.server.setup(setup)
    assert show(room, "watched") == ["left", "right"]


# -- today --------------------------------------------------------------------------------------


async def test_day_is_counted_by_hour_with_its_denominators(room):
    room.setup()
    room.day()
    today = show(room, "today")
    assert today["steps"] == 2250
    assert sum(hour[0] for hour in today["hours"]) == 2250
    assert today["known"] == 1125 == today["swings"]
    assert today["hours"][9][0] == 520
    assert today["goal"] == 3000


async def test_few_landings_make_no_share(room):
    room.walk(10)
    today = show(room, "today")
    assert (today["known"], today["few"]) == (5, True)


async def test_unknown_clock_is_said_and_steps_are_counted_all_the_same(dark_room):
    dark_room.walk(30)
    today = show(dark_room, "today")
    assert (today["clock"], today["steps"], today["hours"]) == (False, 30, [])
    dark_room.done("toe_taps", "left")
    dark_room.setup()
    assert show(dark_room, "exercises")[1]["done"] == 1
    dark_room.clock.known = True
    dark_room.tick()
    today = show(dark_room, "today")
    assert (today["clock"], today["steps"], today["hours"][15][0]) == (True, 30, 30)
    assert show(dark_room, "exercises")[1]["done"] == 1


async def test_midnight_begins_a_new_day(room):
    room.setup()
    room.samples()
    room.day()
    room.land("heel")
    room.clock.more_ns = 9 * HOUR
    room.tick()
    today = show(room, "today")
    assert (today["steps"], today["hour"]) == (0, 0)


async def test_day_survives_a_restart(tmp_path):
    first = ExamplePage(tmp_path, SteppedClock(), PageConfig(port=0))
    first.day()
    first.samples()
    for _ in range(4):
        first.land("heel")
    tap(first, do="wear", orthosis="fes")
    tap(first, do="choose", language="de", sound=False)
    first.alert("near_trips")
    first.finish()
    second = ExamplePage(tmp_path, SteppedClock(), PageConfig(port=0))
    assert show(second, "today")["steps"] == 2250
    assert show(second, "wearing") == "fes"
    assert show(second, "now")["best"] == 4
    assert show(second, "settings") == {"language": "de", "sound": False, "reminders": True}
    assert [a["rule"] for a in show(second, "alerts")] == ["near_trips"]
    second.finish()


async def test_forgetting_clears_the_day_and_the_file(tmp_path):
    first = ExamplePage(tmp_path, SteppedClock(), PageConfig(port=0))
    first.day()
    first.done("toe_taps", "left")
    first.alert("near_trips")
    tap(first, do="wear", orthosis="fes")
    first.request(wire.Forget(before_ns=first.clock.wall_ns() + HOUR))
    assert show(first, "today")["steps"] == 0
    assert show(first, "alerts") == []
    assert show(first, "wearing") is None
    first.finish()
    second = ExamplePage(tmp_path, SteppedClock(), PageConfig(port=0))
    assert show(second, "today")["steps"] == 0
    assert show(second, "alerts") == []
    second.finish()


# -- the plan -----------------------------------------------------------------------------------


async def test_plan_counts_complete_sets_and_names_others_apart(room):
    room.setup()
    room.done("ankle_dorsiflexion", "left")
    room.done("ankle_dorsiflexion", "left", complete=False)
    room.done("ankle_dorsiflexion", "right")
    rows = show(room, "exercises")
    assert (rows[0]["done"], rows[0]["partly"]) == (1, 1)
    assert rows[-1] == {"exercise": "ankle_dorsiflexion", "side": "right", "done": 1, "index": None}


async def test_dose_of_another_weekday_is_not_on_the_plan(room):
    thursday = wire.Dose(exercise="toe_taps", side="left", sets=1, days=("thu",))
    friday = wire.Dose(exercise="heel_walk", sets=1, days=("fri",))
    room.setup((thursday, friday))
    assert [row["exercise"] for row in show(room, "exercises")] == ["toe_taps"]


async def test_guided_exercise_is_led_and_spoken(room):
    room.setup()
    tap(room, do="guide", exercise="ankle_dorsiflexion", side="left")
    for count in range(1, 13):
        room.clock.more_ns += 3 * SECOND
        room.repeat(count)
    guide = show(room, "guide")
    assert (guide["phase"], guide["set_number"]) == ("rest", 2)
    assert guide["words"][-1]["key"] == "rest"
    tap(room, do="guide_step", step="go_on")
    assert show(room, "guide")["phase"] == "do"
    tap(room, do="guide_step", step="stop")
    assert show(room, "guide")["running"] is False


async def test_exercise_beside_the_plan_or_beside_another_is_refused_with_a_word(room):
    room.setup(PLAN[:2])
    with pytest.raises(RefusedError, match="not_planned"):
        tap(room, do="guide", exercise="step_ups", side="left")
    tap(room, do="guide", exercise="toe_taps", side="left")
    with pytest.raises(RefusedError, match="running"):
        tap(room, do="guide", exercise="ankle_dorsiflexion", side="left")


# -- taps ---------------------------------------------------------------------------------------


async def test_one_tap_says_what_is_worn(room):
    tap(room, do="wear", orthosis="afo")
    tap(room, do="wear", orthosis="afo")
    (wearing,) = sent(room, wire.Wearing)
    assert (wearing.side, wearing.orthosis) == ("left", "afo")
    assert show(room, "wearing") == "afo"
    room.clock.more_ns = 24 * HOUR
    assert show(room, "wearing") is None


async def test_alert_is_acknowledged_by_one_tap_and_said_to_be_right_by_another(room):
    name = room.alert("repeated_toe_drag")
    tap(room, do="seen", id=name)
    tap(room, do="seen", id=name)
    tap(room, do="seen", id=name, right=False)
    tap(room, do="seen", id="another")
    answers = sent(room, wire.Acknowledge)
    assert [(a.id, a.by, a.true_alarm) for a in answers] == [
        (name, "patient", None),
        (name, "patient", False),
    ]
    (shown,) = show(room, "alerts")
    assert (shown["seen"], shown["right"]) == (True, False)


async def test_alert_that_is_raised_again_is_new_again(room):
    name = room.alert("near_trips", 2.0)
    tap(room, do="seen", id=name)
    over = wire.Alert(
        seq=1,
        time_ns=room.clock.monotonic_ns(),
        id=name,
        rule="near_trips",
        priority="low",
        raised=False,
    )
    room.queue(over)
    assert not show(room, "alerts")[0]["raised"]
    room.alert("near_trips")
    (shown,) = show(room, "alerts")
    assert (shown["raised"], shown["seen"]) == (True, False)


async def test_alert_acknowledged_elsewhere_is_no_longer_new(room):
    name = room.alert("near_trips")
    room.request(wire.Snooze(id=name, until_ns=1))
    assert show(room, "alerts")[0]["seen"]
    assert sent(room, wire.Acknowledge) == []


async def test_alert_that_is_over_leaves_after_two_days(room):
    room.alert("near_trips")
    room.queue(
        wire.Alert(
            seq=1,
            time_ns=room.clock.monotonic_ns(),
            id="near_trips-left",
            rule="near_trips",
            priority="low",
            raised=False,
        )
    )
    assert len(show(room, "alerts")) == 1
    room.clock.more_ns = 49 * HOUR
    assert show(room, "alerts") == []


async def test_paused_sharing_keeps_nothing_for_sending_and_goes_on_counting(room):
    tap(room, do="pause", on=True)
    before = len(room.sent)
    room.walk(20)
    room.alert("near_trips")
    assert len(room.sent) == before
    assert show(room, "today")["steps"] == 20
    assert len(show(room, "alerts")) == 1
    assert (show(room, "sharing")["held"], show(room, "sharing")["hours_left"]) == (21, 12.0)
    tap(room, do="pause", on=False)
    room.tick()
    (gap,) = sent(room, wire.Gap)
    assert (gap.lost, gap.reason) == (21, "sharing paused")


async def test_cues_are_muted_by_one_tap_from_two_screens(room):
    tap(room, do="mute", on=True)
    tap(room, do="mute", on=True)
    assert show(room, "cues") == {"muted": True}


async def test_practice_that_is_refused_says_why(room):
    from edge.errors import EdgeError

    class NotNowError(EdgeError):
        reason = "no leg"

    def refuse(minutes=None):
        raise NotNowError

    room.cues.start = refuse
    with pytest.raises(RefusedError, match=r"practice\.no_leg"):
        tap(room, do="practice", on=True)


async def test_reminder_that_was_closed_comes_again_when_it_is_due_again(room):
    room.reminder_name = "long_sitting"
    tap(room, do="reminded")
    assert show(room, "reminder") is None
    room.reminder_name = None
    assert show(room, "reminder") is None
    room.reminder_name = "long_sitting"
    assert show(room, "reminder") == "long_sitting"


async def test_reminder_is_shown_until_it_is_switched_off(room):
    room.reminder_name = "long_sitting"
    assert show(room, "reminder") == "long_sitting"
    tap(room, do="choose", reminders=False)
    assert show(room, "reminder") is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"do":"x"}',
        b'{"do":"wear","orthosis":"boot"}',
        b'{"do":"mute"}',
        b'{"do":"pause","on":true,"more":1}',
        b"[" * 5000,
        b"\xff",
    ],
)
async def test_anything_else_is_refused(room, body):
    with pytest.raises(RefusedError):
        carry_out(room.server.model, body)


async def test_disk_that_fails_loses_no_count(room):
    room.day()
    model = room.server.model
    taken = model.take_pending()
    model.put_back(taken)
    room.walk(4)
    again = model.take_pending()
    assert sum(counts.steps for counts in again.quarters.values()) == 2254


async def test_sections_are_plain_data_and_sent_only_when_they_change(room):
    model = room.server.model
    first = model.changes()
    msgspec.json.encode(first)
    assert model.changes() == {}
    room.samples()
    assert set(model.changes()) >= {"now", "feet"}
    await asyncio.sleep(0)
