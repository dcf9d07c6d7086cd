"""A guided exercise session as a pure state machine; the page shows it and speaks its words.

How the page uses it (all calls in the event loop, times monotonic [ns]):

    watch = build_watch(config, source.profile)  # a companion of the agent, edge/exercises/watch.py
    watch.plan                                   # tuple[wire.Dose, ...] as the therapist set it
    watch.live()                                 # LiveSet | None: what is done now, also unguided
    watch.begin(dose, now_ns)                    # "Start": a GuidedSession, now `watch.session`
    watch.session.state(now_ns)                  # GuideState: all that a screen shows, any time
    watch.take_words()                           # words since the last call, to speak and show
    watch.session.go_on(now_ns)                  # "Go on": ends a rest early
    watch.session.mark_done(now_ns)              # "Done": the patient says that a set is done
    watch.stop(now_ns)                           # "Stop"

    ready -> do <-> hold       do/hold -> rest -> do ..  -> done       any -> stopped

A `Word` is a message key with numbers; the page's message table has the text in each language:

| key             | numbers            | when |
|-----------------|--------------------|------|
| begin           | set, sets          | a set begins: do the first repetition |
| count           | n                  | repetition n is counted (spoken as the number) |
| seconds         | n                  | of a dose in seconds: every tenth second, n gone |
| hold            | seconds            | the foot is up: hold it |
| release         |                    | held long enough: let go |
| last_one        |                    | one repetition to go |
| rest            | seconds            | the set is complete |
| rest_left       | n                  | 3, 2, 1 before the next set |
| done            | sets               | all sets are done |
| stopped         |                    | the patient stopped |
| other_exercise  |                    | another exercise is seen than the one asked for |
| other_side      |                    | it is done with the other leg |
| waiting         |                    | nothing was seen for 15 s: go on, or press Done or Stop |

Whether repetitions can be seen at all is `GuideState.counts`; where not, the page shows the dose
and a "Done" button, and nothing is counted that was not seen.
"""

from dataclasses import dataclass
from typing import Final, Literal

from edge import wire
from kernels.exercises.records import LiveSet

__all__ = ["GuideState", "GuidedSession", "Phase", "Word", "WordKey"]

Phase = Literal["ready", "do", "hold", "rest", "done", "stopped"]
WordKey = Literal[
    "begin",
    "count",
    "seconds",
    "hold",
    "release",
    "last_one",
    "rest",
    "rest_left",
    "done",
    "stopped",
    "other_exercise",
    "other_side",
    "waiting",
]
WAITING_NS: Final = 15 * 10**9
LAST_REST_S: Final = 3
EVERY_S: Final = 10


@dataclass(frozen=True, slots=True)
class Word:
    """Something to say: the key of a message, and its number where it has one.

    `number` is the number of the table above; `of` the sets of `begin`.
    """

    key: WordKey
    number: int | None = None
    of: int | None = None


@dataclass(frozen=True, slots=True)
class GuideState:
    """All that a screen shows of a session.

    Attributes
    ----------
    set_number, sets : int
        The set that is done or comes next, from 1; how many.
    count : int
        Repetitions of this set that were seen (steps of a heel walk).
    target : int or None
        Repetitions asked for; None: the dose is in seconds.
    seconds, target_s : float, float or None
        Time in which the exercise was done in this set; what is asked for.
    hold_s, hold_target_s : float
        The running hold; what is asked for (0: no hold).
    rest_left_s : float
        0 where there is no rest.
    counts : bool
        Whether the device can see this exercise.
    """

    phase: Phase
    exercise: wire.ExerciseName
    side: wire.Side | None
    set_number: int
    sets: int
    count: int
    target: int | None
    seconds: float
    target_s: float | None
    hold_s: float
    hold_target_s: float
    rest_left_s: float
    counts: bool


