"""Whose event it is, and what waits for an answer."""

import bisect
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gait_device import BASE_NS, BOOT, strides
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import RegistryError
from pipeline.receipts import ranges, receipts
from pipeline.registry import Quarantined, Registry


@pytest.fixture
async def registry(tmp_path: Path) -> AsyncIterator[Registry]:
    registry = Registry(tmp_path / "registry.db")
    yield registry
    await registry.close()


def waiting(count: int, device: str = "insole-1", first: int = 1) -> list[Quarantined]:
    return [Quarantined(device, BOOT, event) for event in strides(count, first=first)]


async def test_patients_get_random_ids_and_keep_their_labels_to_themselves(
    registry: Registry,
) -> None:
    ids = [await registry.add_patient("Erika Mustermann") for _ in range(20)]
    assert len(set(ids)) == 20
    assert all(re.fullmatch(r"p[0-9a-f]{12}", patient) for patient in ids)
    await registry.assign("insole-1", ids[0])
    await registry.assign("insole-2", ids[0])
    listed = await registry.patients()
    assert [patient.patient for patient in listed] == ids
    assert listed[0].devices == ("insole-1", "insole-2")
    assert listed[0].label == "Erika Mustermann"
    assert "Erika" not in repr(listed)


async def test_the_first_assignment_covers_the_past_a_hand_over_does_not(
    registry: Registry,
) -> None:
    first, second = [await registry.add_patient() for _ in range(2)]
    assert registry.patient_of("insole-1", BASE_NS) is None
    assert (await registry.assign("insole-1", first)).since_ns == 0
    handed = await registry.assign("insole-1", second)
    assert handed.since_ns > BASE_NS
    back = await registry.assign("insole-1", None, since_ns=handed.since_ns + 10)
    assert await registry.refresh()
    assert not await registry.refresh()
    at = registry.patient_of
    assert at("insole-1", 0) == at("insole-1", handed.since_ns - 1) == first
    assert at("insole-1", handed.since_ns) == at("insole-1", back.since_ns - 1) == second
    assert at("insole-1", back.since_ns) is None
    assert at("insole-2", BASE_NS) is None
    assert [a.patient for a in await registry.assignments()] == [first, second, None]


async def test_what_another_process_assigns_is_seen(registry: Registry, tmp_path: Path) -> None:
    await registry.refresh()
    other = Registry(tmp_path / "registry.db")
    patient = await other.add_patient()
    await other.assign("insole-1", patient)
    assert await registry.refresh()
    assert registry.patient_of("insole-1", BASE_NS) == patient
    await other.assign("insole-1", None, since_ns=0)  # replaced: the number of rows is the same
    assert await registry.refresh()
    assert registry.patient_of("insole-1", BASE_NS) is None
    await other.close()


async def test_mistakes_are_explained(registry: Registry) -> None:
    with pytest.raises(RegistryError, match="patients list"):
        await registry.assign("insole-1", "p000000000000")
    patient = await registry.add_patient()
    with pytest.raises(RegistryError, match="Insole 1"):
        await registry.assign("Insole 1", patient)
    assert await registry.assignments() == []


async def test_only_events_with_a_patient_are_released(registry: Registry) -> None:
    patient = await registry.add_patient()
    events = waiting(10)
    assert await registry.quarantine([*events, *waiting(3, "insole-2")])
    assert await registry.quarantine(events)  # again: nothing is doubled
    assert await registry.quarantined() == {"insole-1": 10, "insole-2": 3}
    await registry.assign("insole-1", patient, since_ns=BASE_NS + 6 * 10**9)
    released = await registry.releasable(100)
    assert released == events[5:]
    assert await registry.releasable(2) == events[5:7]
    await registry.release(released)
    assert await registry.quarantined() == {"insole-1": 5, "insole-2": 3}
    assert await registry.releasable(100) == []


async def test_a_full_quarantine_takes_nothing_until_there_is_room(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "small.db", quarantine_events=10)
    assert await registry.quarantine(waiting(8))
    assert not await registry.quarantine(waiting(3, first=9))
    assert await registry.quarantined() == {"insole-1": 8}
    await registry.release(waiting(1))
    assert await registry.quarantine(waiting(3, first=9))
    assert await registry.quarantined() == {"insole-1": 10}
    await registry.close()


@given(st.sets(st.tuples(st.integers(0, 50), st.sampled_from(["a", "b", None])), min_size=1))
def test_the_last_assignment_before_the_event_counts(spans: set[tuple[int, str | None]]) -> None:
    ordered = sorted(dict(spans).items())
    registry = Registry("unused.db")
    registry._spans = {"d": ([s for s, _ in ordered], [p for _, p in ordered])}
    for time_ns in range(52):
        before = bisect.bisect_right([since for since, _ in ordered], time_ns)
        expected = ordered[before - 1][1] if before else None
        assert registry.patient_of("d", time_ns) == expected


@given(st.lists(st.integers(1, 60)))
def test_ranges_hold_exactly_the_numbers(numbers: list[int]) -> None:
    spans = ranges(numbers)
    assert [n for first, last in spans for n in range(first, last + 1)] == sorted(set(numbers))
    assert all(spans[i][1] + 1 < spans[i + 1][0] for i in range(len(spans) - 1))


def test_receipts_are_per_device_and_boot_and_never_too_long() -> None:
    events = [
        Quarantined("a", BOOT, event) for event in strides(2400) if event.seq % 2 == 0
    ] + waiting(3, "b")
    found = list(receipts(events))
    assert [(device, count) for device, _, count in found] == [
        ("a", 500),
        ("a", 500),
        ("a", 200),
        ("b", 3),
    ]
    assert found[-1][1].ranges == ((1, 3),)
