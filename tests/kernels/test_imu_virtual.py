"""The IMU chain alone on virtual patients, with seeds that nothing was tuned on."""

import gaitmap
import numpy as np
import pytest

from hw.source import SIDES
from hw.virtual import DeviceConfig, LegConfig, PatientConfig, VirtualPatient
from kernels._imu import ImuChain


@pytest.mark.parametrize("speed_m_s", [0.3, 0.6, 1.0, 1.4])
@pytest.mark.parametrize("rate_hz", [50.0, 100.0, 200.0])
def test_steps_and_lengths(speed_m_s: float, rate_hz: float) -> None:
    config = PatientConfig(
        speed_m_s=speed_m_s,
        left=LegConfig(drop=0.25),
        device=DeviceConfig(rate_hz=rate_hz, imu_tilt_deg=25.0),
    )
    recording, labels = VirtualPatient(config, seed=1003).recording(60)
    for side in SIDES:
        foot = recording.feet[side]
        imu = np.ascontiguousarray(foot.imu, np.float32)
        landings, _ = gaitmap.follow(ImuChain(foot_length_m=0.26), foot.time_ns, imu)
        found = [x.contact_ns * 1e-9 for x in landings]
        wanted = (labels.contacts[side]["time_ns"] * 1e-9).tolist()
        index = gaitmap.pair(found, wanted, 0.1)
        hits = [i for i in index if i is not None]
        assert 2 * len(hits) / (len(found) + len(wanted)) >= 0.95
        strides = labels.strides[side]
        length = [
            landings[i].stride["stride_length_m"] - row["length_m"]
            for i, row in zip(index, strides, strict=True)
            if i is not None and not row["turn"]
        ]
        assert np.isfinite(length).mean() > 0.9
        assert np.nanmean(np.abs(length)) <= 0.035


def test_standing_and_sitting_make_no_steps() -> None:
    recording, labels = VirtualPatient(PatientConfig(), seed=1004).recording(110)
    for side in SIDES:
        foot = recording.feet[side]
        samples = ImuChain().run(foot.time_ns, np.ascontiguousarray(foot.imu, np.float32))
        contacts = samples["contact_ns"][samples["contact_ns"] != gaitmap.MISSING_NS]
        for phase in labels.phases:
            if phase["kind"] in ("stand", "sit", "shift"):
                begin = phase["start_ns"] + 1_000_000_000
                assert not ((contacts > begin) & (contacts < phase["end_ns"])).any()
