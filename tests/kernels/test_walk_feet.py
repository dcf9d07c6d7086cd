"""Both feet at stride rate: order, bouts, double support, symmetry, risk."""

import numpy as np
import pytest
import synthetic
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import FootConfig, GaitBout, GaitEvent, GaitStride, KernelInputError, Walk
from kernels.risk import LEAST_SWINGS, TripRisk

FEET = {side: FootConfig(side, synthetic.X, (0.5,) * 5) for side in ("left", "right")}
HALF_STRIDE_NS = 600_000_000


def two_feet(left, right=None):
    """The left foot's walk, and the right foot's half a stride (of 1.2 s) later."""
    right = right or left
    return {
        "left": left.samples(),
        "right": right.samples(offset_ns=HALF_STRIDE_NS),
    }


def run(walk, feet, chunk_s=0.1, ahead_s=0.0):
    """Push both feet in chunks, the right one `ahead_s` before the left one."""
    out, done = [], dict.fromkeys(feet, 0)
    end_ns = max(t[-1] for t, _ in feet.values())
    for k in range(int(end_ns / 1e9 / chunk_s) + 2):
        for side, (time_ns, load) in feet.items():
            until = (k + 1) * chunk_s + (ahead_s if side == "right" else 0)
            a, b = done[side], int(np.searchsorted(time_ns, until * 1e9))
            out += walk.push(side, time_ns[a:b], load[a:b], None)
            done[side] = b
    for side, (time_ns, load) in feet.items():
        out += walk.push(side, time_ns[done[side] :], load[done[side] :], None)
    return out + walk.finish()


def of(kind, out):
    return [item for item in out if isinstance(item, kind)]


def steps(n):
    return synthetic.Walk().stand(1).steps(n)


def test_strides_come_in_contact_order_and_one_bout_at_the_end():
    out = run(Walk(FEET), two_feet(steps(8)))
    strides, bouts = of(GaitStride, out), of(GaitBout, out)
    times = [s.time_ns for s in strides]
    assert len(times) == 16 and times == sorted(times)
    assert [s.side for s in strides] == ["left", "right"] * 8
    (bout,) = bouts
    assert isinstance(out[-1], GaitBout)
    assert (bout.strides_left, bout.strides_right) == (7, 7)
    assert (bout.heel_first_left, bout.toe_first_right, bout.drags_left) == (8, 0, 0)
    assert (bout.valid_swings_left, bout.valid_swings_right) == (8, 8)
    assert bout.cadence_per_min == pytest.approx(100, rel=0.01)
    assert bout.time_ns == times[0]
    assert bout.duration_s == pytest.approx((times[-1] - times[0]) / 1e9)
    assert bout.stride_time_cv_percent is None, "under 30 strides"
    assert len(bout.curve_left) == 63 and max(bout.curve_left) <= 1


def test_numbers_of_a_stride():
    strides = of(GaitStride, run(Walk(FEET), two_feet(steps(5))))
    first, last = strides[0], strides[-1]
    assert first.previous_contact_ns is None and first.stride_s is None
    assert first.toe_drag == "none" and first.swing_s == pytest.approx(0.4, abs=0.03)
    assert last.stride_s == pytest.approx(1.2, abs=0.01)
    assert last.stance_s == pytest.approx(0.8, abs=0.02)
    assert last.swing_s == pytest.approx(0.4, abs=0.02)
    assert last.stance_s + last.swing_s == pytest.approx(last.stride_s)
    # stance 0.8 of 1.2 s, feet half a stride apart: twice 0.2 s of double support
    assert last.double_support_percent == pytest.approx(100 / 3, abs=3)
    assert last.toe_drag == "none" and last.drag_ms == 0
    assert last.sources == ("pressure",) and last.flags == ()
    assert last.clearance_mm is None and last.pitch_at_contact_deg is None


def test_symmetry_index_follows_the_affected_leg():
    left = synthetic.Walk().stand(1)
    for _ in range(6):
        left.push_off().swing(0.5).land(stance_s=0.3)
    index = {}
    for affected in ("none", "left", "right", "both"):
        (bout,) = of(GaitBout, run(Walk(FEET, affected), two_feet(left, steps(6))))
        index[affected] = bout.stance_symmetry_index
    # stance 0.7 s against 0.8 s
    assert index["left"] == pytest.approx(-100 * 0.1 / 0.75, abs=1.5)
    assert index["right"] == pytest.approx(-index["left"])
    assert index["none"] == index["left"]
    assert index["both"] is None


def test_a_pause_ends_the_bout_and_the_next_begins_without_a_previous_contact():
    walk = steps(4).stand(6).steps(4)
    out = run(Walk(FEET), two_feet(walk))
    assert len(of(GaitBout, out)) == 2
    left = [s for s in of(GaitStride, out) if s.side == "left"]
    assert left[4].previous_contact_ns is None and left[5].previous_contact_ns is not None
    first_bout = out.index(of(GaitBout, out)[0])
    assert sum(isinstance(o, GaitStride) for o in out[:first_bout]) == 8


