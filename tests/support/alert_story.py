"""Random stories of alerts for the notifier and its model: duplicates, reordering, restarts,
outages, crashes between any two steps, clocks that jump by days."""

import random
import sqlite3
import tempfile
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from alert_model import Model

from pipeline.notify import desk, intake, outbox, tables
from pipeline.notify.model import Ack, Episode, Role
from pipeline.notify.policy import Policy
from pipeline.notify.tables import SCHEMA, open_counts
from pipeline.points import Point

SECOND = 10**9
MINUTE, HOUR, DAY = 60, 3600, 86_400
START = datetime.fromisoformat("2026-03-27T18:00:00+00:00").timestamp()  # summer time begins soon
ZONES = {"p00000000000a": "Europe/Berlin", "p00000000000b": "America/New_York"}
REACH = {"p00000000000a": ("patient", "caregiver"), "p00000000000b": ("caregiver",)}
RULES = (
    ("repeated_toe_drag", 2, False),
    ("high_trip_risk", 3, False),
    ("near_trips", 3, False),
    ("other_rule", 1, False),
    ("battery_low", 1, True),
    ("sensor_fault", 2, True),
    ("sensor_silent", 2, True),
)
RETRY_NS = 60 * SECOND


class Told(NamedTuple):
    """What a story came to: what is wrong (nothing), and how much happened."""

    seed: int
    problems: list[str]
    messages: int
    deliveries: int
    kinds: Counter[str]


class CrashError(Exception):
    """The power went."""


