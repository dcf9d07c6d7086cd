"""What was walked, by hours of the patient's day: over restarts, clocks, zones, damaged files."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.page.history import Changes, ExerciseDone, History
from edge.page.ledger import MINUTE_NS, QUARTER_NS, Counts, Ledger, total

SECOND = 10**9
BERLIN = ZoneInfo("Europe/Berlin")


def wall(*when: int) -> int:
    return round(datetime(*when, tzinfo=BERLIN).timestamp()) * SECOND


STEP = Counts(steps=1, heel=1)


@given(st.lists(st.integers(0, 86_399), max_size=60), st.integers(0, 86_399))
def test_what_waits_for_the_clock_is_counted_as_if_it_had_been_known(seconds, known_after):
    """Placed by minutes, so within a minute of the quarter that it belongs to."""
    offset_ns = wall(2026, 3, 12)
    always, late = Ledger(), Ledger()
    for second in seconds:
        mono_ns = second * SECOND // MINUTE_NS * MINUTE_NS
        always.add(mono_ns, offset_ns, STEP)
        late.add(mono_ns, None if second < known_after else offset_ns, STEP)
    assert late.unplaced().steps == sum(s < known_after for s in seconds)
    late.place(offset_ns)
    assert late.quarters == always.quarters
    assert late.unplaced() == Counts()


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "UTC"])
@pytest.mark.parametrize("day", [(2026, 3, 12), (2026, 3, 29), (2026, 10, 25)])
def test_every_quarter_of_a_year_belongs_to_one_hour_of_one_day(zone, day):
    """Also where the clocks change, and in zones that are 45 minutes off."""
    place = ZoneInfo(zone)
    ledger = Ledger()
    noon_ns = wall(*day, 12)
    quarters = range(noon_ns // QUARTER_NS - 200, noon_ns // QUARTER_NS + 200)
    for quarter in quarters:
        ledger.add(quarter * QUARTER_NS, 0, STEP)
    days = {datetime.fromtimestamp(q * 900, place).date() for q in quarters}
    assert sum(total(ledger.hours(one, place)).steps for one in days) == len(quarters)


def test_hours_are_the_patients():
    ledger = Ledger()
    ledger.add(wall(2026, 7, 1, 8, 59), 0, STEP)
    ledger.add(wall(2026, 7, 1, 9, 0), 0, STEP)
    hours = ledger.hours(date(2026, 7, 1), BERLIN)
    assert [h.steps for h in hours[7:11]] == [0, 1, 1, 0]


def test_numbers_survive_a_restart(tmp_path):
    path = tmp_path / "page.db"
    history = History(path, "boot")
    done = ExerciseDone(wall(2026, 3, 12, 9), "toe_taps", "left", 30, None)
    changes = Changes({7: Counts(5, 4, 0, 1, 5, 1)}, {3: STEP}, [done], {"language": "de"})
    history.store(changes)
    history.store(changes)
    history.close()
    loaded = History(path, "boot").load()
    assert loaded.ledger.quarters == {7: Counts(5, 4, 0, 1, 5, 1)}
    assert loaded.ledger.waiting == {3: STEP}
    assert loaded.exercises == [done]
    assert loaded.marks == {"language": "de"}


def test_minutes_of_another_boot_are_not_placed(tmp_path):
    history = History(tmp_path / "page.db", "boot 1")
    history.store(Changes(waiting={3: STEP}))
    history.close()
    assert History(tmp_path / "page.db", "boot 2").load().ledger.waiting == {}


def test_forgetting_removes_what_was_before(tmp_path):
    history = History(tmp_path / "page.db", "boot")
    early, late = (ExerciseDone(q * QUARTER_NS, "toe_taps", None, 1, True) for q in (10, 20))
    history.store(Changes({10: STEP, 20: STEP}, None, [early, late]))
    history.store(Changes(forget_before_ns=15 * QUARTER_NS))
    loaded = history.load()
    assert list(loaded.ledger.quarters) == [20]
    assert loaded.exercises == [late]


@pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough" * 40])
def test_damaged_file_is_moved_aside_and_the_history_begins_anew(tmp_path, content):
    path = tmp_path / "page.db"
    path.write_bytes(content)
    history = History(path, "boot")
    history.store(Changes({1: STEP}))
    assert list(history.load().ledger.quarters) == [1]
    assert (tmp_path / "page.db.damaged").exists() == bool(content)


def test_folder_that_cannot_be_written_costs_the_history_only(tmp_path):
    (tmp_path / "file").touch()
    history = History(tmp_path / "file" / "page.db", "boot")
    history.store(Changes({1: STEP}))
    assert list(history.load().ledger.quarters) == [1]


def test_file_is_its_owners_alone(tmp_path):
    History(tmp_path / "page.db", "boot").close()
    assert (tmp_path / "page.db").stat().st_mode & 0o077 == 0