def test_two_contacts_are_no_walking():
    assert of(GaitBout, run(Walk(FEET), two_feet(steps(1)))) == []


def test_one_foot_alone_walks_too():
    left = {"left": FEET["left"]}
    out = run(Walk(left), {"left": steps(5).samples()})
    (bout,) = of(GaitBout, out)
    assert bout.strides_left == 4 and bout.strides_right == 0
    assert bout.double_support_percent is None and bout.stance_symmetry_index is None


def test_a_silent_foot_does_not_hold_up_the_other():
    walk = Walk(FEET)
    time_ns, load = steps(8).samples()
    out = []
    for a in range(0, len(time_ns), 10):
        out += walk.push("left", time_ns[a : a + 10], load[a : a + 10], None)
    assert len(of(GaitStride, out)) >= 5


def test_events_pass_at_once_with_their_detail():
    left = steps(4)
    left.push_off(rest=0.1).swing(0.4, (0.0, 0.2, 0.1)).land(-0.05).steps(1)
    out = run(Walk(FEET), two_feet(left, steps(6)), chunk_s=0.01)
    events = [e for e in of(GaitEvent, out) if e.side == "left"]
    assert {e.event for e in events} == {"initial_contact", "toe_off", "toe_drag"}
    drag = next(e for e in events if e.event == "toe_drag")
    assert drag.detail == "late_release"
    contacts = [e.detail for e in events if e.event == "initial_contact"]
    assert contacts == ["heel"] * 4 + ["toe", "heel"]
    assert all(0 <= e.decided_ns - e.time_ns <= 120_000_000 for e in events)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.01, 1.0), st.floats(-0.9, 0.9))
def test_order_and_numbers_do_not_depend_on_the_interleaving(chunk_s, ahead_s):
    """Within the 2 s that the feet may be apart: a block and the lead of one foot."""
    feet = two_feet(steps(4).stand(5).steps(3), steps(4).stand(5).steps(3))
    plain = [o for o in run(Walk(FEET), feet) if not isinstance(o, GaitEvent)]
    again = [o for o in run(Walk(FEET), feet, chunk_s, ahead_s) if not isinstance(o, GaitEvent)]
    assert again == plain


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Walk({}),
        lambda: Walk({"middle": FEET["left"]}),
        lambda: Walk(FEET, "neither"),
        lambda: Walk({"left": FEET["left"]}).push("right", np.zeros(0, np.int64), None, None),
    ],
)
def test_wrong_feet_are_refused(wrong):
    with pytest.raises(KernelInputError):
        wrong()


def stride(n, drag="none", strike="heel", valid=True, **more):
    more = {"stride_s": 1.2, "toe_drag": drag if valid else None, **more}
    return GaitStride(n, n, "left", strike, valid_swing=valid, **more)


def test_risk_needs_ten_valid_swings():
    risk = TripRisk()
    for n in range(LEAST_SWINGS - 1):
        assert risk.add(stride(n)) == (None, None, ())
        assert risk.add(stride(n, valid=False)) == (None, None, ())
    assert risk.add(stride(99)) == (0.0, "low", ())


def test_risk_rises_with_each_cause_and_names_it():
    causes = {
        "toe_drag": ({"drag": "scuff"}, 0.9),
        "toe_first": ({"strike": "toe"}, 0.5),
        "low_clearance": ({"clearance_mm": 2.0}, 0.2),
    }
    for reason, (change, least) in causes.items():
        risk = TripRisk()
        values = [risk.add(stride(n, **(change if n > 10 else {}))) for n in range(40)]
        levels = [v[0] for v in values[10:]]
        assert levels == sorted(levels) and levels[-1] > least
        assert values[-1][2] == (reason,)
    risk = TripRisk()
    for n in range(40):
        value = risk.add(stride(n, stride_s=1.2 + 0.15 * (n % 2)))
    assert value[2] == ("variability",)


def test_levels_have_hysteresis():
    risk = TripRisk()
    levels = [risk.add(stride(n, "scuff" if 10 < n < 20 else "none"))[1] for n in range(80)]
    seen = [level for n, level in enumerate(levels) if n == 0 or level != levels[n - 1]]
    assert seen[0] is None and seen[1] == "low" and "high" in seen and seen[-1] == "low"
    assert len(seen) <= 7, "no flicker"


def test_stairs_do_not_count_as_toe_first():
    risk = TripRisk()
    for n in range(20):
        value = risk.add(stride(n, strike="toe", flags=("stairs",)))
    assert value == (0.0, "low", ())
