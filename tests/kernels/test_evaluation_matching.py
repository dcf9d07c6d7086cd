"""Matching, intervals and figures against cases worked out by hand."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels.evaluation import Figure, Goal, Provenance, to_json
from kernels.evaluation.figures import (
    error_figure,
    f1_figure,
    offset_figure,
    share_figure,
    spread_figure,
)
from kernels.evaluation.intervals import bootstrap, f1, f1_interval, mean_absolute, wilson
from kernels.evaluation.matching import match
from kernels.evaluation.reasons import NOT_FOUND, explain

TUNED = Provenance.TUNED
times = st.lists(st.integers(0, 300), unique=True, max_size=25).map(
    lambda values: np.array(sorted(values)) / 100.0
)


def test_each_instant_is_used_once_nearest_first():
    found = match([1.0, 2.0, 3.0], [0.98, 1.01, 2.2, 3.04], within_s=0.05)
    assert found.pairs.tolist() == [[0, 1], [2, 3]]
    assert found.errors_s == pytest.approx([0.01, 0.04])
    assert found.missed.tolist() == [1]
    assert found.extra.tolist() == [0, 2]
    assert found.counts == (2, 1, 2)


def test_nothing_is_extra_where_nothing_was_labelled():
    found = match([1.0, 2.0], [0.5, 1.5, 2.5], within_s=0.1, span_s=0.4)
    assert found.extra.tolist() == [1]
    assert match([], [0.5, 1.5], within_s=0.1, span_s=0.4).extra.size == 0


@given(times, times)
def test_matching_is_one_to_one_and_counts_all(wanted, found):
    result = match(wanted, found, within_s=0.05)
    hits, missed, extra = result.counts
    assert hits + missed == len(wanted)
    assert hits + extra == len(found)
    assert len(set(result.pairs[:, 1].tolist())) == hits
    assert (np.abs(result.errors_s) <= 0.05 + 1e-12).all()


@given(times)
def test_what_is_equal_matches_whole(instants):
    assert match(instants, instants, within_s=0.004).counts == (len(instants), 0, 0)


def test_wilson_as_published():
    low, high = wilson(15, 148)  # Newcombe 1998, table I: 15 of 148 gives 0.0624 to 0.1605
    assert (low, high) == (pytest.approx(0.0624, abs=5e-5), pytest.approx(0.1605, abs=5e-5))
    low, high = wilson(0, 20)  # the same table: 0 to 0.1611
    assert (low, high) == (0.0, pytest.approx(0.1611, abs=5e-5))
    assert wilson(20, 20) == (pytest.approx(1 - 0.1611, abs=5e-5), 1.0)
    assert all(math.isnan(bound) for bound in wilson(0, 0))


def test_f1_and_its_interval():
    assert f1(8, 1, 3) == pytest.approx(16 / 20)
    assert math.isnan(f1(0, 0, 0))
    low, high = f1_interval(8, 1, 3)
    share_low, share_high = wilson(8, 12)
    assert low == pytest.approx(2 * share_low / (1 + share_low))
    assert high == pytest.approx(2 * share_high / (1 + share_high))
    assert low < f1(8, 1, 3) < high


def test_the_bootstrap_is_repeatable_and_about_the_mean():
    errors = np.random.default_rng(3).normal(0.0, 1.0, 400)
    low, high = bootstrap(errors, mean_absolute)
    expected = math.sqrt(2 / math.pi)
    standard_error = math.sqrt(1 - 2 / math.pi) / math.sqrt(400)
    assert low < expected < high
    assert high - low == pytest.approx(2 * 1.96 * standard_error, rel=0.15)
    assert bootstrap(errors, mean_absolute) == (low, high)
    assert all(math.isnan(bound) for bound in bootstrap(np.array([1.0]), mean_absolute))


def test_errors_with_and_without_their_offset():
    errors = np.array([4.0, 5.0, 7.0, np.nan])
    plain = error_figure("walk", "contact", "ms", errors, TUNED)
    assert plain.ours == pytest.approx(16 / 3)
    assert (plain.n, plain.possible) == (3, 4)
    assert spread_figure("walk", "contact", "ms", errors, TUNED).ours == pytest.approx(1.0)
    offset = offset_figure("walk", "contact", "ms", -errors, TUNED)
    assert offset.ours == 5.0
    assert "-5.0" in offset.note
    assert offset.interval == (4.0, 7.0)


def test_copies_do_not_narrow_an_interval():
    goal = Goal("at most", 1.0)
    once = share_figure("walk", "false", 2, 100, TUNED, goal=goal)
    copied = share_figure("walk", "false", 20, 1000, TUNED, independent=100, goal=goal)
    assert copied.ours == once.ours == pytest.approx(2.0)
    assert copied.interval == pytest.approx(once.interval)
    assert copied.reached is False
    many = f1_figure("walk", "drags", (80, 10, 10), TUNED)
    assert f1_figure("walk", "drags", (800, 100, 100), TUNED, 90).interval == pytest.approx(
        many.interval
    )


def test_nothing_measured_is_no_good_news():
    nothing = error_figure("walk", "pitch", "deg", np.empty(0), TUNED, goal=Goal("at most", 1.4))
    assert nothing.reached is False
    row = json.loads(to_json([nothing]))[0]
    assert row["ours"] is None
    assert row["interval_95"] == [None, None]
    assert row["reached"] is False
    assert row["n"] == 0


def test_only_a_missed_goal_gets_a_reason():
    def figure(name, ours, note=""):
        goal = Goal("at most", 1.0)
        return Figure("walks", name, "", ours, 9, (0.0, 2.0), TUNED, goal=goal, note=note)

    reached, known, unseen, unknown = explain(
        [
            figure("false drags", 0.5, "text_export: 3"),
            figure("false drags", 3.0, "text_export: 3, GaCo02_01: 1"),
            figure("false drags", 3.0, "a walk nobody looked at: 3"),
            figure("what nobody looked at", 3.0),
        ]
    )
    assert reached.reason == ""
    assert reached.reached and not reached.certain
    assert "text_export" in known.reason
    assert "GaCo02_01" in known.reason
    assert unseen.reason == unknown.reason == NOT_FOUND
