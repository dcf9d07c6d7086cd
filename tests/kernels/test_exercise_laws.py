"""Laws of the recogniser: cuts do not matter, frames are means, heights are integrals."""

from functools import cache

import numpy as np
import pytest
from exercise_rooms import recogniser
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.source import SIDES, Recording
from hw.virtual import DeviceConfig, Phase, VirtualPatient, manner, preset
from kernels.exercises import ExerciseSet, LiveSet, Repetition, rate
from kernels.exercises.attitude import Tilt
from kernels.exercises.cycles import CycleCounter, Point
from kernels.exercises.frames import FRAME_NS, Frame, FrameMaker
from kernels.exercises.quality import ADVICE
from kernels.exercises.seated import SeatedFoot
from kernels.exercises.steps import displacement


@cache
def programme() -> Recording:
    taps = manner("toe_taps", repetitions=12)
    lifts = manner("ankle_dorsiflexion", "right", repetitions=6, period_s=3.0)
    phases = (
        Phase("stand", 2),
        Phase("walk", 5),
        Phase("toe_taps", 1, manner=taps),
        Phase("sit", 6),
        Phase("ankle_dorsiflexion", 1, manner=lifts),
        Phase("sit", 20),
        Phase("stand", 3),
        Phase("heel_walk", 1, 0.5, manner("heel_walk", repetitions=8)),
        Phase("stand", 4),
        Phase("step_ups", 1, manner=manner("step_ups", repetitions=4)),
        Phase("stand", 60),
    )
    config = preset("mild", device=DeviceConfig(rate_hz=50, loss=0.01), programme=phases)
    return VirtualPatient(config, 4).recording(125)[0]


def pushed(sizes: list[int]) -> tuple[list[object], list[LiveSet | None]]:
    """Return all that is found with chunks of these sizes in turn, left and right by turns."""
    recording = programme()
    watch = recogniser(recording.profile)
    at = dict.fromkeys(SIDES, 0)
    found: list[object] = []
    lives = []
    k = 0
    while any(at[side] < len(recording.feet[side].time_ns) for side in SIDES):
        for side in SIDES:
            foot = recording.feet[side]
            a, b = at[side], at[side] + sizes[k % len(sizes)]
            found += watch.push(side, foot.time_ns[a:b], foot.load[a:b], foot.imu[a:b])
            at[side] = b
        k += 1
        lives.append(watch.live())
    return found + watch.finish(), lives


def test_all_four_are_in_the_programme() -> None:
    found, lives = pushed([10])
    assert sorted(one.name for one in found) == [  # type: ignore[attr-defined]
        "ankle_dorsiflexion",
        "heel_walk",
        "step_ups",
        "toe_taps",
    ]
    named = {live.name for live in lives if live is not None}
    assert {"ankle_dorsiflexion", "heel_walk", "step_ups", "toe_taps"} <= named


@settings(max_examples=6, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_cuts_do_not_matter_to_the_bit(sizes: list[int]) -> None:
    assert pushed(sizes)[0] == pushed([10])[0]


def test_a_live_set_counts_up_and_holds() -> None:
    _, lives = pushed([10])
    lifts = [one for one in lives if one and one.name == "ankle_dorsiflexion"]
    counts = [one.count for one in lifts]
    assert counts == sorted(counts)
    assert max(counts) == 6
    assert max(one.hold_s for one in lifts) > 1.0
    assert any(not one.is_up for one in lifts)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 200), st.integers(0, 10**9))
