"""The notifier: beside the ingester in one process, with an outbox of its own.

    points ─> take (one transaction, before the receipt) ─> episodes
    every second: episodes ─> messages due ─> outbox ─> apprise ─> people
                  points of alarms and acknowledgements ─> store;  snoozes ─> devices

At least once: a crash between a server's answer and the note of it sends a message twice.
"""

import asyncio
import contextlib
import logging
import random
import secrets
import sqlite3
import time
import zoneinfo
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import time as time_of_day
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from edge import wire
from pipeline.backoff import Backoff
from pipeline.config import NotifyConfig
from pipeline.errors import ConfigError, StoreRefused
from pipeline.journal import Journal, JournalError
from pipeline.notify import desk, intake, outbox
from pipeline.notify.links import Links, read_key
from pipeline.notify.model import Ack, Episode, Message
from pipeline.notify.office import Office, note, open_database
from pipeline.notify.policy import Policy
from pipeline.notify.recipients import Recipients
from pipeline.notify.sender import AppriseSender, Sender, SendError
from pipeline.notify.silence import Owner, Silence
from pipeline.notify.tables import active_patients
from pipeline.points import Point
from pipeline.store import Store

__all__ = ["Notifier", "NotifyState", "SendRequest", "policy_of"]

log = logging.getLogger(__name__)
_T = TypeVar("_T")
_ROUND_S: Final = 1.0
_GRACE_S: Final = 5.0
_RETRY_S: Final = (5.0, 900.0)
_ZONE_S: Final = 60.0
_AT_ONCE: Final = 20
_POINTS: Final = 500
SendRequest = Callable[[str, wire.Request], Awaitable[None]]
"""Brings a request to a device, once and durably enough to be forgotten here; raises OSError."""


@dataclass(slots=True)
class NotifyState:
    """What the notifier has done since it began.

    Attributes
    ----------
    made, sent, failed : int
        Messages made, handed over, and tries that failed.
    waiting : int
        Messages that are due and not handed over.
    journal_failures : int
        Acknowledgements of devices that a damaged journal could not take.
    rounds : int
        Grows with every round; for a watchdog.
    problem : str
        What is wrong now; empty: nothing.
    """

    made: int = 0
    sent: int = 0
    failed: int = 0
    waiting: int = 0
    journal_failures: int = 0
    rounds: int = 0
    problem: str = ""


def policy_of(config: NotifyConfig) -> Policy:
    """Return the policy of the settings."""
    return Policy(
        group_s=config.group_s,
        escalate_s=60 * config.escalate_min,
        repeat_s=3600 * config.repeat_h,
        cooldown_s=3600 * config.cooldown_h,
        most_per_day=config.most_per_day,
        quiet_from=time_of_day.fromisoformat(config.quiet_from or "00:00"),
        quiet_to=time_of_day.fromisoformat(config.quiet_to or "00:00"),
        late_s=60 * config.late_min,
    )


def _links(config: NotifyConfig) -> Links:
    """Return what makes links; none without a secret key, since events are stored all the same."""
    try:
        return Links(read_key(Path(config.key_file)), config.link, config.link_hours)
    except (ConfigError, OSError) as error:
        log.error("messages hold no links, and none is accepted: %s", error)
        return Links(secrets.token_bytes(32), "", config.link_hours)


