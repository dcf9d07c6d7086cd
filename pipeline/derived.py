"""Measurements that the pipeline computes, and fields that it adds: their names and types.

`hourly` and `daily` are the same table over an hour or a day of the patient's time zone; the time
is the span's begin. A side's numbers have the tag side = left or right, those of the whole walk
side = both. They and `completeness`, `programme`, `mark` live in the rollups' database, so that a
year is read in one go; `alarms` lives beside the events.
"""

from typing import Final

from pipeline.tables import Field, Measurement

__all__ = ["BOTH", "DERIVED", "ROLLED_UP", "STRIDE_FIELDS"]

BOTH: Final = "both"
"""The side tag of what belongs to both feet."""

STRIDE_FIELDS: Final = (Field("orthosis", str),)
"""none, afo or fes, by the patient's record at the time of the stride; left out: not known."""


def _table(name: str, sided: bool, **types: str) -> Measurement:
    """Return a table; `types` maps one of float, int, bool, str to names, blank between them."""
    known = {"float": float, "int": int, "bool": bool, "str": str}
    fields = [Field(field, known[kind]) for kind, names in types.items() for field in names.split()]
    return Measurement(name, tuple(fields), sided)


_SPAN: Final = {
    "int": (
        "steps strides valid_swings known_strikes heel_first flat toe_first drags near_trips "
        "pitch_strides clearance_strides length_strides double_support_strides risk_strides "
        "bouts symmetry_bouts cv_bouts cues_given cues_suppressed "
        "strides_tallied strides_received"
    ),
    "float": (
        "worn_s walking_s sitting_s trip_risk_minutes trip_risk_known_minutes trip_risk_median "
        "heel_first_percent flat_percent toe_first_percent drags_per_100_swings "
        "pitch_at_contact_median_deg pitch_at_contact_spread_deg "
        "clearance_median_mm clearance_p10_mm clearance_spread_mm clearance_under_10mm_percent "
        "cadence_per_min speed_m_s stride_length_m stride_s_median stance_percent "
        "double_support_percent stance_symmetry_index swing_symmetry_index "
        "stride_time_cv_percent completeness_percent"
    ),
    "str": "orthosis",
}
"""What each name counts, and over what it is a share, says `pipeline.rollup.strides`.

`*_spread_*` is the interquartile range. `completeness_percent` is of `strides_received` among
`strides_tallied`, over the clock hours that the device tallied. `trip_risk_minutes` are those at
the level high, of `trip_risk_known_minutes` at any level. `orthosis` names the one worn for most
strides. worn_s, walking_s, sitting_s, bouts, cadence, double support, symmetry and stride-time CV
are of the side both; cues are counted by the side cued, near-trips by side.
"""

_BASELINE: Final = (
    " heel_first_baseline_low_percent heel_first_baseline_high_percent "
    "drags_baseline_low_per_100_swings drags_baseline_high_per_100_swings "
    "pitch_baseline_low_deg pitch_baseline_high_deg"
)
"""Mean less and plus two standard deviations over the baseline's days; left out before them."""
_DAILY_TYPES: Final = {
    **_SPAN,
    "int": _SPAN["int"] + " baseline_days",
    "float": _SPAN["float"] + _BASELINE,
}

_HOURLY: Final = _table("hourly", sided=True, **_SPAN)
_DAILY: Final = _table("daily", sided=True, **_DAILY_TYPES)

_DAY_HOURS: Final = _table(
    "day_hours",
    sided=True,
    int=" ".join(f"{what}_h{hour:02}" for what in ("valid_swings", "drags") for hour in range(24)),
)
"""One local day by its hours, h07 = 07:00 to 08:00 (an hour that comes twice is summed). Hours
without a valid swing are left out, so that a heat map tells no walking from no drag; InfluxQL
cannot sort times by their hour."""

_COMPLETENESS: Final = _table(
    "completeness",
    sided=False,
    int=(
        "strides_tallied strides_received valid_swings samples samples_lost gaps events_lost "
        "hours_tallied"
    ),
    float="tallied_s worn_s gap_s received_percent samples_received_percent",
)
"""Per device and day: what the device counted against what arrived; `strides_received` are those
of the `hours_tallied`, `tallied_s` is how long the device ran. No tally: no percentage."""

_EXERCISES: Final = ("ankle_dorsiflexion", "heel_walk", "toe_taps", "step_ups")
_PROGRAMME: Final = _table(
    "programme",
    sided=False,
    int=" ".join(
        f"{name}_{what}"
        for name in _EXERCISES
        for what in ("sets_done", "sets_prescribed", "repetitions", "guided")
    ),
    float=" ".join(f"{name}_{what}" for name in _EXERCISES for what in ("seconds", "quality"))
    + " done_percent",
)
"""Per patient and day. Done is counted up to what is prescribed; nothing prescribed: no percent.
A day without any sign of the device has what was prescribed alone: nobody saw what was done."""

_MARK: Final = _table("mark", sided=False, str="what title text")
"""A change of orthosis or programme, or a note: what is orthosis, programme or note."""

_ALARMS: Final = _table(
    "alarms", sided=False, int="severity open_high open_medium open_low open_technical"
)
"""How many alerts of a patient are open, at each change; severity 0 none .. 3 high."""

DERIVED: Final = (_HOURLY, _DAILY, _DAY_HOURS, _COMPLETENESS, _PROGRAMME, _MARK, _ALARMS)
ROLLED_UP: Final = frozenset({"hourly", "daily", "day_hours", "completeness", "programme", "mark"})
"""The measurements of the rollups' database."""
