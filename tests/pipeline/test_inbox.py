"""Any bytes on any topic: read, or counted as malformed; nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest
from gait_device import BASE_NS, BOOT, batches, strides
from hypothesis import example, given
from hypothesis import strategies as st

from edge import wire
from pipeline.inbox import Inbox, sort, time_problem
from pipeline.link import Delivery
from pipeline.registry import Quarantined, Registry

NOW_NS = BASE_NS + 10**15
GOOD = wire.encode(next(batches(strides(2))))
TOPICS = st.sampled_from(
    [
        "heelfirst/v1/insole-1/events",
        "heelfirst/v1/insole-1/status",
        "heelfirst/v1/insole-1/receipt",
        "heelfirst/v2/insole-1/events",
        "a/heelfirst/v1/insole-1/events",
        "heelfirst/v1//events",
        "",
    ]
) | st.text(max_size=60)
JSONISH = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["version", "device", "boot", "events", "kind", "seq", "time_ns"])
            | st.text(max_size=8),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


def deliver(topic: str, payload: bytes, retained: bool = False) -> Delivery:
    return Delivery(topic, payload, retained, 1, 1, None)  # type: ignore[arg-type] # no session is used


@given(TOPICS, st.binary(max_size=300) | JSONISH.map(lambda v: json.dumps(v).encode()))
@example("heelfirst/v1/insole-1/events", GOOD)
def test_any_bytes_on_any_topic(topic: str, payload: bytes) -> None:
    inbox = Inbox()
    try:
        assert inbox.take(deliver(topic, payload), NOW_NS) == len(inbox.events)
        assert inbox.malformed == []
    except wire.WireError:
        (letter,) = inbox.malformed
        assert letter["bytes"] == len(payload)
        assert inbox.events == []
    assert len(inbox.deliveries) == 1
    assert inbox.deliveries[0].payload == b""


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_a_changed_byte_never_becomes_half_a_batch(place: int, value: int) -> None:
    payload = bytearray(GOOD)
    payload[place] = value
    inbox = Inbox()
    try:
        count = inbox.take(deliver("heelfirst/v1/insole-1/events", bytes(payload)), NOW_NS)
        assert count == 2
    except wire.WireError:
        assert inbox.events == []
        assert len(inbox.malformed) == 1


@pytest.mark.parametrize(
    ("time_ns", "now_ns", "says"),
    [
        (0, NOW_NS, "before 2000"),
        (946_684_799 * 10**9, NOW_NS, "before 2000"),
        (946_684_800 * 10**9, NOW_NS, ""),
        (NOW_NS + 86_400 * 10**9, NOW_NS, ""),
        (NOW_NS + 86_401 * 10**9, NOW_NS, "ahead"),
        (NOW_NS, 5 * 10**9, ""),  # this machine's own clock is in 1970: it cannot judge
    ],
)
def test_times_that_cannot_be_right(time_ns: int, now_ns: int, says: str) -> None:
    problem = time_problem(time_ns, now_ns)
    assert says in problem
    assert bool(problem) == bool(says)


def test_every_event_goes_to_exactly_one_place(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "registry.db")
    registry._spans = {"known": ([0], ["p1"])}
    impossible = wire.Wear(seq=9, time_ns=1, state="off")
    comma = wire.Stride(seq=8, time_ns=BASE_NS, side="left", strike="heel", flags=("a,b",))
    events: list[Any] = [
        Quarantined("known", BOOT, strides(1)[0]),
        Quarantined("unknown", BOOT, strides(1)[0]),
        Quarantined("known", BOOT, impossible),
        Quarantined("unknown", BOOT, impossible),
        Quarantined("known", BOOT, comma),
    ]
    parts = sort(Inbox(events=events), registry, NOW_NS)
    assert list(parts.sources.values()) == events[:1]
    assert parts.unknown == events[1:2]
    assert [letter["event"] for letter in parts.letters] == [impossible, impossible, comma]
    assert all(letter["reason"] for letter in parts.letters)


def test_a_retained_last_will_without_a_time_is_not_kept() -> None:
    will = wire.encode(wire.Status(device="insole-1", boot=BOOT, online=False))
    inbox = Inbox()
    inbox.take(deliver("heelfirst/v1/insole-1/status", will, retained=True), NOW_NS)
    assert inbox.statuses == []
    inbox.take(deliver("heelfirst/v1/insole-1/status", will), NOW_NS)
    assert [time_ns for _, time_ns in inbox.statuses] == [NOW_NS]
