"""Virtual patients who exercise, and virtual days without any exercise, each made from a seed."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from hw.source import Profile, Recording
from hw.virtual import (
    EXERCISES,
    MISTAKES,
    PRESETS,
    DeviceConfig,
    Labels,
    Manner,
    PatientConfig,
    Phase,
    VirtualPatient,
    manner,
    preset,
)
from kernels.exercises import ExerciseRecogniser, ExerciseSet, FootSensors, Found

SEATED = ("ankle_dorsiflexion", "toe_taps")
RATES = (25.0, 50.0, 62.5, 100.0, 200.0)


class Score(NamedTuple):
    """What became of one true set: the found name ("" none) and the found count less the true."""

    exercise: str
    mistake: str
    name: str
    side_right: bool
    miss: int


def recogniser(profile: Profile, sides=("left", "right")) -> ExerciseRecogniser:
    """Return a recogniser for the feet of a device."""
    feet = {}
    for side in sides:
        foot = profile.foot(side)
        feet[side] = FootSensors(foot.x, foot.mount == "foot")
    return ExerciseRecogniser(feet, is_newton=profile.left.cell_unit == "N")


def recognise(recording: Recording, chunk_s: float = 0.25, sides=("left", "right")) -> list[Found]:
    """Return what is found in a recording, pushed in chunks."""
    watch = recogniser(recording.profile, sides)
    found: list[Found] = []
    end_ns = max(int(recording.feet[side].time_ns[-1]) for side in sides)
    step = round(chunk_s * 1e9)
    for begin in range(0, end_ns + 1, step):
        for side in sides:
            foot = recording.feet[side]
            a, b = np.searchsorted(foot.time_ns, (begin, begin + step))
            load = None if foot.load is None else foot.load[a:b]
            imu = None if foot.imu is None else foot.imu[a:b]
            found += watch.push(side, foot.time_ns[a:b], load, imu)
    return found + watch.finish()


def sets(found: list[Found]) -> list[ExerciseSet]:
    """Return the sets of exercises."""
    return [one for one in found if isinstance(one, ExerciseSet)]


def session(seed: int) -> tuple[PatientConfig, list[tuple[str, str]], float]:
    """Return a patient who does every exercise, in what order, and how long it takes [s].

    Drawn from the seed: foot drop, weight, size, speed, device (25-200 Hz, 6-16 cells, lost
    packets), order, sides, doses, tempo, range, hold, and what is done badly.
    """
    rng = np.random.default_rng([seed, 77])
    device = DeviceConfig(
        cells=int(rng.choice([6, 8, 16])),
        rate_hz=float(rng.choice(RATES)),
        loss=float(rng.choice([0.0, 0.0, 0.01])),
    )
    phases, order, seconds = [Phase("stand", 3), Phase("walk", 12), Phase("stand", 3)], [], 40.0
    for exercise in rng.permutation(list(EXERCISES)):
        mistake = str(rng.choice(MISTAKES)) if rng.random() < 0.5 else ""
        how = _varied(str(exercise), mistake, rng)
        speed = float(rng.uniform(0.3, 0.6)) if exercise == "heel_walk" else None
        phases.append(Phase(str(exercise), 1, speed, how))
        rest = "sit" if exercise in SEATED else "stand"
        phases.append(Phase(rest, float(rng.uniform(16, 40))))
        if rng.random() < 0.5:
            phases += [Phase("walk", float(rng.uniform(8, 25))), Phase("stand", 4)]
        order.append((str(exercise), mistake))
        seconds += 75.0 + 1.35 * how.repetitions * (
            how.period_s if exercise != "heel_walk" else 1.4
        )
    phases.append(Phase("sit", 1800))
    base = preset(
        str(rng.choice(PRESETS)), str(rng.choice(["left", "right"])), programme=tuple(phases)
    )
    person = {
        "body_weight_n": float(rng.uniform(480, 1100)),
        "foot_length_m": float(rng.uniform(0.22, 0.30)),
        "device": device,
    }
    return replace(base, **person), order, seconds


def _varied(exercise: str, mistake: str, rng: np.random.Generator) -> Manner:
    good = manner(exercise, str(rng.choice(["left", "right"])), mistake)
    changes = {
        "repetitions": max(6, round(good.repetitions * rng.uniform(0.7, 1.2))),
        "range_deg": good.range_deg * float(rng.uniform(0.9, 1.3)),
        "period_s": good.period_s * float(rng.uniform(0.88, 1.15)),
        "rise_m": float(rng.uniform(0.10, 0.20)) if mistake != "small" else good.rise_m,
    }
    if exercise == "ankle_dorsiflexion" and mistake != "fast":
        changes["hold_s"] = float(rng.uniform(1.0, 3.0))
    return manner(exercise, good.side, mistake, **changes)


def score(labels: Labels, found: list[Found], order: list[tuple[str, str]]) -> list[Score]:
    """Hold the sets that were found against the true ones, by overlap in time."""
    out = []
    for truth, (exercise, mistake) in zip(labels.exercises, order, strict=False):
        same = [one for one in sets(found) if _overlap(one, truth) > 0]
        best = max(same, key=lambda one: _overlap(one, truth), default=None)
        name = best.name if best is not None else ""
        side = best is not None and (best.side or "") == truth["side"]
        miss = (best.count if best is not None else 0) - int(truth["repetitions"])
        out.append(Score(exercise, mistake, name, side, miss))
    return out


def false_sets(labels: Labels, found: list[Found]) -> list[ExerciseSet]:
    """Return the sets that were found where there was none, and second ones of the same truth."""
    taken: set[int] = set()
    false = []
    for one in sets(found):
        over = [k for k, truth in enumerate(labels.exercises) if _overlap(one, truth) > 0]
        if not over or over[0] in taken:
            false.append(one)
        taken.update(over)
    return false


def _overlap(one: ExerciseSet, truth: np.void) -> int:
    begin = max(one.begin_ns, int(truth["start_ns"]))
    return max(0, min(one.end_ns, int(truth["end_ns"])) - begin)


def everyday(seed: int, hours: float) -> tuple[PatientConfig, float]:
    """Return a patient who walks, stands, shifts, sits and climbs stairs; no exercise at all."""
    rng = np.random.default_rng([seed, 78])
    phases: list[Phase] = []
    at = 0.0
    while at < hours * 3600:
        kind = str(rng.choice(["walk", "stand", "shift", "fidget", "cross", "stairs", "turn"]))
        longest = {"walk": 400, "stand": 240, "shift": 120, "fidget": 1800, "cross": 900}
        seconds = float(rng.uniform(5, longest.get(kind, 20)))
        speed = float(rng.uniform(0.25, 1.3)) if kind == "walk" else None
        how = Manner(side=str(rng.choice(["left", "right"]))) if kind == "cross" else None
        phases.append(Phase(kind, seconds, speed, how))
        at += seconds
    base = preset(str(rng.choice(PRESETS)), str(rng.choice(["left", "right"])))
    device = DeviceConfig(rate_hz=float(rng.choice([25.0, 50.0, 100.0])))
    return replace(base, programme=tuple(phases), device=device), hours * 3600


def exercised(seed: int) -> tuple[list[Score], list[ExerciseSet]]:
    """Return how the sets of a session were recognised, and what was found besides."""
    config, order, seconds = session(seed)
    recording, labels = VirtualPatient(config, seed).recording(seconds)
    found = recognise(recording)
    return score(labels, found, order), false_sets(labels, found)
