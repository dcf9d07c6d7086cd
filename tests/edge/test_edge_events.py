"""Gait records into wire events; clocks; gaps of samples."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import wire
from edge.clock import PATIENCE_NS, STEP_NS, WallOffset
from edge.events import to_wire
from edge.samplegaps import GATHER_NS, SampleGaps
from hw.source import Block
from kernels import GaitBout, GaitEvent, GaitStride

STRIDE = GaitStride(time_ns=5, decided_ns=9, side="left", strike="toe")


def test_every_field_of_a_stride_is_copied():
    own = {"seq", "time_ns", "sync_uncertainty_ms"}  # the last comes from the device's block
    shared = set(wire.Stride.__struct_fields__) - own
    assert shared <= set(GaitStride.__dataclass_fields__)
    bout = {f for f in wire.Bout.__struct_fields__ if f not in ("seq", "time_ns")}
    assert bout <= set(GaitBout.__dataclass_fields__)


@pytest.mark.parametrize(
    ("event", "detail", "kind"),
    [
        ("toe_drag", "scuff", wire.ToeDrag),
        ("near_trip", "", wire.NearTrip),
        ("initial_contact", "heel", None),
        ("toe_off", "", None),
    ],
)
def test_moments_are_sent_where_they_stand_for_themselves(event, detail, kind):
    sent = to_wire(GaitEvent(5, 9, "right", event, detail))
    assert sent is None if kind is None else isinstance(sent, kind)
    assert sent is None or (sent.time_ns, sent.side) == (5, "right")


@given(
    strike_index=st.floats() | st.none(),
    clearance_mm=st.floats() | st.none(),
    stride_length_m=st.floats() | st.none(),
    trip_risk=st.floats() | st.none(),
)
def test_any_number_becomes_an_event_that_the_wire_takes(**numbers):
    event = to_wire(GaitStride(5, 9, "left", "heel", **numbers))
    batch = wire.Batch(device="d", boot="0" * 16, events=(event,))
    assert wire.decode(wire.encode(batch), wire.Batch) == batch
    for name, value in numbers.items():
        taken = getattr(event, name)
        assert taken is None or taken == value


def test_number_out_of_range_is_unknown_and_flagged():
    event = to_wire(GaitStride(5, 9, "left", "heel", stride_length_m=12.0, clearance_mm=math.nan))
    assert (event.stride_length_m, event.flags) == (None, ("out_of_range",))


def test_record_without_which_nothing_can_be_said_is_refused():
    with pytest.raises(wire.WireError, match="strike"):
        to_wire(GaitStride(5, 9, "left", "sideways"))


# -- clock --------------------------------------------------------------------------------------


class Hands:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.mono = 0
        self.wall: int | None = None

    def monotonic_ns(self) -> int:
        return self.mono

    def wall_ns(self) -> int | None:
        return self.wall

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


def test_offset_is_taken_once_and_kept_over_steps_of_the_wall_clock():
    clock = Hands()
    offset = WallOffset(clock)
    assert not offset.update()
    clock.wall = 1000
    assert offset.update()
    for step in (STEP_NS, 3600 * 10**9, -3600 * 10**9):
        clock.mono += 10**9
        clock.wall = 1000 + clock.mono + step
        assert not offset.update()
    assert offset.offset_ns == 1000


def test_offset_that_stays_wrong_is_replaced():
    clock = Hands()
    offset = WallOffset(clock, known_ns=0)
    clock.wall = 10 * STEP_NS
    assert not offset.update()
    clock.mono = PATIENCE_NS
    clock.wall = 10 * STEP_NS + PATIENCE_NS
    assert offset.update()
    assert offset.offset_ns == 10 * STEP_NS


# -- gaps ---------------------------------------------------------------------------------------


def block(times_ms: list[float], lost: int = 0) -> Block:
    times = np.array([round(t * 1e6) for t in times_ms], np.int64)
    return Block("left", times, np.zeros((len(times), 1), np.float32), None, lost)


@pytest.mark.parametrize("rate_hz", [25, 50, 100, 204.8, 300])
def test_even_times_with_jitter_are_no_gap(rate_hz):
    gaps = SampleGaps("left")
    period_ms = 1000 / rate_hz
    for start in range(0, 200, 4):
        gaps.see(block([(i + 0.2 * (i % 2)) * period_ms for i in range(start, start + 4)]))
    assert gaps.take() is None


@pytest.mark.parametrize("rate_hz", [25, 100, 300])
@pytest.mark.parametrize("size", [1, 5, 50])
def test_hole_is_found_wherever_the_blocks_are_cut(rate_hz, size):
    period_ms = 1000 / rate_hz
    hole = range(100, 100 + rate_hz // 5)
    indices = [i for i in range(400) if i not in hole]
    gaps = SampleGaps("left")
    for start in range(0, len(indices), size):
        gaps.see(block([i * period_ms for i in indices[start : start + size]]))
    gap = gaps.take()
    assert gap.lost == len(hole)
    assert gap.time_ns == pytest.approx(99 * period_ms * 1e6, abs=1)
    assert gap.duration_s == pytest.approx(len(hole) / rate_hz, rel=0.05)


def test_what_the_source_knows_to_be_lost_counts():
    gaps = SampleGaps("left")
    gaps.see(block([0, 10, 20]))
    gaps.see(block([40, 50], lost=1))
    gaps.see(block([60, 70]))
    gap = gaps.take()
    assert (gap.lost, gap.what, gap.side) == (1, "samples", "left")


def test_gaps_are_gathered_for_ten_seconds():
    gaps = SampleGaps("left")
    for start in (0, 1000, 2000):
        gaps.see(block([start + 10 * i for i in range(50)]))
    assert gaps.take(GATHER_NS - 10**9) is None
    assert gaps.take(GATHER_NS + 10**9).lost == 100
    assert gaps.take() is None
