"""Healthy swings are free of drags: slow push-offs, steps out of standing, stuck cells."""

import numpy as np
import pytest
from twin import TwinKernel

from kernels import FootConfig, FootKernel
from kernels.records import DragKind, EventKind, Strike

STEP_NS = 10_000_000
CONFIG = FootConfig("left", x=(0.1, 0.2, 0.5, 0.75, 0.8, 0.92), y=(0.5,) * 6)
PEAK = 600.0


def stance(n=70):
    """Return a heel-to-toe stance, float[n, 6], of about `PEAK` in all."""
    phase = np.linspace(0, 1, n)
    heel = np.interp(phase, [0, 0.15, 0.5, 0.6, 1], [0, 0.6, 0.35, 0, 0])
    middle = np.interp(phase, [0, 0.2, 0.6, 0.8, 1], [0, 0.15, 0.15, 0, 0])
    fore = np.interp(phase, [0, 0.1, 0.4, 0.8, 1], [0, 0, 0.4, 1, 0])
    shares = (heel / 2, heel / 2, middle, 0.4 * fore, 0.3 * fore, 0.3 * fore)
    return PEAK * np.stack(shares, axis=1)


def walk(strides, stance_n=70, swing_n=45):
    """Return load float[n, 6] and the row of each swing's begin."""
    rows, begins = [np.zeros((30, 6))], []
    for _ in range(strides):
        rows.append(stance(stance_n))
        begins.append(sum(map(len, rows)))
        rows.append(np.zeros((swing_n, 6)))
    rows.append(stance(stance_n))
    return np.concatenate(rows), begins


def found(load):
    """Return events and strides; the twin gives the same bits."""
    time_ns = np.arange(len(load), dtype=np.int64) * STEP_NS
    answers = []
    for kernel in (FootKernel(CONFIG), TwinKernel(CONFIG)):
        parts = kernel.push(time_ns, load.astype(np.float32), None), kernel.finish()
        answers.append(tuple(np.concatenate([p[i] for p in parts]) for i in (0, 1)))
    assert answers[0][0].tobytes() == answers[1][0].tobytes()
    assert answers[0][1].tobytes() == answers[1][1].tobytes()
    return answers[0]


def drags(events):
    return events["time_ns"][events["kind"] == EventKind.TOE_DRAG]


@pytest.mark.parametrize(("swing_n", "tail_n"), [(45, 5), (90, 10)])
def test_the_tail_of_a_push_off_is_no_drag_and_a_longer_hold_is(swing_n, tail_n):
    for held_n, wanted in ((tail_n, 0), (swing_n // 2, 1)):
        load, begins = walk(8, swing_n=swing_n)
        for begin in begins[5:6]:
            load[begin - 2 : begin + held_n, 3] = np.maximum(
                load[begin - 2 : begin + held_n, 3], 0.05 * PEAK
            )
        events, strides = found(load)
        assert len(drags(events)) == wanted
        assert (strides["drag"] == DragKind.LATE_RELEASE).sum() == wanted


@pytest.mark.parametrize("cell", range(6))
@pytest.mark.parametrize("phase", [10, 30, 55])
def test_a_cell_that_sticks_under_load_makes_no_drag(cell, phase):
    load, begins = walk(10)
    at = begins[5] - 70 + phase
    load[at:, cell] = load[at, cell]
    events, strides = found(load)
    assert len(drags(events)) == 0
    assert len(strides) >= 9


def out_of_standing(held_n):
    """Return a walk, a stand, and a first step whose toes keep 3.3 % for a while."""
    first, _ = walk(4)
    stand = np.tile(PEAK * np.array([0.15, 0.15, 0.05, 0.06, 0.04, 0.04]), (400, 1))
    leave = stand[:1] * np.linspace(1, 0, 25)[:, None]
    load = np.concatenate([first, stand, leave, np.zeros((60, 6)), walk(3)[0][30:]])
    begin = len(first) + len(stand) + len(leave)
    load[begin : begin + held_n, 3] = 0.033 * PEAK
    return load


def test_toes_that_rest_after_standing_drag_only_if_they_are_held_until_contact():
    events, _ = found(out_of_standing(0))
    assert len(drags(events)) == 0
    events, _ = found(out_of_standing(20))
    assert len(drags(events)) == 0
    _, strides = found(out_of_standing(66))
    assert (strides["drag"] == DragKind.FULL).sum() == 1


def test_the_first_walked_landing_may_be_slow_and_toe_first():
    load, begins = walk(3)
    slow = begins[1] + 45
    load[slow : slow + 70] = 0
    load[slow : slow + 30, 3:] = PEAK / 3 * np.linspace(0, 0.6, 30)[:, None]
    load[slow + 30 : slow + 70] = stance()[30:]
    events, _ = found(load)
    strikes = events[events["kind"] == EventKind.STRIKE]
    near = np.abs(strikes["time_ns"] - slow * STEP_NS) < 60_000_000
    assert strikes["detail"][near].tolist() == [Strike.TOE]
