"""What the report needs of single strides, folded as they are read: 540 000 in 90 days.

Counts by day, stretch of walking and orthosis; drags by minutes into the stretch; pitch angles. A
stretch is a bout with those that continue it.
"""

from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pipeline.report.intervals import Cluster
from pipeline.report.span import Span
from pipeline.summary import Row

__all__ = [
    "LAST_MINUTE",
    "PITCHES",
    "Stretch",
    "StrideFold",
    "Sums",
    "quantiles",
    "stretches",
]

PITCHES: Final = ("pitch_at_toe_off_deg", "max_dorsiflexion_deg", "pitch_at_contact_deg")
_FIELDS: Final = ("toe_drag", "valid_swing", "orthosis")
_COMPARED: Final = ("strike", "pitch_at_contact_deg")
LAST_MINUTE: Final = 15
"""Minutes into a stretch from here on are counted together."""
_CONTINUES_NS: Final = 5 * 10**9
"""A bout that continues another begins within a slow stride (4 s) of its end."""
_NO_DRAG: Final = (None, "none")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Uninterrupted walking on one device."""

    device: str
    start_ns: int
    stop_ns: int


def stretches(bouts: Sequence[Row]) -> list[Stretch]:
    """Return the stretches of walking of bouts, ascending by device and time."""
    found: list[Stretch] = []
    continues = False
    for bout in sorted(bouts, key=lambda row: (row["device"] or "", row["time_ns"])):
        device, start_ns = bout["device"] or "", bout["time_ns"]
        stop_ns = start_ns + int((bout["duration_s"] or 0.0) * 1e9)
        last = found[-1] if found else None
        if last and continues and last.device == device and start_ns - last.stop_ns < _CONTINUES_NS:
            found[-1] = Stretch(device, last.start_ns, stop_ns)
        else:
            found.append(Stretch(device, start_ns, stop_ns))
        continues = bool(bout["continues"])
    return found


@dataclass(slots=True)
class Sums:
    """Counts over some strides of one side; known strikes and pitch only where it compares."""

    strides: int = 0
    valid_swings: int = 0
    drags: int = 0
    known_strikes: int = 0
    heel_first: int = 0
    pitch_strides: int = 0
    pitch_sum_deg: float = 0.0

    def add(self, other: "Sums") -> None:
        """Add the counts of other strides."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


class _Where:
    """Finds the stretch of a stride; times of one device ascend."""

    def __init__(self, found: Sequence[Stretch]) -> None:
        self._starts: dict[str, list[int]] = defaultdict(list)
        self._all: dict[str, list[tuple[int, Stretch]]] = defaultdict(list)
        for number, stretch in enumerate(found):
            self._starts[stretch.device].append(stretch.start_ns)
            self._all[stretch.device].append((number, stretch))

    def of(self, device: str, time_ns: int) -> tuple[int, Stretch] | None:
        index = bisect_right(self._starts.get(device, ()), time_ns) - 1
        if index < 0:
            return None
        number, stretch = self._all[device][index]
        return (number, stretch) if time_ns <= stretch.stop_ns else None


Key = tuple[str, str, int, int]


