"""A guided session with a rehearsing person, and what came of it."""

from collections.abc import Iterable

import numpy as np

from hw.calibration import (
    CalibratedSource,
    Calibration,
    CalibrationKey,
    GuidedCalibration,
    Update,
)
from hw.calibration.rehearsal import Pose, Rehearsal
from hw.source import Side

KEY = CalibrationKey("insole-1", "left walking shoe", "1.0.1")
STEPS: tuple[Pose, ...] = ("stand", "left", "right", "heels", "toes", "sit")
SECONDS = 6.0


def session(
    person: Rehearsal, weight_n: float | None = 750.0, **settings: object
) -> GuidedCalibration:
    return GuidedCalibration(person.profile, KEY, body_weight_n=weight_n, **settings)  # type: ignore[arg-type]  # tests pass what they know


def follow(
    guided: GuidedCalibration, person: Rehearsal, pose: Pose, seconds: float
) -> list[Update]:
    """The person keeps a pose, whatever is said."""
    return [update for block in person.blocks(pose, seconds) for update in guided.push(block)]


def obey(
    guided: GuidedCalibration, person: Rehearsal, without: Iterable[Pose] = ()
) -> list[Update]:
    """The person does what is asked, and skips what they cannot do."""
    out: list[Update] = []
    for _ in range(200):
        if guided.done:
            return out
        if guided.step in without:
            out += guided.skip()
        else:
            assert guided.step is not None
            out += follow(guided, person, guided.step, 0.5)
    raise AssertionError(f"the session hangs at {guided.step}: {out[-3:]}")


def calibrated(person: Rehearsal, **settings: object) -> Calibration:
    guided = session(person, **settings)  # type: ignore[arg-type]  # as above
    obey(guided, person)
    return guided.result(1_790_000_000_000_000_000)


def mean_loads(
    person: Rehearsal, calibration: Calibration, pose: Pose, seconds: float = 5.0
) -> dict[Side, float]:
    """Mean calibrated load of each foot in a pose; dead cells left out."""

    class _Silent:
        profile = person.profile

        def blocks(self) -> object:
            raise NotImplementedError

    source = CalibratedSource(_Silent(), calibration)  # type: ignore[arg-type]  # only `apply` is used
    sums: dict[Side, list[float]] = {"left": [], "right": []}
    for block in person.blocks(pose, seconds):
        load = source.apply(block).load
        assert load is not None
        sums[block.side] += np.nansum(load, axis=1).tolist()
    return {side: float(np.mean(values)) for side, values in sums.items()}
