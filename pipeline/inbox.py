"""What came and is not settled yet, and where each event of it is to go.

Events whose time cannot be right (before 2000, or more than a day ahead of this machine's clock)
go to the dead letters: in a database they would hide before every time range, or outlive every
newer one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from edge import wire
from pipeline.deadletter import Letter, malformed_letter, refused_letter
from pipeline.errors import PointError, Refusal
from pipeline.link import Delivery
from pipeline.points import Point, event_point, status_point
from pipeline.registry import ERASED, Quarantined, Registry

__all__ = ["Inbox", "Sorted", "sort", "time_problem"]

_YEAR_2000_NS: Final = 946_684_800 * 10**9
_YEAR_2025_NS: Final = 1_735_689_600 * 10**9
_DAY_NS: Final = 86_400 * 10**9


@dataclass(slots=True)
class Inbox:
    """Deliveries without their payload, and what was in them.

    Attributes
    ----------
    statuses : list of (Status, int)
        Each with its time [ns].
    malformed : list
        Letters of messages that nobody can read.
    """

    deliveries: list[Delivery] = field(default_factory=list)
    events: list[Quarantined] = field(default_factory=list)
    statuses: list[tuple[wire.Status, int]] = field(default_factory=list)
    malformed: list[Letter] = field(default_factory=list)

    def take(self, delivery: Delivery, now_ns: int) -> int:
        """Read a delivery; return the number of events in it.

        Raises
        ------
        WireError
            A message that nobody can read; it stands among the malformed already.
        """
        self.deliveries.append(delivery._replace(payload=b""))
        before = len(self.events)
        try:
            self._read(delivery, now_ns)
        except wire.WireError as error:
            letter = malformed_letter(delivery.topic, delivery.payload, error.reason, now_ns)
            self.malformed.append(letter)
            raise
        return len(self.events) - before

    def _read(self, delivery: Delivery, now_ns: int) -> None:
        device, channel = wire.parse_topic(delivery.topic)
        if channel == "events":
            batch = wire.decode(delivery.payload, wire.Batch)
            _check_device(device, batch.device)
            self.events += [Quarantined(device, batch.boot, event) for event in batch.events]
            return
        status = wire.decode(delivery.payload, wire.Status)
        _check_device(device, status.device)
        # A retained last will says nothing about when.
        if status.time_ns is not None or not delivery.retained:
            self.statuses.append((status, now_ns if status.time_ns is None else status.time_ns))


def _check_device(topic_device: str, device: str) -> None:
    if topic_device != device:
        raise wire.WireError(f"device {device} on the topic of {topic_device}")


@dataclass(slots=True)
class Sorted:
    """The events of an inbox by where they go.

    Attributes
    ----------
    points : list of Point
        For the store, statuses included; `sources` knows a point's event by the point's id().
    unknown : list of Quarantined
        Of devices without a patient at the time.
    letters : list
        Dead letters of events that can never be stored.
    erased : int
        Events of patients that were erased: dropped, and receipted.
    """

    points: list[Point] = field(default_factory=list)
    sources: dict[int, Quarantined] = field(default_factory=dict)
    unknown: list[Quarantined] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    erased: int = 0

    def refuse(self, refusals: Sequence[Refusal], now_ns: int) -> int:
        """Make dead letters of refused points; return how many were events, not statuses."""
        letters = [
            _letter(self.sources[id(point)], reason, now_ns, point)
            for point, reason in refusals
            if id(point) in self.sources
        ]
        self.letters += letters
        return len(letters)


def sort(inbox: Inbox, registry: Registry, now_ns: int) -> Sorted:
    """Return where each event and status of the inbox is to go."""
    parts = Sorted()
    for item in inbox.events:
        time_ns = item.event.time_ns
        patient = registry.patient_of(item.device, time_ns)
        if problem := time_problem(time_ns, now_ns):
            parts.letters.append(_letter(item, problem, now_ns, None))
        elif patient is None:
            parts.unknown.append(item)
        elif patient == ERASED:
            parts.erased += 1
        else:
            _add_point(parts, item, patient, now_ns)
    for status, time_ns in inbox.statuses:
        patient = registry.patient_of(status.device, time_ns)
        if patient not in (None, ERASED) and not time_problem(time_ns, now_ns):
            parts.points.append(status_point(status, patient, time_ns))
    return parts


def _add_point(parts: Sorted, item: Quarantined, patient: str, now_ns: int) -> None:
    try:
        point = event_point(item.event, item.device, patient)
    except PointError as error:
        parts.letters.append(_letter(item, str(error), now_ns, None))
        return
    parts.points.append(point)
    parts.sources[id(point)] = item


def _letter(item: Quarantined, reason: str, received_ns: int, point: Point | None) -> Letter:
    return refused_letter(item.event, item.device, item.boot, reason, received_ns, point)


def time_problem(time_ns: int, now_ns: int) -> str:
    """Return why an event's time cannot be right, or nothing.

    A machine whose own clock is before 2025 has not been told the time and judges no future.
    """
    if time_ns < _YEAR_2000_NS:
        return f"time {time_ns} ns is before 2000: the device's clock was not set"
    if time_ns > now_ns + _DAY_NS and now_ns > _YEAR_2025_NS:
        return f"time {time_ns} ns is more than a day ahead of this machine's clock"
    return ""
