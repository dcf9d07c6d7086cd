"""FHIR R4: a patient's days as Observations, from the rollups alone.

    steps a day          LOINC 41950-7, Number of steps in 24 hour Measured
    steps an hour        LOINC 55423-8, Number of steps in unspecified time Pedometer
    speed, step length,  HL7 Personal Health Records implementation guide (1.0.0-ballot2),
    asymmetry, double      code system observation-pghd-codes
    support, cadence
    heel-first share,    a code system of our own, which the bundle carries: no LOINC code says
    toe-drag rate,         what these are, and none is made up
    pitch at contact

Every share and rate has its denominator as a component, and each day how much of what the device
counted arrived. What is not known gives no Observation; a day without data is no day of zero steps.
The patient is the pseudonym, the device its id. Units are UCUM.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from pipeline.care.record import PatientRecord
from pipeline.points import Row

__all__ = ["OWN_CODES", "PGHD_CODES", "bundle", "code_system"]

Resource = dict[str, Any]
LOINC: Final = "http://loinc.org"
UCUM: Final = "http://unitsofmeasure.org"
PGHD_CODES: Final = "http://hl7.org/fhir/uv/phr/CodeSystem/observation-pghd-codes"
OWN_CODES: Final = "urn:heelfirst:codesystem:gait"
PSEUDONYM: Final = "urn:heelfirst:pseudonym"
DEVICE: Final = "urn:heelfirst:device"
CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, OWN_CODES)
_HOUR_NS: Final = 3600 * 10**9
_ASYMMETRIC_PERCENT: Final = 10.0

_CONCEPTS: Final = {
    "heel-first-share": (
        "Heel-first share",
        "Landings whose first contact is the heel, among landings whose kind is known.",
    ),
    "toe-drag-rate": (
        "Toe drags per 100 swings",
        "Swings in which the forefoot bears load, per 100 swings that could be judged.",
    ),
    "pitch-at-contact": (
        "Foot pitch at initial contact",
        "Angle of the sole to the ground at initial contact, toes up positive; median.",
    ),
    "denominator": ("Denominator", "How many landings, swings or strides the value rests on."),
    "completeness": (
        "Completeness",
        "Strides that arrived among those the device counted in the same hours.",
    ),
    "worn": ("Worn time", "How long the insoles were worn."),
    "left-foot": ("Left foot", "The left foot, as the body site of a value."),
    "right-foot": ("Right foot", "The right foot, as the body site of a value."),
}


class _Kind(NamedTuple):
    """An Observation: its code, the field of a rollup, its unit, what it is a share of."""

    system: str
    code: str
    display: str
    field: str
    unit: str
    of: str = ""
    scale: float = 1.0


_DAILY: Final = (
    _Kind(LOINC, "41950-7", "Number of steps in 24 hour Measured", "steps", "/d"),
    _Kind(PGHD_CODES, "walkingSpeed", "Walking speed", "speed_m_s", "m/s", "length_strides"),
    # Two steps make a stride: over a walk the mean step is half the mean stride.
    _Kind(
        PGHD_CODES,
        "walkingStepLength",
        "Walking step length",
        "stride_length_m",
        "m",
        "length_strides",
        0.5,
    ),
    _Kind(
        PGHD_CODES,
        "walkingDoubleSupportPercentage",
        "Walking double support percentage",
        "double_support_percent",
        "%",
        "double_support_strides",
    ),
    _Kind(PGHD_CODES, "stepsCadence", "Steps cadence", "cadence_per_min", "/min", "bouts"),
)
_SIDED: Final = (
    _Kind(OWN_CODES, "heel-first-share", "", "heel_first_percent", "%", "known_strikes"),
    _Kind(OWN_CODES, "toe-drag-rate", "", "drags_per_100_swings", "/100", "valid_swings"),
    _Kind(
        OWN_CODES,
        "pitch-at-contact",
        "",
        "pitch_at_contact_median_deg",
        "deg",
        "pitch_strides",
    ),
)
_HOURLY: Final = _Kind(
    LOINC, "55423-8", "Number of steps in unspecified time Pedometer", "steps", "{steps}"
)
_ASYMMETRY: Final = _Kind(
    PGHD_CODES, "walkingAsymmetryPercentage", "Walking asymmetry percentage", "", "%"
)


def bundle(
    record: PatientRecord, daily: Sequence[Row], hourly: Sequence[Row], bouts: Sequence[Row]
) -> Resource:
    """Return a Bundle (collection): code system, patient, devices, Observations.

    Parameters
    ----------
    daily, hourly, bouts : sequences of rows
        Of one patient, as a store gives them. The same rows give the same bundle.
    """
    devices = sorted({row["device"] for row in bouts if row["device"]})
    resources = [code_system(), _patient(record.patient)]
    resources += [_device(device) for device in devices]
    resources += _observations(record, daily, hourly, bouts)
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource}
            for resource in resources
        ],
    }


def code_system() -> Resource:
    """Return our own code system, with a definition for every code."""
    return {
        "resourceType": "CodeSystem",
        "id": _id("CodeSystem"),
        "url": OWN_CODES,
        "version": "1",
        "name": "HeelfirstGait",
        "title": "heelfirst gait codes",
        "status": "active",
        "content": "complete",
        "caseSensitive": True,
        "concept": [
            {"code": code, "display": display, "definition": definition}
            for code, (display, definition) in _CONCEPTS.items()
        ],
    }


def _id(*parts: object) -> str:
    return str(uuid.uuid5(_NAMESPACE, "/".join(map(str, parts))))


def _patient(patient: str) -> Resource:
    return {
        "resourceType": "Patient",
        "id": _id("Patient", patient),
        "identifier": [{"system": PSEUDONYM, "value": patient}],
    }


def _device(device: str) -> Resource:
    return {
        "resourceType": "Device",
        "id": _id("Device", device),
        "identifier": [{"system": DEVICE, "value": device}],
    }


def _observations(
    record: PatientRecord, daily: Sequence[Row], hourly: Sequence[Row], bouts: Sequence[Row]
) -> Iterator[Resource]:
    walks = _bouts_by_day(record, bouts)
    for start_ns, sides in _by_time(daily):
        stop_ns = record.day_span(record.day_of(start_ns))[1]
        span = (start_ns, stop_ns)
        both = sides.get("both", {})
        whole = {**both, "steps": _steps(sides)}
        for kind in _DAILY:
            row = whole if whole.get(kind.field) is not None else _mean_of_sides(sides, kind)
            yield from _observation(record.patient, kind, row, span, _day_components(both))
        for kind in _SIDED:
            yield from _sided(record.patient, kind, sides, span)
        if (asymmetric := _asymmetric(walks.get(start_ns, ()))) is not None:
            share, strides = asymmetric
            parts = [_component("denominator", strides, "{strides}")]
            yield _resource(record.patient, _ASYMMETRY, share, span, parts)
    for start_ns, sides in _by_time(hourly):
        row = {"steps": _steps(sides)}
        yield from _observation(record.patient, _HOURLY, row, (start_ns, start_ns + _HOUR_NS), ())


def _by_time(rows: Iterable[Row]) -> Iterator[tuple[int, dict[str, Row]]]:
    times: dict[int, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        times[row["time_ns"]][str(row["side"])] = row
    yield from sorted(times.items())


def _steps(sides: Mapping[str, Row]) -> int | None:
    """Return the landings of both feet; None where nothing was counted.

    With one insole a landing of the other foot is not seen: the sum is of what was.
    """
    counts = [sides[side].get("steps") for side in ("left", "right") if side in sides]
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _mean_of_sides(sides: Mapping[str, Row], kind: _Kind) -> Row:
    """Return the mean of the feet, each weighted by what its number rests on."""
    feet = [sides[side] for side in ("left", "right") if side in sides]
    pairs = [(foot.get(kind.field), foot.get(kind.of) or 0) for foot in feet]
    known = [(value, weight) for value, weight in pairs if value is not None and weight]
    total = sum(weight for _, weight in known)
    if not total:
        return {}
    return {kind.field: sum(v * w for v, w in known) / total, kind.of: total}


def _day_components(row: Row) -> list[Resource]:
    parts = []
    if row.get("worn_s") is not None:
        parts.append(_component("worn", row["worn_s"], "s"))
    if row.get("completeness_percent") is not None:
        parts.append(_component("completeness", row["completeness_percent"], "%"))
    return parts


def _observation(
    patient: str, kind: _Kind, row: Row, span: tuple[int, int], more: Sequence[Resource]
) -> Iterator[Resource]:
    value = row.get(kind.field)
    if value is None:
        return
    parts = list(more)
    if kind.of and row.get(kind.of) is not None:
        parts.insert(0, _component("denominator", row[kind.of], "1"))
    yield _resource(patient, kind, value * kind.scale, span, parts)


def _sided(
    patient: str, kind: _Kind, sides: Mapping[str, Row], span: tuple[int, int]
) -> Iterator[Resource]:
    """Yield an Observation per foot."""
    for side in ("left", "right"):
        row = sides.get(side, {})
        if row.get(kind.field) is None or not row.get(kind.of):
            continue
        parts = [_component("denominator", row[kind.of], "1")]
        yield _resource(patient, kind, row[kind.field], span, parts, side)


def _bouts_by_day(record: PatientRecord, bouts: Iterable[Row]) -> dict[int, list[Row]]:
    days: dict[int, list[Row]] = defaultdict(list)
    for bout in bouts:
        start_ns, _ = record.day_span(record.day_of(bout["time_ns"]))
        days[start_ns].append(bout)
    return days


def _asymmetric(bouts: Sequence[Row]) -> tuple[float, int] | None:
    """Return the share of strides in bouts whose stance differs by over 10 % between the feet."""
    judged = [bout for bout in bouts if bout["stance_symmetry_index"] is not None]
    strides = sum(bout["strides_left"] + bout["strides_right"] for bout in judged)
    if not strides:
        return None
    uneven = sum(
        bout["strides_left"] + bout["strides_right"]
        for bout in judged
        if abs(bout["stance_symmetry_index"]) > _ASYMMETRIC_PERCENT
    )
    return 100.0 * uneven / strides, strides


def _resource(
    patient: str,
    kind: _Kind,
    value: float,
    span: tuple[int, int],
    components: Sequence[Resource],
    side: str = "",
) -> Resource:
    resource = {
        "resourceType": "Observation",
        "id": _id("Observation", patient, kind.code, span[0], side),
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY, "code": "activity"}]}],
        "code": _concept(kind.system, kind.code, kind.display),
        "subject": {"reference": f"urn:uuid:{_id('Patient', patient)}"},
        "effectivePeriod": {"start": _instant(span[0]), "end": _instant(span[1])},
        "valueQuantity": _quantity(value, kind.unit),
    }
    if side:
        resource["bodySite"] = _concept(OWN_CODES, f"{side}-foot")
    return {**resource, "component": list(components)} if components else resource


def _component(code: str, value: float, unit: str) -> Resource:
    return {"code": _concept(OWN_CODES, code), "valueQuantity": _quantity(value, unit)}


def _concept(system: str, code: str, display: str = "") -> Resource:
    name = display or _CONCEPTS[code][0]
    return {"coding": [{"system": system, "code": code, "display": name}]}


def _quantity(value: float, unit: str) -> Resource:
    number = value if isinstance(value, int) else round(value, 6)
    return {"value": number, "unit": unit, "system": UCUM, "code": unit}


def _instant(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
