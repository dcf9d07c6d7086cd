"""Messages on their way: at least once, whatever servers do; what goes into store and journal."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from names import PEOPLE, Names
from notify_room import DEVICE, NOON_NS, PATIENT, SECOND, Room, alert, mail_server, running
from servers import free_port
from tiny_http import tiny_http

from edge import wire
from pipeline.errors import ConfigError, StoreUnavailable
from pipeline.notify.links import read_key
from pipeline.notify.model import Ack, Role
from pipeline.notify.sender import AppriseSender
from pipeline.points import Point
from pipeline.registry import Registry
from pipeline.sqlite import SqliteStore

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # of apprise 1.13


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    room = Room(tmp_path)
    yield room
    await room.close()


async def test_an_unreachable_server_loses_nothing(room: Room):
    room.person(Role.CAREGIVER)
    room.target.is_down = True
    await room.take(alert("near_trips", priority="high"))
    for _ in range(30):
        await room.pass_(900)
    assert room.target.tries >= 20
    await room.restart()
    room.target.is_down = False
    await room.pass_(900)
    assert [each.number for each in room.target.messages][:1] == [1]
    sent = len(room.target.messages)
    await room.pass_(1800)
    assert len([m for m in room.target.messages if m.number == 1]) == 1
    assert sent >= 1


async def test_whatever_a_service_raises_is_tried_again_later(room: Room):
    class Broken(type(room.target)):  # type: ignore[misc]  # the room's own target
        async def send(self, url, message):
            self.tries += 1
            if self.tries < 3:
                raise (KeyError("inside"), ConnectionResetError("inside"))[self.tries - 1]
            self.messages.append(message)

    target = Broken()
    await room.restart(sender=target)
    room.person(Role.CAREGIVER)
    await room.take(alert("near_trips", priority="high"))
    await room.pass_()
    assert target.tries == 1  # not at each round
    await room.pass_(900)
    await room.pass_(900)
    assert (target.tries, len(target.messages)) == (3, 1)


async def test_a_stop_waits_for_what_is_on_its_way(room: Room):
    class Slow(type(room.target)):  # type: ignore[misc]  # the room's own target
        async def send(self, url, message):
            self.tries += 1
            room.notifier.stop()
            await asyncio.sleep(0.05)
            self.messages.append(message)

    target = Slow()
    await room.restart(sender=target)
    room.person(Role.CAREGIVER)
    await room.take(alert("near_trips", priority="high"))
    await room.notifier.run()
    await room.restart(sender=target)
    await room.pass_(60)
    assert target.tries == len(target.messages) == 1


async def test_each_address_has_its_own_try(room: Room):
    class OneIsDown(type(room.target)):  # type: ignore[misc]  # the room's own target
        async def send(self, url, message):
            self.is_down = "down" in url
            await super().send(url, message)

    target = OneIsDown()
    await room.restart(sender=target)
    room.person(Role.CAREGIVER, "json://up.example", "json://down.example")
    await room.take(alert("near_trips", priority="high"))
    await room.pass_()
    await room.pass_(60)
    assert len(target.messages) == 1
    assert target.tries >= 3


async def test_an_address_that_is_replaced_gets_what_waits(room: Room):
    room.person(Role.CAREGIVER, "json://old.example")
    room.target.is_down = True
    await room.take(alert("near_trips", priority="high"))
    await room.pass_()
    room.target.is_down = False
    room.person(Role.CAREGIVER, "json://new.example")
    await room.pass_(60)
    await room.pass_(1)
    assert [each.number for each in room.target.messages] == [1]


async def test_files_that_others_can_read_are_refused(room: Room, caplog: pytest.LogCaptureFixture):
    room.person(Role.CAREGIVER, "mailto://user:secret-word@mail.example")
    path = room.people / f"{PATIENT}.caregiver"
    path.chmod(0o644)
    await room.take(alert("near_trips", priority="high"))
    await room.pass_()
    assert room.target.messages == []
    assert "chmod 600" in caplog.text
    assert "secret-word" not in caplog.text
    path.chmod(0o600)
    room.notifier.recipients._read_s = -100.0
    await room.pass_(1)
    assert room.target.told() == [("page", "caregiver")]


async def test_a_key_that_others_can_read_is_refused(tmp_path: Path):
    path = tmp_path / "key"
    assert read_key(path) == read_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_key(path)


async def test_mail_through_apprise_and_a_server_that_comes_back(tmp_path: Path):
    room = Room(tmp_path)
    port = free_port()
    await room.restart(sender=AppriseSender())
    address = f"mailto://127.0.0.1:{port}?mode=insecure&from=a@clinic.example&to=b@home.example"
    room.person(Role.CAREGIVER, address)
    await room.take(alert("near_trips", priority="high"))
    await room.pass_()
    assert (room.notifier.state.sent, room.notifier.state.failed) == (0, 1)
    async with mail_server(port) as mail:
        await room.pass_(60)
        assert len(mail.letters) == 1
    assert "To: b@home.example" in mail.letters[0]
    await room.close()


async def test_apprise_to_a_local_server(tmp_path: Path):
    room = Room(tmp_path)
    await room.restart(sender=AppriseSender())
    async with tiny_http(lambda path, body: (200, {}, b"")) as http:
        room.person(Role.CAREGIVER, http.url.replace("http", "json") + "/told", "nonsense://x")
        await room.take(alert("near_trips", priority="high"))
        async with running(room.notifier):
            while not http.requests or not room.notifier.state.failed:
                await room.pass_()
    ((path, body),) = http.requests
    assert path == "/told"
    assert b"Near-trips" in body
    assert room.notifier.state.sent == 1
    await room.close()


async def test_alarms_and_acknowledgements_reach_the_store_when_it_answers(room: Room):
    class Moody(SqliteStore):
        is_down = True

        async def write(self, points):
            if self.is_down:
                raise StoreUnavailable("down")
            await super().write(points)

    store = Moody(room.folder / "store.db")
    sent: list[tuple[str, wire.Request]] = []

    async def send_request(device: str, request: wire.Request) -> None:
        sent.append((device, request))

    await room.restart(store=store, send_request=send_request)
    await room.take(alert(), alert("near_trips", 1, priority="high"))
    await room.notifier.acknowledge(1, Ack(room.now_ns, "caregiver", True), "link:caregiver")
    await room.pass_(1)
    assert room.notifier.state.problem == "down"
    store.is_down = False
    await room.pass_(1)
    await room.take(alert(at_s=5, raised=False), alert("near_trips", 6, raised=False))
    await room.pass_(10)
    rows = await store.read("alarms", start_ns=0, stop_ns=2**62)
    assert [(row["severity"], row["open_high"], row["open_medium"]) for row in rows] == [
        (2, 0, 1),
        (3, 1, 1),
        (3, 1, 0),
        (0, 0, 0),
    ]
    (row,) = await store.read("acknowledge", patient=PATIENT, start_ns=0, stop_ns=2**62)
    assert (row["id"], row["by"], row["true_alarm"]) == (
        "repeated_toe_drag-left-1",
        "caregiver",
        True,
    )
    ((device, request),) = sent
    assert device == DEVICE
    assert isinstance(request, wire.Snooze) and request.id == row["id"]
    await store.close()


async def test_every_acknowledgement_is_in_the_journal_once(room: Room):
    word = Point(
        "acknowledge",
        (("device", DEVICE), ("patient", PATIENT)),
        {"id": "repeated_toe_drag-left-1", "by": "patient", "true_alarm": True, "snooze_s": 0.0},
        NOON_NS + 9 * SECOND,
    )
    await room.take(word)  # before its alert
    await room.take(alert(), word)
    await room.notifier.acknowledge(1, Ack(NOON_NS, "therapist", False), "")
    await room.notifier.acknowledge(1, Ack(NOON_NS + 1, "therapist", False), "")
    entries = [(e.actor.split(":")[0], e.subject, e.detail) for e in room.journal.entries()]
    assert [actor for actor, *_ in entries] == ["device", "uid"]
    assert {subject for _, subject, _ in entries} == {PATIENT}
    assert [detail["true_alarm"] for *_, detail in entries] == [True, False]
    await room.pass_(3600)
    assert room.target.messages == []


async def test_a_damaged_journal_refuses_people_and_does_not_hold_up_devices(room: Room):
    await room.take(alert())
    room.journal.path.write_text("not an entry\n")
    with pytest.raises(ValueError, match="compare it with the backup"):
        await room.notifier.acknowledge(1, Ack(NOON_NS, "therapist", True), "")
    (episode,) = await room.notifier.office.find("", True, 9)
    assert episode.acks == []
    word = {"id": episode.id, "by": "patient", "snooze_s": 0.0}
    await room.take(Point("acknowledge", (("device", DEVICE), ("patient", PATIENT)), word, NOON_NS))
    assert room.notifier.state.journal_failures == 1


async def test_a_silent_device(room: Room):
    owner: dict[str, str | None] = {DEVICE: PATIENT}
    store = SqliteStore(room.folder / "store.db")
    await room.restart(owner=lambda device, time_ns: owner.get(device), store=store)
    room.person(Role.CAREGIVER)
    status = Point("status", (("device", DEVICE), ("patient", PATIENT)), {"online": True}, NOON_NS)
    await room.take(status)
    await room.pass_()
    await room.pass_(60)
    await room.pass_(29 * 60 - 1)
    assert room.target.messages == []
    await room.pass_(31)
    await room.pass_(30)
    assert [each.title for each in room.target.messages] == [
        f"Technical: The box at home is silent ({PATIENT})"
    ]
    await room.restart()  # what the pipeline itself slept through is nobody's silence
    await room.pass_(60)
    assert len(room.target.messages) == 1
    await room.take(status)
    await room.pass_(1)
    assert room.target.told()[-1] == ("clear", "caregiver")
    rows = await store.read("alert", start_ns=0, stop_ns=2**62)
    assert [row["raised"] for row in rows] == [True, False]
    assert len({row["id"] for row in rows}) == 1
    owner[DEVICE] = None
    await room.pass_(7200)
    assert len(room.target.messages) == 2
    await store.close()


async def test_no_name_leaves_the_registry(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    room = Room(tmp_path)
    caplog.set_level(logging.DEBUG)
    registry = Registry(tmp_path / "registry.db")
    names = Names()
    room.person(Role.THERAPIST)
    for person in await names.seed(registry):
        room.person(Role.CAREGIVER, patient=person.patient)
        await room.take(alert("near_trips", priority="high", patient=person.patient))
    await room.pass_(20 * 3600)
    assert len(room.target.messages) >= len(PEOPLE)
    for message in room.target.messages:
        assert names.found_in(f"{message.title}\n{message.body}") == set()
    assert names.found_in(caplog.text) == set()
    await registry.close()
    await room.close()
    for path in (room.folder / "notify.db", room.journal.path):
        if path.exists():
            assert names.found_in(path.read_bytes()) == set()


async def test_erasing_a_patient_leaves_nothing(tmp_path: Path):
    room = Room(tmp_path)
    other = "pba9876543210"
    room.person(Role.THERAPIST)
    for patient in (PATIENT, other):
        room.person(Role.CAREGIVER, patient=patient)
        await room.take(alert("near_trips", priority="high", patient=patient))
    await room.pass_(20 * 3600)
    assert await room.notifier.erase(PATIENT) > 5
    await room.close()
    db = sqlite3.connect(room.folder / "notify.db")
    tables = [name for (name,) in db.execute("select name from sqlite_master where type = 'table'")]
    text = str([db.execute(f"select * from {name}").fetchall() for name in tables])
    db.close()
    assert PATIENT not in text
    assert other in text


async def test_without_a_secret_key_people_are_told_and_no_link_works(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    key = tmp_path / "acknowledge.key"
    read_key(key)
    key.chmod(0o644)
    room = Room(tmp_path)
    room.person(Role.CAREGIVER)
    await room.take(alert("near_trips", priority="high"))
    await room.pass_()
    assert room.target.told() == [("page", "caregiver")]
    assert "https://" not in room.target.messages[0].body
    assert f"chmod 600 {key}" in caplog.text
    await room.close()
