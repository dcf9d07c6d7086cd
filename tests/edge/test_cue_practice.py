"""Practice sessions on a simulated clock: what is heard, what is counted, what stays."""

import asyncio

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge import wire
from edge.companions import Companions
from edge.config import CueConfig
from edge.cueing import Cueing
from edge.cues import Conditions, Levels, PracticeRefused, Session, Target
from edge.cues.practice import share_at
from edge.practising import LEVELS_FILE
from hw.clock import VirtualClock
from kernels import GaitEvent, GaitStride

MS, SECOND = 1_000_000, 1_000_000_000
WALL_NS = 1_790_000_000 * SECOND
CONFIG = CueConfig(enabled=True, sound=True, quiet_from="00:00", quiet_to="23:59")


class Ear:
    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.heard: list[str] = []

    def pulse(self, seconds: float, signal: str = "") -> bool:
        self.heard.append(signal)
        return True

    def stop(self) -> None:
        return


class Room:
    """Cues for a left leg in quiet hours, so that only practice is heard."""

    def __init__(self, folder=None, affected="left", **changes) -> None:
        self.clock = VirtualClock(start_ns=100 * SECOND, wall_start_ns=WALL_NS)
        self.ear = Ear(self.clock)
        self.conditions: dict[str, object] = {"worn": True, "calibrated": True}
        config = msgspec.structs.replace(CONFIG, **changes)
        self.cueing = Cueing(config, affected, self.clock, [self.ear], self._conditions, folder)
        self.practice = self.cueing.practice
        self.events: list[wire.Event] = []
        self.companions = Companions([self.cueing], self.events.append)

    def _conditions(self, side: str) -> Conditions:
        return Conditions(self.clock.monotonic_ns(), **self.conditions)

    def step(self, strike="heel", pitch=None, side="left", contact=None, after_ms=150) -> int:
        """Land, and give the stride `after_ms` after it; 1.2 s to the next step."""
        now_ns = self.clock.monotonic_ns()
        contact = now_ns if contact is None else contact
        landing = GaitEvent(contact, now_ns, side, "initial_contact", strike)
        self.companions.record(landing, now_ns)
        self.clock._now_ns = now_ns + after_ms * MS
        self.stride(contact, strike, pitch, side)
        self.clock._now_ns = now_ns + 1200 * MS
        return contact

    def stride(self, contact, strike="heel", pitch=None, side="left") -> None:
        now_ns = self.clock.monotonic_ns()
        record = GaitStride(contact, now_ns, side, strike, pitch_at_contact_deg=pitch)
        self.companions.record(record, now_ns)

    def tick(self) -> None:
        self.companions.tick(self.clock.monotonic_ns(), None)

    @property
    def cues(self) -> list[wire.Cue]:
        return [event for event in self.events if isinstance(event, wire.Cue)]

    @property
    def sessions(self) -> list[wire.Practice]:
        return [event for event in self.events if isinstance(event, wire.Practice)]


@pytest.fixture
def room():
    room = Room()
    yield room
    room.cueing.close()


# -- what is heard --------------------------------------------------------------------------------


def test_each_step_is_answered_and_each_miss_is_an_event(room):
    room.practice.start(2)
    begin = room.clock.monotonic_ns()
    contacts = [room.step(strike) for strike in ("heel", "toe", "flat", "heel", "unknown")]
    assert room.ear.heard == ["begin", "on_target", "off_target", "off_target", "on_target"]
    assert [cue.time_ns for cue in room.cues] == contacts[1:3]
    assert {(cue.cause, cue.given, cue.mode, cue.delay_ms) for cue in room.cues} == {
        ("off_target", True, "practice", 0.0)
    }
    state = room.practice.state()
    assert (state.running, state.steps, state.on_target, state.last) == (True, 4, 2, "on_target")
    assert state.elapsed_s == pytest.approx((room.clock.monotonic_ns() - begin) / 1e9)
    assert state.elapsed_s + state.remaining_s == pytest.approx(120)
    assert (state.measure, state.target, state.share) == ("strike", None, 1.0)


def test_with_a_baseline_the_pitch_decides_not_the_strike(room):
    for pitch in [-2.0, 2.0] * 25:
        room.step("toe", pitch)
    room.practice.start(2)
    room.step("toe", 0.5)
    room.step("heel", -0.5)
    assert room.ear.heard[1:] == ["on_target", "off_target"]
    state = room.practice.state()
    assert (state.measure, state.last_value) == ("pitch", -0.5)
    assert state.target == pytest.approx(0.0, abs=1e-9)


def test_everyday_cues_keep_quiet_meanwhile():
    room = Room(failures=1, failures_of=1, quiet_from="", quiet_to="")
    room.practice.start(2)
    now_ns = room.clock.monotonic_ns()
    room.companions.record(GaitEvent(now_ns, now_ns, "left", "toe_drag", "full"), now_ns)
    assert [(cue.cause, cue.reason) for cue in room.cues] == [("toe_drag", "practice")]
    room.step("toe")
    assert [cue.cause for cue in room.cues] == ["toe_drag", "off_target"]
    room.cueing.close()


