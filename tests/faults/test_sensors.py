"""Faults 16 and 17: what the radio loses and what the sensors make up, through a whole agent.

A virtual patient walks; the samples are changed, the truth and a run without faults are known.

What is not promised, and bounds the doses:
- Left and right swapped cannot be known from mirrored motion; the wrong leg is watched then.
- A drifting cell raises no technical alarm. Up to 2 % of the foot's largest load per minute it
  makes nothing up; at 5 % it may make drags up in slow walkers.
- A cell that sticks under 2 % of the largest load, or saturates in its highest peaks only, is not
  found.
- While a foot has a technical alarm its drags prove nothing, and the alert rules do not look at
  them, but they are stored: an IMU turned over sees some that are none.
- Both feet silent less than ten seconds after they were silent before may raise no alarm: they
  may have been taken off in between.
Seed 1454 violates: a drag at a landing, in the first swing after a gap. What else is promised and
does not hold stands at the end, as tests that are expected to fail.
"""

import random
from collections.abc import Callable

import numpy as np
import pytest
from sensor_rig import LENGTH_S, Patient, Told, follow, made_up, missed, patient

from edge import wire
from hw.source import SIDES, FootSeries, Recording, Side

Spans = list[tuple[float, float]]
ALARM_S = 60.0
SILENT_S = (30.0, 33.0)
"""The alarm for a silent foot is raised after so long."""
AGAIN_S = 10.0
"""So long the feet were there before: else they may have been taken off."""
SETTLED_S = 1.5
"""So long after a gap, and before it, every step is found that is found without."""
CHANGE_S = 3.0
"""A sensor that begins or ceases to lie amid a swing may spoil the strides at hand."""
PATIENTS = 4
"""Walks in `make test`; soak has ten times as many."""
TURNED_OVER = np.array([1, -1, -1, 1, -1, -1], np.float32)


def rows(foot: FootSeries, begin_s: float, end_s: float) -> slice:
    return slice(*np.searchsorted(foot.time_ns, [round(begin_s * 1e9), round(end_s * 1e9)]))


# -- 16: the radio --------------------------------------------------------------------------------


def gaps(rng: random.Random) -> dict[Side, Spans]:
    """Return what the radio of one foot or of both loses; or an insole that is lost for a while
    or for good."""
    if rng.random() < 0.25:
        begin_s = rng.uniform(8, 70)
        end_s = rng.choice((LENGTH_S, begin_s + rng.uniform(31, 60)))
        lost = rng.choice(SIDES)
        return {side: [(begin_s, end_s)] if side == lost else [] for side in SIDES}
    sides = rng.choice((SIDES, SIDES[:1], SIDES[1:]))
    spans, at_s = [], rng.uniform(6, 20)
    while at_s < 100:
        gap_s = 0.1 * 600 ** rng.random()
        spans.append((at_s, at_s + gap_s))
        at_s += gap_s + rng.uniform(0.3, 25)
    return {side: spans if side in sides else [] for side in SIDES}


def without(foot: FootSeries, spans: Spans) -> FootSeries:
    keep = np.ones(len(foot.time_ns), bool)
    for begin_s, end_s in spans:
        keep[rows(foot, begin_s, end_s)] = False
    assert foot.load is not None and foot.imu is not None
    return FootSeries(foot.time_ns[keep], foot.load[keep], foot.imu[keep])


def silences(told: Told, side: Side, spans: Spans, are_both: bool) -> list[str]:
    """Return what is wrong with the alarms for a silent foot."""
    before_s = -AGAIN_S
    found = [(at, up) for at, what, up in told.technical(side) if what == "sensor_silent"]
    problems = []
    for begin_s, end in spans:
        end_s = min(end, LENGTH_S)
        raised = [at for at, up in found if up and begin_s < at <= end_s + 1.0]
        gone = [at for at, up in found if not up and end_s <= at < end_s + 3.0]
        if end_s - begin_s > SILENT_S[1]:
            if are_both and begin_s - before_s < AGAIN_S:
                continue
            at_s = raised[0] - begin_s if len(raised) == 1 else float("nan")
            if not SILENT_S[0] <= at_s <= SILENT_S[1] or (not gone and end_s < LENGTH_S):
                problems.append(f"{side} silent {begin_s}-{end_s}: alarms {raised}, gone {gone}")
        elif end_s - begin_s < SILENT_S[0] - 1 and raised:
            problems.append(f"{side} not silent {begin_s}-{end_s}: alarms {raised}")
        before_s = end_s
    return problems


