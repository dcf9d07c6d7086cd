"""Every stride carries its orthosis, by the patient's record at the time of the stride.

The ingester asks `Orthoses` before it writes, and again after: what was said in between counts
too. Whatever is said later of strides that are stored, `pipeline.care.worker` brings to them.
"""

from collections.abc import Sequence
from typing import Final, get_args

from edge import wire
from pipeline.care.care import Care
from pipeline.care.record import PatientRecord, Worn
from pipeline.points import Point

__all__ = ["FIELD", "GONE", "Orthoses", "orthosis_of"]

FIELD: Final = "orthosis"
GONE: Final = ""
"""In a store, of a stride whose orthosis was known once and is no more; a reader gets None."""
_ORTHOSES: Final = {str(name): name for name in get_args(wire.Orthosis)}
_SIDES: Final = {str(side): side for side in get_args(wire.Side)}


def orthosis_of(record: PatientRecord, side: str | None, time_ns: int) -> str | None:
    """Return what a stride is to carry; None: not known."""
    return record.orthosis_at(time_ns, _SIDES.get(side or ""))


class Orthoses:
    """Marks strides, and takes the patient's own word; a `pipeline.companion.Companion`."""

    def __init__(self, care: Care) -> None:
        self._care = care
        self._seen = 0

    async def refresh(self) -> bool:
        """Read what changed in the records; say whether anything did since the last time."""
        await self._care.refresh()
        changed, self._seen = self._seen != self._care.generation, self._care.generation
        return changed

    def annotate(self, points: Sequence[Point]) -> list[Point]:
        """Give each stride its orthosis, in place; return those whose field is another now."""
        changed = []
        for point in points:
            if point.measurement == "stride":
                tags = dict(point.tags)
                record = self._care.known(tags["patient"])
                before = point.fields.get(FIELD)
                now = orthosis_of(record, tags.get("side"), point.time_ns)
                if before not in (now, now or GONE):
                    point.fields[FIELD] = now or GONE
                    changed.append(point)
        return changed

    async def take(self, points: Sequence[Point]) -> None:
        """Keep what patients said they wear, before its receipt goes out."""
        words: dict[str, list[Worn]] = {}
        for point in points:
            if point.measurement == "wearing":
                tags = dict(point.tags)
                said = Worn(
                    time_ns=point.time_ns,
                    orthosis=_ORTHOSES[str(point.fields[FIELD])],
                    side=_SIDES.get(tags.get("side", "")),
                )
                words.setdefault(tags["patient"], []).append(said)
        if words:
            await self._care.said(words)
