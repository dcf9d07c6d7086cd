"""Calibrations on disk: kept by device, shoe and firmware, each problem named."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from calibration_room import KEY, calibrated

from hw.calibration import Calibration, CalibrationError, CalibrationStore
from hw.calibration.rehearsal import Rehearsal
from hw.virtual import DeviceConfig, PatientConfig, VirtualPatient

DAY_NS = 86_400 * 10**9
PERSON = Rehearsal(seed=701)


@pytest.fixture(scope="module")
def made() -> Calibration:
    return calibrated(Rehearsal(seed=701))


def wall_ns(made: Calibration, days: float) -> int:
    assert made.made_ns is not None
    return made.made_ns + round(days * DAY_NS)


def test_what_is_saved_is_found(tmp_path: Path, made: Calibration) -> None:
    store = CalibrationStore(tmp_path / "new" / "folder")
    path = store.save(made)
    assert store.load(KEY) == made
    found = store.find(KEY, PERSON.profile, wall_ns(made, 2))
    assert found.calibration == made and found.problem is None
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_device_never_calibrated(tmp_path: Path) -> None:
    found = CalibrationStore(tmp_path / "none").find(KEY, PERSON.profile, None)
    assert found.calibration is None and found.problem == "missing"
    assert "heelfirst calibrate" in found.detail


@pytest.mark.parametrize(
    "other", [replace(KEY, shoe="boots"), replace(KEY, firmware="2.0"), replace(KEY, shoe="a,b")]
)
def test_another_shoe_or_firmware_is_foreign(
    tmp_path: Path, made: Calibration, other: object
) -> None:
    store = CalibrationStore(tmp_path)
    store.save(made)
    found = store.find(other, PERSON.profile, None)  # type: ignore[arg-type]  # a key
    assert found.calibration is None and found.problem == "foreign"


def test_another_device_is_missing(tmp_path: Path, made: Calibration) -> None:
    store = CalibrationStore(tmp_path)
    store.save(made)
    found = store.find(replace(KEY, device="insole"), PERSON.profile, None)
    assert found.problem == "missing"


def test_other_cells_are_foreign(tmp_path: Path, made: Calibration) -> None:
    store = CalibrationStore(tmp_path)
    store.save(made)
    six = VirtualPatient(PatientConfig(device=DeviceConfig(cells=6))).profile
    found = store.find(KEY, six, wall_ns(made, 1))
    assert found.calibration is None and found.problem == "foreign" and "6 cells" in found.detail


def test_an_old_one_is_stale_but_given(tmp_path: Path, made: Calibration) -> None:
    store = CalibrationStore(tmp_path, max_age_days=7)
    store.save(made)
    found = store.find(KEY, PERSON.profile, wall_ns(made, 8))
    assert found.problem == "stale" and found.calibration == made and "8 days" in found.detail
    assert store.find(KEY, PERSON.profile, wall_ns(made, 6)).problem is None


@pytest.mark.parametrize("days", [None, -1])
def test_an_age_that_is_not_known_is_not_good_news(
    tmp_path: Path, made: Calibration, days: float | None
) -> None:
    store = CalibrationStore(tmp_path)
    store.save(made)
    now_ns = None if days is None else wall_ns(made, days)
    assert store.find(KEY, PERSON.profile, now_ns).problem == "age unknown"


@pytest.mark.parametrize("data", [b"", b"{}", b"\xff\xfe", b'{"version": 2}'])
def test_a_damaged_file_is_named(tmp_path: Path, data: bytes) -> None:
    store = CalibrationStore(tmp_path)
    store.path(KEY).write_bytes(data)
    found = store.find(KEY, PERSON.profile, None)
    assert found.calibration is None and found.problem == "damaged"
    assert "calibrate again" in found.detail


def test_names_cannot_leave_the_folder(tmp_path: Path, made: Calibration) -> None:
    store = CalibrationStore(tmp_path)
    assert store.path(replace(KEY, device="../../x")).parent == tmp_path
    with pytest.raises(CalibrationError, match="device"):
        store.save(msgspec.structs.replace(made, device="../../x"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path, made: Calibration) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CalibrationError, match="written"):
        CalibrationStore(tmp_path / "file").save(made)
