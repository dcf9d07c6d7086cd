"""What the outbox had to let go, summed until a gap record can be written."""

from dataclasses import dataclass
from typing import Literal

import msgspec

from edge import wire

__all__ = ["GAP", "Loss", "LossKey", "Losses", "priority_of", "what_of"]

LossKey = tuple[str, str, str]
"""Run of the agent, what ("raw", "events", "alerts"), reason."""
GAP = 3
"""Priority of the outbox's own gap records: they are never dropped."""
_MAX_DURATION_S = 864_000.0
_WHAT: tuple[Literal["raw", "events", "alerts"], ...] = ("raw", "events", "alerts", "alerts")
_ALERTS = (wire.Alert, wire.Acknowledge, wire.NearTrip)


def priority_of(event: wire.Event) -> int:
    """Return 1 for events, 2 for alerts, acknowledgements, near-trips; 0 is kept for raw data."""
    return 2 if isinstance(event, _ALERTS) else 1


def what_of(priority: int) -> Literal["raw", "events", "alerts"]:
    """Return the wire's word for a priority."""
    return _WHAT[priority]


@dataclass(frozen=True, slots=True)
class Loss:
    """A number of events of one kind that went for one reason.

    `wall_ns` is the first one's wall time, None where it had none yet.
    """

    key: LossKey
    count: int
    first_ns: int
    last_ns: int
    wall_ns: int | None

    @property
    def boot(self) -> str:
        """The run of the agent that had detected them."""
        return self.key[0]

    def plus(self, other: "Loss") -> "Loss":
        """Return both as one; the wall time is that of `self`."""
        return Loss(
            self.key,
            self.count + other.count,
            min(self.first_ns, other.first_ns),
            max(self.last_ns, other.last_ns),
            self.wall_ns,
        )

    def gap(self) -> wire.Gap:
        """Return the gap record, its time still to be stamped."""
        duration_s = min((self.last_ns - self.first_ns) / 1e9, _MAX_DURATION_S)
        what = msgspec.convert(self.key[1], Literal["raw", "events", "alerts"])
        return wire.Gap(
            seq=1, time_ns=0, what=what, lost=self.count, duration_s=duration_s, reason=self.key[2]
        )

    @classmethod
    def of_gap(cls, key: LossKey, gap: wire.Gap, first_ns: int, wall_ns: int | None) -> "Loss":
        """Return the loss that a gap record tells of."""
        last_ns = first_ns + round(gap.duration_s * 1e9)
        return cls(key, gap.lost, first_ns, last_ns, wall_ns)


class Losses:
    """Losses that are not yet in a gap record."""

    def __init__(self, known: dict[LossKey, Loss] | None = None) -> None:
        self._known: dict[LossKey, Loss] = dict(known or {})

    def __bool__(self) -> bool:
        return bool(self._known)

    def add(self, loss: Loss) -> None:
        """Add a loss to those of the same run, kind and reason."""
        known = self._known.get(loss.key)
        self._known[loss.key] = loss if known is None else known.plus(loss)

    def take(self) -> list[Loss]:
        """Return all losses and forget them."""
        taken = list(self._known.values())
        self._known.clear()
        return taken

    def copy(self) -> "Losses":
        """Return a copy, to go back to after a failed write."""
        return Losses(self._known)
