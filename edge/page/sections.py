"""The sections of the page's data, in plain values: the quick ones at each push, the others when
something happened or a second is over."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from edge.page.ports import Cues, ExerciseGuide, Reminders

if TYPE_CHECKING:
    from edge.page.model import PageModel

__all__ = ["Parts", "Sections"]

_WORDS: Final = 8
"""Of a guided session, kept for a screen that was away for a moment."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What else runs in the agent, as far as it is there.

    Attributes
    ----------
    facts : callable
        The agent's status facts (battery), by the field names of `wire.Status`.
    """

    cues: Cues | None = None
    guide: ExerciseGuide | None = None
    reminders: Reminders | None = None
    facts: Callable[[], Mapping[str, Any]] = field(default=dict)


class Sections:
    """Reads the model; `quick` and `slow` return sections by name."""

    def __init__(self, model: "PageModel") -> None:
        self._model = model
        self._parts = model.parts
        self._words: list[dict[str, Any]] = []
        self._spoken = 0

    def quick(self, now_ns: int) -> dict[str, Any]:
        """Return what may change with every block."""
        gait = self._model.gait
        return {
            "now": gait.now(now_ns),
            "feet": gait.feet(now_ns),
            "guide": self._guide(now_ns),
            "cues": self._cues(),
            "practice": self._practice(),
        }

    def slow(self, now_ns: int, wall_ns: int | None) -> dict[str, Any]:
        """Return the rest."""
        model = self._model
        return {
            "watched": list(model.gait.watched),
            "today": model.today.summary(wall_ns),
            "exercises": model.today.exercise_rows(wall_ns),
            "wearing": model.worn_today(wall_ns),
            "alerts": model.alerts.shown(wall_ns),
            "sharing": self._sharing(now_ns, wall_ns),
            "settings": {
                "language": model.language,
                "sound": model.is_on("sound"),
                "reminders": model.is_on("reminders"),
            },
            "reminder": model.reminder,
        }

    def _guide(self, now_ns: int) -> dict[str, Any] | None:
        guide = self._parts.guide
        if guide is None:
            return None
        for word in guide.take_words():
            self._spoken += 1
            self._words = [*self._words[1 - _WORDS :], {"n": self._spoken, **asdict(word)}]
        session = guide.session
        if session is None:
            return {"running": False, "words": self._words}
        state = asdict(session.state(now_ns))
        state["rest_left_s"] = -int(-state["rest_left_s"] // 1)
        state["hold_s"] = round(state["hold_s"], 1)
        state["seconds"] = int(state["seconds"])
        return {"running": not session.is_over, "words": self._words, **state}

    def _cues(self) -> dict[str, Any] | None:
        cues = self._parts.cues
        return None if cues is None else {"muted": bool(cues.muted)}

    def _practice(self) -> dict[str, Any] | None:
        if self._parts.cues is None:
            return None
        state = self._parts.cues.practice.state()
        return {
            "running": state.running,
            "left_s": round(state.remaining_s),
            "steps": state.steps,
            "on_target": state.on_target,
            "last": state.last,
            "refusal": state.refusal,
        }

    def _sharing(self, now_ns: int, wall_ns: int | None) -> dict[str, Any]:
        model, facts = self._model, self._parts.facts()
        left_s = model.sharing.left_s(now_ns)
        ends_ns = None if wall_ns is None or not left_s else wall_ns + int(left_s * 1e9)
        raw_ns = model.share_raw_until_ns
        return {
            "paused": model.sharing.is_paused,
            "until": None if ends_ns is None else ends_ns // (60 * 10**9) * 60_000,
            "hours_left": round(left_s / 3600, 1),
            "held": model.sharing.held,
            "waiting": model.agent.waiting,
            "connected": model.agent.connected,
            "to": model.config.broker.host,
            "encrypted": model.config.broker.encrypted,
            "page_open": model.config.page.is_open,
            "recording": model.gait.is_recording(now_ns),
            "worn": model.gait.wear,
            "battery": [_percent(facts.get(f"battery_{s}_percent")) for s in ("left", "right")],
            "raw_until": raw_ns // 10**6 if raw_ns and raw_ns > (wall_ns or 0) else None,
            "screens": model.screens,
        }


def _percent(value: Any) -> int | None:
    return round(value) if isinstance(value, (int, float)) else None
