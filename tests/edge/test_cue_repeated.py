"""Everyday cues are for repeated failures: a simple model and the counting agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cues.repeated import FORGET_NS, Repeated

SECOND = 1_000_000_000


def walk(steps: Repeated, landings: str) -> list[int]:
    """Land once a second: t on the toes, h on the heel, d heel after a drag, ? unknown; return
    the steps at which a cue was due and given."""
    cued = []
    for i, kind in enumerate(landings):
        if kind == "d":
            steps.drag(i * SECOND - SECOND // 4)
        steps.contact(i * SECOND, {"t": True, "?": None}.get(kind, False))
        if steps.due:
            steps.cued()
            cued.append(i)
    return cued


@pytest.mark.parametrize(
    ("landings", "cued"),
    [
        ("hhhhhhhhhh", []),
        ("tt", []),
        ("ttt", [2]),
        ("thththh", [4]),
        ("tthhhhhhhht", []),
        ("tthhhhhhht", [9]),
        ("ttttttt", [2, 5]),
        ("dhdhd", [4]),
        ("td?t", [3]),
        ("t????????????tt", [14]),
    ],
)
def test_three_of_the_last_ten(landings, cued):
    assert walk(Repeated(3, 10), landings) == cued


@given(
    landings=st.text("tthhd?", max_size=80), failures=st.integers(1, 6), steps=st.integers(1, 12)
)
def test_it_agrees_with_a_simple_model(landings, failures, steps):
    expected, known = [], []
    for i, kind in enumerate(landings):
        if kind != "?":
            known.append(kind in "td")
        if sum(known[-steps:]) >= failures:
            expected.append(i)
            known = []
    assert walk(Repeated(failures, steps), landings) == expected


def test_a_drag_is_due_in_the_swing_before_its_landing():
    steps = Repeated(2, 10)
    steps.contact(0, True)
    steps.drag(SECOND)
    assert steps.due


def test_a_drag_and_its_toe_first_landing_are_one_failed_step():
    steps = Repeated(2, 10)
    steps.drag(SECOND)
    steps.contact(SECOND + 1, True)
    assert not steps.due


def test_a_drag_decided_after_its_landing_marks_that_landing():
    steps = Repeated(1, 10)
    steps.contact(SECOND, False)
    steps.drag(SECOND - 1)
    assert steps.due
    steps.contact(2 * SECOND, False)
    assert steps.due


def test_what_was_before_a_rest_is_forgotten():
    steps = Repeated(2, 10)
    steps.contact(0, True)
    steps.contact(FORGET_NS, True)
    assert steps.due
    steps.contact(2 * FORGET_NS + 1, True)
    assert not steps.due