class Notifier:
    """Implements `pipeline.companion.Companion`.

    Parameters
    ----------
    config : NotifyConfig
    journal : Journal
        Takes every acknowledgement.
    store : Store, optional
        Takes `alarms` and `acknowledge` points; stays the caller's to close.
    zone : str
        IANA time zone of the clinic, and of patients for whom none is set.
    zone_of : callable, optional
        Returns a patient's IANA time zone.
    owner : callable, optional
        Whose a device is (`Registry.patient_of`); None: silent devices are not watched.
    send_request : SendRequest, optional
        Brings a `wire.Snooze` to a device; None: they wait.
    sender : Sender
        Hands messages over.
    now_ns : callable
        This machine's wall clock [ns since 1970, UTC].

    Where the signing key cannot be used, people are told without links, and none is accepted.
    """

    def __init__(
        self,
        config: NotifyConfig,
        journal: Journal,
        store: Store | None = None,
        *,
        zone: str = "UTC",
        zone_of: Callable[[str], Awaitable[str]] | None = None,
        owner: Owner | None = None,
        send_request: SendRequest | None = None,
        sender: Sender | None = None,
        now_ns: Callable[[], int] = time.time_ns,
        rng: random.Random | None = None,
    ) -> None:
        self.state = NotifyState()
        self.database = open_database(config)
        self.office = Office(config, journal, self.database)
        self.links = _links(config)
        self.policy = policy_of(config)
        self.config = config
        self.now_ns = now_ns
        self.recipients = Recipients(Path(config.recipients) if config.recipients else None)
        self._journal = journal
        self._store = store
        self._zone, self._ask_zone = zone, zone_of
        self._zones: dict[str, tuple[float, str]] = {}
        self._silence = Silence(config.silent_min, owner) if owner else None
        self._send_request = send_request
        self._sender = sender or AppriseSender()
        self._rng = rng or random.Random()
        self._sending: dict[tuple[int, str], asyncio.Task[None]] = {}
        self._unnoted: dict[tuple[int, str], tuple[int, int | None]] = {}
        self._wake = asyncio.Event()
        self._stopping = False

    # -- in ---------------------------------------------------------------------------------------

    async def take(self, points: Sequence[Point]) -> None:
        """Note down alerts and acknowledgements; raises OSError where the disk refuses."""
        now_ns = self.now_ns()
        if self._silence is not None:
            self._silence.heard(points, now_ns)
        mine = [point for point in points if point.measurement in ("alert", "acknowledge")]
        if not mine:
            return
        work = partial(intake.take, points=mine, now_ns=now_ns, policy=self.policy)
        if await self.database.run(partial(work, journal=self._note_device)):
            self._wake.set()

    async def acknowledge(self, number: int, ack: Ack, actor: str) -> None:
        """Acknowledge an alert for a person; raises as `Office.acknowledge`."""
        await self.office.acknowledge(number, ack, actor)
        self._wake.set()

    async def erase(self, patient: str) -> int:
        """Remove all of a patient; return how many rows went."""
        return await self.database.run(lambda db: intake.erase(db, patient))

    def _note_device(self, episode: Episode | None, patient: str, name: str, ack: Ack) -> None:
        device = episode.device if episode else "unknown"
        try:
            note(self._journal, f"device:{device}", episode, patient, name, ack)
        except JournalError as error:
            # The word itself is stored; a damaged journal must not hold up all that devices send.
            self.state.journal_failures += 1
            log.error("acknowledgement of %s not in the journal: %s", name, error)

    # -- running ----------------------------------------------------------------------------------

    async def run(self) -> None:
        """Make and send messages until `stop`."""
        try:
            while not self._stopping:
                await self._round()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_ROUND_S):
                        await self._wake.wait()
                self._wake.clear()
        finally:
            if self._sending:  # a message that was handed over is noted, not sent again
                await asyncio.wait(self._sending.values(), timeout=_GRACE_S)
            for task in self._sending.values():
                task.cancel()
            await asyncio.gather(*self._sending.values(), return_exceptions=True)

    def stop(self) -> None:
        """End `run`; what is not sent waits on disk."""
        self._stopping = True
        self._wake.set()

    async def close(self) -> None:
        """Close the file; after `run` ended."""
        await self.database.close()

    async def _round(self) -> None:
        problem = ""
        for part in (self._step, self._dispatch, self._store_points, self._send_requests):
            try:
                await part()
            except OSError as error:
                problem = problem or str(error)
            except Exception as error:  # nobody foresaw it: the other parts and alerts go on
                text = f"{part.__name__.strip('_')} failed: {error or type(error).__name__}"
                if text != self.state.problem:
                    log.exception("%s", text)
                problem = text
        self._trouble(problem)
        self.state.rounds += 1

    def _trouble(self, problem: str) -> None:
        if problem and problem != self.state.problem:
            log.warning("nothing is lost, it is tried again: %s", problem)
        self.state.problem = problem

    async def _step(self) -> None:
        """Decide what is due."""
        now_ns = self.now_ns()
        zones = await self._patient_zones(await self.database.read(active_patients))
        known = desk.Desk(
            self.policy,
            self._zone,
            zones,
            self.recipients.targets,
            lambda episode, role: self.links.link(episode, role, now_ns),
        )

        def step(db: sqlite3.Connection) -> int:
            if self._silence is not None:
                self._silence.step(db, now_ns, self.policy)
            return desk.step(db, now_ns, known)

        self.state.made += await self.database.run(step)

    async def _patient_zones(self, patients: Sequence[str]) -> dict[str, str]:
        return {patient: await self.zone_of(patient) for patient in patients}

    async def zone_of(self, patient: str) -> str:
        """Return a patient's time zone, asked for once a minute; the clinic's where none is set."""
        if self._ask_zone is None:
            return self._zone
        asked_s, zone = self._zones.get(patient, (-_ZONE_S, ""))
        if time.monotonic() - asked_s >= _ZONE_S:
            try:
                zone = await self._ask_zone(patient)
                zoneinfo.ZoneInfo(zone)
            except (LookupError, ValueError):  # an unknown patient, a zone that is none
                zone = self._zone
            self._zones[patient] = time.monotonic(), zone
        return zone

    # -- out --------------------------------------------------------------------------------------

    async def _dispatch(self) -> None:
        """Begin to send what is due, some at a time: one dead server holds up no other."""
        now_ns = self.now_ns()
        due = await self.database.read(
            lambda db: outbox.unsent(db, now_ns, round(2 * _RETRY_S[1] * 1e9))
        )
        self.state.waiting = len(due)
        for message in due:
            key = (message.number, message.target)
            if key not in self._sending and len(self._sending) < _AT_ONCE:
                task = asyncio.create_task(self._send(message))
                self._sending[key] = task
                task.add_done_callback(partial(self._is_sent, key))

    def _is_sent(self, key: tuple[int, str], task: asyncio.Task[None]) -> None:
        self._sending.pop(key, None)
        if not task.cancelled() and task.exception() is not None:
            log.error("message %d: its end could not be noted", key[0], exc_info=task.exception())

    async def _send(self, message: Message) -> None:
        key = (message.number, message.target)
        if key not in self._unnoted and not await self._try(message):
            return
        with contextlib.suppress(OSError):  # what became of it is noted at the next round
            now_ns, next_ns = self._unnoted[key]
            await self.database.run(lambda db: outbox.settle(db, message, now_ns, next_ns))
            del self._unnoted[key]

    async def _try(self, message: Message) -> bool:
        """Hand a message over; return whether there is something to note."""
        url = self.recipients.url(message.patient, message.role, message.target)
        if url is None:
            with contextlib.suppress(OSError):  # at the next round again
                await self._retarget(message)
            return False
        try:
            await self._sender.send(url, message)
        except SendError as error:
            now_ns, next_ns = self._failed(message, str(error))
        except Exception as error:  # whatever a service's plug-in may raise
            now_ns, next_ns = self._failed(message, f"the service failed: {type(error).__name__}")
        else:
            self.state.sent += 1
            now_ns, next_ns = self.now_ns(), None
        self._unnoted[message.number, message.target] = now_ns, next_ns
        return True

    def _failed(self, message: Message, reason: str) -> tuple[int, int | None]:
        """Return now, and when it is tried again."""
        self.state.failed += 1
        if message.tries.bit_count() < 2:  # the 1st, 2nd, 3rd, 5th, 9th: no log is flooded
            log.warning("message %d not sent, tried again: %s", message.number, reason)
        now_ns = self.now_ns()
        return now_ns, now_ns + round(self._retry_s(message.tries) * 1e9)

    def _retry_s(self, tries: int) -> float:
        """Return the wait before the next try, growing and jittered."""
        backoff = Backoff(*_RETRY_S, self._rng)
        for _ in range(min(tries, 12)):
            backoff.next_s()
        return backoff.next_s()

    async def _retarget(self, message: Message) -> None:
        now_ns = self.now_ns()
        targets = self.recipients.targets(message.patient, message.role)
        if targets:
            await self.database.run(lambda db: outbox.retarget(db, message, targets, now_ns))
            return
        later_ns = now_ns + round(_RETRY_S[1] * 1e9)
        await self.database.run(lambda db: outbox.settle(db, message, now_ns, later_ns))

    async def _store_points(self) -> None:
        """Bring points of alarms and acknowledgements into the store."""
        if self._store is None:
            return
        sql = "select number, point from points order by number limit ?"
        rows = await self.database.read(lambda db: db.execute(sql, (_POINTS,)).fetchall())
        if not rows:
            return
        try:
            await self._store.write([msgspec.json.decode(body, type=Point) for _, body in rows])
        except StoreRefused as error:
            log.error("%s", error)
        await self._delete("delete from points where number = ?", [row[:1] for row in rows])

    async def _send_requests(self) -> None:
        """Tell devices which alerts were acknowledged elsewhere."""
        if self._send_request is None:
            return
        sql = "select device, id, until_ns from requests"
        rows = await self.database.read(lambda db: db.execute(sql).fetchall())
        for device, name, until_ns in rows:
            await self._send_request(device, wire.Snooze(id=name, until_ns=until_ns))
        sql = "delete from requests where device = ? and id = ? and until_ns = ?"
        await self._delete(sql, rows)

    async def _delete(self, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
        def delete(db: sqlite3.Connection) -> None:
            db.executemany(sql, rows)

        if rows:
            await self.database.run(delete)
