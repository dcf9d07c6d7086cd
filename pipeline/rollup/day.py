"""All rollups of one patient's day: a function of the stored rows and of what is set, no more."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, tzinfo
from typing import Final

from pipeline.care.days import day_span, zone_info
from pipeline.care.record import PatientRecord
from pipeline.derived import BOTH
from pipeline.points import Point
from pipeline.rollup.bouts import bout_fields
from pipeline.rollup.programme import programme_points
from pipeline.rollup.received import Received, completeness_points
from pipeline.rollup.rows import HOUR_NS, DayRows, Row
from pipeline.rollup.strides import Strides
from pipeline.rollup.wearing import Wearing
from pipeline.tables import FieldValue

__all__ = ["OF_A_DAY", "hours_of", "roll_up"]

OF_A_DAY: Final = ("hourly", "daily", "day_hours", "completeness", "programme")
"""What a day is rolled up into."""
_SIDES: Final = ("left", "right")
_Feet = dict[str, Strides]


def hours_of(start_ns: int, stop_ns: int) -> list[int]:
    """Return the begins of a day's hours: 23 to 25 of them, and a last part of one."""
    return list(range(start_ns, stop_ns, HOUR_NS))


def roll_up(rows: DayRows, record: PatientRecord, day: date) -> list[Point]:
    """Return the points of `OF_A_DAY` for a day, without the baseline's fields.

    What nobody knows is left out: a field, a side, or the whole day.
    """
    return list(_Day(rows, record, day).points())


class _Day:
    def __init__(self, rows: DayRows, record: PatientRecord, day: date) -> None:
        self._rows, self._record, self._day = rows, record, day
        assert day_span(day, record.zone) == (rows.start_ns, rows.stop_ns)
        self._wearing = Wearing.of(rows)
        self._received = Received(rows.stride)
        self._near = Counter[tuple[str, int]]()
        self._cues = Counter[tuple[str, int, bool]]()
        self._feet = [{side: Strides() for side in _SIDES} for _ in self._hours]
        self._sort()

    @property
    def _hours(self) -> list[int]:
        return hours_of(self._rows.start_ns, self._rows.stop_ns)

    def _hour(self, row: Row) -> int:
        return int((row["time_ns"] - self._rows.start_ns) // HOUR_NS)

    def _sort(self) -> None:
        for row in self._rows.within(self._rows.stride):
            if row["side"] in _SIDES:
                self._feet[self._hour(row)][row["side"]].add(row)
        for row in self._rows.near_trip:
            self._near[row["side"], self._hour(row)] += 1
        for row in self._rows.cue:
            self._cues[row["side"], self._hour(row), bool(row["given"])] += 1

    def points(self) -> Iterator[Point]:
        """Yield all points of the day."""
        hours = self._hours
        for number, start_ns in enumerate(hours):
            stop_ns = min(start_ns + HOUR_NS, self._rows.stop_ns)
            feet = self._feet[number]
            yield from self._span("hourly", start_ns, stop_ns, feet, range(number, number + 1))
        whole = {side: Strides.together(feet[side] for feet in self._feet) for side in _SIDES}
        every = range(len(hours))
        yield from self._span("daily", self._rows.start_ns, self._rows.stop_ns, whole, every)
        yield from self._day_hours()
        yield from completeness_points(self._rows, self._record.patient, self._received)
        due = self._record.due_on(self._day)
        yield from programme_points(self._rows, self._record.patient, due)

    def _span(
        self, name: str, start_ns: int, stop_ns: int, feet: _Feet, hours: range
    ) -> Iterator[Point]:
        tallies = [row for row in self._rows.tally if start_ns <= row["time_ns"] < stop_ns]
        for side in _SIDES:
            fields = feet[side].fields() | self._counts((side,), hours)
            fields |= self._received.fields(tallies, (side,))
            if _says_something(fields, ("steps", "near_trips", *_CUES, "strides_tallied")):
                yield self._point(name, side, fields, start_ns)
        bouts = [row for row in self._rows.bout if start_ns <= row["time_ns"] < stop_ns]
        fields = Strides.together(feet.values()).fields() | self._counts(_SIDES, hours)
        fields |= self._received.fields(tallies, _SIDES) | bout_fields(bouts)
        fields |= self._wearing.fields(start_ns, stop_ns)
        is_known = bool(tallies) or fields["worn_s"] is not None
        if is_known or _says_something(fields, ("steps", "walking_s", "near_trips", *_CUES)):
            yield self._point(name, BOTH, fields, start_ns)

    def _counts(self, sides: Sequence[str], hours: range) -> dict[str, FieldValue | None]:
        def cues(given: bool) -> int:
            return sum(self._cues[side, hour, given] for side in sides for hour in hours)

        near_trips = sum(self._near[side, hour] for side in sides for hour in hours)
        return {
            "near_trips": near_trips,
            "cues_given": cues(True),
            "cues_suppressed": cues(False),
        }

    def _day_hours(self) -> Iterator[Point]:
        """Yield the day by the hours of its clock: an hour that comes twice is summed."""
        zone = zone_info(self._record.zone)
        for side in (*_SIDES, BOTH):
            counts = Counter[str]()
            for feet, start_ns in zip(self._feet, self._hours, strict=True):
                clock = _clock_hour(start_ns, zone)
                for one in _SIDES if side == BOTH else (side,):
                    counts[f"valid_swings_h{clock:02}"] += feet[one].valid_swings
                    counts[f"drags_h{clock:02}"] += feet[one].drags
            fields: dict[str, FieldValue | None] = {
                name: count for name, count in counts.items() if counts[_swings(name)]
            }
            if fields:
                yield self._point("day_hours", side, fields, self._rows.start_ns)

    def _point(
        self, name: str, side: str, fields: Mapping[str, FieldValue | None], time_ns: int
    ) -> Point:
        kept = {key: value for key, value in fields.items() if value is not None}
        return Point(name, (("patient", self._record.patient), ("side", side)), kept, time_ns)


_CUES: Final = ("cues_given", "cues_suppressed")


def _swings(name: str) -> str:
    return f"valid_swings_{name.rpartition('_')[2]}"


def _clock_hour(time_ns: int, zone: tzinfo) -> int:
    return datetime.fromtimestamp(time_ns // 10**9, zone).hour


def _says_something(fields: Mapping[str, FieldValue | None], names: Sequence[str]) -> bool:
    return any(fields.get(name) for name in names)
