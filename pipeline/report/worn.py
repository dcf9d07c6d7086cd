"""Is it worn? How much was worn, received and lost, before anything is said about the gait."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from pipeline.report.material import Material
from pipeline.summary import SIDES, Row

__all__ = ["DeviceUse", "Worn", "look_at_worn"]


@dataclass(frozen=True, slots=True)
class DeviceUse:
    """What one device counted against what arrived; None: it sent no tally.

    Attributes
    ----------
    days : int
        With anything from this device.
    """

    device: str
    days: int
    tallied: int | None
    received: int | None


@dataclass(frozen=True, slots=True)
class Worn:
    """How much there is to judge by.

    Attributes
    ----------
    days, days_with_steps : int
        Of the range; with at least one landing.
    worn_s : tuple of float
        Worn time of each day on which it is known [s].
    landings, valid_swings : dict
        By side.
    walking_s : float or None
        Of all days on which it is known [s].
    tallied, received : int
        Strides, over the clock hours that a device tallied.
    samples, samples_lost : int
        Lost: among so many that came or were lost.
    gaps, gap_s, events_lost
        Reported gaps, their length together [s], events lost for good.
    technical : dict
        Technical alerts raised, by rule.
    not_computed : tuple of int
        Numbers of the days with landings whose daily numbers are not computed yet.
    """

    days: int
    days_with_steps: int
    worn_s: tuple[float, ...]
    landings: dict[str, int]
    valid_swings: dict[str, int]
    walking_s: float | None
    devices: tuple[DeviceUse, ...]
    tallied: int
    received: int
    samples: int
    samples_lost: int
    gaps: int
    gap_s: float
    events_lost: int
    technical: dict[str, int]
    not_computed: tuple[int, ...]

    @property
    def median_h(self) -> float | None:
        """Worn time of the middle day among those with a known one [h]."""
        return median(self.worn_s) / 3600 if self.worn_s else None

    @property
    def silent_sides(self) -> tuple[str, ...]:
        """The feet without a single landing."""
        return tuple(side for side in SIDES if not self.landings[side])


def look_at_worn(material: Material) -> Worn:
    """Return how much was worn, received and lost."""
    days = [material.daily.get(("both", day)) for day in range(len(material.span.days))]
    known = [row for row in days if row is not None]
    walking = [row["walking_s"] for row in known if row["walking_s"] is not None]
    completeness = material.rows["completeness"]
    gaps = material.rows["gap"]
    stepped = {day for _, _, day, _ in material.strides.sums}
    return Worn(
        days=len(days),
        days_with_steps=len(stepped),
        worn_s=tuple(row["worn_s"] for row in known if row["worn_s"] is not None),
        landings=_by_side(material, "strides"),
        valid_swings=_by_side(material, "valid_swings"),
        walking_s=sum(walking) if walking else None,
        devices=_devices(material),
        tallied=_sum(completeness, "strides_tallied"),
        received=_sum(_tallied(completeness), "strides_received"),
        samples=_sum(completeness, "samples"),
        samples_lost=_sum(completeness, "samples_lost"),
        gaps=len(gaps),
        gap_s=sum(row["duration_s"] or 0.0 for row in gaps),
        events_lost=sum(row["lost"] or 0 for row in gaps if row["what"] == "events"),
        technical=_technical(material.rows["alert"]),
        not_computed=tuple(sorted(stepped - {day for _, day in material.daily})),
    )


def _sum(rows: Iterable[Row], name: str) -> int:
    return sum(row[name] or 0 for row in rows)


def _tallied(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row["strides_tallied"] is not None]


def _by_side(material: Material, name: str) -> dict[str, int]:
    totals = dict.fromkeys(SIDES, 0)
    for (side, _, _, _), sums in material.strides.sums.items():
        totals[side] += getattr(sums, name)
    return totals


def _devices(material: Material) -> tuple[DeviceUse, ...]:
    days: dict[str, set[int]] = defaultdict(set)
    tallied: dict[str, list[Row]] = defaultdict(list)
    for name in ("bout", "completeness", "exercise"):
        for row in material.rows[name]:
            days[row["device"] or ""].add(material.span.index(row["time_ns"]))
    for row in _tallied(material.rows["completeness"]):
        tallied[row["device"] or ""].append(row)
    return tuple(
        DeviceUse(
            device,
            len(days[device]),
            _sum(tallied[device], "strides_tallied") if device in tallied else None,
            _sum(tallied[device], "strides_received") if device in tallied else None,
        )
        for device in sorted(days)
    )


def _technical(alerts: Iterable[Row]) -> dict[str, int]:
    raised = {row["id"]: row["rule"] for row in alerts if row["raised"] and row["technical"]}
    return dict(sorted(Counter(raised.values()).items()))
