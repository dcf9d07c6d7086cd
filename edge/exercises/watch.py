"""Exercises and habits beside detection: `ExerciseWatch`, a companion of the agent.

It sees a set whether the guide leads it or not, and tells of it when it ended. What the page may
ask is listed at the top of `edge.exercises.guide`; besides:

    watch.reminder(now_ns)                       # Reminder | None, None where switched off
    watch.reminder_seen(habit, now_ns)           # the patient closed it
    watch.reminders_on, watch.turn_reminders(x)  # the patient's switch, kept in the state directory
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from edge import wire
from edge.companion import Companion
from edge.config import AgentConfig
from edge.events import fit
from edge.exercises.guide import GuidedSession, Word
from edge.exercises.habits import HabitName, HabitWatch, Reminder, ReminderSwitch
from edge.exercises.plan import dose_of, is_complete
from hw.source import SIDES, Block, Profile, Side, joined
from kernels.exercises import (
    ExerciseRecogniser,
    ExerciseSet,
    FootSensors,
    Found,
    LiveSet,
    rate,
)
from kernels.exercises.quality import hold_s, range_deg, tempo_per_min

__all__ = ["SWITCH_FILE", "ExerciseWatch", "NamedReminder", "build_watch"]

GATHER_NS: Final = 200_000_000
"""Samples gathered before they are looked at: small blocks cost the most."""
SAME_DAY_NS: Final = 12 * 3600 * 10**9
"""The sides are compared with sets of the last twelve hours."""
SWITCH_FILE: Final = "reminders.json"
"""In the state directory: whether the patient wants reminders."""


class ExerciseWatch(Companion):
    """Recognises exercises and habits in the samples, and leads guided sessions.

    Parameters
    ----------
    profile : Profile
        The device.
    sides : sequence of side
        The feet that are listened to.
    plan : sequence of wire.Dose
        What is prescribed until a setup says something else.
    body_weight : float, optional
        In the unit of the cells, where they are calibrated so.
    long_sitting_min, crossed_min : float
        From when on sitting is a habit, and crossed legs bring a reminder.
    state_dir : pathlib.Path, optional
        Where the patient's switch is kept; None: in memory only.
    """

    def __init__(
        self,
        profile: Profile,
        sides: Sequence[Side] = SIDES,
        *,
        plan: Sequence[wire.Dose] = (),
        body_weight: float | None = None,
        long_sitting_min: float = 60.0,
        crossed_min: float = 10.0,
        state_dir: Path | None = None,
        reminders: bool = True,
    ) -> None:
        self.plan: tuple[wire.Dose, ...] = tuple(plan)
        self.session: GuidedSession | None = None
        feet = {side: _sensors(profile, side) for side in sides}
        self._recogniser = ExerciseRecogniser(
            feet, body_weight, is_newton=profile.foot(sides[0]).cell_unit == "N"
        )
        self._waiting: dict[Side, list[Block]] = {side: [] for side in sides}
        self._ranges: dict[tuple[str, str], tuple[float, int]] = {}
        cells = sum(bool(foot.x) for foot in feet.values())
        self._habits = HabitWatch(long_sitting_min * 60, crossed_min * 60, (0.4, 0.7, 0.9)[cells])
        path = None if state_dir is None else state_dir / SWITCH_FILE
        self._switch = ReminderSwitch(path, reminders)
        self._was_doing = False
        self._unsent: list[wire.Event] = []

    # -- what the agent calls ---------------------------------------------------------------

    def block(self, block: Block, now_ns: int) -> Iterable[wire.Event]:
        """Look at the samples of one foot."""
        waiting = self._waiting.get(block.side)
        if waiting is None or not len(block.time_ns):
            return ()
        waiting.append(block)
        if block.time_ns[-1] - waiting[0].time_ns[0] < GATHER_NS:
            return ()
        run = joined(waiting)
        waiting.clear()
        found = self._recogniser.push(run.side, run.time_ns, run.load, run.imu)
        return self._events(found) + self._follow(now_ns)

    def event(self, event: wire.Event, now_ns: int) -> Iterable[wire.Event]:
        """Look at the wear states for long sitting."""
        return self._habits.wear(event) if isinstance(event, wire.Wear) else ()

    def tick(self, now_ns: int, offset_ns: int | None) -> Iterable[wire.Event]:
        """Let rests and sittings run out, also without samples."""
        return self._follow(now_ns) + self._habits.tick(now_ns)

    def setup(self, setup: wire.Setup) -> None:
        """Use the therapist's plan."""
        self.plan = setup.plan

    def finish(self, now_ns: int) -> Iterable[wire.Event]:
        """Close the sets and habits under way."""
        for side, waiting in self._waiting.items():
            if waiting:
                run = joined(waiting)
                waiting.clear()
                found = self._recogniser.push(side, run.time_ns, run.load, run.imu)
                self._unsent += self._events(found)
        if self.session is not None:
            self._part(False)
        events = self._events(self._recogniser.finish())
        return self._take_unsent() + events + self._habits.end(now_ns)

    # -- what the page calls ----------------------------------------------------------------

    def live(self) -> LiveSet | None:
        """Return what is being done now, as far as it is seen, guided or not."""
        return self._recogniser.live()

    def begin(self, dose: wire.Dose, now_ns: int) -> GuidedSession:
        """Begin to guide through a dose; a session under way is stopped."""
        self.stop(now_ns)
        counts = self._recogniser.can_see(dose.exercise, dose.side)
        self.session = GuidedSession(dose, counts)
        self.session.start(now_ns)
        self._part(True)
        return self.session

    def stop(self, now_ns: int) -> None:
        """Stop the guided session, if there is one; what was done of the set counts."""
        if self.session is not None:
            self.session.stop(now_ns)
            self._part(False)

    def take_words(self) -> list[Word]:
        """Return what the guide says since the last call."""
        return [] if self.session is None else self.session.take_words()

    def reminder(self, now_ns: int) -> Reminder | None:
        """Return a gentle reminder; None where there is none, or none is wanted."""
        if not self._switch.is_on:
            return None
        return self._habits.reminder(now_ns, self._recogniser.crossed())

    def named_reminder(self, now_ns: Callable[[], int]) -> "NamedReminder":
        """Return the reminders as the page asks for them; `now_ns` is the monotonic clock."""
        return NamedReminder(self, now_ns)

    def reminder_seen(self, habit: HabitName, now_ns: int) -> None:
        """The patient closed a reminder."""
        self._habits.seen(habit, now_ns)

    @property
    def reminders_on(self) -> bool:
        """Whether the patient wants reminders."""
        return self._switch.is_on

    def turn_reminders(self, is_on: bool) -> None:
        """Switch reminders on or off; it lasts beyond a restart."""
        self._switch.turn(is_on)

    # -- sets into events -------------------------------------------------------------------

    def _follow(self, now_ns: int) -> list[wire.Event]:
        """Let the guide see what is done; a set that it completes is closed and told of."""
        if self.session is not None:
            if not self.session.is_over:
                self.session.follow(self._recogniser.live(), now_ns)
            self._part(self.session.is_doing)
        return self._take_unsent()

    def _part(self, is_doing: bool) -> None:
        """Part what the guide led from what was done before and after it."""
        if is_doing == self._was_doing:
            return
        self._was_doing = is_doing
        dose = self.session.dose if self.session is not None and is_doing else None
        self._unsent += self._events(self._recogniser.close(), ended=not is_doing)
        if dose is None:
            self._recogniser.expect(None)
        else:
            self._recogniser.expect(dose.exercise, dose.side)

    def _take_unsent(self) -> list[wire.Event]:
        events, self._unsent = self._unsent, []
        return events

    def _events(self, found: Iterable[Found], ended: bool | None = None) -> list[wire.Event]:
        """Return events of what was found.

        `ended`: a set of the guide has ended, or is about to begin; None: neither.
        """
        events: list[wire.Event] = []
        for one in found:
            if not isinstance(one, ExerciseSet):
                events += self._habits.crossed(one)
                continue
            guided = self._is_guided(one, ended)
            reached = self.session.reached if guided and ended and self.session else None
            events.append(self._event(one, guided, reached))
        return events

    def _is_guided(self, one: ExerciseSet, ended: bool | None) -> bool:
        session = self.session
        leads = session is not None and session.is_doing if ended is None else ended
        if session is None or not leads:
            return False
        dose = session.dose
        return one.name == dose.exercise and dose.side in (None, one.side)

    def _event(self, one: ExerciseSet, guided: bool, reached: bool | None) -> wire.Event:
        """Return a set as an event; `reached`: the guide says whether its dose is complete."""
        rating = rate(one, self._other_range(one))
        tempo, extent = tempo_per_min(one), range_deg(one)
        if extent is not None and one.side is not None:
            self._ranges[one.name, one.side] = extent, one.end_ns
        dose = dose_of(self.plan, one.name, one.side)
        if guided and self.session is not None and dose is None:
            dose = self.session.dose
        complete = is_complete(dose, one.count, one.duration_s, tempo)
        values = {
            "side": one.side,
            "exercise": one.name,
            "repetitions": one.count,
            "duration_s": one.duration_s,
            "hold_s": hold_s(one),
            "range_deg": extent,
            "tempo_per_min": tempo,
            "quality": rating.quality,
            "advice": rating.advice,
            "guided": guided,
            "is_complete": complete if reached is None else reached,
        }
        return fit(wire.Exercise, one.begin_ns, values)

    def _other_range(self, one: ExerciseSet) -> float | None:
        """Return the other side's range in the same exercise, of the last twelve hours."""
        if one.side is None:
            return None
        other = "right" if one.side == "left" else "left"
        kept = self._ranges.get((one.name, other))
        return kept[0] if kept is not None and one.end_ns - kept[1] < SAME_DAY_NS else None


class NamedReminder:
    """The name of the habit to be reminded of now; see `edge.page.ports.Reminders`."""

    def __init__(self, watch: ExerciseWatch, now_ns: Callable[[], int]) -> None:
        self._watch = watch
        self._now_ns = now_ns

    def reminder(self) -> str | None:
        """Return "long_sitting", "legs_crossed" or None."""
        found = self._watch.reminder(self._now_ns())
        return None if found is None else found.habit


def build_watch(
    config: AgentConfig, profile: Profile, plan: Sequence[wire.Dose] = ()
) -> ExerciseWatch | None:
    """Return what recognises exercises as the settings say; None where they are switched off."""
    wanted = config.exercises
    if not wanted.enabled:
        return None
    side = config.source.side
    return ExerciseWatch(
        profile,
        SIDES if side == "both" else (side,),
        plan=plan,
        long_sitting_min=wanted.long_sitting_min,
        crossed_min=wanted.crossed_min,
        state_dir=Path(config.state.dir),
        reminders=wanted.reminders,
    )


def _sensors(profile: Profile, side: Side) -> FootSensors:
    foot = profile.foot(side)
    return FootSensors(foot.x, foot.mount == "foot")