def test_the_complete_stride_is_not_judged_again(room):
    room.practice.start(2)
    contact = room.step("heel")
    room.stride(contact, "heel")
    room.stride(contact - SECOND, "heel")
    assert room.practice.state().steps == 1


def test_a_landing_before_the_complete_stride_is_judged_at_once(room):
    room.practice.start(2)
    contact = room.clock.monotonic_ns()
    early = GaitStride(contact, contact, "left", "toe")
    (cue,) = room.cueing.landing(early, contact)
    assert cue.given
    assert list(room.cueing.record(early, contact + SECOND)) == []


def test_what_is_about_an_earlier_step_is_late(room):
    room.practice.start(2)
    contact = room.clock.monotonic_ns()
    landed_again = GaitEvent(contact + SECOND, contact + SECOND, "left", "initial_contact", "heel")
    room.clock._now_ns += SECOND
    room.companions.record(landed_again, contact + SECOND)
    room.stride(contact, "toe")
    assert [cue.reason for cue in room.cues] == ["late"]


def test_a_stride_that_comes_too_late_for_a_person_to_connect_it_is_late(room):
    room.practice.start(2)
    room.step("toe", after_ms=1500)
    room.step("toe", after_ms=1501)
    assert [cue.reason for cue in room.cues] == ["", "late"]


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [({"worn": None}, "unworn"), ({"calibrated": None}, "uncalibrated")],
)
def test_what_is_not_known_to_be_well_silences(room, conditions, reason):
    room.practice.start(2)
    room.conditions.update(conditions)
    room.step("toe")
    room.step("heel")
    assert room.ear.heard == ["begin"]
    assert [cue.reason for cue in room.cues] == [reason]
    assert room.practice.state().steps == 2


# -- fading ---------------------------------------------------------------------------------------


@given(st.integers(0, 30), st.floats(0, 1), st.floats(0, 1))
def test_the_share_only_falls_within_a_session_and_from_one_to_the_next(faded, one, other):
    early, late = sorted((one, other))
    assert share_at(faded, late) <= share_at(faded, early)
    assert share_at(faded + 1, early) <= share_at(faded, early)
    assert 0.2 <= share_at(faded, late) <= 1.0


@given(st.integers(0, 12), st.lists(st.booleans(), min_size=30, max_size=150))
def test_as_many_steps_get_feedback_as_the_share_says(faded, reached):
    session = Session(Target("left", "strike", None, 0.0, faded), 0, 3)
    pace_ns = session.end_ns // len(reached)
    due = sum(session.step(met, None, i * pace_ns) for i, met in enumerate(reached))
    expected = sum(session.share(i * pace_ns) for i in range(len(reached)))
    assert due == pytest.approx(expected, abs=1.0)


def test_the_first_half_of_the_first_session_answers_every_step():
    session = Session(Target("left", "strike", None, 0.0, 0), 0, 2)
    assert all(session.step(False, None, second * SECOND) for second in range(60))


def test_a_step_without_its_turn_is_told_as_fading(room):
    for _ in range(6):
        room.practice._levels.practised("left", 20, 10, own=True)
    room.practice.start(1)
    while room.practice.running:
        room.step("toe")
        room.tick()
    reasons = [cue.reason for cue in room.cues]
    assert set(reasons) == {"", "fading"}
    (session,) = room.sessions
    assert session.fading == pytest.approx(reasons.count("") / len(reasons))
    assert 0.2 < session.fading < 0.5


# -- begin and end --------------------------------------------------------------------------------


def test_it_ends_by_itself_and_leaves_a_record(room):
    begin = room.clock.monotonic_ns()
    room.practice.start(2)
    for _ in range(30):
        room.step("heel")
    room.clock._now_ns = begin + 120 * SECOND - 1
    room.tick()
    assert room.practice.running
    room.clock._now_ns = begin + 125 * SECOND
    room.tick()
    room.tick()
    assert room.sessions == [
        wire.Practice(
            seq=1, time_ns=begin, side="left", duration_s=120.0, steps=30, on_target=30, level=0.0
        )
    ]
    state = room.practice.state()
    assert (state.running, state.remaining_s, state.steps, state.refusal) == (False, 0.0, 30, "")
    assert room.ear.heard[-1] == "end"


@pytest.mark.parametrize(
    ("asked", "seconds"), [(None, 150), (3, 180), (0, 60), (-2, 60), (99, 300)]
)
def test_a_session_takes_one_to_five_minutes(room, asked, seconds):
    assert room.practice.start(asked).remaining_s == seconds


