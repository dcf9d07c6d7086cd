"""Perturbed signals hold what their labels claim, on hand-made walks and on real ones."""

from dataclasses import replace

import numpy as np
import pytest
import recordings as reader
import synthetic

from kernels.evaluation.impaired import BANDS, Foot, disturbed, impair, repeated, score
from kernels.evaluation.perturb import (
    DISTURBANCES,
    drag,
    drift,
    gain,
    land_toe_first,
    lose_cell,
    resample,
    stretch,
)
from kernels.evaluation.segment import landings, onset_s, plain_swings, stances
from kernels.evaluation.signals import Signal


@pytest.fixture(scope="module")
def walk():
    return synthetic.Walk().stand(1).steps(12)


@pytest.fixture(scope="module")
def signal(walk):
    return Signal(synthetic.CONFIG, *walk.samples(rate_hz=200), None)


def region(signal, load, name):
    return load[:, signal.region(name)].sum(axis=1, dtype=np.float64)


def test_the_whole_signal_shows_contacts_and_leads(walk, signal):
    seen = landings(signal)
    assert [x.contact_s for x in seen] == pytest.approx(walk.contacts_s, abs=0.015)
    assert [x.heel_lead_s for x in seen] == pytest.approx([0.06] * 12, abs=0.02)
    assert len(stances(signal)) == 13
    swings = plain_swings(signal)
    assert len(swings) == 10, "the first stance was entered unseen, the last never left"
    assert [s.toe_off_s for s in swings] == pytest.approx(walk.toe_offs_s[1:-1], abs=0.02)


def test_onset_is_interpolated():
    times = np.array([0.0, 1.0, 2.0])
    assert onset_s(times, np.array([0.0, 2.0, 4.0]), 3.0) == 1.5
    assert np.isnan(onset_s(times, np.array([0.0, 2.0, 4.0]), 5.0))
    assert onset_s(times, np.array([3.0, 2.0, 4.0]), 3.0) == 0.0


@pytest.mark.parametrize("lead_s", [0.03, 0.06, 0.10])
def test_a_landing_made_toe_first_leads_by_as_much_and_weighs_the_same(signal, lead_s):
    load = signal.cells.copy()
    swing = plain_swings(signal)[4]
    land_toe_first(signal, load, swing, lead_s)
    changed = replace(signal, load=load)
    before, after = (
        next(x for x in landings(s) if abs(x.contact_s - swing.contact_s) < 0.05)
        for s in (signal, changed)
    )
    assert after.contact_s == pytest.approx(before.contact_s, abs=1e-3)
    assert after.heel_lead_s == pytest.approx(-lead_s, abs=0.012)
    landed = slice(int(swing.contact_s * 200) - 10, int((swing.contact_s + lead_s) * 200))
    assert load[landed].sum(1) == pytest.approx(signal.cells[landed].sum(1), abs=0.05)
    others = np.abs(signal.time_s - swing.contact_s) > 0.5
    assert (load[others] == signal.cells[others]).all()


@pytest.mark.parametrize("kind", ["late_release", "scuff", "full"])
@pytest.mark.parametrize("share", [0.03, 0.1, 0.2])
def test_a_drag_carries_its_share_from_begin_to_end_and_nothing_else(signal, kind, share):
    load = signal.cells.copy()
    swing = plain_swings(signal)[5]
    done = drag(signal, load, swing, kind, share, np.random.default_rng(1))
    added = region(signal, load, "forefoot") - region(signal, signal.cells, "forefoot")
    t = signal.time_s
    inside = (t > done.start_s + 0.02) & (t < done.stop_s - 0.02)
    carried = region(signal, load, "forefoot")[inside] / swing.peak
    assert carried.min() >= 0.89 * share
    assert carried.max() <= 1.11 * share
    # a full drag goes on until the forefoot lands by itself
    after = done.stop_s + (0.06 if kind == "full" else 0.0)
    assert added[(t < done.start_s) | (t > after)] == pytest.approx(0.0, abs=1e-3)
    for name in ("heel", "midfoot"):
        assert (region(signal, load, name) == region(signal, signal.cells, name)).all()
    lasts = swing.contact_s - swing.toe_off_s
    if kind == "late_release":
        assert done.start_s <= swing.toe_off_s + 0.01 < done.stop_s < swing.contact_s - 0.4 * lasts
    elif kind == "scuff":
        assert done.start_s > swing.toe_off_s + 0.3 * lasts
        assert 0.055 < done.stop_s - done.start_s < 0.155
    else:
        assert done.stop_s == swing.contact_s


