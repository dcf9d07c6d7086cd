"""The guided session as a state machine: phases, words, holds, rests, and what is not counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import wire
from edge.exercises.guide import GuidedSession, Word
from kernels.exercises import LiveSet

S = 10**9
LIFTS = wire.Dose(
    exercise="ankle_dorsiflexion", side="left", sets=2, repetitions=3, hold_s=2.0, rest_s=10
)
TAPS = wire.Dose(exercise="toe_taps", side="left", sets=1, seconds=30.0)


def live(
    count: int,
    now_s: float,
    *,
    begin_s: float = 1.0,
    hold_s: float | None = None,
    name: str | None = "ankle_dorsiflexion",
    side: str | None = "left",
) -> LiveSet:
    return LiveSet(
        name,  # type: ignore[arg-type]
        side,  # type: ignore[arg-type]
        round(begin_s * S),
        round(now_s * S),
        count,
        hold_s is not None,
        hold_s or 0.0,
    )


def begun(dose: wire.Dose = LIFTS) -> GuidedSession:
    session = GuidedSession(dose)
    session.start(0)
    session.take_words()
    return session


def keys(session: GuidedSession) -> list[str]:
    return [word.key for word in session.take_words()]


def test_a_session_goes_through_its_phases() -> None:
    session = GuidedSession(LIFTS)
    assert session.phase == "ready"
    session.start(0)
    assert session.take_words() == [Word("begin", 1, 2)]
    session.follow(live(0, 2, hold_s=0.5), 2 * S)
    assert session.phase == "hold"
    assert session.take_words() == [Word("hold", 2)]
    session.follow(live(0, 4, hold_s=2.1), 4 * S)
    assert session.phase == "do"
    assert keys(session) == ["release"]
    session.follow(live(1, 5), 5 * S)
    assert session.take_words() == [Word("count", 1)]
    session.follow(live(2, 9), 9 * S)
    assert session.take_words() == [Word("count", 2), Word("last_one")]
    session.follow(live(3, 13), 13 * S)
    assert session.take_words() == [Word("count", 3), Word("rest", 10)]
    assert session.phase == "rest"
    assert session.state(15 * S).rest_left_s == pytest.approx(8)
    for now_s in (20.5, 21.5, 22.5):
        session.follow(None, round(now_s * S))
    assert session.take_words() == [Word("rest_left", n) for n in (3, 2, 1)]
    session.follow(None, 23 * S)
    assert session.take_words() == [Word("begin", 2, 2)]
    for count, now_s in ((1, 27), (2, 31), (3, 35)):
        session.follow(live(count, now_s, begin_s=24), now_s * S)
    assert session.phase == "done"
    assert session.is_over
    assert session.take_words()[-1] == Word("done", 2)


def test_the_word_to_let_go_comes_once_per_repetition() -> None:
    session = begun()
    for now_s in (2.0, 3.0, 4.0, 4.5, 5.0, 8.0):
        session.follow(live(0, now_s, hold_s=now_s - 1.9), round(now_s * S))
    assert keys(session) == ["hold", "release"]
    session.follow(live(1, 9), 9 * S)
    session.follow(live(1, 11, hold_s=0.2), 11 * S)
    assert keys(session) == ["count", "hold"]


def test_a_hold_let_go_early_is_no_release() -> None:
    session = begun()
    session.follow(live(0, 2, hold_s=0.5), 2 * S)
    session.follow(live(0, 3), 3 * S)
    assert session.phase == "do"
    assert keys(session) == ["hold"]


def test_a_pause_within_a_set_keeps_the_count() -> None:
    session = begun()
    session.follow(live(2, 9), 9 * S)
    session.follow(None, 20 * S)
    session.follow(live(0, 31, begin_s=30, name=None), 31 * S)
    session.follow(live(1, 35, begin_s=30, name=None), 35 * S)
    assert session.phase == "rest"


def test_what_was_done_before_the_set_is_not_counted() -> None:
    session = begun()
    session.follow(live(3, 10), 10 * S)
    session.go_on(12 * S)
    session.follow(live(3, 12.5), round(12.5 * S))  # the same movement, still seen
    assert session.state(13 * S).count == 0


@pytest.mark.parametrize(
    ("seen", "word"),
    [
        (live(4, 5, name="toe_taps"), "other_exercise"),
        (live(4, 5, side="right"), "other_side"),
    ],
)
def test_something_else_is_said_once_and_not_counted(seen: LiveSet, word: str) -> None:
    session = begun()
    session.follow(seen, 5 * S)
    session.follow(seen, 6 * S)
    assert keys(session) == [word]
    assert session.state(6 * S).count == 0


def test_a_dose_in_seconds_counts_time_in_which_something_is_done() -> None:
    session = begun(TAPS)
    for now_s in range(2, 13):
        session.follow(live(2 * now_s, now_s, name="toe_taps"), now_s * S)
    assert session.take_words() == [Word("seconds", 10)]
    session.follow(None, 25 * S)
    assert session.state(25 * S).seconds == pytest.approx(11)
    session.follow(live(9, 45, begin_s=26, name="toe_taps"), 45 * S)
    assert session.phase == "done"


def test_nothing_seen_for_long_is_asked_about_once() -> None:
    session = begun()
    for now_s in range(1, 60):
        session.follow(None, now_s * S)
    assert keys(session) == ["waiting"]


def test_where_nothing_can_be_seen_the_patient_says_so() -> None:
    session = GuidedSession(LIFTS, counts=False)
    session.start(0)
    assert session.state(0).counts is False
    session.mark_done(20 * S)
    assert session.phase == "rest"
    assert session.state(20 * S).count == 0
    session.go_on(21 * S)
    session.mark_done(40 * S)
    assert session.phase == "done"


def test_stop_ends_it_for_good() -> None:
    session = begun()
    session.stop(3 * S)
    session.stop(4 * S)
    session.start(5 * S)
    session.go_on(5 * S)
    session.mark_done(5 * S)
    session.follow(live(3, 6), 6 * S)
    assert session.phase == "stopped"
    assert keys(session) == ["stopped"]


@given(
    st.lists(
        st.one_of(
            st.sampled_from(["start", "go_on", "mark_done", "stop", "nothing"]),
            st.tuples(st.integers(0, 5), st.booleans(), st.booleans()),
        ),
        max_size=60,
    )
)
def test_any_order_of_calls_keeps_the_numbers_sane(calls: list[object]) -> None:
    session, now = GuidedSession(LIFTS), 0
    spoken = 0
    for call in calls:
        now += S
        if isinstance(call, str):
            if call != "nothing":
                getattr(session, call)(now)
            else:
                session.follow(None, now)
        else:
            count, up, right = call  # type: ignore[misc]
            side = "right" if right else "left"
            session.follow(live(count, now / S, hold_s=1.0 if up else None, side=side), now)
        state = session.state(now)
        assert 1 <= state.set_number <= state.sets
        assert state.count >= 0
        assert state.hold_s >= 0
        assert 0 <= state.rest_left_s <= LIFTS.rest_s
        spoken += sum(word.key == "count" for word in session.take_words())
    assert spoken <= LIFTS.sets * (LIFTS.repetitions or 0)
