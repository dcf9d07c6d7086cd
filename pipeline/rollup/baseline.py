"""The personal baseline: what was usual for this patient in the first days of measuring.

Per side, over the first `baseline_days` days (thresholds of the patient's record, counted from
`baseline_since_ns`) with at least 100 valid swings of that side: mean less and plus `baseline_sd`
sample standard deviations of the daily number. The days of the baseline itself, and days before it
is complete, have no band: nothing to compare them with is known yet.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any, Final

from pipeline.care.record import PatientRecord
from pipeline.tables import FieldValue

__all__ = ["BAND_FIELDS", "LEAST_SWINGS", "READ_FIELDS", "Baseline", "baselines"]

LEAST_SWINGS: Final = 100
"""A day with fewer valid swings of a side is no day of its baseline (a proposal, ours)."""
_BANDS: Final = (
    ("heel_first_percent", "heel_first_baseline_{}_percent", 0.0, 100.0),
    ("drags_per_100_swings", "drags_baseline_{}_per_100_swings", 0.0, 100.0),
    ("pitch_at_contact_median_deg", "pitch_baseline_{}_deg", -180.0, 180.0),
)
BAND_FIELDS: Final = (
    "baseline_days",
    *(name.format(end) for _, name, _, _ in _BANDS for end in ("low", "high")),
)
READ_FIELDS: Final = ("valid_swings", *(source for source, _, _, _ in _BANDS), *BAND_FIELDS)
"""What `baselines` and its caller need of the stored days."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The band of one side and the begin of the last day that it rests on."""

    last_day_ns: int
    fields: Mapping[str, FieldValue]

    def on(self, day_start_ns: int) -> Mapping[str, FieldValue]:
        """Return the band's fields for a day: none up to the last day of the baseline."""
        return self.fields if day_start_ns > self.last_day_ns else {}


def baselines(rows: Iterable[Mapping[str, Any]], record: PatientRecord) -> dict[str, Baseline]:
    """Return the baseline of each side that has one, from rows of `daily` in ascending order."""
    days: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row["time_ns"] >= record.baseline_since_ns and _swings(row) >= LEAST_SWINGS:
            days.setdefault(row["side"], []).append(row)
    wanted = record.thresholds.baseline_days
    return {
        side: Baseline(mine[wanted - 1]["time_ns"], _band(mine[:wanted], record))
        for side, mine in days.items()
        if len(mine) >= wanted
    }


def _swings(row: Mapping[str, Any]) -> int:
    return int(row["valid_swings"] or 0)


def _band(days: Sequence[Mapping[str, Any]], record: PatientRecord) -> dict[str, FieldValue]:
    fields: dict[str, FieldValue] = {"baseline_days": len(days)}
    for source, name, least, most in _BANDS:
        values = [row[source] for row in days if row[source] is not None]
        if len(values) < 2:
            continue
        spread = record.thresholds.baseline_sd * stdev(values)
        fields[name.format("low")] = max(least, fmean(values) - spread)
        fields[name.format("high")] = min(most, fmean(values) + spread)
    return fields
