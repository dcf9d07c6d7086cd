"""A patient's record: what holds at which time."""

from datetime import date
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import wire
from pipeline.care.days import day_span, iso, iso_end
from pipeline.care.edits import add_dose, add_note, remove_dose, set_values
from pipeline.care.errors import CareError
from pipeline.care.moments import parse_end, parse_moment
from pipeline.care.orthoses import add_wearings, place_span, remove_span, touched
from pipeline.care.record import SIDES, Note, PatientRecord, Span, Worn

HOUR = 3600 * 10**9
DAY = 24 * HOUR
PATIENT = "p0123456789ab"
EMPTY = PatientRecord(patient=PATIENT, zone="Europe/Berlin")
MARCH = parse_moment("2026-03-01", "Europe/Berlin")
TAPS = wire.Dose(exercise="toe_taps", side="left", sets=3, repetitions=10, days=("mon", "fri"))

sides = st.sampled_from([None, "left", "right"])
orthoses = st.sampled_from(["none", "afo", "fes"])
hours = st.integers(0, 400).map(lambda hour: MARCH + hour * HOUR)


@st.composite
def records(draw: st.DrawFn) -> PatientRecord:
    """A record with spans that do not overlap, and words of the patient."""
    record = EMPTY
    for _ in range(draw(st.integers(0, 4))):
        since_ns, length = draw(hours), draw(st.none() | st.integers(1, 200))
        until_ns = None if length is None else since_ns + length * HOUR
        span = Span(orthosis=draw(orthoses), since_ns=since_ns, until_ns=until_ns, side=draw(sides))
        try:
            record = place_span(record, span)
        except CareError:
            continue
    said = draw(st.lists(st.builds(Worn, time_ns=hours, orthosis=orthoses, side=sides), max_size=8))
    return add_wearings(record, said)


@given(records(), hours, hours, st.sampled_from(SIDES))
def test_periods_say_what_holds_at_every_moment(record, one, other, side):
    start_ns, stop_ns = min(one, other), max(one, other) + HOUR
    periods = record.periods(start_ns, stop_ns, side)
    assert [p.start_ns for p in periods] == [start_ns, *(p.stop_ns for p in periods[:-1])]
    assert periods[-1].stop_ns == stop_ns
    for period in periods:
        for time_ns in range(period.start_ns, period.stop_ns, HOUR):
            assert record.orthosis_at(time_ns, side) == period.orthosis
    for before, after in pairwise(periods):
        assert before.orthosis != after.orthosis


@given(records(), records())
def test_what_is_touched_is_exactly_what_differs(old, new):
    found = touched(old, new)
    for hour in range(-24, 700):
        time_ns = MARCH + hour * HOUR
        differs = any(old.orthosis_at(time_ns, s) != new.orthosis_at(time_ns, s) for s in SIDES)
        inside = any(a <= time_ns and (b is None or time_ns < b) for a, b in found)
        assert differs == inside


@given(records())
def test_marks_have_times_of_their_own_in_order(record):
    times = [mark.time_ns for mark in record.marks()]
    assert times == sorted(set(times))


@given(st.lists(st.builds(Worn, time_ns=hours, orthosis=orthoses, side=sides), max_size=30))
def test_words_of_the_patient_may_come_in_any_order_and_twice(said):
    latest = {(worn.time_ns, worn.side): worn for worn in said}
    said = list(latest.values())
    at_once = add_wearings(EMPTY, said)
    one_by_one = EMPTY
    for worn in [*reversed(said), *said]:
        one_by_one = add_wearings(one_by_one, [worn])
    assert at_once == one_by_one


def test_the_patients_word_wins_until_the_local_day_ends():
    record = place_span(EMPTY, Span(orthosis="afo", since_ns=MARCH))
    record = add_wearings(record, [Worn(time_ns=MARCH + 9 * HOUR, orthosis="fes")])
    assert record.orthosis_at(MARCH + 8 * HOUR, "left") == "afo"
    assert record.orthosis_at(MARCH + 9 * HOUR, "left") == "fes"
    assert record.orthosis_at(MARCH + DAY - 1, "left") == "fes"
    assert record.orthosis_at(MARCH + DAY, "left") == "afo"
    assert record.orthosis_at(MARCH - 1, "left") is None


def test_one_foots_word_says_nothing_of_the_other():
    record = add_wearings(EMPTY, [Worn(time_ns=MARCH, orthosis="fes", side="left")])
    assert record.orthosis_at(MARCH, "left") == "fes"
    assert record.orthosis_at(MARCH, "right") is None
    assert record.orthosis_at(MARCH, None) is None


