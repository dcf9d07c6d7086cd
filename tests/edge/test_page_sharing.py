"""Pause sharing: held back, counted to the last one, told once, over a restart as well."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import wire
from edge.page.sharing import LONGEST_NS, PAUSED, SharingPause

SECOND = 10**9
WALL = 1_790_000_000 * SECOND


def stride(second: float) -> wire.Stride:
    return wire.Stride(seq=1, time_ns=round(second * SECOND), side="left", strike="heel")


def alert(name: str = "drags", raised: bool = True, technical: bool = False) -> wire.Alert:
    return wire.Alert(
        seq=1, time_ns=0, id=name, rule=name, priority="low", raised=raised, technical=technical
    )


@pytest.fixture
def opened(tmp_path):
    """Makes pauses on the same file, each as after a restart."""

    def make(now_s: float = 0.0, clock: str = "boot", **more) -> SharingPause:
        return SharingPause(
            tmp_path / "sharing.json", clock, round(now_s * SECOND), lambda call: call(), **more
        )

    return make


@given(before=st.integers(0, 20), within=st.integers(0, 200), after=st.integers(0, 20))
def test_what_is_within_the_pause_is_held_back_and_counted_exactly(
    tmp_path_factory, before, within, after
):
    path = tmp_path_factory.mktemp("pause") / "sharing.json"
    sharing = SharingPause(path, "boot", 0, lambda call: call())
    kept = [sharing.holds_back(stride(i)) for i in range(before)]
    sharing.pause(100 * SECOND)
    held = [sharing.holds_back(stride(100 + i)) for i in range(within)]
    sharing.resume(400 * SECOND)
    kept += [sharing.holds_back(stride(400 + i)) for i in range(after)]
    (gap,) = sharing.tick(401 * SECOND, WALL)
    assert all(held)
    assert not any(kept)
    assert (gap.what, gap.lost, gap.reason) == ("events", within, PAUSED)
    assert gap.time_ns == 100 * SECOND
    assert gap.duration_s == pytest.approx(301)
    assert list(sharing.tick(402 * SECOND, WALL)) == []
    assert not path.exists()


def test_gap_is_allowed_by_the_wire(opened):
    sharing = opened()
    sharing.pause(SECOND)
    sharing.holds_back(stride(1))
    sharing.resume(5 * SECOND)
    (gap,) = sharing.tick(6 * SECOND, None)
    batch = wire.Batch(device="a", boot="0" * 16, events=(gap,))
    assert wire.decode(wire.encode(batch), wire.Batch) == batch


def test_ends_by_itself_after_twelve_hours(opened):
    sharing = opened()
    sharing.pause(0)
    assert list(sharing.tick(LONGEST_NS - 1, WALL)) == []
    assert sharing.left_s(LONGEST_NS // 2) == 6 * 3600
    (gap,) = sharing.tick(LONGEST_NS, WALL)
    assert not sharing.is_paused
    assert gap.duration_s == 12 * 3600


def test_survives_a_restart_with_its_count_and_its_end(opened):
    first = opened()
    first.tick(0, WALL)
    first.pause(100 * SECOND)
    held = sum(first.holds_back(stride(i)) for i in range(7))
    first.finish(200 * SECOND)
    second = opened(300.0)
    assert second.is_paused
    held += sum(second.holds_back(stride(i)) for i in range(5))
    second.tick(301 * SECOND, WALL)
    second.resume(400 * SECOND)
    (gap,) = second.tick(401 * SECOND, WALL)
    assert gap.lost == held == 12
    assert gap.time_ns == 100 * SECOND


def test_killed_it_loses_no_count_that_a_tick_has_seen(opened):
    killed = opened()
    killed.pause(0)
    for i in range(9):
        killed.holds_back(stride(i))
    killed.tick(SECOND, WALL)
    assert opened(2.0).held == 9


def test_after_a_reboot_the_gap_begins_at_the_wall_time_of_the_tap(opened):
    first = opened(clock="boot 1")
    first.tick(0, WALL)
    first.pause(50 * SECOND)
    first.finish(60 * SECOND)
    second = opened(5.0, clock="boot 2")
    offset_ns = WALL + 3600 * SECOND
    second.tick(6 * SECOND, offset_ns)
    second.resume(7 * SECOND)
    (gap,) = second.tick(8 * SECOND, offset_ns)
    assert gap.time_ns + offset_ns == WALL + 50 * SECOND


def test_after_a_reboot_without_a_clock_the_gap_begins_now(opened):
    first = opened(clock="boot 1")
    first.pause(50 * SECOND)
    first.finish(60 * SECOND)
    second = opened(5.0, clock="boot 2")
    second.resume(7 * SECOND)
    (gap,) = second.tick(8 * SECOND, WALL)
    assert (gap.time_ns, gap.duration_s) == (8 * SECOND, 0.0)


def test_damaged_file_is_a_pause_that_says_it_knows_no_number(opened, tmp_path):
    (tmp_path / "sharing.json").write_bytes(b'{"held": ')
    sharing = opened()
    assert sharing.is_paused
    sharing.resume(SECOND)
    (gap,) = sharing.tick(2 * SECOND, None)
    assert "not known" in gap.reason


def test_file_is_its_owners_alone(opened, tmp_path):
    opened().pause(0)
    assert (tmp_path / "sharing.json").stat().st_mode & 0o777 == 0o600


def test_disk_that_fails_stops_nothing(tmp_path):
    sharing = SharingPause(tmp_path / "no" / "folder.json", "boot", 0, lambda call: call())
    sharing.pause(0)
    assert sharing.holds_back(stride(1))
    sharing.resume(SECOND)
    assert len(list(sharing.tick(2 * SECOND, WALL))) == 1


def test_technical_alerts_and_gaps_go_on(opened):
    sharing = opened()
    sharing.pause(0)
    gap = wire.Gap(seq=1, time_ns=0, what="samples", lost=1, duration_s=1.0, reason="radio")
    assert not sharing.holds_back(gap)
    assert not sharing.holds_back(alert("battery_low", technical=True))
    assert sharing.holds_back(alert())


def test_end_of_an_alert_that_was_sent_is_told_and_of_one_that_was_not_is_not(opened):
    """Else the clinic would go on hearing of an alert that is over."""
    sharing = opened()
    sharing.pause(0)
    sharing.holds_back(alert("within"))
    assert sharing.holds_back(alert("within", raised=False))
    assert not sharing.holds_back(alert("before", raised=False))
    answer = wire.Acknowledge(seq=1, time_ns=0, id="before", by="patient")
    assert not sharing.holds_back(answer)


def test_second_tap_changes_nothing(opened):
    sharing = opened()
    sharing.pause(0)
    sharing.holds_back(stride(1))
    sharing.pause(10 * SECOND)
    assert sharing.held == 1
    sharing.resume(20 * SECOND)
    sharing.resume(21 * SECOND)
    assert len(list(sharing.tick(22 * SECOND, WALL))) == 1


def test_status_says_so(opened):
    sharing = opened()
    assert sharing.facts() == {"is_paused": False}
    sharing.pause(0)
    assert sharing.facts() == {"is_paused": True}
