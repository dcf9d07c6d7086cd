"""gait.md's definitions on loads whose every line is known."""

import numpy as np
import pytest
import synthetic
from twin import TwinKernel

from kernels import FootKernel
from kernels.records import MISSING_NS, DragKind, EventKind, Flag, Strike

MS = 1_000_000


@pytest.fixture(params=[FootKernel, TwinKernel], ids=["compiled", "twin"])
def kernel(request):
    return request.param


def found(kernel, walk, config=synthetic.CONFIG, imu=None, **how):
    time_ns, load = walk.samples(**how)
    one = kernel(config)
    first, rest = one.push(time_ns, load, imu), one.finish()
    return (np.concatenate([a, b]) for a, b in zip(first, rest, strict=True))


def times_s(events, kind):
    return events["time_ns"][events["kind"] == kind] / 1e9


def test_contacts_and_toe_offs_stand_where_the_load_begins_and_ends(kernel):
    walk = synthetic.Walk().stand(1).steps(5)
    events, strides = found(kernel, walk)
    contacts = times_s(events, EventKind.INITIAL_CONTACT)
    toe_offs = times_s(events, EventKind.TOE_OFF)
    assert contacts == pytest.approx(walk.contacts_s, abs=0.015)
    assert toe_offs == pytest.approx(walk.toe_offs_s, abs=0.010)
    late = events["decided_ns"] - events["time_ns"]
    assert late[events["kind"] == EventKind.INITIAL_CONTACT].max() <= 30 * MS
    assert late[events["kind"] == EventKind.STRIKE].max() <= 100 * MS
    assert strides["initial_contact_ns"].tolist() == (
        events["time_ns"][events["kind"] == EventKind.INITIAL_CONTACT].tolist()
    )


def test_stride_names_the_stance_before_its_contact(kernel):
    walk = synthetic.Walk().stand(1).steps(4)
    _, strides = found(kernel, walk)
    assert strides["previous_contact_ns"][0] == MISSING_NS
    assert (strides["previous_contact_ns"][1:] == strides["initial_contact_ns"][:-1]).all()
    last = strides[-1]
    assert last["previous_contact_ns"] < last["heel_off_ns"] < last["toe_off_ns"]
    assert last["peak_heel"] == pytest.approx(480, rel=0.02)
    assert last["peak_forefoot"] == pytest.approx(800, rel=0.02)
    assert np.isfinite(last["curve_heel"]).all()
    assert last["curve_forefoot"].max() == pytest.approx(800, rel=0.05)
    # heel: 0.08 s up to 480, 0.32 s there, 0.15 s down
    assert last["impulse_heel"] == pytest.approx(480 * (0.04 + 0.32 + 0.075), rel=0.03)


@pytest.mark.parametrize(
    ("lead_s", "strike"),
    [(0.06, Strike.HEEL), (0.15, Strike.HEEL), (0.0, Strike.FLAT), (-0.06, Strike.TOE)],
)
@pytest.mark.parametrize("rate_hz", [50, 100, 200, 300])
def test_strike_types(kernel, lead_s, strike, rate_hz):
    walk = synthetic.Walk().stand(1).steps(5, lead_s)
    events, strides = found(kernel, walk, rate_hz=rate_hz)
    assert strides["strike"].tolist() == [strike] * 5
    assert events["detail"][events["kind"] == EventKind.STRIKE].tolist() == [strike] * 5
    # the first two landings are read with the looser thresholds of what is not yet known
    assert strides["heel_lead_ms"][2:] == pytest.approx(np.full(3, lead_s * 1e3), abs=12)
    assert times_s(events, EventKind.INITIAL_CONTACT) == pytest.approx(walk.contacts_s, abs=0.03)


def test_a_heel_that_never_loads_is_toe_first(kernel):
    walk = synthetic.Walk().stand(1).steps(3)
    walk.push_off().swing(0.4).land(-0.3)
    events, strides = found(kernel, walk)
    assert strides["strike"].tolist() == [Strike.HEEL] * 3 + [Strike.TOE]
    assert (events["kind"] == EventKind.TOE_DRAG).sum() == 0


