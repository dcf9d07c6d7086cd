"""Accuracy against the virtual patient's exact labels, on seeds not used while writing the kernel.

Thresholds were chosen on seeds 0-199; seeds from 1000 on were looked at; these are 7000 and up.
"""

import numpy as np
import pytest
from truth import Score, score_contacts, score_drags

from hw.virtual import DeviceConfig, LegConfig, PatientConfig, VirtualPatient
from kernels import FootConfig, FootKernel

SPEEDS = (0.3, 0.6, 1.0, 1.4)
SECONDS = 60
TAIL_NS = 1_000_000_000


def patient(seed, speed, cells):
    rng = np.random.default_rng(seed)
    drop = float(rng.choice([0.3, 0.5, 0.7, 0.9]))
    legs = [LegConfig(drop=drop, drag_rate=0.15), LegConfig()]
    left, right = legs if seed % 2 else legs[::-1]
    config = PatientConfig(
        speed_m_s=speed,
        variability=float(rng.uniform(0.015, 0.05)),
        body_weight_n=float(rng.uniform(450, 1000)),
        left=left,
        right=right,
        device=DeviceConfig(cells=cells),
    )
    return VirtualPatient(config, seed)


def found(recording, side, imu):
    profile, foot = recording.profile.foot(side), recording.feet[side]
    mount = profile.mount if imu else None
    kernel = FootKernel(FootConfig(side, profile.x, profile.y, mount, 0.26, profile.to_toe_m))
    parts = kernel.push(foot.time_ns, foot.load, foot.imu if imu else None), kernel.finish()
    return tuple(np.concatenate([p[i] for p in parts]) for i in (0, 1))


@pytest.mark.parametrize("imu", [True, False], ids=["imu", "pressure only"])
@pytest.mark.parametrize("cells", [6, 16])
def test_contacts_strikes_and_drags(imu, cells):
    contacts, drags = Score(), Score()
    for n, speed in enumerate(SPEEDS):
        for seed in range(7000 + 10 * n, 7004 + 10 * n):
            recording, labels = patient(seed, speed, cells).recording(SECONDS)
            for side, foot in recording.feet.items():
                end = int(foot.time_ns[-1]) - TAIL_NS
                events, strides = found(recording, side, imu)
                events = events[events["time_ns"] < end]
                true = labels.contacts[side]
                contacts.add(score_contacts(true[true["time_ns"] < end], events))
                true = labels.drags[side]
                drags.add(score_drags(true[true["end_ns"] < end], events, strides))
    assert contacts.hits + contacts.missed > 800
    assert drags.hits + drags.missed > 40
    assert contacts.f1 >= 0.99, str(contacts)
    assert contacts.right_share >= 0.97, str(contacts)
    assert drags.f1 >= 0.95, str(drags)
