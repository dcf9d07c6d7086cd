"""Scores against markers on a foot whose truth is written down by hand."""

import numpy as np
import pytest

from kernels import FootConfig
from kernels.evaluation.motion import Markers, fit_lever, references, stride_errors
from kernels.evaluation.signals import Found, Signal, run
from kernels.walk_records import GaitStride

HZ = 100.0


@pytest.fixture(scope="module")
def markers():
    """One stride: flat until 1 s, 1.2 m forward until 2 s, heel down 10 deg toes up at 1.8 s."""
    t = np.arange(0, 3, 1 / HZ)
    way = 1.2 * np.clip((t - 1) / 0.8, 0, 1)
    toe = np.column_stack([way + 0.2, 0 * t, np.full_like(t, 0.05)])
    heel = np.column_stack([way, 0 * t, np.full_like(t, 0.05)])
    height = np.interp(t, [1.0, 1.2, 1.5, 1.8, 2.0], [0.0, 0.06, 0.015, 0.2 * np.tan(0.1), 0.0])
    toe[:, 2] += height
    one = np.array([1.0])
    return Markers(HZ, toe, heel, 0.9 * one, 1.0 * one, 1.8 * one, 2.2 * one, 0.5 * one)


def test_reference_of_a_stride(markers):
    (stride,) = references(markers)
    assert stride.stride_length_m == pytest.approx(1.2, abs=1e-6)
    assert stride.clearance_mm == pytest.approx(15.0, abs=0.1)
    assert stride.pitch_at_contact_deg == pytest.approx(np.degrees(0.1), abs=0.01)
    assert stride.straight
    assert markers.contacts_s().tolist() == [0.5, 1.8]
    assert not markers.in_double_label(np.array([1.4])).any()


def test_a_label_over_more_than_a_second_is_not_judged_inside(markers):
    long = Markers(
        *(getattr(markers, n) for n in ("hz", "toe", "heel", "start_s")),
        markers.toe_off_s - 0.5,
        *(getattr(markers, n) for n in ("contact_s", "end_s", "previous_contact_s")),
    )
    inside = long.in_double_label(np.array([0.4, 0.52, 1.2, 1.79]))
    assert inside.tolist() == [False, False, True, False]
    assert not references(long)[0].straight


def test_errors_of_stride_numbers_keep_what_is_missing(markers):
    def found(**numbers):
        return Found({}, {"left": [GaitStride(1_830_000_000, 2, "left", "heel", **numbers)]})

    exact = stride_errors(found(stride_length_m=1.25), markers, "left", "stride_length_m")
    assert exact == pytest.approx([0.05])
    assert np.isnan(stride_errors(found(), markers, "left", "stride_length_m")).all()
    nothing = Found({}, {"left": []})
    assert np.isnan(stride_errors(nothing, markers, "left", "pitch_at_contact_deg")).all()


def test_the_lever_is_found_from_the_strides_it_may_see():
    true, slopes = np.array([0.18, 0.01, -0.06]), np.random.default_rng(0).normal(0, 300, (40, 3))
    poisoned = np.zeros(40)
    poisoned[1::2] = 1e3

    def errors(lever):
        return slopes @ (np.array(lever) - true) + poisoned

    lever = fit_lever(errors, slice(0, None, 2))
    assert lever == pytest.approx(true, abs=1e-3)


def test_nothing_is_found_in_nothing():
    config = FootConfig("left", (0.1, 0.9), (0.5, 0.5))
    empty = Signal(config, np.empty(0, np.int64), np.empty((0, 2), np.float32), None)
    found = run({"left": empty})
    assert found.times_s("left", "initial_contact").size == 0
