"""A store in memory: the meaning of `pipeline.store.Store` in a few lines, for many examples."""

from collections.abc import Sequence
from typing import Any

from pipeline.points import Point, as_row, check_point, encode_point, measurement, narrowed


class MemoryStore:
    """Implements `pipeline.store.Store`; `writes` counts the points it was given."""

    def __init__(self) -> None:
        self.points: dict[tuple[str, tuple[tuple[str, str], ...], int], dict[str, Any]] = {}
        self.writes = 0

    async def write(self, points: Sequence[Point]) -> None:
        for point in points:
            check_point(point)
            encode_point(point)
            self.writes += 1
            key = (point.measurement, point.tags, point.time_ns)
            self.points.setdefault(key, {}).update(point.fields)

    async def read(
        self,
        name: str,
        *,
        patient: str | None = None,
        start_ns: int,
        stop_ns: int,
        fields: Sequence[str] = (),
    ) -> list[dict[str, Any]]:
        table = narrowed(measurement(name), fields)
        rows = [
            as_row(table, time_ns, dict(tags), said)
            for (stored, tags, time_ns), said in self.points.items()
            if stored == name
            and start_ns <= time_ns < stop_ns
            and patient in (None, dict(tags).get("patient"))
            and (not fields or any(field in said for field in fields))
        ]
        rows.sort(key=lambda row: (row["time_ns"], row["device"] or "", row["side"] or ""))
        return rows

    async def remove(self, name: str | None, *, patient: str, start_ns: int, stop_ns: int) -> None:
        self.points = {
            (stored, tags, time_ns): said
            for (stored, tags, time_ns), said in self.points.items()
            if not (
                name in (None, stored)
                and dict(tags).get("patient") == patient
                and start_ns <= time_ns < stop_ns
            )
        }

    async def check(self) -> str:
        return "memory"

    async def close(self) -> None:
        return
