"""What runs beside the ingester: rollups that must be made again, alerts to notify of, records."""

from collections.abc import Sequence
from typing import Protocol

from pipeline.points import Point

__all__ = ["Annotator", "Companion"]


class Companion(Protocol):
    """Is told of stored points before their receipt goes out, so that no crash can hide one."""

    async def take(self, points: Sequence[Point]) -> None:
        """Return when all that follows from the points is on disk; the same may come again.

        A few refused ones may be among the points. It has to be quick: what takes time is noted
        down and done elsewhere.

        Raises
        ------
        OSError
            It could not be noted down: nothing is receipted, and it is tried again.
        """


class Annotator(Protocol):
    """Adds to points what the patient's record says of their time."""

    async def refresh(self) -> bool:
        """Read what changed in the records; say whether anything did."""

    def annotate(self, points: Sequence[Point]) -> list[Point]:
        """Add to the points' fields, in place; return the points that are different now."""