def test_disturbances_do_what_they_say(signal):
    rng = np.random.default_rng(2)
    ratio = gain(signal, rng).cells.sum(0) / signal.cells.sum(0)
    assert (np.abs(ratio - 1) <= 0.2001).all()
    assert np.abs(ratio - 1).max() > 0.05
    moved = drift(signal, rng).cells - signal.cells
    size = 0.05 * np.percentile(signal.cells, 99, axis=0) * signal.time_s[-1] / 3600
    assert np.ptp(moved, axis=0) == pytest.approx(size, rel=0.02)
    third = len(signal.time_ns) // 3
    assert np.isnan(lose_cell(signal, 1, "missing").cells[third:, 1]).all()
    assert (lose_cell(signal, 1, "dead").cells[third:, 1] == 0).all()
    assert np.ptp(lose_cell(signal, 1, "stuck").cells[third:, 1]) == 0
    assert (lose_cell(signal, 1, "missing").cells[:, 0] == signal.cells[:, 0]).all()
    slow = stretch(signal, 2.0)
    assert slow.time_ns[-1] == 2 * signal.time_ns[-1]
    assert slow.imu is None


@pytest.mark.parametrize("rate_hz", [25, 75, 300])
def test_resampling_keeps_the_load(signal, rate_hz):
    other = resample(signal, rate_hz)
    assert 1e9 / np.diff(other.time_ns).mean() == pytest.approx(rate_hz)
    middle = (other.time_s > 0.2) & (other.time_s < signal.time_s[-1] - 0.2)
    assert other.cells[middle].mean() == pytest.approx(signal.cells.mean(), rel=0.05)


def test_a_healthy_foot_stays_to_the_bit(signal):
    foot = impair(signal, np.random.default_rng(0), 0.0, 0.0)
    assert (foot.signal.cells == signal.cells).all()
    assert foot.drags == ()
    assert [strike for _, strike in foot.contacts] == ["heel"] * 10
    assert foot.healthy == 10


def test_labels_follow_stretching_and_repeating(signal):
    foot = impair(signal, np.random.default_rng(0), 0.5, 0.5)
    assert len(foot.drags) + sum(strike == "toe" for _, strike in foot.contacts) == 10
    slow = next(d for d in DISTURBANCES if d.stretched == 2.0)
    stretched = disturbed(foot, slow, np.random.default_rng(0))
    assert [d.start_s for d in stretched.drags] == [2 * d.start_s for d in foot.drags]
    round_ns = int(signal.time_ns[-1]) + 3_000_000_000
    twice = repeated(foot, 2, round_ns)
    assert len(twice.signal.time_ns) == 2 * len(signal.time_ns)
    assert (np.diff(twice.signal.time_ns) > 0).all()
    assert twice.drags[-1].start_s == foot.drags[-1].start_s + round_ns / 1e9
    assert twice.healthy == 2 * foot.healthy


def test_the_score_counts_what_is_wrong(signal):
    foot = impair(signal, np.random.default_rng(0), 0.0, 0.0)
    right = score({"left": foot})
    assert right.contacts == [10, 0, 0]
    assert (right.strikes, right.strikes_right, right.heels_called_toe) == (10, 10, 0)
    lied = replace(
        foot, contacts=tuple((t, "toe") for t, _ in foot.contacts[:4]) + foot.contacts[4:]
    )
    assert score({"left": lied}).strikes_right == 6
    shifted = Foot(
        foot.signal, tuple((t + 0.2, s) for t, s in foot.contacts), (), foot.steps, foot.healthy
    )
    assert score({"left": shifted}).contacts == [0, 10, 0], "a landing that is no plain one"


@pytest.fixture(scope="module")
def real_feet(recordings):
    return [
        Signal(reader.config(side, foot, None), foot.time_ns, foot.load, None)
        for side, foot in reader.gaitpdb(recordings, "GaCo02_01").items()
    ]


def test_drags_in_real_swings_are_where_the_labels_say(real_feet):
    for signal in real_feet:
        made = impair(signal, np.random.default_rng(9), 0.5, 0.0)
        assert len(made.drags) >= 30
        fore = region(signal, made.signal.cells, "forefoot")
        swings = plain_swings(signal)
        for put_in in made.drags:
            assert BANDS[0][0] <= put_in.share <= BANDS[-1][1]
            middle = (put_in.start_s + put_in.stop_s) / 2
            peak = next(s.peak for s in swings if s.contact_s > middle)
            assert np.interp(middle, signal.time_s, fore) >= 0.88 * put_in.share * peak


def test_real_landings_made_toe_first_are_toe_first(real_feet):
    for signal in real_feet:
        made = impair(signal, np.random.default_rng(9), 0.0, 0.5)
        seen = landings(made.signal)
        wanted = [t for t, strike in made.contacts if strike == "toe"]
        assert len(wanted) >= 30
        for contact_s in wanted:
            landing = min(seen, key=lambda x: abs(x.contact_s - contact_s))
            assert landing.contact_s == pytest.approx(contact_s, abs=0.005)
            assert -0.13 <= landing.heel_lead_s <= -0.015
