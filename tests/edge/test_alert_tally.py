"""Hourly tallies: exact, in the hour of the event's own time, nothing twice over a restart."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from alert_rig import MORNING_NS, SECOND
from hypothesis import given
from hypothesis import strategies as st

from edge import wire
from edge.alerts import Keeper, Tally
from edge.alerts.tally import HOUR_NS, PART_NS
from edge.companions import Companions
from hw.source import Block

HOUR = 3600


class Counting:
    """A tally on a simulated clock; `kill` and `boot` as of an agent and a machine."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "tally.json"
        self.now_ns = 500 * SECOND
        self.offset_ns: int | None = MORNING_NS - self.now_ns
        self.clock_name = "one"
        self.dropped = 0
        self.is_paused = False
        self.points: dict[int, wire.Tally] = {}
        """By wall time: what the store would hold."""
        self.start()

    def start(self) -> None:
        keeper = Keeper(self.path, threaded=False)
        self.dropped = 0
        self.tally = Tally(
            self.path,
            self.clock_name,
            dropped=lambda: self.dropped,
            is_paused=lambda: self.is_paused,
            keeper=keeper,
        )
        self.companions = Companions([self.tally], self._emit)
        self.tick(0)

    def _emit(self, event: wire.Event) -> None:
        assert isinstance(event, wire.Tally) and self.offset_ns is not None
        time_ns = (event.time_ns + self.offset_ns) // PART_NS * PART_NS  # the outbox adds some ns
        before = self.points.get(time_ns)
        if before is not None:  # the same point again: with the same numbers
            assert before.strides_left == event.strides_left
            assert before.samples_left == event.samples_left
        self.points[time_ns] = event

    def kill(self) -> None:
        self.start()

    def boot(self) -> None:
        assert self.offset_ns is not None
        wall_ns = self.now_ns + self.offset_ns + 60 * SECOND
        self.clock_name += "+"
        self.now_ns = 5 * SECOND
        self.offset_ns = wall_ns - self.now_ns
        self.start()

    def tick(self, seconds: float = 1.0) -> None:
        self.now_ns += round(seconds * SECOND)
        self.companions.tick(self.now_ns, self.offset_ns)
        assert self.companions.failures == 0

    def see(self, event: wire.Event) -> None:
        self.companions.event(event, self.now_ns)

    def stride(self, ago_s: float = 0.0, drag: str = "none", side: wire.Side = "left") -> None:
        self.see(
            wire.Stride(
                seq=1,
                time_ns=self.now_ns - round(ago_s * SECOND),
                side=side,
                strike="heel",
                toe_drag=drag,
                valid_swing=True,
            )
        )

    def finish(self) -> None:
        self.companions.finish(self.now_ns)

    def end(self) -> None:
        """Stop, and start again when all hours are over: what was kept is told."""
        self.finish()
        self.now_ns += 3 * HOUR_NS
        self.start()

    def hours(self, name: str) -> dict[int, float]:
        """Sums by hours since eight o'clock."""
        sums: Counter[int] = Counter()
        for time_ns, tally in self.points.items():
            value = getattr(tally, name)
            if value:
                sums[(time_ns - MORNING_NS) // HOUR_NS] += value
        return dict(sums)


@pytest.fixture
def counting(tmp_path: Path) -> Counting:
    return Counting(tmp_path)


def test_an_hour_is_told_when_it_is_over_and_nothing_can_come_late(counting: Counting):
    counting.stride(drag="scuff")
    counting.stride(side="right")
    counting.tick(HOUR + 600)
    assert counting.points == {}
    counting.tick(61)
    ((time_ns, tally),) = counting.points.items()
    assert time_ns == MORNING_NS + PART_NS
    assert (tally.strides_left, tally.strides_right) == (1, 1)
    assert (tally.valid_swings_left, tally.drags_left, tally.drags_right) == (1, 1, 0)
    assert tally.duration_s == 3600.0
    assert tally.worn_s is None


def test_a_stride_counts_in_its_own_hour(counting: Counting):
    counting.tick(HOUR + 5)
    counting.stride(ago_s=10)
    counting.stride(ago_s=2)
    counting.end()
    assert counting.hours("strides_left") == {0: 1, 1: 1}


def test_strides_of_a_pause_are_nobodys_business(counting: Counting):
    counting.stride()
    counting.is_paused = True
    counting.stride()
    counting.is_paused = False
    counting.stride()
    counting.end()
    assert counting.hours("strides_left") == {0: 2}


def test_samples_gaps_and_dropped_events(counting: Counting):
    counting.companions.block(
        Block("left", np.arange(7) + counting.now_ns, None, None), counting.now_ns
    )
    gap = {"seq": 1, "time_ns": counting.now_ns, "duration_s": 1.0, "reason": "radio"}
    counting.see(wire.Gap(side="right", what="samples", lost=12, **gap))
    counting.see(wire.Gap(what="events", lost=3, **gap))
    counting.dropped = 4
    counting.tick(1)
    counting.tick(1)
    counting.end()
    (tally,) = counting.points.values()
    assert (tally.samples_left, tally.samples_lost_right, tally.events_lost) == (7, 12, 7)


def test_worn_time_by_the_hours(counting: Counting):
    def wear(state: str) -> None:
        counting.see(wire.Wear(seq=1, time_ns=counting.now_ns, state=state))

    wear("off")
    counting.tick(1800)
    wear("walking")
    counting.tick(HOUR)
    wear("sitting")
    counting.tick(HOUR)
    wear("off")
    counting.tick(1800)
    counting.end()
    assert counting.hours("worn_s") == {0: 1800, 1: 3600, 2: 1800}
    assert counting.points[MORNING_NS + 2 * HOUR_NS + PART_NS].duration_s == 3600.0


def test_a_clock_that_becomes_known_later(counting: Counting):
    offset_ns, counting.offset_ns = counting.offset_ns, None
    counting.start()
    counting.stride()
    counting.tick(3 * HOUR)
    counting.stride()
    counting.offset_ns = offset_ns
    counting.tick(1)
    counting.end()
    assert sum(counting.hours("strides_left").values()) == 2
    assert sum(counting.hours("duration_s").values()) == 3 * HOUR + 1


def test_one_hour_goes_on_over_a_clean_restart(counting: Counting):
    counting.stride()
    counting.finish()
    counting.kill()
    counting.stride()
    counting.end()
    assert sorted(counting.points) == [MORNING_NS + PART_NS]
    assert counting.hours("strides_left") == {0: 2}


def test_what_comes_after_its_hour_was_told_is_a_second_part(counting: Counting):
    counting.stride()
    counting.tick(HOUR + 700)
    counting.stride(ago_s=800)
    counting.end()
    assert sorted(counting.points)[:2] == [MORNING_NS + PART_NS, MORNING_NS + 2 * PART_NS]
    assert counting.hours("strides_left") == {0: 2}


def test_a_tally_that_was_told_may_come_again_but_as_the_same(counting: Counting):
    counting.stride()
    counting.tick(HOUR + 700)
    before = dict(counting.points)
    counting.boot()
    assert counting.points.keys() == before.keys()
    counting.tick(40)
    counting.boot()
    assert counting.hours("strides_left") == {0: 1}


def test_a_damaged_file_is_set_aside(counting: Counting):
    counting.path.write_text("{")
    counting.kill()
    counting.stride()
    counting.end()
    assert counting.hours("strides_left") == {0: 1}


@given(
    story=st.lists(
        st.tuples(
            st.sampled_from(["stride", "late", "tick", "kill", "boot", "stop"]), st.integers(1, 900)
        ),
        max_size=40,
    )
)
def test_nothing_twice_and_a_kill_loses_at_most_five_seconds(
    tmp_path_factory: pytest.TempPathFactory, story: list[tuple[str, int]]
):
    counting = Counting(tmp_path_factory.mktemp("tally"))
    counted = at_risk = lost = 0
    for what, number in story:
        if what in ("stride", "late"):
            counting.stride(ago_s=number if what == "late" else 0)
            counted += 1
            at_risk += 1
            counting.tick(1)
        elif what == "tick":
            counting.tick(number)
        elif what == "stop":
            counting.finish()
            counting.kill()
            at_risk = 0
        else:
            lost += min(at_risk, 6)
            getattr(counting, what)()
            at_risk = 0
    counting.end()
    told = sum(counting.hours("strides_left").values())
    assert counted - lost <= told <= counted
