"""Readers of the public recordings: what they give, and what they say of bad files."""

import numpy as np
import pytest

from hw.recording import RecordingError
from hw.research import read_folder, read_gaitmap, read_gaitpdb, read_stepped_walk


@pytest.fixture(scope="module")
def research(recordings):
    return read_folder(recordings)


def test_every_data_set_is_read(research):
    assert research.absent == ()
    assert len(research.insole_walks) == 4
    assert len(research.force_walks) == 2
    assert len(research.motion_capture) == 1


def test_the_vendors_42_steps(research):
    steps = [s for walk in research.insole_walks for s in walk.steps.values()]
    assert sum(len(s.contacts_s) for s in steps) == 42
    assert sum(len(s.toe_offs_s) for s in steps) == 42
    for s in steps:
        assert (np.diff(s.contacts_s) > 0).all()
    without = [w.recording.name for w in research.insole_walks if not w.steps]
    assert without == ["text_export"]


def test_gaitmap_is_in_house_units(research):
    walk = research.motion_capture[0]
    assert {side: len(f.contact_s) for side, f in walk.feet.items()} == {"left": 28, "right": 29}
    for side, foot in walk.recording.feet.items():
        rest = foot.imu[:100].mean(axis=0)
        assert np.linalg.norm(rest[:3]) == pytest.approx(9.8, abs=0.2)
        assert rest[2] > 9
        assert 3 < np.abs(foot.imu[:, 4]).max() < 20, "rad/s"
        marked = walk.feet[side]
        assert np.median(np.linalg.norm(marked.toe - marked.heel, axis=1)) == pytest.approx(
            0.2, abs=0.06
        )
        assert (marked.toe_off_s < marked.contact_s).all()


def test_gaitpdb_is_two_feet_of_eight_cells(research):
    for recording in research.force_walks:
        assert len(recording.profile.left.x) == 8
        for foot in recording.feet.values():
            assert foot.imu is None
            assert foot.load.shape[1] == 8
            assert 100 < np.percentile(foot.load.sum(axis=1), 95) < 2000, "newtons"


def test_a_folder_with_nothing_in_it(tmp_path):
    with pytest.raises(RecordingError, match="none of the public recordings") as caught:
        read_folder(tmp_path)
    assert caught.value.path == tmp_path


def test_absent_data_sets_are_named(tmp_path):
    (tmp_path / "gaitpdb").mkdir()
    _force_file(tmp_path / "gaitpdb" / "GaCo09_01.txt")
    _force_file(tmp_path / "gaitpdb" / "GaPt09_01.txt")
    research = read_folder(tmp_path)
    assert research.absent == ("moticon_opengo", "gaitmap")
    assert [r.name for r in research.force_walks] == ["GaCo09_01"], "no patients"


def _force_file(path, rows=50, width=19):
    table = np.column_stack([np.arange(rows) / 100, np.ones((rows, width - 1))])
    np.savetxt(path, table, delimiter="\t", fmt="%.2f")
    return path


def test_bad_gaitpdb_files(tmp_path):
    with pytest.raises(RecordingError, match="18 fields"):
        read_gaitpdb(_force_file(tmp_path / "narrow.txt", width=18))
    with pytest.raises(RecordingError):
        read_gaitpdb(tmp_path / "absent.txt")
    bad = _force_file(tmp_path / "bad.txt")
    bad.write_text(bad.read_text().replace("0.02\t1.00", "0.02\tone", 1))
    with pytest.raises(RecordingError, match="not a number") as caught:
        read_gaitpdb(bad)
    assert caught.value.line == 3


def test_a_file_that_is_no_moticon_export(tmp_path):
    path = _force_file(tmp_path / "walk.txt")
    with pytest.raises(RecordingError, match="not a Moticon"):
        read_stepped_walk(path)


@pytest.fixture
def gaitmap_copy(recordings, tmp_path):
    for path in (recordings / "gaitmap").glob("*.csv"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("imu_sample.csv", "gyr_z", "gyr_w", "missing column"),
        ("mocap_sample.csv", "L_FCC", "L_XXX", "missing column"),
        ("mocap_sample.csv", "33006.83984375", "here", "no number"),
        ("stride_events_sample.csv", "657.0", "", "not a number"),
        ("stride_events_sample.csv", "left", "both", "no left stride"),
        ("stride_events_sample.csv", "877.0", "477.0", "do not increase"),
    ],
)
def test_bad_gaitmap_files(gaitmap_copy, name, old, new, said):
    path = gaitmap_copy / name
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(RecordingError, match=said) as caught:
        read_gaitmap(gaitmap_copy)
    assert caught.value.path == path


def test_a_gaitmap_file_that_is_not_there(gaitmap_copy):
    (gaitmap_copy / "mocap_sample.csv").unlink()
    with pytest.raises(RecordingError, match="three files"):
        read_gaitmap(gaitmap_copy)