def test_frames_are_the_means_of_their_samples(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    time_ns = np.cumsum(rng.integers(1_000_000, 30_000_000, n))
    load = rng.uniform(0, 50, (n, 3))
    maker = FrameMaker((0.1, 0.5, 0.9), has_imu=False)
    frames = maker.push(time_ns, load, None) + maker.finish()
    for frame in frames:
        inside = time_ns // FRAME_NS == frame.number
        if inside.any():
            assert frame.heel == pytest.approx(load[inside, 0].mean())
            assert frame.total == pytest.approx(load[inside].sum(axis=1).mean())


@pytest.mark.parametrize("offset", [0.0, 0.3, -0.5])
def test_a_way_from_rest_to_rest_forgives_an_offset(offset: float) -> None:
    t = np.arange(0, 0.8, 0.01)
    way = 0.15 * (t / 0.8) ** 2 * (3 - 2 * t / 0.8)
    acceleration = np.gradient(np.gradient(way, 0.01), 0.01)
    parts = [(float(a) + offset, 0.01) for a in acceleration]
    assert displacement(parts) == pytest.approx(0.15, abs=0.02)


def lifted(heights: list[float], frames: int = 12) -> int:
    """Return how many cycles of these heights are counted."""
    counter, count, k = CycleCounter(3.5), 0, 0
    for height in heights:
        for value in (*np.linspace(0, height, frames), *np.linspace(height, 0, frames)):
            cycle = counter.update(Point(k * FRAME_NS, float(value), 1, 1, 2))
            if cycle is not None:
                counter.accept(cycle)
                count += 1
            k += 1
    return count


def test_peaks_under_two_fifths_of_the_median_are_not_counted() -> None:
    assert lifted([20.0] * 6) == 6
    assert lifted([20, 20, 20, 7.5, 20, 20]) == 5
    assert lifted([20, 20, 20, 9.0, 20, 20]) == 6


def test_cycles_within_the_refractory_time_are_one() -> None:
    assert lifted([20.0] * 8, frames=2) < 8


def test_endless_tapping_is_told_of_in_parts() -> None:
    foot = SeatedFoot("left")
    ended = []
    for k in range(60_000):
        up = k % 12 < 6
        tilt = Tilt(10.0 if up else 0.0, 0.0, 0.0, 0.0, 0.0, False, 0.04)
        fore = 2.0 if up else 30.0
        done = foot.update(Frame(k, 40.0, fore, 45.0 + fore, tilt), is_seated=True)
        ended += [done] if done is not None else []
    assert [one.count for one in ended] == [1000] * 4
    last = foot.close()
    assert last is not None
    assert sum(one.count for one in ended) + last.count == pytest.approx(5000, abs=5)


def test_a_posture_that_is_kept_is_no_repetition() -> None:
    counter = CycleCounter(3.5)
    values = [0.0] * 10 + [20.0] * 500 + [0.0] * 10
    points = [Point(k * FRAME_NS, value, 1, 1, 2) for k, value in enumerate(values)]
    assert not any(counter.update(point) for point in points)


# -- quality ------------------------------------------------------------------------------------


def made(**changes: float) -> ExerciseSet:
    """Return a dorsiflexion set of ten good repetitions, changed."""
    period_s, hold, size = (
        changes.get("period_s", 4.0),
        changes.get("hold_s", 2.2),
        changes.get("range_deg", 15.0),
    )
    wrong = int(changes.get("wrong", 0))
    parts = tuple(
        Repetition(
            round(k * period_s * 1e9),
            round((k + 0.9) * period_s * 1e9),
            hold_s=hold,
            range_deg=size,
            is_good=k >= wrong,
        )
        for k in range(10)
    )
    return ExerciseSet("ankle_dorsiflexion", "left", 0, parts[-1].end_ns, parts)


def test_a_good_set_needs_no_advice() -> None:
    assert rate(made()) == (1.0, ())


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"range_deg": 6.0}, "lift higher"),
        ({"hold_s": 0.5}, "hold for 2 s"),
        ({"period_s": 0.9}, "slower"),
        ({"period_s": 11.0}, "faster"),
        ({"wrong": 5}, "keep the heel down"),
    ],
)
def test_what_was_wrong_is_said(changes: dict[str, float], advice: str) -> None:
    quality, words = rate(made(**changes))
    assert quality is not None
    assert quality < 1
    assert words == (advice,)
    assert set(words) <= set(ADVICE)


def test_the_weaker_side_is_told() -> None:
    assert rate(made(), other_range_deg=30.0).advice == ("train this side more",)
    assert rate(made(), other_range_deg=14.0).advice == ()
    assert rate(made(), other_range_deg=7.0).advice == ()


@given(
    st.lists(
        st.tuples(st.floats(0.3, 9), st.floats(0, 60), st.floats(0, 12), st.booleans()),
        min_size=1,
        max_size=20,
    )
)
def test_quality_is_a_share_whatever_was_done(
    parts: list[tuple[float, float, float, bool]],
) -> None:
    at, found = 0.0, []
    for period_s, size, hold, good in parts:
        end = at + period_s
        found.append(Repetition(round(at * 1e9), round(end * 1e9), hold, size, None, good))
        at = end
    for name in ("ankle_dorsiflexion", "toe_taps", "heel_walk", "step_ups"):
        done = ExerciseSet(name, "left", 0, found[-1].end_ns, tuple(found))  # type: ignore[arg-type]
        quality, words = rate(done, other_range_deg=12.0)
        assert quality is not None
        assert 0 <= quality <= 1
        assert len(words) <= 3
        assert set(words) <= set(ADVICE)