def radio(seed: int, patients: int = PATIENTS) -> int:
    """Lose samples; return how many."""
    rng = random.Random(seed)
    walk, spans, numbered = patient(seed % patients), gaps(rng), rng.random() < 0.5
    feet = {side: without(foot, spans[side]) for side, foot in walk.recording.feet.items()}
    told = follow(Recording("gaps", walk.recording.profile, feet), numbered=numbered)
    assert made_up(told, walk) == [], f"seed {seed}"
    total = 0
    for side, foot in feet.items():
        lost = len(walk.recording.feet[side].time_ns) - len(foot.time_ns)
        assert told.lost(side) == lost, f"seed {seed}: the {side} foot's count"
        assert silences(told, side, spans[side], all(spans.values())) == [], f"seed {seed}"
        late = [
            at
            for at in missed(told, walk, side)
            if not any(begin - SETTLED_S < at < end + SETTLED_S for begin, end in spans[side])
        ]
        assert late == [], f"seed {seed}: steps away from any gap"
        total += lost
    return total


@pytest.mark.parametrize("seed", range(20))
def test_radio_gaps_and_a_lost_insole_make_nothing_up_and_are_counted(seed: int) -> None:
    assert radio(seed) > 0


@pytest.mark.soak(fault="16", runs=50)
@pytest.mark.parametrize("first", range(1000, 1500, 50))
def test_soak_radio_gaps_and_a_lost_insole(first: int) -> None:
    for seed in range(first, first + 50):
        assert radio(seed, 10 * PATIENTS) > 0


# -- 17: the sensors ------------------------------------------------------------------------------

Break = Callable[[random.Random, FootSeries, slice], str]
"""Changes a foot's samples in place; returns the alarm's words, empty: there is none."""


def loads(foot: FootSeries) -> np.ndarray:
    assert foot.load is not None
    return foot.load


def largest(foot: FootSeries) -> float:
    return float(loads(foot).sum(axis=1).max())


def stuck(rng: random.Random, foot: FootSeries, when: slice) -> str:
    """At 2.5 to 15 % of the foot's largest load."""
    cell = rng.randrange(loads(foot).shape[1])
    loads(foot)[when, cell] = rng.uniform(0.025, 0.15) * largest(foot)
    return f"cell {cell + 1} stuck"


def saturated(rng: random.Random, foot: FootSeries, when: slice) -> str:
    """At 20 to 35 % of what a cell that matters carries."""
    load = loads(foot)
    peaks = load.max(axis=0)
    cell = rng.choice(np.flatnonzero(peaks > 0.12 * largest(foot)).tolist())
    top = np.float32(rng.uniform(0.2, 0.35) * peaks[cell])
    load[when, cell] = np.minimum(load[when, cell], top)
    return f"cell {cell + 1} saturated"


def not_a_number(rng: random.Random, foot: FootSeries, when: slice) -> str:
    cell = rng.randrange(loads(foot).shape[1])
    loads(foot)[when, cell] = np.nan
    return f"cell {cell + 1} silent"


def drifting(rng: random.Random, foot: FootSeries, when: slice, percent: float = 2.0) -> str:
    """By up to 2 % of the foot's largest load per minute, up or down; there is no alarm for it."""
    cell = rng.randrange(loads(foot).shape[1])
    slope = rng.choice((-1, 1)) * rng.uniform(0.2, 1.0) * percent / 100 * largest(foot) / 60
    after_s = (foot.time_ns[when] - foot.time_ns[when][0]) / 1e9
    loads(foot)[when, cell] = np.maximum(loads(foot)[when, cell] + slope * after_s, 0)
    return ""


def turned_over(rng: random.Random, foot: FootSeries, when: slice) -> str:
    assert foot.imu is not None
    foot.imu[when] *= TURNED_OVER
    return "imu turned over"


def broken(seed: int, patients: int, spoil: Break) -> tuple[Patient, Told, Side, str, Spans]:
    """Let one foot's sensor lie for 70 s, from the start or from amid the walk."""
    rng = random.Random(seed)
    walk, side = patient(seed % patients), rng.choice(SIDES)
    begin_s = rng.choice((0.0, rng.uniform(15, 30)))
    foot = walk.recording.feet[side]
    assert foot.load is not None and foot.imu is not None
    copy = FootSeries(foot.time_ns, foot.load.copy(), foot.imu.copy())
    words = spoil(rng, copy, rows(copy, begin_s, begin_s + 70))
    feet = {**walk.recording.feet, side: copy}
    told = follow(Recording("broken", walk.recording.profile, feet))
    return walk, told, side, words, [(begin_s, begin_s + 70)]