class GuidedSession:
    """Leads through the sets of one dose; knows no clock, no sensor and no screen.

    Parameters
    ----------
    dose : wire.Dose
        What is to be done.
    counts : bool
        Whether the device can see the exercise; else only `mark_done` completes a set.
    """

    def __init__(self, dose: wire.Dose, counts: bool = True) -> None:
        self.dose = dose
        self.counts = counts
        self.phase: Phase = "ready"
        self._set = 1
        self._count = self._before = 0
        self._seconds = self._seconds_before = 0.0
        self._hold_s = 0.0
        self._seen_ns: int | None = None
        self._ended_ns: int | None = None
        self._rest_until_ns = 0
        self._said_left = 0
        self._held = False
        self.reached = False
        """Whether the last set that ended reached its dose, pauses within it included."""
        self._warned: set[WordKey] = set()
        self._words: list[Word] = []
        self._heard_ns = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to come."""
        return self.phase in ("done", "stopped")

    @property
    def is_doing(self) -> bool:
        """Whether a set is being done: what is seen now counts as guided."""
        return self.phase in ("do", "hold")

    def start(self, now_ns: int) -> None:
        """Begin the first set; without effect after that."""
        if self.phase == "ready":
            self._begin_set(now_ns)

    def go_on(self, now_ns: int) -> None:
        """End a rest early."""
        if self.phase == "rest":
            self._begin_set(now_ns)

    def mark_done(self, now_ns: int) -> None:
        """Take the patient's word that the set is done; what was counted stays as it is."""
        if self.is_doing:
            self._end_set(now_ns)

    def stop(self, now_ns: int) -> None:
        """End the session now."""
        if not self.is_over:
            self.reached = self.is_doing and self._is_complete()
            self.phase = "stopped"
            self._say("stopped")

    def take_words(self) -> list[Word]:
        """Return what is to be said since the last call."""
        words, self._words = self._words, []
        return words

    def follow(self, live: LiveSet | None, now_ns: int) -> None:
        """Take what the recogniser sees now, and the time; to be called several times a second."""
        if self.phase == "rest":
            self._rest(now_ns)
        elif self.is_doing:
            if live is None or not self._is_asked_for(live):
                self._idle(now_ns)
            else:
                self._progress(live, now_ns)

    def state(self, now_ns: int) -> GuideState:
        """Return what a screen shows at this time."""
        dose = self.dose
        rest_s = max(0.0, (self._rest_until_ns - now_ns) / 1e9) if self.phase == "rest" else 0.0
        return GuideState(
            phase=self.phase,
            exercise=dose.exercise,
            side=dose.side,
            set_number=self._set,
            sets=dose.sets,
            count=self._count,
            target=dose.repetitions,
            seconds=self._seconds,
            target_s=dose.seconds,
            hold_s=self._hold_s,
            hold_target_s=dose.hold_s,
            rest_left_s=rest_s,
            counts=self.counts,
        )

    # -- within a set -----------------------------------------------------------------------

    def _begin_set(self, now_ns: int) -> None:
        self.phase = "do"
        self._count = self._before = 0
        self._seconds = self._seconds_before = self._hold_s = 0.0
        self._seen_ns = None
        self._begun_ns = self._heard_ns = now_ns
        self._warned.clear()
        self._say("begin", self._set, self.dose.sets)

    def _is_asked_for(self, live: LiveSet) -> bool:
        """Say whether what is seen belongs to this set; a word where it is something else."""
        if live.now_ns < self._begun_ns or live.begin_ns == self._ended_ns:
            return False
        if live.name not in (None, self.dose.exercise):
            self._warn("other_exercise")
            return False
        if self.dose.side is not None and live.side not in (None, self.dose.side):
            self._warn("other_side")
            return False
        return True

    def _progress(self, live: LiveSet, now_ns: int) -> None:
        if live.begin_ns != self._seen_ns:  # a pause within the set: the count goes on
            self._seen_ns = live.begin_ns
            self._before, self._seconds_before = self._count, self._seconds
        self._hold(live)
        seconds = self._seconds_before + (live.now_ns - live.begin_ns) / 1e9
        self._tell_seconds(seconds)
        self._seconds = max(self._seconds, seconds)
        count = self._before + live.count
        if count != self._count:
            self._heard_ns = now_ns
        while self._count < count:
            self._count += 1
            self._tell_count()
        if self._is_complete():
            self._end_set(now_ns)

    def _tell_count(self) -> None:
        self._held = False
        target = self.dose.repetitions
        if target is None or self._count > target:
            return
        self._say("count", self._count)
        if self._count == target - 1:
            self._say("last_one")

    def _tell_seconds(self, seconds: float) -> None:
        if self.dose.repetitions is not None:
            return
        whole = int(seconds) // EVERY_S
        if whole > int(self._seconds) // EVERY_S:
            self._say("seconds", whole * EVERY_S)

    def _hold(self, live: LiveSet) -> None:
        """Follow the running hold; the word to let go comes once per repetition."""
        wanted_s = self.dose.hold_s
        self._hold_s = live.hold_s if live.is_up else 0.0
        if not wanted_s:
            return
        if live.is_up and self.phase == "do" and not self._held:
            self.phase = "hold"
            self._say("hold", round(wanted_s))
        elif not live.is_up:
            self.phase, self._held = "do", False
        if self.phase == "hold" and self._hold_s >= wanted_s:
            self.phase, self._held = "do", True
            self._say("release")

    def _idle(self, now_ns: int) -> None:
        self.phase, self._hold_s = "do", 0.0
        if now_ns - self._heard_ns >= WAITING_NS:
            self._warn("waiting")

    def _is_complete(self) -> bool:
        dose = self.dose
        if dose.repetitions is not None:
            return self._count >= dose.repetitions
        return dose.seconds is not None and self._seconds >= dose.seconds

    # -- between sets -----------------------------------------------------------------------

    def _end_set(self, now_ns: int) -> None:
        self.reached = self._is_complete()
        self._ended_ns, self._hold_s = self._seen_ns, 0.0
        if self._set >= self.dose.sets:
            self.phase = "done"
            self._say("done", self.dose.sets)
            return
        self._set += 1
        self.phase, self._said_left = "rest", LAST_REST_S + 1
        self._rest_until_ns = now_ns + round(self.dose.rest_s * 1e9)
        self._say("rest", round(self.dose.rest_s))

    def _rest(self, now_ns: int) -> None:
        left_ns = self._rest_until_ns - now_ns
        left = -(-left_ns // 10**9)
        if left_ns <= 0:
            self._begin_set(now_ns)
        elif left < self._said_left and left <= LAST_REST_S:
            self._said_left = left
            self._say("rest_left", left)

    # -- words ------------------------------------------------------------------------------

    def _warn(self, key: WordKey) -> None:
        """Say something once per set."""
        if key not in self._warned:
            self._warned.add(key)
            self._say(key)

    def _say(self, key: WordKey, number: int | None = None, of: int | None = None) -> None:
        self._words.append(Word(key, number, of))