class Story:
    """One story by a seed."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng = random.Random(seed)
        self.seed = seed
        self.path = folder / f"{seed}.db"
        self.on_file = seed % 8 == 0
        self.now = START + self.rng.uniform(0, 2 * DAY)
        self.model = Model(ZONES, REACH, "Europe/Berlin")
        self.model.facts = {}
        self.desk = desk.Desk(
            Policy(), "Europe/Berlin", ZONES, self.targets, lambda episode, role: ""
        )
        self.db = self.open()
        self.problems: list[str] = []
        self.delivered: Counter[tuple[int, str]] = Counter()
        self.twice: Counter[tuple[int, str]] = Counter()
        self.journal: set[Ack] = set()
        self.pending: list[tuple[float, Point, Any]] = []
        self.is_down = False
        self.kinds: Counter[str] = Counter()

    @staticmethod
    def targets(patient: str, role: Role) -> tuple[str, ...]:
        if role == Role.THERAPIST:
            return ("t",)
        if role.word not in REACH.get(patient, ()):
            return ()
        return ("one", "two") if role == Role.CAREGIVER else ("one",)

    def open(self) -> sqlite3.Connection:
        """One story in eight is told on a file, the others in memory: the rules are the same."""
        db = sqlite3.connect(self.path if self.on_file else ":memory:", isolation_level=None)
        db.execute("pragma journal_mode = wal")
        db.executescript(SCHEMA)
        return db

    def restart(self) -> None:
        """Nothing but the file survives; in memory the tables are the file."""
        if self.on_file:
            self.db.close()
            self.db = self.open()

    def transact(self, work: Any, crash: bool = False) -> Any:
        """One transaction; `crash`: the power goes before it is committed."""
        self.db.execute("begin immediate")
        result = work(self.db)
        if crash:
            self.db.execute("rollback")
            self.restart()
            raise CrashError
        self.db.execute("commit")
        return result

    # -- what happens

    def happen(self) -> None:
        """Draw an alert's life: raised, perhaps cleared, perhaps again; seen by somebody."""
        rng = self.rng
        rule, priority, technical = rng.choice(RULES)
        patient = rng.choice(sorted(ZONES))
        device = rng.choice(("insole-1", "insole-2"))
        side = rng.choice(("left", "right")) if rule != "near_trips" else ""
        name = f"{rule}-{side}-{rng.randrange(4)}"
        facts = (rule, side, priority, technical)
        self.model.facts[patient, device, name] = facts
        begin = self.now - rng.choice((0, 0, 1, 20, 1500, 2000, 5 * HOUR))
        if rng.random() < 0.05:
            begin += rng.choice((-3 * DAY, 0.5 * DAY))  # a device whose clock is wrong
        times = [(begin, True)]
        while rng.random() < 0.75 and len(times) < 4:
            raised = not times[-1][1]
            times.append((times[-1][0] + rng.choice((0, 5, 40, 700, 9000)), raised))
        for time, raised in times:
            self.deliver((patient, device, name, int(time) * SECOND, raised, facts))
        if rng.random() < 0.5:
            self.acknowledge_event((patient, device, name), begin + rng.uniform(-5, 2000))

    def deliver(self, event: tuple[Any, ...]) -> None:
        patient, device, name, time, raised, (rule, side, priority, technical) = event
        tags = [("device", device), ("patient", patient)] + [("side", side)] * bool(side)
        fields: dict[str, Any] = {
            "id": name,
            "rule": rule,
            "priority": ("low", "medium", "high")[priority - 1],
            "raised": raised,
            "technical": technical,
        }
        point = Point("alert", tuple(tags), fields, time)
        for _ in range(self.rng.choice((1, 1, 2))):
            at = max(self.now, time / SECOND) + self.rng.choice((0, 0, 1, 60, 1900, HOUR))
            self.pending.append((at, point, event))

    def acknowledge_event(self, key: tuple[str, str, str], time: float) -> None:
        rng = self.rng
        true = rng.choice((None, True, False))
        snooze = rng.choice((0.0, 0.0, 1800.0))
        ack = (*key, int(time) * SECOND, "patient", true, snooze)
        fields: dict[str, Any] = {"id": key[2], "by": "patient", "snooze_s": snooze}
        if true is not None:
            fields["true_alarm"] = true
        tags = (("device", key[1]), ("patient", key[0]))
        point = Point("acknowledge", tags, fields, int(time) * SECOND)
        for _ in range(rng.choice((1, 2))):
            self.pending.append((self.now + rng.choice((0, 30, 4000)), point, ack))

    def arrive(self) -> None:
        """Let arrive what is due, in a random order; after a crash it comes again."""
        due = [each for each in self.pending if each[0] <= self.now]
        self.pending = [each for each in self.pending if each[0] > self.now]
        self.rng.shuffle(due)
        points = [point for _, point, _ in due]
        now_ns = round(self.now * SECOND)

        def take(db: sqlite3.Connection) -> bool:
            return intake.take(db, points, now_ns, Policy(), self.note)

        while True:
            try:
                self.transact(take, crash=self.rng.random() < 0.1)
                break
            except CrashError:
                continue
        for _, point, told in due:
            if point.measurement == "alert":
                self.model.event(now_ns, told)
            else:
                self.model.acknowledge(told)

    def note(self, episode: Episode | None, patient: str, name: str, ack: Ack) -> None:
        self.journal.add(ack)

    def by_hand(self) -> None:
        """Somebody acknowledges or puts off one of the alerts."""
        numbers = [n for (n,) in self.db.execute("select number from episodes where merged = 0")]
        if not numbers:
            return
        true = self.rng.choice((None, True, False))
        snooze = self.rng.choice((0.0, 1800.0))
        ack = Ack(int(self.now) * SECOND, "therapist", true, snooze)
        number = self.rng.choice(numbers)
        before = self.transact(lambda db: tables.episodes(db, "number = ?", (number,)))[0]
        said = self.transact(lambda db: intake.acknowledge(db, number, ack, self.note))
        episode, is_new = said
        new = [each for each in episode.acks if each not in before.acks]
        if is_new != (len(new) == 1):
            self.problems.append(f"{ack} of {number}: {new}")
        key = (episode.patient, episode.device, episode.id)
        for each in new:
            self.model.acknowledge((*key, each.time_ns, "therapist", true, snooze))

    def step(self) -> None:
        before = self.db.execute("select ifnull(max(number), 0) from messages").fetchone()[0]
        now_ns = round(self.now * SECOND)
        try:
            self.transact(
                lambda db: desk.step(db, now_ns, self.desk), crash=self.rng.random() < 0.1
            )
        except CrashError:
            self.transact(lambda db: desk.step(db, now_ns, self.desk))
        got = [self.message(row) for row in self.db.execute(_MESSAGES, (before,)).fetchall()]
        wanted = self.model.step(now_ns)
        self.kinds.update(kind for kind, *_ in got)
        if got != wanted:
            self.problems.append(f"at {self.now - START:.0f} s: {got} instead of {wanted}")

    def message(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        kind, role, patient, technical, numbers = row
        told = []
        for number in numbers.split():
            *key, begin_ns = self.db.execute(_EPISODE, (int(number),)).fetchone()
            told.append((tuple(key), begin_ns))
        return kind, Role(role).word, patient, bool(technical), told

    def send(self) -> None:
        """Hand over what is due; the power may go before it is noted."""
        now_ns = round(self.now * SECOND)
        for message in outbox.unsent(self.db, now_ns, 2 * RETRY_NS):
            key = (message.number, message.target)
            next_ns = now_ns + RETRY_NS if self.is_down else None
            if not self.is_down:
                self.delivered[key] += 1
            if self.rng.random() < 0.05:
                self.twice[key] += not self.is_down
                self.restart()
                return
            self.transact(lambda db, m=message, n=next_ns: outbox.settle(db, m, now_ns, n))

    def run(self, length: int) -> Told:
        """Tell the story, let two quiet days pass, and look at what is left."""
        actions = {
            self.happen: 5,
            self.by_hand: 2,
            self.restart: 1,
            self.toggle: 1,
            self.jump: 1,
            self.wait: 8,
        }
        for _ in range(length):
            (action,) = self.rng.choices(list(actions), list(actions.values()))
            action()
            self.arrive()
            self.step()
            self.send()
        self.is_down = False
        for _ in range(8):
            self.now += 6 * HOUR
            self.arrive()
            self.step()
            self.send()
        while outbox.unsent(self.db, round(self.now * SECOND), 2 * RETRY_NS):
            self.now += 2 * MINUTE
            self.send()
        self.look()
        self.db.close()
        messages = sum(self.kinds.values())
        return Told(self.seed, self.problems, messages, self.delivered.total(), self.kinds)

    def toggle(self) -> None:
        self.is_down = not self.is_down

    def jump(self) -> None:
        self.now = max(START, self.now + self.rng.choice((-2 * DAY, -HOUR, DAY, 3 * DAY)))

    def wait(self) -> None:
        self.now += self.rng.choice((1, 10, 31, 100, 601, 1801, 2 * HOUR, 4 * HOUR, 13 * HOUR))

    # -- what must hold

    def look(self) -> None:
        rows = self.db.execute("select * from deliveries").fetchall()
        all_keys = {(message, target) for message, target, *_ in rows}
        if self.delivered.keys() != all_keys:
            self.problems.append(f"{len(all_keys) - len(self.delivered)} messages were not sent")
        for key, count in self.delivered.items():
            if count != 1 + self.twice[key]:
                self.problems.append(f"message {key} sent {count} times")
        stored = {(tuple(key), begin, end) for *key, begin, end in self.db.execute(_SPANS)}
        wanted = {(key, begin, end) for key, begin, end, _ in self.model.episodes()}
        if stored != wanted:
            self.problems.append(f"episodes differ: {stored ^ wanted}")
        untold = [
            (key, begin)
            for key, begin, end, settled in self.model.episodes()
            if not settled
            and (key, begin) not in self.model.listed
            and not any((key, begin, role) in self.model.paged for role in REACH[key[0]])
            and self.model.first_seen[key, begin] < (self.now - 26 * HOUR) * SECOND
        ]
        if untold:
            self.problems.append(f"nobody heard of {untold}")
        self.look_at_counts()

    def look_at_counts(self) -> None:
        for patient in ZONES:
            still = [
                self.model.facts[key]
                for key, _, end, _ in self.model.episodes()
                if end is None and key[0] == patient
            ]
            wanted = sum(not technical for *_, technical in still), len(still)
            counts = open_counts(self.db, patient)
            gait = counts["open_high"] + counts["open_medium"] + counts["open_low"]
            if (gait, gait + counts["open_technical"]) != wanted:
                self.problems.append(f"{counts} of {patient} instead of {wanted}")


_MESSAGES = (
    "select kind, role, patient, technical, episodes from messages where number > ? order by number"
)
_EPISODE = "select patient, device, id, begin_ns from episodes where number = ?"
_SPANS = "select patient, device, id, begin_ns, end_ns from episodes where merged = 0"


def tell(seed: int, folder: Path, length: int = 14) -> Told:
    """Tell one story."""
    return Story(seed, folder).run(length)


def memory() -> tempfile.TemporaryDirectory[str]:
    """A folder in memory where there is such a place."""
    place = Path("/dev/shm")
    return tempfile.TemporaryDirectory(dir=place if place.is_dir() else None)