@pytest.mark.parametrize(("day", "length"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_day_with_a_clock_change_is_shorter_or_longer(day, length):
    start_ns, stop_ns = day_span(date.fromisoformat(day), "Europe/Berlin")
    assert stop_ns - start_ns == length * HOUR
    record = add_wearings(EMPTY, [Worn(time_ns=start_ns, orthosis="fes")])
    assert record.orthosis_at(stop_ns - 1, "left") == "fes"
    assert record.orthosis_at(stop_ns, "left") is None


def test_marks_show_changes_of_what_is_known_only():
    record = place_span(EMPTY, Span(orthosis="afo", since_ns=MARCH, side="left"))
    words = [
        Worn(time_ns=MARCH + (24 * day + 9) * HOUR, orthosis="afo", side="left") for day in range(5)
    ]
    record = add_wearings(record, words)
    record = add_wearings(record, [Worn(time_ns=MARCH + 7 * DAY, orthosis="none", side="left")])
    marks = [(mark.time_ns, mark.title) for mark in record.marks()]
    assert marks == [
        (MARCH, "brace (AFO)"),
        (MARCH + 7 * DAY, "without orthosis"),
        (MARCH + 8 * DAY, "brace (AFO)"),
    ]


def test_marks_at_one_time_are_told_apart():
    record = add_note(EMPTY, "first", MARCH)
    record = add_note(record, "second", MARCH)
    record = place_span(record, Span(orthosis="afo", since_ns=MARCH))
    assert [(mark.time_ns - MARCH, mark.what) for mark in record.marks()] == [
        (0, "note"),
        (1, "note"),
        (2, "orthosis"),
    ]


def test_the_plan_of_a_day_is_the_one_it_ended_with():
    record = add_dose(EMPTY, TAPS, MARCH + 10 * HOUR)
    record = add_dose(
        record, wire.Dose(exercise="heel_walk", sets=1, seconds=60.0), MARCH + 2 * DAY
    )
    record = remove_dose(record, "toe_taps", None, MARCH + 4 * DAY)
    assert record.plan_at(date(2026, 2, 28)) == ()
    assert record.plan_at(date(2026, 3, 1)) == (TAPS,)
    assert record.due_on(date(2026, 3, 1)) == ()  # a Sunday
    assert record.due_on(date(2026, 3, 2)) == (TAPS,)
    assert [dose.exercise for dose in record.plan_at(date(2026, 3, 3))] == ["toe_taps", "heel_walk"]
    assert [dose.exercise for dose in record.plan] == ["heel_walk"]


def test_the_baseline_begins_with_the_day_that_was_set():
    record = set_values(EMPTY, {"baseline_since": "2026-03-10"})
    assert not record.counts_for_baseline(date(2026, 3, 9))
    assert record.counts_for_baseline(date(2026, 3, 10))


# -- what is refused ----------------------------------------------------------------------------


def span(begin: str, end: str = "", orthosis: wire.Orthosis = "afo", side: object = None) -> Span:
    until_ns = parse_end(end, EMPTY.zone) if end else None
    since_ns = parse_moment(begin, EMPTY.zone)
    return Span(orthosis=orthosis, since_ns=since_ns, until_ns=until_ns, side=side)  # type: ignore[arg-type] # a side


def test_an_overlap_is_refused_with_the_command_that_resolves_it():
    record = place_span(EMPTY, span("2026-03-01", "2026-03-31"))
    with pytest.raises(CareError) as refused:
        place_span(record, span("2026-03-20", orthosis="fes", side="left"))
    assert refused.value.problem == "overlaps afo, 2026-03-01 to 2026-03-31"
    command = f"patients orthosis {PATIENT} afo --from 2026-03-01 --to 2026-03-19"
    assert refused.value.remedy == f"End that one first: heelfirst {command}"
    ended = place_span(record, span("2026-03-01", "2026-03-19"))  # what the remedy says
    assert len(ended.spans) == 1
    both = place_span(ended, span("2026-03-20", orthosis="fes", side="left"))
    assert both.orthosis_at(parse_moment("2026-03-20", EMPTY.zone), "left") == "fes"


def test_an_overlap_with_a_later_span_names_its_removal():
    record = place_span(EMPTY, span("2026-03-10", "2026-03-12", side="right"))
    with pytest.raises(CareError, match=r"remove --from 2026-03-10 --side right"):
        place_span(record, span("2026-03-01"))
    left = remove_span(record, parse_moment("2026-03-10", EMPTY.zone), "right")
    assert left.spans == ()


def test_an_open_end_is_ended_by_the_next_open_span_alone():
    record = place_span(EMPTY, span("2026-03-01"))
    record = place_span(record, span("2026-03-10", orthosis="fes"))
    assert record.spans[0].until_ns == record.spans[1].since_ns
    with pytest.raises(CareError, match="overlaps fes"):
        place_span(record, span("2026-03-20", "2026-03-22"))
    with pytest.raises(CareError, match="overlaps fes"):
        place_span(record, span("2026-03-20", side="left"))


def test_a_span_ends_after_its_begin():
    with pytest.raises(CareError, match="not after its begin"):
        place_span(EMPTY, span("2026-03-10", "2026-03-01"))


def test_a_span_that_does_not_begin_then_cannot_be_removed():
    with pytest.raises(CareError, match="Spans begin: none"):
        remove_span(EMPTY, MARCH, None)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"dargs": "7"}, "Did you mean drags?"),
        ({"xyz": "7"}, "Known are: affected,"),
        ({"drags": "0"}, "drags cannot be '0'"),
        ({"drags": "many"}, "drags=default"),
        ({"drags_share": "nan"}, "drags_share cannot be"),
        ({"drags": "60"}, "can never be reached"),
        ({"clear_share": "0.3"}, "raised and cleared at once"),
        ({"zone": "Berlin"}, "Did you mean Europe/Berlin?"),
        ({"zone": "Europe/Berlni"}, "Did you mean Europe/Berlin?"),
        ({"zone": "q9"}, "Give an IANA name"),
        ({"affected": "lefft"}, "Did you mean left?"),
        ({"consent_until": "soon"}, "no day or time"),
        ({"baseline_since": "1999-12-31"}, "before 2000"),
        ({"pitch_at_contact_deg": "999"}, "pitch_at_contact_deg cannot be"),
    ],
)
def test_a_value_that_cannot_be_is_refused(values, problem):
    with pytest.raises(CareError) as refused:
        set_values(EMPTY, values)
    assert problem in str(refused.value)


