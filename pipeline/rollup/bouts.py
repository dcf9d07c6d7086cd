"""What the walking bouts of a span say: means weighted by how long each bout was."""

from collections.abc import Sequence
from math import fsum

from pipeline.rollup.rows import Row
from pipeline.tables import FieldValue

__all__ = ["bout_fields"]


def bout_fields(bouts: Sequence[Row]) -> dict[str, FieldValue | None]:
    """Return the fields that come from bouts beginning in the span.

    `bouts` counts walks: a bout that was closed after ten minutes while the walking went on is
    counted once, with its last part. The stride-time CV is a bout's own; over a whole day it would
    measure how differently somebody walks, not how steadily.
    """
    symmetric = [row for row in bouts if row["stance_symmetry_index"] is not None]
    steady = [row for row in bouts if row["stride_time_cv_percent"] is not None]
    return {
        "bouts": sum(not row["continues"] for row in bouts),
        "cadence_per_min": _mean(bouts, "cadence_per_min"),
        "symmetry_bouts": len(symmetric),
        "stance_symmetry_index": _mean(symmetric, "stance_symmetry_index"),
        "swing_symmetry_index": _mean(symmetric, "swing_symmetry_index"),
        "cv_bouts": len(steady),
        "stride_time_cv_percent": _mean(steady, "stride_time_cv_percent"),
    }


def _mean(rows: Sequence[Row], name: str) -> float | None:
    """Return the mean over the rows that know it, weighted by their duration."""
    known = [(row["duration_s"] or 0.0, row[name]) for row in rows if row[name] is not None]
    weight = fsum(duration_s for duration_s, _ in known)
    return fsum(duration_s * value for duration_s, value in known) / weight if weight else None
