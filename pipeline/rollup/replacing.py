"""Making a store hold exactly these points: what is not said any more has to go.

Writing a point again overwrites its fields and leaves those it does not name. So a field, or a
whole point, that vanished is removed first; what is stored already is not written again.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypedDict

from pipeline.errors import StoreUnavailable
from pipeline.points import TAGS, Point
from pipeline.store import Store
from pipeline.tables import FieldValue

__all__ = ["EVER", "TimeSpan", "fields_of", "point_of", "remove", "replace"]

_LOG = logging.getLogger(__name__)
_CANNOT_REMOVE: Final = frozenset({404, 405, 501})


class TimeSpan(TypedDict):
    """start_ns <= time < stop_ns."""

    start_ns: int
    stop_ns: int


EVER: Final[TimeSpan] = {"start_ns": 0, "stop_ns": 2**62}
Key = tuple[int, tuple[tuple[str, str], ...]]


def fields_of(row: Mapping[str, Any]) -> dict[str, FieldValue]:
    """Return what a row of a store says: its fields without time, tags and what is missing."""
    apart = ("time_ns", *TAGS)
    return {name: value for name, value in row.items() if value is not None and name not in apart}


def point_of(measurement: str, row: Mapping[str, Any]) -> Point:
    """Return the point that a row of a store was written as."""
    return Point(measurement, _tags(row), fields_of(row), row["time_ns"])


def _tags(row: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((tag, row[tag]) for tag in sorted(TAGS) if row[tag])


async def remove(store: Store, measurement: str, patient: str, start_ns: int, stop_ns: int) -> bool:
    """Remove points; False: this database cannot, and what vanished stays to be seen.

    Raises `StoreUnavailable` where it could, but not now.
    """
    try:
        await store.remove(measurement, patient=patient, start_ns=start_ns, stop_ns=stop_ns)
    except StoreUnavailable as error:
        if error.status not in _CANNOT_REMOVE:
            raise
        _LOG.warning("outdated %s of %s stay: %s", measurement, patient, error)
        return False
    return True


async def replace(
    store: Store,
    patient: str,
    start_ns: int,
    stop_ns: int,
    points: Sequence[Point],
    measurements: Iterable[str],
) -> int:
    """Let these measurements of a patient's span be these points; return how many were written.

    A crash on the way leaves some of the points unwritten: do it again. Raises as `Store.write`.
    """
    names = tuple(measurements)
    span: TimeSpan = {"start_ns": start_ns, "stop_ns": stop_ns}
    stored = await asyncio.gather(*(store.read(name, patient=patient, **span) for name in names))
    due: list[Point] = []
    for name, rows in zip(names, stored, strict=True):
        wanted = {
            (point.time_ns, point.tags): point for point in points if point.measurement == name
        }
        before = {(row["time_ns"], _tags(row)): fields_of(row) for row in rows}
        if _vanished(before, wanted) and await remove(store, name, patient, start_ns, stop_ns):
            before = {}
        due += [point for key, point in wanted.items() if before.get(key) != point.fields]
    if due:
        await store.write(due)
    return len(due)


def _vanished(before: Mapping[Key, Mapping[str, FieldValue]], wanted: Mapping[Key, Point]) -> bool:
    return any(
        key not in wanted or not fields.keys() <= wanted[key].fields.keys()
        for key, fields in before.items()
    )