def test_default_takes_every_value_back():
    changed = set_values(
        EMPTY,
        {
            "drags": "7",
            "heel_first_percent": "60%",
            "affected": "left",
            "zone": "Asia/Tokyo",
            "consent_until": "2026-12-31",
            "baseline_since": "2026-03-01",
            "pitch_at_contact_deg": "8.5",
        },
    )
    assert changed.targets == wire.Targets(heel_first_percent=60.0, pitch_at_contact_deg=8.5)
    keys = "drags heel_first_percent affected zone consent_until baseline_since"
    back = set_values(changed, dict.fromkeys([*keys.split(), "pitch_at_contact_deg"], "default"))
    assert msgspec.structs.replace(back, zone=EMPTY.zone) == EMPTY


@pytest.mark.parametrize("text", ["", "   ", "x" * 501, "null \x00 byte"])
def test_a_note_that_cannot_be_shown_is_refused(text):
    with pytest.raises(CareError, match="printable characters"):
        add_note(EMPTY, text, MARCH)


def test_a_note_is_one_line():
    record = add_note(EMPTY, " new\n shoe ", MARCH)
    assert record.notes == (Note(time_ns=MARCH, text="new shoe"),)


def test_an_exercise_without_an_amount_is_refused():
    with pytest.raises(CareError, match="--reps or --seconds"):
        add_dose(EMPTY, wire.Dose(exercise="step_ups", sets=1), MARCH)


def test_an_exercise_that_is_not_in_the_plan_cannot_be_removed():
    record = add_dose(EMPTY, TAPS, MARCH)
    with pytest.raises(CareError, match="It holds: toe taps, left: 3 sets of 10, mon fri"):
        remove_dose(record, "toe_taps", "right", MARCH)


def test_a_dose_of_the_same_exercise_and_side_is_replaced():
    record = add_dose(EMPTY, TAPS, MARCH)
    more = msgspec.structs.replace(TAPS, repetitions=12)
    assert add_dose(record, more, MARCH + 1).plan == (more,)
    assert add_dose(record, TAPS, MARCH + 1) == record


@given(st.integers(0, 10**6))
def test_what_is_shown_can_be_typed(minutes):
    time_ns = MARCH + minutes * 60 * 10**9
    zone = "Europe/Berlin"
    back = parse_moment(iso(time_ns, zone).replace(" ", "T"), zone)
    doubled = back - time_ns in (0, -HOUR)  # the hour that clocks go through twice
    assert doubled
    if iso(time_ns, zone) != iso(time_ns - HOUR, zone):
        assert parse_end(iso_end(time_ns, zone).replace(" ", "T"), zone) - time_ns in (0, -HOUR)
