"""Silent devices: what nobody hears of for half an hour, although it belongs to a patient.

The box at home tells its state every minute. The alert's id follows from when it was last heard,
so that a restart finds the same one.
"""

import sqlite3
from collections.abc import Callable, Iterable
from typing import Final

from pipeline.notify.intake import put_point, take
from pipeline.notify.model import Ack, Episode
from pipeline.notify.policy import Policy
from pipeline.points import FieldValue, Point

__all__ = ["RULE", "Silence"]

RULE: Final = "silent_device"
FORGOTTEN_NS: Final = 14 * 86_400 * 10**9
"""A device that was not heard for two weeks is put away; its alert stays open."""
SAVE_NS: Final = 30 * 10**9
Owner = Callable[[str, int], str | None]
"""Returns whose device it is at a time."""


class Silence:
    """When each device was last heard: in memory, and on disk now and then.

    Parameters
    ----------
    minutes : float
        A device is silent after so long; 0: nobody watches.
    owner : Owner
        `pipeline.registry.Registry.patient_of`.
    """

    def __init__(self, minutes: float, owner: Owner) -> None:
        self._limit_ns = round(minutes * 60e9)
        self._owner = owner
        self._seen: dict[str, int] | None = None
        self._fresh: dict[str, int] = {}
        self._begun_ns: int | None = None
        self._saved_ns = 0

    def heard(self, points: Iterable[Point], now_ns: int) -> None:
        """Take note of devices; nothing is written."""
        for device in {dict(point.tags).get("device", "") for point in points} - {""}:
            self._fresh[device] = now_ns

    def step(self, db: sqlite3.Connection, now_ns: int, policy: Policy) -> bool:
        """Raise and clear; return whether something changed.

        What was not heard while the pipeline itself was down has a while to speak up.
        """
        if not self._limit_ns:
            return False
        if self._seen is None or self._begun_ns is None or now_ns < self._begun_ns:
            self._seen = dict(db.execute("select device, seen_ns from devices").fetchall())
            self._begun_ns = now_ns
        self._seen |= self._fresh
        changed = self._clear(db, now_ns, policy)
        for device, seen_ns in self._seen.items():
            patient = self._owner(device, now_ns)
            silent_ns = now_ns - max(seen_ns, self._begun_ns)
            if patient is not None and self._limit_ns <= silent_ns < FORGOTTEN_NS:
                changed |= self._raise(db, device, patient, seen_ns, now_ns, policy)
        self._save(db, now_ns)
        return changed

    def _raise(
        self,
        db: sqlite3.Connection,
        device: str,
        patient: str,
        seen_ns: int,
        now_ns: int,
        policy: Policy,
    ) -> bool:
        minutes = self._limit_ns / 60e9
        detail = f"nothing heard of {device} for {minutes:.0f} minutes"
        time_ns = seen_ns + self._limit_ns
        return _tell(db, _point(device, patient, seen_ns, time_ns, detail), now_ns, policy)

    def _clear(self, db: sqlite3.Connection, now_ns: int, policy: Policy) -> bool:
        """Clear what was raised before the device was heard again or went to somebody else."""
        rows = db.execute(
            "select device, patient, id, begin_ns from episodes"
            " where done = 0 and rule = ? and end_ns is null and merged = 0",
            (RULE,),
        ).fetchall()
        changed = False
        for device, patient, name, begin_ns in rows:
            is_heard = (self._seen or {}).get(device, 0) >= begin_ns
            if is_heard or self._owner(device, now_ns) != patient:
                said = "heard again" if is_heard else "handed over"
                point = _point(device, patient, 0, max(now_ns, begin_ns + 1), said, name)
                changed |= _tell(db, point, now_ns, policy)
        return changed

    def _save(self, db: sqlite3.Connection, now_ns: int) -> None:
        if not self._fresh or abs(now_ns - self._saved_ns) < SAVE_NS:
            return
        rows = [(d, self._owner(d, now_ns) or "", seen) for d, seen in self._fresh.items()]
        db.executemany("insert or replace into devices values (?, ?, ?)", rows)
        self._fresh, self._saved_ns = {}, now_ns


def _point(
    device: str, patient: str, seen_ns: int, time_ns: int, detail: str, name: str = ""
) -> Point:
    fields: dict[str, FieldValue] = {
        "id": name or f"{RULE}-{device}-{seen_ns // 10**6}",
        "rule": RULE,
        "priority": "medium",
        "raised": not name,
        "detail": detail,
        "technical": True,
    }
    return Point("alert", (("device", device), ("patient", patient)), fields, time_ns)


def _tell(db: sqlite3.Connection, point: Point, now_ns: int, policy: Policy) -> bool:
    """Take an alert of the pipeline's own, and keep it for the store as a device's would be."""
    if not take(db, [point], now_ns, policy, _no_words, is_own=True):
        return False
    put_point(db, point)
    return True


def _no_words(episode: Episode | None, patient: str, name: str, ack: Ack) -> None:
    raise AssertionError("alerts alone come from here")
