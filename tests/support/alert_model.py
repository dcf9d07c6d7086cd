"""What the notifier should do, told a second time in the plainest way: everything that arrived is
sorted and folded again at each step. Shares no code with pipeline/notify.

Times are integer nanoseconds since 1970, a snooze is in seconds. An event is (patient, device, id,
time, raised, facts), an acknowledgement (patient, device, id, time, by, true_alarm, snooze); facts
are (rule, side, priority 1-3, technical).
"""

from collections import defaultdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

SECOND = 10**9
MINUTE, HOUR = 60 * SECOND, 3600 * SECOND
ROLES = ("patient", "caregiver")
BLINDING = ("sensor_fault", "sensor_silent")
Key = tuple[str, str, str]


class Model:
    """Arrivals in, messages out: (kind, role, patient, technical, [(key, begin), ..])."""

    def __init__(self, zones: dict[str, str], reach: dict[str, tuple[str, ...]], clinic: str):
        self.zones, self.reach, self.clinic = zones, reach, clinic
        self.events: dict[tuple[Any, ...], int] = {}
        """Every event once, with its arrival."""
        self.first_seen: dict[tuple[Key, int], int] = {}
        self.acks: set[tuple[Any, ...]] = set()
        self.paged: dict[tuple[Key, int, str], int] = {}
        self.pages: list[tuple[int, str, str, bool, int]] = []
        self.named: set[tuple[Key, int, str]] = set()
        self.owed: set[tuple[Key, int, str]] = set()
        self.summary_day: dict[tuple[str, str], str] = {}
        self.listed: set[tuple[Key, int]] = set()
        self.list_day = ""

    # -- arrivals

    def event(self, now: int, event: tuple[Any, ...]) -> None:
        patient, device, name, time, raised, _ = event
        if (patient, device, name, time, raised) in self.events:
            return
        self.events[patient, device, name, time, raised] = now
        for key, begin, _, _ in self.episodes():
            self.first_seen.setdefault((key, begin), now)

    def acknowledge(self, ack: tuple[Any, ...]) -> None:
        self.acks.add(ack)

    facts: dict[Key, tuple[str, str, int, bool]]

    def episodes(self) -> list[tuple[Key, int, int | None, bool]]:
        """All episodes: id, begin, end or None, settled."""
        by_key: dict[Key, list[tuple[int, bool]]] = defaultdict(list)
        for patient, device, name, time, raised in self.events:
            by_key[patient, device, name].append((time, raised))
        found = []
        for key, changes in by_key.items():
            begin = None
            spans: list[tuple[int, int | None]] = []
            for time, raised in sorted(changes):
                if raised and begin is None:
                    begin = time
                if not raised and begin is not None:
                    spans.append((begin, time))
                    begin = None
            if begin is not None:
                spans.append((begin, None))
            for number, (start, end) in enumerate(spans):
                said = self.said(key, spans, number)
                settled = any(snooze == 0 or true is not None for _, true, snooze in said)
                found.append((key, start, end, settled))
        return found

    def said(
        self, key: Key, spans: list[tuple[int, int | None]], number: int
    ) -> list[tuple[int, bool | None, float]]:
        """What was said of one episode: from its begin to the next one's, the first from ever."""
        since = spans[number][0] if number else -(2**63)
        until = spans[number + 1][0] if number + 1 < len(spans) else 2**63
        return [
            (time, true, snooze)
            for patient, device, name, time, _, true, snooze in self.acks
            if (patient, device, name) == key and since <= time < until
        ]

    # -- a step

    def step(self, now: int) -> list[tuple[Any, ...]]:
        out: list[tuple[Any, ...]] = []
        everything = self.episodes()
        for patient in sorted(self.zones):
            mine = [each for each in everything if each[0][0] == patient]
            for role in ROLES:
                if role not in self.reach[patient]:
                    continue
                out += self.summary(now, patient, role, mine)
                for technical in (False, True):
                    out += self.page(now, patient, role, technical, mine)
                    out += self.clear(now, patient, role, technical, mine)
        return out + self.list(now, everything)

    def local(self, patient: str, now: int) -> datetime:
        return datetime.fromtimestamp(now / SECOND, ZoneInfo(self.zones[patient]))

    def quiet(self, patient: str, now: int) -> bool:
        return self.local(patient, now).hour in (22, 23, 0, 1, 2, 3, 4, 5, 6)

    def prio(self, key: Key) -> int:
        return self.facts[key][2]

    def late(self, key: Key, begin: int) -> bool:
        return self.first_seen[key, begin] - begin > 30 * MINUTE

    def silenced(self, key: Key, now: int, mine: list[Any]) -> bool:
        _, side, priority, technical = self.facts[key]
        spans: dict[Key, list[tuple[int, int | None]]] = defaultdict(list)
        for other, begin, end, _ in mine:
            spans[other].append((begin, end))
        for other, each in spans.items():
            other_rule, other_side, other_priority, other_technical = self.facts[other]
            for number, (_, end) in enumerate(each):
                if other_technical == technical and other_priority >= priority:
                    for time, _, snooze in self.said(other, each, number):
                        if end is None and now - time < snooze * SECOND:
                            return True
                if (
                    not technical
                    and end is None
                    and other_rule in BLINDING
                    and other_priority >= 2
                    and other_side == side
                ):
                    return True
        return False

    def due(self, key: Key, begin: int, role: str, now: int) -> bool:
        wait = 0 if self.prio(key) == 3 else 30 * SECOND
        if role == "caregiver" and "patient" in self.reach[key[0]]:
            wait += 10 * MINUTE
        waited = now - self.first_seen[key, begin]
        return waited < 0 or waited >= wait

    def page(
        self, now: int, patient: str, role: str, technical: bool, mine: list[Any]
    ) -> list[tuple[Any, ...]]:
        active = [
            (key, begin)
            for key, begin, end, settled in mine
            if self.facts[key][3] == technical
            and end is None
            and not settled
            and not self.late(key, begin)
            and not self.silenced(key, now, mine)
        ]
        if not any(self.due(key, begin, role, now) for key, begin in active):
            return []
        known = [self.prio(key) for key, begin in active if (key, begin, role) in self.paged]
        ready = []
        for key, begin in active:
            last = self.paged.get((key, begin, role))
            if self.prio(key) >= max(known, default=0) and (
                last is None or abs(now - last) >= 4 * HOUR
            ):
                ready.append(
                    (-self.prio(key), last is not None, self.order(key, begin), begin, key)
                )
        if not ready:
            return []
        ready.sort()
        high = -ready[0][0]
        if high < 3 and self.quiet(patient, now):
            return []
        own = [page for page in self.pages if page[1:3] == (patient, role)][-24:]
        group = [page for page in own if page[3] == technical]
        if group and abs(now - group[-1][0]) < 2 * HOUR and high <= group[-1][4]:
            return []
        day = self.local(patient, now).date()
        today = [page for page in own if self.local(patient, page[0]).date() == day]
        if len(today) >= (3 if high == 3 else 2):
            return []
        self.pages.append((now, patient, role, technical, high))
        told = []
        for _, _, _, begin, key in ready:
            self.paged[key, begin, role] = now
            self.owed.add((key, begin, role))
            told.append((key, begin))
        return [("page", role, patient, technical, told)]

    def order(self, key: Key, begin: int) -> int:
        """Which came first: by arrival."""
        return list(self.first_seen).index((key, begin))

    def morning(self, zone: str, now: int) -> int | None:
        local = datetime.fromtimestamp(now / SECOND, ZoneInfo(zone))
        seven = local.replace(hour=7, minute=0, second=0, microsecond=0)
        return round(seven.timestamp()) * SECOND if local >= seven else None

    def summary(self, now: int, patient: str, role: str, mine: list[Any]) -> list[tuple[Any, ...]]:
        seven = self.morning(self.zones[patient], now)
        day = self.local(patient, now).date().isoformat()
        if seven is None or self.quiet(patient, now):
            return []
        if self.summary_day.get((patient, role)) == day:
            return []
        rows = []
        for key, begin, end, settled in mine:
            mark = (key, begin, role)
            fresh = mark not in self.paged and mark not in self.named and not settled
            if not fresh or self.late(key, begin) or self.first_seen[key, begin] >= seven:
                continue
            gone = end is not None and (key, begin) in self.listed
            if gone or not self.due(key, begin, role, now) or self.silenced(key, now, mine):
                continue
            rows.append((-self.prio(key), self.facts[key][3], self.order(key, begin), begin, key))
            self.named.add(mark)
            if end is None:
                self.paged[mark] = now
                self.owed.add(mark)
        if not rows:
            return []
        for key, begin, end, settled in mine:
            last = self.paged.get((key, begin, role))
            again = last is not None and abs(now - last) >= 4 * HOUR and end is None
            late = self.late(key, begin)
            if again and not settled and not late and not self.silenced(key, now, mine):
                row = (-self.prio(key), self.facts[key][3], self.order(key, begin), begin, key)
                rows.append(row)
                self.paged[key, begin, role] = now
                self.owed.add((key, begin, role))
        self.summary_day[patient, role] = day
        return [
            ("summary", role, patient, False, [(key, begin) for *_, begin, key in sorted(rows)])
        ]

    def clear(
        self, now: int, patient: str, role: str, technical: bool, mine: list[Any]
    ) -> list[tuple[Any, ...]]:
        if self.quiet(patient, now):
            return []
        if any(end is None and self.facts[key][3] == technical for key, _, end, _ in mine):
            return []
        rows = sorted(
            (-self.prio(key), self.order(key, begin), begin, key)
            for key, begin, who in self.owed
            if who == role and key[0] == patient and self.facts[key][3] == technical
        )
        for _, _, begin, key in rows:
            self.owed.discard((key, begin, role))
        told = [(key, begin) for _, _, begin, key in rows]
        return [("clear", role, patient, technical, told)] if told else []

    def list(self, now: int, everything: list[Any]) -> list[tuple[Any, ...]]:
        seven = self.morning(self.clinic, now)
        if seven is None:
            return []
        day = datetime.fromtimestamp(now / SECOND, ZoneInfo(self.clinic)).date().isoformat()
        if self.list_day == day:
            return []
        self.list_day = day
        rows = sorted(
            (self.facts[key][3], key[0], -self.prio(key), self.order(key, begin), begin, key)
            for key, begin, _, settled in everything
            if (key, begin) not in self.listed
            and not settled
            and self.first_seen[key, begin] < seven
        )
        told = [(key, begin) for *_, begin, key in rows]
        self.listed |= set(told)
        return [("list", "therapist", "", False, told)] if told else []
