"""The own baseline and the target of practice: learnt, moved by success, kept on disk."""

import statistics

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cues.levels import BASELINE_STRIDES, HIGHEST, LOWEST, Leg, Levels, Spread, load, save
from kernels import GaitStride

WALL_NS = 1_790_000_000_000_000_000


def stride(pitch=None, lead=None, side="left", strike="heel", flags=()) -> GaitStride:
    return GaitStride(
        1, 1, side, strike, pitch_at_contact_deg=pitch, heel_lead_ms=lead, flags=flags
    )


def learnt(pitches=(), leads=(), **leg) -> Levels:
    levels = Levels()
    for pitch in pitches:
        levels.learn(stride(pitch=pitch), WALL_NS)
    for lead in leads:
        levels.learn(stride(lead=lead), WALL_NS)
    for name, value in leg.items():
        setattr(levels.left, name, value)
    return levels


@given(st.lists(st.floats(-90, 90), min_size=2, max_size=60))
def test_mean_and_standard_deviation(values):
    spread = Spread()
    for value in values:
        spread.add(value)
    assert spread.mean == pytest.approx(statistics.fmean(values), abs=1e-9)
    assert spread.sd == pytest.approx(statistics.stdev(values), abs=1e-6)


def test_the_target_is_so_many_standard_deviations_over_the_mean():
    levels = learnt([0.0, 4.0] * 30, level=2)
    target = levels.target("left")
    assert target.measure == "pitch"
    assert target.value == pytest.approx(2.0 + 2 * statistics.stdev([0.0, 4.0] * 30))
    assert target.level == 2


def test_without_an_imu_the_heel_lead_counts_and_without_both_the_strike():
    assert learnt([1.0] * 49, [10.0, 30.0] * 30).target("left").measure == "heel_lead"
    assert learnt([1.0] * 49, [10.0] * 49).target("left")[1:3] == ("strike", None)


def test_a_foot_that_lands_always_alike_has_steps_all_the_same():
    assert learnt([3.0] * 50, level=1).target("left").value == 4.0


def test_no_target_is_over_what_is_usual_in_healthy_walking():
    assert learnt([10.0, 20.0] * 40, level=HIGHEST).target("left").value == 20.0


def test_the_baseline_is_frozen():
    levels = learnt([0.0] * BASELINE_STRIDES)
    assert not levels.learn(stride(pitch=30.0), WALL_NS)
    assert levels.left.pitch.mean == 0.0


@pytest.mark.parametrize("flag", ["turn", "stairs", "implausible", "out_of_range"])
def test_nothing_is_learnt_from_and_nothing_judged_by_a_stride_that_is_not_plain(flag):
    levels = Levels()
    assert not levels.learn(stride(pitch=5.0, flags=(flag,)), WALL_NS)
    assert levels.since_ns is None
    assert learnt([1.0] * 50).target("left").reached(stride(pitch=30.0, flags=(flag,))) is None


def test_the_therapists_target_is_used_where_the_pitch_is_measured():
    target = learnt([0.0, 4.0] * 30).target("left", pitch_deg=6.0)
    assert target.value == 6.0
    assert target.level == pytest.approx(4.0 / statistics.stdev([0.0, 4.0] * 30))
    assert learnt([], [10.0] * 50).target("left", pitch_deg=6.0).measure == "heel_lead"
    assert learnt([1.0]).target("left", pitch_deg=6.0)[1:4] == ("pitch", 6.0, 0.0)


def test_what_is_not_known_is_neither_reached_nor_missed():
    by_pitch, by_strike = learnt([1.0] * 50).target("left"), Levels().target("left")
    assert by_pitch.reached(stride(pitch=None, strike="heel")) is None
    assert (by_pitch.reached(stride(pitch=1.0)), by_pitch.reached(stride(pitch=0.9))) == (
        True,
        False,
    )
    assert [by_strike.reached(stride(strike=s)) for s in ("heel", "flat", "toe", "unknown")] == [
        True,
        False,
        False,
        None,
    ]


# -- from session to session ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "on_target", "level"),
    [(100, 80, 1), (100, 79, 0), (100, 40, 0), (100, 39, -1), (19, 19, 0), (20, 20, 1)],
)
def test_the_level_follows_success(steps, on_target, level):
    levels = Levels()
    levels.practised("left", steps, on_target, own=True)
    assert (levels.left.level, levels.right.level) == (level, 0)
    assert levels.left.sessions == (steps >= 20)


@given(st.lists(st.integers(0, 50), max_size=40))
def test_levels_move_by_one_and_stay_in_their_bounds(results):
    levels = Levels()
    for on_target in results:
        before = levels.left.level
        levels.practised("left", 50, on_target, own=True)
        assert abs(levels.left.level - before) <= 1
        assert LOWEST <= levels.left.level <= HIGHEST


def test_feedback_fades_while_the_level_stays_and_comes_back_a_little_with_a_new_one():
    levels = Levels()
    for _ in range(4):
        levels.practised("left", 50, 30, own=True)
    assert levels.left.faded == 4
    levels.practised("left", 50, 50, own=True)
    assert (levels.left.level, levels.left.faded) == (1, 3)


def test_the_therapists_target_does_not_move_the_own_level():
    levels = Levels()
    levels.practised("left", 50, 50, own=False)
    assert (levels.left.level, levels.left.sessions) == (0, 1)


# -- on disk --------------------------------------------------------------------------------------


def test_it_survives_a_restart(tmp_path):
    levels = learnt([0.1, 7.3] * 40, [12.5], level=3, faded=2, sessions=9)
    path = tmp_path / "new" / "practice.json"
    save(path, msgspec.json.encode(levels))
    assert load(path) == levels
    assert [file.name for file in path.parent.iterdir()] == ["practice.json"]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"null",
        b"\xff\xfe",
        b'{"left": {"level": 99}}',
        b'{"left": {"pitch": {"n": 3, "mean": NaN}}}',
        b'{"left": {"pitch": {"squares": -1.0}}}',
        b'{"version": 2}',
        b'{"future": 1}',
    ],
)
def test_a_damaged_file_is_put_aside_and_said_once(tmp_path, caplog, text):
    path = tmp_path / "practice.json"
    path.write_bytes(text)
    assert load(path) == Levels()
    assert "learnt anew" in caplog.text
    assert (tmp_path / "practice.json.damaged").read_bytes() == text
    caplog.clear()
    assert load(path) == Levels()
    assert not caplog.text


@given(st.binary(max_size=300))
def test_any_bytes_are_a_file(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("levels") / "practice.json"
    path.write_bytes(data)
    assert isinstance(load(path).left, Leg)


def test_a_disk_that_refuses_is_said_and_no_more(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    save(tmp_path / "file" / "practice.json", b"{}")
    assert "not kept over a restart" in caplog.text
