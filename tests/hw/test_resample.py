"""Two rates on one grid: exact where a sample lies, interpolated to 30 ms, missing beyond."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.resample import MAX_GAP_NS, Resampler, resample

MS = 1_000_000


def column(values: list[float]) -> np.ndarray:
    return np.array(values, dtype=np.float32)[:, None]


def test_between_samples_it_is_the_line_between_them() -> None:
    time_ns = np.array([0, 20 * MS, 40 * MS])
    out = resample(time_ns, column([0, 2, 0]), np.array([0, 5, 10, 20, 30, 40]) * MS)
    assert out[:, 0].tolist() == [0, 0.5, 1, 2, 1, 0]


def test_a_gap_of_30_ms_is_bridged_and_a_longer_one_is_not() -> None:
    grid_ns = np.arange(0, 100, 10) * MS
    for gap_ms, bridged in ((30, True), (31, False)):
        time_ns = np.array([0, 10, 10 + gap_ms]) * MS
        out = resample(time_ns, column([1, 1, 1]), grid_ns)
        assert bool(np.isfinite(out[2, 0])) is bridged
        assert np.isfinite(out[:2, 0]).all()
        assert np.isnan(out[5:, 0]).all()


def test_a_missing_number_stays_missing() -> None:
    time_ns = np.array([0, 10, 20, 30]) * MS
    values = column([1, np.nan, 3, 4])
    out = resample(time_ns, values, np.array([0, 5, 10, 15, 20, 25]) * MS)
    assert np.isnan(out[:, 0]).tolist() == [False, True, True, True, False, False]


@st.composite
def series(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    steps = draw(st.lists(st.integers(1, 60), min_size=1, max_size=60))
    time_ns = np.cumsum(steps) * MS
    values = draw(
        st.lists(st.floats(-1e3, 1e3, width=32), min_size=len(steps), max_size=len(steps))
    )
    return time_ns, column(values)


@given(series())
def test_samples_on_the_grid_come_out_to_the_bit(
    given_series: tuple[np.ndarray, np.ndarray],
) -> None:
    time_ns, values = given_series
    assert (resample(time_ns, values, time_ns) == values).all()


@given(series(), st.integers(1, 20))
def test_nothing_lies_outside_its_neighbours_or_in_a_long_gap(
    given_series: tuple[np.ndarray, np.ndarray], period_ms: int
) -> None:
    time_ns, values = given_series
    grid_ns = np.arange(0, time_ns[-1] + 50 * MS, period_ms * MS)
    out = resample(time_ns, values, grid_ns)[:, 0]
    for at_ns, value in zip(grid_ns, out, strict=True):
        right = int(np.searchsorted(time_ns, at_ns))
        if right < len(time_ns) and time_ns[right] == at_ns:
            continue
        inside = 0 < right < len(time_ns)
        if not inside or time_ns[right] - time_ns[right - 1] > MAX_GAP_NS:
            assert np.isnan(value)
        else:
            low, high = sorted((values[right - 1, 0], values[right, 0]))
            assert low - 1e-3 <= value <= high + 1e-3


@given(series(), series(), st.data())
def test_any_cut_gives_the_same_rows(
    first: tuple[np.ndarray, np.ndarray], second: tuple[np.ndarray, np.ndarray], data: st.DataObject
) -> None:
    patience_ns = 10**12

    def rows(cuts: list[int]) -> list[tuple[int, float, float]]:
        sampler = Resampler(10 * MS, (1, 1), patience_ns=patience_ns)
        parts = []
        for channel, (time_ns, values) in enumerate((first, second)):
            edges = [0, *sorted(c % (len(time_ns) + 1) for c in cuts), len(time_ns)]
            for a, b in pairwise(edges):
                parts.append(sampler.push(channel, time_ns[a:b], values[a:b]))
        parts.append(sampler.finish())
        assert sampler.discarded == 0
        return [
            (int(t), *map(repr, (x, y)))
            for part in parts
            for t, x, y in zip(
                part.time_ns, part.values[0][:, 0], part.values[1][:, 0], strict=True
            )
        ]

    assert rows(data.draw(st.lists(st.integers(0, 60), max_size=5))) == rows([])


def test_a_channel_that_falls_behind_is_left_out_after_the_patience() -> None:
    sampler = Resampler(10 * MS, (1, 1), patience_ns=100 * MS)
    time_ns = np.arange(0, 300, 10) * MS
    sampler.push(1, time_ns[:5], column([7] * 5))
    rows = sampler.push(0, time_ns, column([1] * 30))
    assert rows.time_ns[-1] == 190 * MS
    assert np.isnan(rows.values[1][10:, 0]).all()
    assert (rows.values[0] == 1).all()
    late = sampler.push(1, time_ns[5:10], column([7] * 5))
    assert len(late.time_ns) == 0
    assert sampler.discarded == 5


def test_samples_that_go_back_in_time_are_dropped_and_counted() -> None:
    sampler = Resampler(10 * MS, (1,))
    rows = sampler.push(0, np.array([0, 20, 10, 30]) * MS, column([0, 2, 9, 3]))
    assert rows.values[0][:, 0].tolist() == [0, 1, 2, 3]
    assert sampler.discarded == 1


def test_the_period_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive number"):
        Resampler(0, (1,))
