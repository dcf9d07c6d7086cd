"""Whatever is done to a file, `read` gives a recording or says what is wrong with it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hw.archive import Recorder, write_parquet
from hw.profile import ProfileError
from hw.recording import RecordingError
from hw.replay import read
from hw.source import Block
from hw.virtual import DeviceConfig, PatientConfig, VirtualPatient

PROFILE = """
name = "six cells"
[cells]
x = [0.12, 0.45, 0.72, 0.75, 0.88, 0.92]
y = [0.5, 0.75, 0.5, 0.2, 0.75, 0.25]
"""
CSV = "time,left_cell_1,left_cell_2,left_cell_3,left_cell_4,left_cell_5,left_cell_6\n" + "".join(
    f"{k / 100:.2f},1,2.5,,4,5,{k}\n" for k in range(30)
)
MOTICON = (
    "# Sensor insoles: Left SN1\n# time\t"
    + "\t".join(f"left pressure {k}[N/cm²]" for k in range(1, 17))
    + "\n"
    + "".join(f"{k / 100:.2f}" + "\t1.25" * 16 + "\n" for k in range(20))
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One sound file of each format."""
    folder = tmp_path_factory.mktemp("sound")
    config = PatientConfig(device=DeviceConfig(cells=6))
    walk, _ = VirtualPatient(config, 2).recording(3)
    with Recorder(folder / "walk.arrows", walk.profile) as recorder:
        for side, foot in walk.feet.items():
            recorder.write(Block(side, foot.time_ns, foot.load, foot.imu))
    parquet = write_parquet(walk, folder / "walk.parquet")
    return {
        "csv": CSV.encode(),
        "moticon": MOTICON.encode(),
        "arrows": recorder.path.read_bytes(),
        "parquet": parquet.read_bytes(),
    }


@pytest.mark.parametrize("kind", ["csv", "moticon", "arrows", "parquet"])
@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(
    kind: str, data: st.DataObject, whole: dict[str, bytes], tmp_path: Path
) -> None:
    content = bytearray(whole[kind])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        what = data.draw(st.sampled_from(["cut", "flip", "drop", "insert", "text"]))
        if what == "cut":
            content = content[: max(1, at)]
        elif what == "flip":
            content[at] ^= data.draw(st.integers(1, 255))
        elif what == "drop":
            del content[at : at + data.draw(st.integers(1, 20))]
        elif what == "insert":
            content[at:at] = data.draw(st.binary(min_size=1, max_size=20))
        else:
            content[at:at] = data.draw(
                st.sampled_from([b",", b"\n", b'"', b"\t", b"#", b"-", b"nan", b"inf", b"1e999"])
            )
        content = content or bytearray(b"x")
    path, profile = tmp_path / "walk", tmp_path / "device.toml"
    path.write_bytes(content)
    profile.write_text(PROFILE, encoding="utf-8")
    try:
        recording = read(path, profile if kind == "csv" else None)
    except ValueError as error:
        assert isinstance(error, (RecordingError, ProfileError))
        return
    for foot in recording.feet.values():
        assert (np.diff(foot.time_ns) > 0).all()
        assert foot.load is None or not (foot.load < 0).any()
