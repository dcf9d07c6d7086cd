"""What devices are told: a `Setup` each, numbered, and requests until they are out of date.

A device does not answer a request, and one may be carried out twice. So a request stays, and is
sent whenever its device comes back, until it can no longer matter: a snooze until it is over, a
`Forget` for 400 days (a device that was in a drawer for longer has its outbox dropped by age and
is enrolled again). A later `Forget` of a device replaces the earlier ones.
"""

from collections.abc import Mapping
from sqlite3 import Connection
from typing import Final, NamedTuple

import msgspec

from edge import wire
from pipeline.care.record import DEFAULT_ZONE, PatientRecord

__all__ = ["Queued", "due", "queue", "setup_of", "setups"]

_SECOND_NS: Final = 1_000_000_000
_FORGET_NS: Final = 400 * 86_400 * _SECOND_NS
_MAX_SPANS: Final = 20
_REQUEST: Final = msgspec.json.Decoder(wire.Request)


class Queued(NamedTuple):
    """A request that a device is to get; `number` grows."""

    number: int
    device: str
    request: wire.Request


def setup_of(record: PatientRecord | None, device: str, revision: int = 0) -> wire.Setup:
    """Return what a device is told; without a patient nothing but its name."""
    if record is None:
        return wire.Setup(device=device, revision=revision)
    spans = tuple(
        wire.OrthosisSpan(
            since_ns=span.since_ns, until_ns=span.until_ns, side=span.side, orthosis=span.orthosis
        )
        for span in record.spans[-_MAX_SPANS:]
    )
    return wire.Setup(
        device=device,
        revision=revision,
        affected=record.affected,
        zone=record.zone if record.zone_is_set or record.zone != DEFAULT_ZONE else "",
        thresholds=record.thresholds,
        targets=record.targets,
        plan=record.plan,
        orthoses=spans,
        share_raw_until_ns=record.share_raw_until_ns,
    )


def setups(
    connection: Connection, records: Mapping[str, PatientRecord | None], now_ns: int
) -> list[wire.Setup]:
    """Return every device's `Setup`; one that differs from the last gets the next number.

    Numbers are seconds since 1970, or one more than the last: they also grow where the registry's
    file was restored from a backup, or the device came from another clinic.
    """
    found = []
    for device, record in sorted(records.items()):
        sql = "select revision, body from care_setups where device = ?"
        last, body = connection.execute(sql, (device,)).fetchone() or (0, b"")
        setup = setup_of(record, device)
        content = msgspec.json.encode(setup)
        if content != body:
            last = max(last + 1, now_ns // _SECOND_NS)
            row = (device, last, content)
            connection.execute("insert or replace into care_setups values (?, ?, ?)", row)
        found.append(msgspec.structs.replace(setup, revision=last))
    return found


def queue(connection: Connection, device: str, request: wire.Request, now_ns: int) -> None:
    """Keep a request within the caller's transaction; let go of those that are out of date."""
    connection.execute("delete from care_requests where until_ns <= ?", (now_ns,))
    until_ns = now_ns + _FORGET_NS
    if isinstance(request, wire.Snooze):
        until_ns = request.until_ns
    else:
        for earlier in due(connection, now_ns):
            if earlier.device == device and isinstance(earlier.request, wire.Forget):
                before_ns = max(request.before_ns, earlier.request.before_ns)
                request = wire.Forget(before_ns=before_ns)
                sql = "delete from care_requests where number = ?"
                connection.execute(sql, (earlier.number,))
    sql = "insert into care_requests (device, until_ns, request) values (?, ?, ?)"
    connection.execute(sql, (device, until_ns, msgspec.json.encode(request)))


def due(connection: Connection, now_ns: int) -> list[Queued]:
    """Return the requests that are not out of date, oldest first."""
    sql = "select number, device, request from care_requests where until_ns > ? order by number"
    rows = connection.execute(sql, (now_ns,))
    return [Queued(number, device, _REQUEST.decode(body)) for number, device, body in rows]