@dataclass(slots=True)
class StrideFold:
    """Folds strides as they are read.

    Attributes
    ----------
    compares : bool
        Landings and pitch are counted by orthosis, too: more to be read.
    sums : dict
        Counts by (side, orthosis or "", day number, stretch number or -1 outside of any).
    minutes : dict
        [valid swings, drags] by (side, day number, minute into the stretch).
    pitches : dict
        Pitch [deg] of valid swings of the later period, by (side, name of `PITCHES`).
    """

    span: Span
    bouts: Sequence[Row]
    compares: bool = True
    sums: dict[Key, Sums] = field(default_factory=lambda: defaultdict(Sums))
    minutes: dict[tuple[str, int, int], list[int]] = field(
        default_factory=lambda: defaultdict(lambda: [0, 0])
    )
    pitches: dict[tuple[str, str], "array[float]"] = field(
        default_factory=lambda: defaultdict(lambda: array("d"))
    )
    _where: _Where = field(init=False)

    def __post_init__(self) -> None:
        self._where = _Where(stretches(self.bouts))

    def fields(self, start_ns: int, stop_ns: int) -> tuple[str, ...]:
        """Return what has to be read of the strides of these days, beside time and tags."""
        days = range(self.span.index(start_ns), self.span.index(stop_ns - 1) + 1)
        compared = _COMPARED if self.compares else ()
        later = PITCHES if set(days) & set(self.span.periods[1]) else ()
        return tuple(dict.fromkeys((*_FIELDS, *compared, *later)))

    def add(self, strides: Iterable[Row]) -> None:
        """Take in strides of the span."""
        later = self.span.periods[1]
        for row in strides:
            time_ns, side = row["time_ns"], row["side"]
            day = self.span.index(time_ns)
            found = self._where.of(row["device"] or "", time_ns)
            sums = self.sums[side, row["orthosis"] or "", day, found[0] if found else -1]
            valid, drag = bool(row["valid_swing"]), row["toe_drag"] not in _NO_DRAG
            _count(sums, row, valid, drag)
            if valid and found:
                minute = min(LAST_MINUTE, (time_ns - found[1].start_ns) // (60 * 10**9))
                counts = self.minutes[side, day, minute]
                counts[0] += 1
                counts[1] += drag
            if valid and day in later:
                self._keep_pitches(side, row)

    def _keep_pitches(self, side: str, row: Row) -> None:
        for name in PITCHES:
            if (pitch := row[name]) is not None:
                self.pitches[side, name].append(pitch)

    def by_orthosis(self, side: str) -> dict[str, Sums]:
        """Return the counts of a side by what was worn; "" where it is not known."""
        totals: dict[str, Sums] = defaultdict(Sums)
        for (of_side, orthosis, _, _), sums in sorted(self.sums.items()):
            if of_side == side:
                totals[orthosis].add(sums)
        return dict(totals)

    def days_of(self, side: str, orthosis: str) -> dict[int, Sums]:
        """Return the counts by day number."""
        return self._clusters(side, orthosis, 2)

    def stretches_of(self, side: str, orthosis: str) -> dict[int, Sums]:
        """Return the counts by stretch of walking; strides outside of any are left out."""
        found = self._clusters(side, orthosis, 3)
        found.pop(-1, None)
        return found

    def _clusters(self, side: str, orthosis: str, part: int) -> dict[int, Sums]:
        totals: dict[int, Sums] = defaultdict(Sums)
        for key, sums in sorted(self.sums.items()):
            if key[:2] == (side, orthosis):
                totals[int(key[part])].add(sums)
        return dict(totals)

    def minute_clusters(self, side: str, minutes: range) -> list[Cluster]:
        """Return drags of valid swings in these minutes of a stretch, by day."""
        totals: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        for (of_side, day, minute), (swings, drags) in sorted(self.minutes.items()):
            if of_side == side and minute in minutes:
                totals[day][0] += swings
                totals[day][1] += drags
        return [Cluster(drags, swings) for swings, drags in totals.values()]


def _count(sums: Sums, row: Mapping[str, Any], valid: bool, drag: bool) -> None:
    sums.strides += 1
    if valid:
        sums.valid_swings += 1
        sums.drags += drag
    strike = row.get("strike")
    if strike != "unknown" and strike is not None:
        sums.known_strikes += 1
        sums.heel_first += strike == "heel"
    if (pitch := row.get("pitch_at_contact_deg")) is not None:
        sums.pitch_strides += 1
        sums.pitch_sum_deg += pitch


def quantiles(values: Sequence[float], shares: Sequence[float]) -> list[float]:
    """Return quantiles of at least one value, linear between neighbours (Hyndman and Fan's 7th)."""
    ordered = sorted(values)
    last = len(ordered) - 1
    found = []
    for share in shares:
        below = int(share * last)
        above = min(below + 1, last)
        part = share * last - below
        found.append(ordered[below] + part * (ordered[above] - ordered[below]))
    return found