def test_late_release(kernel):
    walk = synthetic.Walk().stand(1).steps(4)
    walk.push_off(rest=0.1).swing(0.4, drag=(0.0, 0.2, 0.1)).land().steps(2)
    events, strides = found(kernel, walk)
    drag = events[events["kind"] == EventKind.TOE_DRAG]
    assert drag["detail"].tolist() == [DragKind.LATE_RELEASE]
    assert drag["time_ns"][0] / 1e9 == pytest.approx(walk.toe_offs_s[4], abs=0.02)
    assert drag["decided_ns"][0] - drag["time_ns"][0] <= 90 * MS
    assert strides["drag"].tolist() == [0, 0, 0, 0, DragKind.LATE_RELEASE, 0, 0]
    assert strides["drag_ms"][4] == pytest.approx(200, abs=25)
    assert times_s(events, EventKind.TOE_OFF) == pytest.approx(walk.toe_offs_s, abs=0.02)


def test_scuff(kernel):
    walk = synthetic.Walk().stand(1).steps(4)
    walk.push_off().swing(0.4, drag=(0.14, 0.24, 0.08)).land().steps(2)
    events, strides = found(kernel, walk)
    drag = events[events["kind"] == EventKind.TOE_DRAG]
    assert drag["detail"].tolist() == [DragKind.SCUFF]
    assert drag["time_ns"][0] / 1e9 == pytest.approx(walk.toe_offs_s[4] + 0.145, abs=0.01)
    assert drag["decided_ns"][0] - drag["time_ns"][0] <= 45 * MS
    assert strides["drag"].tolist() == [0, 0, 0, 0, DragKind.SCUFF, 0, 0]
    assert strides["drag_ms"][4] == pytest.approx(90, abs=15)


@pytest.mark.parametrize("share", [0.05, 0.12, 0.2])
def test_full_drag(kernel, share):
    walk = synthetic.Walk().stand(1).steps(4)
    walk.push_off(rest=share).swing(0.4, drag=(0.0, 1.0, share))
    walk.land(0.06).steps(2)
    events, strides = found(kernel, walk)
    assert strides["drag"].tolist() == [0, 0, 0, 0, DragKind.FULL, 0, 0]
    drag = events[events["kind"] == EventKind.TOE_DRAG]
    assert drag["decided_ns"][0] - drag["time_ns"][0] <= 90 * MS, "not at the end of the swing"
    assert times_s(events, EventKind.INITIAL_CONTACT) == pytest.approx(walk.contacts_s, abs=0.02)


def test_touch_right_before_a_landing_is_its_first_bounce(kernel):
    walk = synthetic.Walk().stand(1).steps(4)
    walk.push_off().swing(0.4, drag=(0.28, 0.36, 0.08)).land(-0.06)
    events, strides = found(kernel, walk)
    assert (events["kind"] == EventKind.TOE_DRAG).sum() == 0
    assert strides["strike"][-1] == Strike.TOE


def test_first_swing_tells_no_small_drag_from_lacing_preload(kernel):
    for share, drag in ((0.05, DragKind.NONE), (0.18, DragKind.SCUFF)):
        walk = synthetic.Walk().stand(1).push_off().swing(0.4, drag=(0.15, 0.25, share)).land()
        _, strides = found(kernel, walk)
        assert strides["drag"].tolist() == [drag]
        assert strides["flags"][0] & Flag.VALID_SWING


def test_slow_gait(kernel):
    walk = synthetic.Walk().stand(1)
    for _ in range(5):
        walk.push_off().swing(0.9).land(0.1, stance_s=2.2)
    events, strides = found(kernel, walk)
    assert len(strides) == 5
    assert strides["strike"].tolist() == [Strike.HEEL] * 5
    assert (events["kind"] == EventKind.TOE_DRAG).sum() == 0


@pytest.mark.parametrize("unit", [1e-3, 1.0, 80.0])
def test_the_unit_of_load_does_not_matter(kernel, unit):
    time_ns, load = synthetic.Walk().stand(1).steps(4).samples()
    one = kernel(synthetic.CONFIG).push(time_ns, load, None)
    other = kernel(synthetic.CONFIG).push(time_ns, load * np.float32(unit), None)
    assert (one.events["kind"] == other.events["kind"]).all()
    assert abs(one.events["time_ns"] - other.events["time_ns"]).max() < 10_000