def test_stop_ends_it_now_and_only_once(room):
    room.practice.start()
    room.step("heel")
    assert not room.practice.stop().running
    room.practice.stop()
    (session,) = room.sessions
    assert (session.steps, session.duration_s) == (1, pytest.approx(1.2))
    room.step("heel", pitch=1.0)
    state = room.practice.state()
    assert (state.steps, state.elapsed_s) == (1, pytest.approx(1.2))
    assert room.practice._levels.left.pitch.n == 1


def test_after_the_end_of_the_agent_nothing_happens_any_more(room):
    room.practice.start()
    room.cueing.close()
    contact = room.step("toe")
    assert room.cueing.landing(GaitStride(contact + 1, contact, "left", "toe"), contact) == ()
    room.tick()
    room.practice.stop()
    assert room.events == []


def test_the_end_of_the_agent_ends_it_too(room):
    room.practice.start()
    room.companions.finish(room.clock.monotonic_ns())
    assert len(room.sessions) == 1
    assert room.practice.state().refusal == "closed"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda room: room.practice.start(), "running"),
        (lambda room: room.cueing.press_mute(), "muted"),
        (lambda room: room.conditions.update(worn=None), "unworn"),
        (lambda room: room.conditions.update(calibrated=False), "uncalibrated"),
        (lambda room: setattr(room.cueing.policy, "affected", "none"), "no leg"),
        (lambda room: setattr(room.cueing.policy, "affected", "right"), "no leg"),
        (lambda room: room.cueing.close(), "closed"),
    ],
)
def test_a_refusal_says_why_and_what_to_do(room, spoil, reason):
    spoil(room)
    with pytest.raises(PracticeRefused) as refused:
        room.practice.start(side="left")
    assert refused.value.reason == reason
    assert refused.value.remedy in str(refused.value)
    if room.cueing.policy.affected != "right":
        assert room.practice.state().refusal == reason


def test_with_both_legs_affected_the_one_that_practised_less_has_its_turn():
    room = Room(affected="both")
    sides = []
    for _ in range(4):
        side = room.practice.start().side
        for _ in range(20):
            room.step("flat", side=side)
        room.practice.stop()
        sides.append(side)
    assert sides == ["left", "right", "left", "right"]
    assert room.practice.start(side="right").side == "right"
    room.cueing.close()


# -- what stays -----------------------------------------------------------------------------------


def reopened(room: Room, folder) -> Room:
    room.companions.finish(room.clock.monotonic_ns())
    room.cueing.close()
    return Room(folder)


def test_baseline_and_level_survive_a_restart(tmp_path):
    room = Room(tmp_path)
    for pitch in [-1.0, 1.0] * 40:
        room.step("toe", pitch)
    room.practice.start()
    for _ in range(25):
        room.step("heel", 9.0)
    room.practice.stop()
    again = reopened(room, tmp_path)
    state = again.practice.start()
    assert (state.level, state.measure) == (1, "pitch")
    assert state.target == pytest.approx(1.0, abs=0.02)
    again.cueing.close()


def test_steps_of_practice_do_not_move_the_baseline(tmp_path):
    room = Room(tmp_path)
    room.step("toe", 1.0)
    room.practice.start(1)
    contact = room.step("heel", 30.0)
    room.practice.stop()
    room.stride(contact, "heel", 30.0)  # the complete one comes later
    assert room.practice._levels.left.pitch.n == 1
    room.cueing.close()


def test_a_damaged_file_is_a_new_beginning(tmp_path, caplog):
    (tmp_path / LEVELS_FILE).write_text("{broken")
    room = Room(tmp_path)
    assert "learnt anew" in caplog.text
    assert room.practice.start().measure == "strike"
    room.cueing.close()


def test_the_therapists_target_is_used(room):
    room.step("toe", 1.0)
    setup = wire.Setup(
        device="insole-1", revision=1, targets=wire.Targets(pitch_at_contact_deg=7.0)
    )
    room.companions.setup(setup)
    assert room.practice.start().target == 7.0
    for _ in range(25):
        room.step("heel", 9.0)
    room.practice.stop()
    assert room.practice._levels.left.level == 0
    assert room.sessions[0].target_deg == 7.0


async def test_forgetting_removes_what_came_before_and_twice_does_no_harm(tmp_path):
    room = Room(tmp_path)
    for _ in range(60):
        room.step("toe", 1.0)
    later = wire.Forget(before_ns=WALL_NS + 3600 * SECOND)
    room.companions.request(wire.Forget(before_ns=WALL_NS - 1))
    assert room.practice._levels.left.pitch.n == 60
    room.companions.request(later)
    assert room.practice._levels == Levels()
    await asyncio.to_thread(room.practice._disk.submit(lambda: None).result)
    assert list(tmp_path.iterdir()) == []
    room.clock._now_ns += 7200 * SECOND
    room.step("toe", 1.0)
    room.companions.request(later)
    assert room.practice._levels.left.pitch.n == 1
    room.cueing.close()
