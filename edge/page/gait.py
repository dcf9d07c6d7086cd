"""What the feet do at this moment, as one big state, a streak, and two feet with zones."""

from typing import Any, Final, Literal

from edge import wire
from edge.config import Affected
from edge.events import Record
from edge.page.zones import ZoneView
from hw.source import SIDES, Block, Profile, Side
from kernels import GaitEvent

__all__ = ["FRESH_NS", "RECENT_NS", "BigState", "GaitView", "watched_sides"]

BigState = Literal["heel", "flat", "toe", "unsure", "rest", "off", "wait", "nodata"]
FRESH_NS: Final = 3 * 10**9
"""Samples older than this are no data: longer than a radio's usual gap."""
RECENT_NS: Final = 4 * 10**9
"""A landing is shown for so long; the slowest walkers' strides are as long."""
_STRIKES: Final[dict[str, BigState]] = {"heel": "heel", "flat": "flat", "toe": "toe"}


def watched_sides(affected: Affected) -> tuple[Side, ...]:
    """Return the feet whose landings are shown and counted: the affected ones, or both."""
    return (affected,) if affected in ("left", "right") else SIDES


class GaitView:
    """Follows blocks, contacts and wear states; says what to show at a time [monotonic ns].

    Parameters
    ----------
    profile : Profile
        The device's cells.
    affected : {"none", "left", "right", "both"}
    """

    def __init__(self, profile: Profile, affected: Affected) -> None:
        self.watched = watched_sides(affected)
        self.streak = 0
        self.best = 0
        """Of today; who owns the day resets it."""
        self._zones = {side: ZoneView(profile.foot(side)) for side in SIDES}
        self._blocks: dict[Side, Block] = {}
        self._seen_ns: dict[Side, int] = {}
        self._landing: tuple[int, BigState, Side] | None = None
        self._has_landed = False
        self.wear: str | None = None

    def watch(self, affected: Affected) -> None:
        """Take other feet as affected, as the therapist says."""
        if self.watched != watched_sides(affected):
            self.watched, self.streak, self._landing = watched_sides(affected), 0, None
            self._has_landed = False

    def block(self, block: Block, now_ns: int) -> None:
        """Take the newest samples of a foot."""
        if len(block.time_ns):
            self._seen_ns[block.side] = now_ns
            self._blocks[block.side] = block

    def record(self, record: Record, now_ns: int) -> bool:
        """Take a record; return whether it is a landing that is shown."""
        if not isinstance(record, GaitEvent) or record.event != "initial_contact":
            return False
        if record.side not in self.watched:
            return False
        state = _STRIKES.get(record.detail, "unsure")
        self._has_landed |= state != "unsure"
        self._landing = (now_ns, state, record.side)
        if state == "heel":
            self.streak += 1
            self.best = max(self.best, self.streak)
        elif state != "unsure":  # what could not be told neither adds to the streak nor ends it
            self.streak = 0
        return True

    def worn(self, event: wire.Wear) -> None:
        """Take the wearer's state."""
        self.wear = event.state

    def is_recording(self, now_ns: int) -> bool:
        """Whether samples of a foot came lately."""
        return any(now_ns - seen < FRESH_NS for seen in self._seen_ns.values())

    def silent(self, now_ns: int) -> list[Side]:
        """Return the feet that gave samples once, and do not now, while the other one does."""
        if not self.is_recording(now_ns):
            return []
        return [side for side, seen in self._seen_ns.items() if now_ns - seen >= FRESH_NS]

    def now(self, now_ns: int) -> dict[str, Any]:
        """Return the big state and what stands beside it."""
        state, side = self._state(now_ns)
        return {
            "state": state,
            "side": side,
            "walking": self.wear == "walking" and state not in ("nodata", "off"),
            "posture": self.wear if state == "rest" else None,
            "streak": self.streak if self._has_landed else None,
            "best": self.best,
            "silent": self.silent(now_ns),
        }

    def _state(self, now_ns: int) -> tuple[BigState, Side | None]:
        if not self.is_recording(now_ns):
            return "nodata", None
        if self.wear == "off":
            return "off", None
        if self._landing is not None and now_ns - self._landing[0] < RECENT_NS:
            return self._landing[1:]
        if self.wear is None:
            return "wait", None
        return "rest", None

    def feet(self, now_ns: int) -> dict[str, list[int | None] | None]:
        """Return a level per zone and foot; None: no samples of that foot now."""
        return {side: self._levels(side, now_ns) for side in SIDES}

    def _levels(self, side: Side, now_ns: int) -> list[int | None] | None:
        block = self._blocks.get(side)
        if block is None or block.load is None or now_ns - self._seen_ns[side] >= FRESH_NS:
            return None
        return self._zones[side].levels(block.load[-1])