def sensor(seed: int, patients: int, spoil: Break) -> None:
    walk, told, side, words, [(begin_s, end_s)] = broken(seed, patients, spoil)
    name = f"seed {seed}, {spoil.__name__}, {side} foot from {begin_s:.1f} s, {words}"

    def is_at_change(at_s: float) -> bool:
        return min(abs(at_s - begin_s), abs(at_s - end_s)) < CHANGE_S

    alarms = told.technical(side)
    for at_s, what in made_up(told, walk):
        is_known = "drag" in what and [up for s, _, up in alarms if s <= at_s][-1:] == [True]
        assert "alert" not in what and (is_at_change(at_s) or is_known), f"{name}: {at_s} {what}"
    assert [at for at in missed(told, walk, side) if not is_at_change(at)] == [], name
    assert not any(told.of(wire.Gap, each) for each in SIDES), f"{name}: nothing was lost"
    assert [what for _, what, up in alarms if up] == ([words] if words else []), name
    if words:
        (raised_s, _, _), (gone_s, _, is_raised) = alarms
        assert begin_s < raised_s <= begin_s + ALARM_S and not is_raised, name
        assert end_s < gone_s <= end_s + ALARM_S, name
    other: Side = "right" if side == "left" else "left"
    assert told.technical(other) == [], name


KINDS = [stuck, saturated, not_a_number, drifting, turned_over]


@pytest.mark.parametrize("spoil", KINDS)
def test_a_broken_sensor_is_named_and_makes_nothing_up(spoil: Break) -> None:
    sensor(2 + KINDS.index(spoil), PATIENTS, spoil)


@pytest.mark.soak(fault="17", runs=20)
@pytest.mark.parametrize("spoil", KINDS)
def test_soak_broken_sensors(spoil: Break) -> None:
    for seed in range(100, 120):
        sensor(seed, 10 * PATIENTS, spoil)


def swapped(number: int) -> None:
    """Left and right swapped cannot be known from mirrored motion, so no alarm is promised.

    What holds: all of it stands under the other side and nothing is added, lost or changed; so
    do the alerts where the affected leg is swapped too. Where it is not, the sound leg is watched
    in place of the affected one, whose drags raise no alert; none is made up.
    """
    walk = patient(number)
    left, right = (walk.recording.feet[side] for side in SIDES)
    feet: dict[Side, FootSeries] = {"left": right, "right": left}
    wrong = Recording("swapped", walk.recording.profile, feet)
    assert follow(wrong).gait() <= walk.calm.gait()
    told = follow(wrong, affected="right")
    for side, other in (SIDES, SIDES[::-1]):
        for kind in (wire.Stride, wire.ToeDrag, wire.NearTrip):
            mine, true = told.of(kind, side), walk.calm.of(kind, other)
            assert [e.time_ns for e in mine] == [e.time_ns for e in true]
        strides = zip(told.of(wire.Stride, side), walk.calm.of(wire.Stride, other), strict=True)
        assert all((a.strike, a.toe_drag) == (b.strike, b.toe_drag) for a, b in strides)
        assert told.lost(side) == 0 and told.technical(side) == []
    turn: dict[Side | None, Side | None] = {"left": "right", "right": "left", None: None}
    assert told.gait() == {(rule, turn[side]) for rule, side in walk.calm.gait()}


def test_left_and_right_swapped_move_all_to_the_other_side_and_add_nothing() -> None:
    swapped(3)


@pytest.mark.soak(fault="17", runs=20)
def test_soak_left_and_right_swapped() -> None:
    for number in range(20):
        swapped(number)


# -- what does not hold ---------------------------------------------------------------------------


def all_cells(rng: random.Random, foot: FootSeries, when: slice) -> str:
    loads(foot)[when] = np.nan
    return "pressure"


def whole_imu(rng: random.Random, foot: FootSeries, when: slice) -> str:
    assert foot.imu is not None
    foot.imu[when] = np.nan
    return "imu"


def drifting_fast(rng: random.Random, foot: FootSeries, when: slice) -> str:
    """At 30 % of the largest load per minute; drags and an alert are made up, too."""
    drifting(rng, foot, when, percent=30.0)
    return "drift"


def is_known_in_time(spoil: Break) -> bool:
    _, told, side, _, [(begin_s, _)] = broken(1, PATIENTS, spoil)
    return any(up and at <= begin_s + ALARM_S for at, _, up in told.technical(side))


@pytest.mark.parametrize("spoil", [all_cells, whole_imu])
def test_a_sensor_without_values_is_known_within_a_minute(spoil: Break) -> None:
    assert is_known_in_time(spoil)


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="no technical alarm for it yet")
def test_a_drifting_cell_is_known_within_a_minute() -> None:
    assert is_known_in_time(drifting_fast)


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="drags that the IMU alone sees stay while it is faulty",
)
def test_an_imu_turned_over_makes_no_drag_up() -> None:
    walk, told, *_ = broken(116, 10 * PATIENTS, turned_over)
    assert made_up(told, walk) == []
