"""Completeness: the strides that a device counted against those that arrived.

The device tallies every clock hour (UTC). Strides are compared over the hours that have a tally;
an hour without one says nothing, neither good nor bad.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import fsum
from typing import Any

from pipeline.points import Point
from pipeline.rollup.rows import DayRows, Row, hour_of
from pipeline.rollup.strides import percent
from pipeline.tables import FieldValue

__all__ = ["Received", "completeness_points"]

_SIDES = ("left", "right")


class Received:
    """How many strides arrived, by device, clock hour and side."""

    def __init__(self, strides: Iterable[Mapping[str, Any]]) -> None:
        self._count = Counter(
            (row["device"], hour_of(row["time_ns"]), row["side"]) for row in strides
        )

    def fields(self, tallies: Sequence[Row], sides: Sequence[str]) -> dict[str, FieldValue | None]:
        """Return strides tallied and received, and the share; without a tally nothing is known."""
        if not tallies:
            return {}
        hours = {(row["device"], hour_of(row["time_ns"])) for row in tallies}
        tallied = sum(row[f"strides_{side}"] or 0 for row in tallies for side in sides)
        received = sum(self._count[device, hour, side] for device, hour in hours for side in sides)
        share = percent(received, tallied)
        return {
            "strides_tallied": tallied,
            "strides_received": received,
            # More than was tallied arrived where a restart cost a part of a tally.
            "completeness_percent": None if share is None else min(100.0, share),
        }


def completeness_points(rows: DayRows, patient: str, received: Received) -> list[Point]:
    """Return one point per device that was seen on this day."""
    tallies, gaps = rows.within(rows.tally), rows.gap
    devices = {row["device"] for kind in (tallies, gaps, rows.within(rows.stride)) for row in kind}
    points = []
    for device in sorted(device for device in devices if device):
        fields = _fields(
            [row for row in tallies if row["device"] == device],
            [row for row in gaps if row["device"] == device],
            received,
        )
        kept = {name: value for name, value in fields.items() if value is not None}
        tags = (("device", device), ("patient", patient))
        points.append(Point("completeness", tags, kept, rows.start_ns))
    return points


def _fields(
    tallies: Sequence[Row], gaps: Sequence[Row], received: Received
) -> dict[str, FieldValue | None]:
    """Return the fields of one device's day."""
    gap_s = fsum(row["duration_s"] or 0.0 for row in gaps)
    fields: dict[str, FieldValue | None] = {"gaps": len(gaps), "gap_s": gap_s}
    fields["hours_tallied"] = len({hour_of(row["time_ns"]) for row in tallies})
    if not tallies:
        return fields
    worn_s = [row["worn_s"] for row in tallies if row["worn_s"] is not None]
    samples, lost = (_total(tallies, name) for name in ("samples", "samples_lost"))
    strides = received.fields(tallies, _SIDES)
    return fields | {
        "strides_tallied": strides["strides_tallied"],
        "strides_received": strides["strides_received"],
        "received_percent": strides["completeness_percent"],
        "valid_swings": _total(tallies, "valid_swings"),
        "samples": samples,
        "samples_lost": lost,
        "samples_received_percent": percent(samples, samples + lost),
        "events_lost": sum(row["events_lost"] or 0 for row in tallies),
        "tallied_s": fsum(row["duration_s"] or 0.0 for row in tallies),
        "worn_s": fsum(worn_s) if worn_s else None,
    }


def _total(tallies: Sequence[Row], name: str) -> int:
    return sum(row[f"{name}_{side}"] or 0 for row in tallies for side in _SIDES)
