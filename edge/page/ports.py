"""What the page talks to and others build: cues, practice, exercises, reminders.

The page works without any of them; what is not there is not offered.
"""

from typing import Literal, Protocol

from edge import wire
from edge.exercises.guide import GuideState, Word

__all__ = ["Cues", "ExerciseGuide", "Practice", "PracticeState", "Reminders", "Session"]


class PracticeState(Protocol):
    """A practice session as it is shown."""

    @property
    def running(self) -> bool:
        """Whether a session runs."""
        ...

    @property
    def remaining_s(self) -> float:
        """Time left [s]."""
        ...

    @property
    def steps(self) -> int:
        """Steps judged in this session."""
        ...

    @property
    def on_target(self) -> int:
        """Of them on target."""
        ...

    @property
    def last(self) -> Literal["on_target", "off_target"] | None:
        """The last judged step."""
        ...

    @property
    def refusal(self) -> str:
        """Why a session cannot begin now; empty: it can."""
        ...


class Practice(Protocol):
    """Short sessions with a cue for the steps of the affected leg."""

    def start(self, minutes: float | None = None) -> PracticeState:
        """Begin a session; it ends by itself. Raises an `EdgeError` with `reason`."""
        ...

    def stop(self) -> PracticeState:
        """End it now."""
        ...

    def state(self) -> PracticeState:
        """Return what is shown."""
        ...


class Cues(Protocol):
    """The cues' mute, as the button on the Pi works it, and their practice."""

    @property
    def muted(self) -> bool:
        """Whether cues are muted now."""
        ...

    @property
    def practice(self) -> Practice:
        """Practice sessions."""
        ...

    def press_mute(self) -> bool:
        """Mute, or end a mute; return whether they are muted now."""
        ...


class Session(Protocol):
    """A guided session; see `edge.exercises.guide.GuidedSession`."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to come."""
        ...

    def state(self, now_ns: int) -> GuideState:
        """Return what a screen shows."""
        ...

    def go_on(self, now_ns: int) -> None:
        """End a rest early."""
        ...

    def mark_done(self, now_ns: int) -> None:
        """Take the patient's word that the set is done."""
        ...


class ExerciseGuide(Protocol):
    """What recognises exercises and leads through them: `edge.exercises.watch.ExerciseWatch`."""

    @property
    def session(self) -> Session | None:
        """The last session begun."""
        ...

    def begin(self, dose: wire.Dose, now_ns: int) -> object:
        """Begin a session."""
        ...

    def take_words(self) -> list[Word]:
        """Return what is to be said since the last call."""
        ...

    def stop(self, now_ns: int) -> None:
        """End the session now."""
        ...


class Reminders(Protocol):
    """Gentle reminders, such as of long sitting; the patient can switch them off."""

    def reminder(self) -> str | None:
        """Return the name of the habit to be reminded of now: a value of `wire.Habit.habit`."""
        ...
