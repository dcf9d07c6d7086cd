"""The FHIR export: valid R4, only known codes, a denominator to every share."""

import re
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle

from pipeline.care.record import PatientRecord
from pipeline.export.fhir import LOINC, OWN_CODES, PGHD_CODES, bundle, code_system
from pipeline.points import MEASUREMENTS, as_row

PATIENT = "p0123456789ab"
RECORD = PatientRecord(patient=PATIENT, zone="Europe/Berlin")
DAY_NS = 1_774_738_800 * 10**9  # 2026-03-29 in Berlin: 23 hours
LOINC_CODES = {"41950-7", "55423-8"}
PGHD = {
    "walkingSpeed",
    "walkingStepLength",
    "walkingAsymmetryPercentage",
    "walkingDoubleSupportPercentage",
    "stepsCadence",
}


def row(name: str, side: str | None, time_ns: int = DAY_NS, **fields: Any) -> dict[str, Any]:
    tags = {"patient": PATIENT, "side": side, "device": "insole-1" if name == "bout" else None}
    return as_row(MEASUREMENTS[name], time_ns, tags, fields)


DAILY = [
    row(
        "daily",
        "both",
        worn_s=36000.0,
        cadence_per_min=88.0,
        bouts=14,
        double_support_percent=31.5,
        double_support_strides=300,
        completeness_percent=98.5,
    ),
    row(
        "daily",
        "left",
        steps=400,
        known_strikes=398,
        heel_first_percent=62.5,
        valid_swings=390,
        drags_per_100_swings=7.25,
        pitch_at_contact_median_deg=4.5,
        pitch_strides=380,
        speed_m_s=0.6,
        stride_length_m=0.9,
        length_strides=100,
    ),
    row(
        "daily",
        "right",
        steps=410,
        known_strikes=410,
        heel_first_percent=99.0,
        valid_swings=400,
        drags_per_100_swings=0.0,
        speed_m_s=0.7,
        stride_length_m=1.0,
        length_strides=300,
    ),
]
HOURLY = [row("hourly", "left", steps=120), row("hourly", "right", steps=121)]
BOUTS = [
    row("bout", None, strides_left=30, strides_right=30, stance_symmetry_index=-14.0),
    row("bout", None, strides_left=70, strides_right=70, stance_symmetry_index=3.0),
    row("bout", None, strides_left=9, strides_right=9),
]


def observations(made: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    found = {}
    for entry in made["entry"]:
        resource = entry["resource"]
        if resource["resourceType"] == "Observation":
            site = resource.get("bodySite", {}).get("coding", [{}])[0].get("code", "")
            found[resource["code"]["coding"][0]["code"], site] = resource
    return found


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return bundle(RECORD, DAILY, HOURLY, BOUTS)


def test_it_is_valid_r4_and_survives_the_round_trip(made):
    parsed = Bundle.model_validate(made)
    assert len(parsed.entry) == len(made["entry"])
    again = Bundle.model_validate_json(parsed.model_dump_json())
    assert again == parsed


def test_the_values(made):
    found = observations(made)
    values = {key: item["valueQuantity"]["value"] for key, item in found.items()}
    assert values == {
        ("41950-7", ""): 810,
        ("55423-8", ""): 241,
        ("walkingSpeed", ""): pytest.approx(0.675),
        ("walkingStepLength", ""): pytest.approx(0.4875),
        ("walkingAsymmetryPercentage", ""): pytest.approx(30.0),
        ("walkingDoubleSupportPercentage", ""): 31.5,
        ("stepsCadence", ""): 88.0,
        ("heel-first-share", "left-foot"): 62.5,
        ("heel-first-share", "right-foot"): 99.0,
        ("toe-drag-rate", "left-foot"): 7.25,
        ("toe-drag-rate", "right-foot"): 0.0,
        ("pitch-at-contact", "left-foot"): 4.5,
    }


def test_a_day_is_a_day_of_the_patients_zone(made):
    period = observations(made)["41950-7", ""]["effectivePeriod"]
    assert period == {"start": "2026-03-28T23:00:00Z", "end": "2026-03-29T22:00:00Z"}


def test_no_code_is_made_up(made):
    own = {concept["code"] for concept in code_system()["concept"]}
    allowed = {LOINC: LOINC_CODES, PGHD_CODES: PGHD, OWN_CODES: own}
    codings = [
        coding
        for item in observations(made).values()
        for concept in (item["code"], *(c["code"] for c in item.get("component", ())))
        for coding in concept["coding"]
    ]
    assert codings
    for coding in codings:
        assert coding["code"] in allowed[coding["system"]], coding


def test_every_share_and_rate_has_its_denominator(made):
    for (code, _), item in observations(made).items():
        if item["valueQuantity"]["code"] in ("%", "/100"):
            parts = {c["code"]["coding"][0]["code"] for c in item.get("component", ())}
            assert "denominator" in parts, code


def test_what_is_not_known_is_no_observation():
    bare = [row("daily", "left", steps=10)]
    assert set(observations(bundle(RECORD, bare, [], []))) == {("41950-7", "")}
    assert observations(bundle(RECORD, [], [], [])) == {}


def test_the_patient_is_the_pseudonym_alone(made):
    (patient,) = (
        e["resource"] for e in made["entry"] if e["resource"]["resourceType"] == "Patient"
    )
    assert set(patient) == {"resourceType", "id", "identifier"}
    assert patient["identifier"][0]["value"] == PATIENT


def test_the_same_rows_give_the_same_bundle_and_every_id_once(made):
    assert bundle(RECORD, DAILY, HOURLY, BOUTS) == made
    urls = [entry["fullUrl"] for entry in made["entry"]]
    assert len(urls) == len(set(urls))
    assert all(re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", url) for url in urls)
