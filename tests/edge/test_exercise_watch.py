"""Exercises and habits as events of the agent, guided and not."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from edge import wire
from edge.companions import Companions
from edge.config import parse
from edge.exercises.habits import HabitWatch, ReminderSwitch
from edge.exercises.plan import STANDARD, dose_of, is_complete, progress
from edge.exercises.watch import SWITCH_FILE, ExerciseWatch, build_watch
from hw.source import SIDES, Block, Recording
from hw.virtual import DeviceConfig, Manner, PatientConfig, Phase, VirtualPatient, manner
from kernels.exercises import SIGNATURES, LegsCrossed

S = 10**9
PLAN = (
    wire.Dose(exercise="ankle_dorsiflexion", side="left", sets=3, repetitions=8, hold_s=2.0),
    wire.Dose(exercise="toe_taps", sets=2, seconds=20.0),
)


@cache
def room() -> Recording:
    """A walk, eight lifts left, eight lifts right, taps left; seated in between."""
    lifts = manner("ankle_dorsiflexion", repetitions=8, period_s=3.5)
    other = manner("ankle_dorsiflexion", "right", "small", repetitions=8, period_s=3.5)
    taps = manner("toe_taps", repetitions=40)
    programme = (
        Phase("walk", 6),
        Phase("ankle_dorsiflexion", 1, manner=lifts),
        Phase("sit", 20),
        Phase("ankle_dorsiflexion", 1, manner=other),
        Phase("sit", 20),
        Phase("toe_taps", 1, manner=taps),
        Phase("sit", 600),
    )
    config = PatientConfig(programme=programme, device=DeviceConfig(rate_hz=50))
    return VirtualPatient(config, 6).recording(150)[0]


def blocks(recording: Recording, step_ns: int = 20_000_000) -> Iterator[tuple[Block, int]]:
    end_ns = int(recording.feet["left"].time_ns[-1])
    for begin in range(0, end_ns + 1, step_ns):
        for side in SIDES:
            foot = recording.feet[side]
            a, b = np.searchsorted(foot.time_ns, (begin, begin + step_ns))
            assert foot.load is not None
            assert foot.imu is not None
            yield Block(side, foot.time_ns[a:b], foot.load[a:b], foot.imu[a:b]), begin + step_ns


def run(watch: ExerciseWatch, recording: Recording) -> list[wire.Event]:
    events: list[wire.Event] = []
    for block, now_ns in blocks(recording):
        events += watch.block(block, now_ns)
    return events + list(watch.finish(now_ns))


def exercises(events: list[wire.Event]) -> list[wire.Exercise]:
    return [event for event in events if isinstance(event, wire.Exercise)]


def test_sets_without_a_guide_become_events_held_against_the_plan() -> None:
    watch = ExerciseWatch(room().profile)
    setup = wire.Setup(device="insole-1", revision=1, plan=PLAN)
    watch.setup(setup)
    assert watch.plan == PLAN
    left, right, taps = exercises(run(watch, room()))
    assert (left.exercise, left.side, left.repetitions) == ("ankle_dorsiflexion", "left", 8)
    assert left.is_complete is True
    assert left.hold_s == pytest.approx(2.0, abs=0.6)
    assert left.tempo_per_min == pytest.approx(60 / 3.5, rel=0.1)
    assert left.advice == ()
    assert (right.side, right.is_complete) == ("right", None)
    assert right.quality is not None
    assert left.quality is not None
    assert right.quality < left.quality
    assert set(right.advice) == {"lift higher", "train this side more"}
    assert (taps.exercise, taps.is_complete, taps.hold_s) == ("toe_taps", True, None)
    assert not any(event.guided for event in (left, right, taps))
    for event in (left, right, taps):
        batch = wire.Batch(device="insole-1", boot="0" * 16, events=(event,))
        assert wire.decode(wire.encode(batch), wire.Batch) == batch


def test_a_running_set_is_visible() -> None:
    watch = ExerciseWatch(room().profile)
    seen = set()
    for block, now_ns in blocks(room()):
        watch.block(block, now_ns)
        live = watch.live()
        if live is not None:
            seen.add((live.name, live.side, live.count))
    assert {("ankle_dorsiflexion", "left", n) for n in range(2, 9)} <= seen
    assert ("toe_taps", "left", 40) in seen


def guided(dose: wire.Dose, at_s: float = 9.0, **more: float) -> tuple[list[wire.Event], list[str]]:
    watch = ExerciseWatch(room().profile, plan=PLAN)
    events: list[wire.Event] = []
    words: list[str] = []
    for block, now_ns in blocks(room()):
        events += watch.block(block, now_ns)
        if watch.session is None and now_ns >= at_s * S:
            watch.begin(dose, now_ns)
        if watch.session is not None and now_ns >= more.get("stop_s", 1e9) * S:
            watch.stop(now_ns)
        words += [word.key for word in watch.take_words()]
    return events + list(watch.finish(now_ns)), words


def test_a_guided_set_ends_with_its_dose_and_says_so() -> None:
    dose = wire.Dose(exercise="ankle_dorsiflexion", side="left", sets=1, repetitions=5, hold_s=1.5)
    events, words = guided(dose)
    first = exercises(events)[0]
    assert first.guided
    assert first.repetitions == 5
    assert words.count("count") == 5
    assert words.count("hold") == 5
    assert words[-1] == "done"
    assert [event.guided for event in exercises(events)[1:]] == [False, False]


def test_a_pause_within_a_guided_set_loses_nothing() -> None:
    """The set ends in the pause, the guide waits: two events, and no repetition is lost."""
    lifts = manner("ankle_dorsiflexion", repetitions=3, period_s=3.5)
    programme = (
        Phase("walk", 6),
        Phase("ankle_dorsiflexion", 1, manner=lifts),
        Phase("sit", 25),
        Phase("ankle_dorsiflexion", 1, manner=lifts),
        Phase("sit", 600),
    )
    config = PatientConfig(programme=programme, device=DeviceConfig(rate_hz=50))
    recording = VirtualPatient(config, 6).recording(80)[0]
    watch = ExerciseWatch(recording.profile)
    dose = wire.Dose(exercise="ankle_dorsiflexion", side="left", sets=1, repetitions=6)
    watch.begin(dose, 0)
    found = exercises(run(watch, recording))
    assert [event.repetitions for event in found] == [3, 3]
    assert [event.guided for event in found] == [True, True]
    assert [event.is_complete for event in found] == [False, True]


def test_a_stopped_set_counts_as_far_as_it_went() -> None:
    dose = wire.Dose(exercise="ankle_dorsiflexion", side="left", sets=3, repetitions=12)
    events, words = guided(dose, stop_s=21.0)
    first = exercises(events)[0]
    assert first.guided
    assert first.repetitions in (2, 3)
    assert first.is_complete is False
    assert words[-1] == "stopped"


def test_the_other_side_is_told_and_not_counted() -> None:
    dose = wire.Dose(exercise="ankle_dorsiflexion", side="right", sets=1, repetitions=12)
    events, words = guided(dose, stop_s=45.0)
    assert "other_side" in words
    assert "count" not in words
    assert not any(event.guided for event in exercises(events))


def test_a_foot_that_is_not_there_cannot_be_guided() -> None:
    watch = ExerciseWatch(room().profile, ("left",))
    dose = wire.Dose(exercise="toe_taps", side="right", sets=1, seconds=10.0)
    assert watch.begin(dose, 0).counts is False
    assert watch.begin(PLAN[0], 0).counts is True
    for block, now_ns in list(blocks(room()))[:100]:
        assert list(watch.block(block, now_ns)) == []


def test_it_runs_among_the_companions() -> None:
    events: list[wire.Event] = []
    members = Companions([ExerciseWatch(room().profile)], events.append)
    for block, now_ns in blocks(room(), 100_000_000):
        members.block(block, now_ns)
        members.tick(now_ns, None)
    members.finish(now_ns)
    assert members.failures == 0
    assert len(exercises(events)) == 3


def test_the_settings_make_the_watch(tmp_path: Path) -> None:
    text = f'[exercises]\nreminders = false\n[source]\nside = "left"\n[state]\ndir = "{tmp_path}"'
    watch = build_watch(parse(text), room().profile, STANDARD)
    assert watch is not None
    assert watch.plan == STANDARD
    assert watch.reminders_on is False
    dose = wire.Dose(exercise="toe_taps", side="right", sets=1, seconds=10.0)
    assert watch.begin(dose, 0).counts is False
    assert build_watch(parse("[exercises]\nenabled = false"), room().profile) is None


# -- plan ---------------------------------------------------------------------------------------


def test_the_standard_programme_has_all_four_with_valid_doses() -> None:
    assert {dose.exercise for dose in STANDARD} == set(SIGNATURES)
    setup = wire.Setup(device="insole-1", revision=1, plan=STANDARD)
    assert wire.decode(wire.encode(setup), wire.Setup) == setup


def test_a_dose_is_that_of_the_side_before_that_of_both() -> None:
    assert dose_of(PLAN, "toe_taps", "right") == PLAN[1]
    assert dose_of(PLAN, "ankle_dorsiflexion", "right") is None
    assert dose_of((), "toe_taps", None) is None


def test_nothing_prescribed_is_neither_complete_nor_incomplete() -> None:
    assert is_complete(None, 50, 100.0, 12.0) is None
    assert is_complete(PLAN[0], 7, 100.0, 12.0) is False
    assert is_complete(PLAN[1], 40, 19.5, 100.0) is True
    assert is_complete(PLAN[1], 40, 12.0, 100.0) is False


def test_progress_counts_complete_and_begun_sets() -> None:
    done = [
        wire.Exercise(
            seq=1,
            time_ns=0,
            side="left",
            exercise="ankle_dorsiflexion",
            repetitions=n,
            duration_s=40.0,
        )
        for n in (8, 9, 3)
    ]
    first, second = progress(PLAN, done)
    assert (first.complete, first.partial, first.is_done) == (2, 1, False)
    assert (second.complete, second.partial) == (0, 0)
    weekend = wire.Dose(exercise="heel_walk", sets=1, seconds=20.0, days=("sat", "sun"))
    assert progress((weekend,), done, "mon") == []


# -- habits -------------------------------------------------------------------------------------


def wear(state: str, at_s: float) -> wire.Wear:
    return wire.Wear(seq=1, time_ns=round(at_s * S), state=state)  # type: ignore[arg-type]


def test_long_sitting_is_a_habit_at_its_end() -> None:
    habits = HabitWatch(3600)
    assert habits.wear(wear("sitting", 100)) == []
    assert habits.wear(wear("standing", 4000)) == []
    assert habits.tick(4030 * S) == []
    (found,) = habits.tick(4061 * S)
    assert (found.habit, found.time_ns, found.duration_s) == ("long_sitting", 100 * S, 3900.0)
    assert found.certainty == 0.9
    assert habits.tick(9000 * S) == []


def test_a_moment_on_the_feet_does_not_end_a_sitting_and_a_minute_does() -> None:
    habits = HabitWatch(3600)
    habits.wear(wear("sitting", 0))
    habits.wear(wear("standing", 2000))
    assert habits.wear(wear("sitting", 2020)) == []
    habits.wear(wear("walking", 3000))
    assert habits.wear(wear("sitting", 3100)) == []
    assert habits.reminder(6500 * S, None) is None
    found = habits.reminder(6701 * S, None)
    assert found is not None
    assert found.since_ns == 3100 * S


def test_taking_the_shoes_off_or_no_data_ends_a_sitting() -> None:
    habits = HabitWatch(600)
    habits.wear(wear("sitting", 0))
    (found,) = habits.wear(wear("off", 700))
    assert found.duration_s == 700
    assert habits.reminder(5000 * S, None) is None
    assert habits.end(6000 * S) == []


def test_without_cells_long_sitting_is_less_certain() -> None:
    profile = VirtualPatient(PatientConfig(device=DeviceConfig(cells=0))).profile
    watch = ExerciseWatch(profile, long_sitting_min=10)
    watch.event(wear("sitting", 0), 0)
    watch.event(wear("off", 1200), 0)
    watch.event(wear("sitting", 2000), 0)
    (found,) = watch.event(wear("off", 4000), 0)
    assert isinstance(found, wire.Habit)
    assert found.certainty == 0.4


def test_a_short_or_doubtful_crossing_is_no_habit() -> None:
    habits = HabitWatch()
    assert habits.crossed(LegsCrossed("left", 0, 30 * S, 0.9)) == []
    assert habits.crossed(LegsCrossed("left", 0, 90 * S, 0.45)) == []
    (found,) = habits.crossed(LegsCrossed("left", 5, 90 * S, 0.8))
    assert (found.habit, found.certainty) == ("legs_crossed", 0.8)


def test_crossed_legs_of_the_virtual_patient_become_a_habit_and_a_reminder() -> None:
    programme = (
        Phase("walk", 6),
        Phase("sit", 20),
        Phase("cross", 150, manner=Manner(side="left")),
        Phase("sit", 300),
    )
    config = PatientConfig(programme=programme, device=DeviceConfig(rate_hz=25))
    recording = VirtualPatient(config, 2).recording(220)[0]
    watch = ExerciseWatch(recording.profile, crossed_min=1.0)
    now = [0]
    named = watch.named_reminder(lambda: now[0])
    events: list[wire.Event] = []
    reminded = []
    for block, now_ns in blocks(recording, 200_000_000):
        now[0] = now_ns
        events += watch.block(block, now_ns)
        reminded.append(named.reminder())
    (habit,) = [event for event in events if isinstance(event, wire.Habit)]
    assert habit.habit == "legs_crossed"
    assert habit.certainty > 0.7
    assert set(reminded) == {None, "legs_crossed"}


def test_the_patient_switches_reminders_off_for_good(tmp_path: Path) -> None:
    profile = room().profile
    watch = ExerciseWatch(profile, long_sitting_min=10, state_dir=tmp_path)
    watch.event(wear("sitting", 0), 0)
    assert watch.reminder(700 * S) is not None
    watch.reminder_seen("long_sitting", 700 * S)
    assert watch.reminder(800 * S) is None
    assert watch.reminder(2600 * S) is not None
    watch.turn_reminders(False)
    assert watch.reminder(2600 * S) is None
    again = ExerciseWatch(profile, state_dir=tmp_path)
    assert again.reminders_on is False


@pytest.mark.parametrize("text", ["", "[]", '{"reminders": 3}', "\x00"])
def test_a_damaged_switch_means_reminders_as_configured(tmp_path: Path, text: str) -> None:
    (tmp_path / SWITCH_FILE).write_text(text)
    assert ReminderSwitch(tmp_path / SWITCH_FILE).is_on is True
    assert ReminderSwitch(tmp_path / SWITCH_FILE, default=False).is_on is False


def test_a_switch_that_cannot_be_kept_still_switches(tmp_path: Path) -> None:
    switch = ReminderSwitch(tmp_path / "missing" / SWITCH_FILE)
    switch.turn(False)
    assert switch.is_on is False
