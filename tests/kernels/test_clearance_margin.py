"""The clearance margin: what it rests on, and when nothing may be said."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels import GaitStride
from kernels.clearance import (
    IMPOSSIBLE_BELOW_MM,
    LEAST_CLEARANCES,
    ClearanceCheck,
    Margin,
    believable,
    margin,
)
from kernels.risk import TripRisk

CLEARANCES = st.lists(st.floats(-60, 120), max_size=80)


@given(CLEARANCES)
def test_shares_are_ordered_and_rest_on_the_swings_they_name(values):
    found = margin(values)
    assert found.impossible == sum(mm < IMPOSSIBLE_BELOW_MM for mm in values)
    if found.swings < LEAST_CLEARANCES:
        assert found == Margin(found.swings, found.impossible)
        return
    assert found.swings + found.impossible == len(values)
    assert 0 <= found.under_5mm <= found.under_10mm <= found.under_15mm <= 1
    possible = [mm for mm in values if mm >= IMPOSSIBLE_BELOW_MM]
    assert min(possible) <= found.p1_mm <= max(possible)
    assert found.under_5mm * found.swings == pytest.approx(sum(mm < 5 for mm in possible))
    assert found.spread_mm >= 0


@given(CLEARANCES)
def test_with_over_a_fifth_impossible_nothing_is_believed(values):
    impossible = sum(mm < IMPOSSIBLE_BELOW_MM for mm in values)
    if 5 * impossible > len(values):
        assert believable(values) == []
        assert margin(values).under_5mm is None
    else:
        assert len(believable(values)) == len(values) - impossible


def test_numbers_by_hand():
    found = margin([4.0, 7.0, 12.0, 20.0] * 5)
    assert (found.under_5mm, found.under_10mm, found.under_15mm) == (0.25, 0.5, 0.75)
    assert found.p1_mm == pytest.approx(4.0)
    assert found.spread_mm == pytest.approx(np.std([4.0, 7.0, 12.0, 20.0] * 5, ddof=1))


def test_the_check_has_hysteresis():
    check = ClearanceCheck()
    assert [check.add(mm) for mm in (-20, -20, -20, -20)] == [False] * 4
    assert check.add(-20)
    after = [check.add(15.0) for _ in range(40)]
    assert after[0] and not after[-1]
    assert sorted(after, reverse=True) == after, "one change only"
    assert not any(check.add(-20.0 if n % 8 == 0 else 12.0) for n in range(64))


def stride(n, **more):
    return GaitStride(n, n, "left", "heel", valid_swing=True, toe_drag="none", stride_s=1.2, **more)


def test_impossible_clearances_make_no_risk():
    risk = TripRisk()
    for n in range(40):
        value = risk.add(stride(n, clearance_mm=-25.0 if n % 3 == 0 else 1.0))
    assert value == (0.0, "low", ())
    for n in range(40):
        value = risk.add(stride(n, clearance_mm=1.0))
    assert value == (0.25, "low", ("low_clearance",))


def test_indirect_causes_raise_the_level_only_together():
    for causes, level in (((1, 0), "low"), ((0, 1), "low"), ((1, 1), "raised")):
        risk = TripRisk()
        for n in range(60):
            clearance = 1.0 if causes[0] else 20.0
            time_s = 1.2 + (0.16 * (n % 2) if causes[1] else 0.0)
            value = risk.add(
                GaitStride(
                    n,
                    n,
                    "left",
                    "heel",
                    valid_swing=True,
                    toe_drag="none",
                    stride_s=time_s,
                    clearance_mm=clearance,
                )
            )
        assert value[1] == level
