"""What people do with alerts: list, acknowledge, judge. For commands; any number of processes."""

import sqlite3
from functools import partial
from pathlib import Path

from pipeline.config import NotifyConfig
from pipeline.database import Database
from pipeline.journal import Journal
from pipeline.notify import intake
from pipeline.notify.model import Ack, Episode
from pipeline.notify.tables import SCHEMA, SCHEMA_VERSION, episodes

__all__ = ["Office", "note", "open_database", "shares"]


def open_database(config: NotifyConfig) -> Database:
    """Return the notifier's file; it is opened at its first use."""
    return Database(Path(config.path), SCHEMA, SCHEMA_VERSION)


class Office:
    """The notifier's file as people see it; the pipeline may run meanwhile.

    Parameters
    ----------
    config : NotifyConfig
    journal : Journal
        Takes every acknowledgement.
    database : Database, optional
        The notifier's own, where it is open already.
    """

    def __init__(
        self, config: NotifyConfig, journal: Journal, database: Database | None = None
    ) -> None:
        self._journal = journal
        self._database = database or open_database(config)

    async def find(self, patient: str, everything: bool, limit: int) -> list[Episode]:
        """Return alerts, the newest first: open or not acknowledged ones, or all."""

        def select(db: sqlite3.Connection) -> list[Episode]:
            found = episodes(db, "merged = 0 and (? = '' or patient = ?)", (patient, patient))
            wanted = [e for e in found if everything or e.is_open or not e.is_settled]
            return sorted(wanted, key=lambda each: -each.begin_ns)[:limit]

        return await self._database.read(select)

    async def episode(self, number: int) -> Episode | None:
        """Return an alert by its number; None: there is none."""
        found = await self._database.read(
            lambda db: episodes(db, "number = ? and merged = 0", (number,))
        )
        return found[0] if found else None

    async def acknowledge(self, number: int, ack: Ack, actor: str = "") -> tuple[Episode, bool]:
        """Acknowledge an alert or put it off; return it, and whether the word was new.

        Raises
        ------
        AlertError
            There is no such alert.
        JournalError
            The journal is damaged: nothing is done.
        OSError
            A disk refuses: nothing is done.
        """
        journal = partial(note, self._journal, actor)
        return await self._database.run(lambda db: intake.acknowledge(db, number, ack, journal))

    async def waiting(self) -> tuple[int, int]:
        """Return how many messages are on their way, and how many of them failed before."""
        sql = "select count(*), coalesce(sum(tries > 0), 0) from deliveries where sent_ns is null"

        def count(db: sqlite3.Connection) -> tuple[int, int]:
            waiting, tried = db.execute(sql).fetchone()
            return waiting, tried

        return await self._database.read(count)

    async def shares(self) -> list[tuple[str, int, int, int]]:
        """Return by rule: alerts, and how many of them were judged right and false."""
        return await self._database.read(shares)

    async def close(self) -> None:
        """Close the file."""
        await self._database.close()


def shares(db: sqlite3.Connection) -> list[tuple[str, int, int, int]]:
    """Return by rule: alerts, and how many of them the last word judged right and false."""
    counts: dict[str, list[int]] = {}
    for each in episodes(db, "merged = 0"):
        count = counts.setdefault(each.rule, [0, 0, 0])
        judged = [ack.true_alarm for ack in each.acks if ack.true_alarm is not None]
        count[0] += 1
        if judged:
            count[1 if judged[-1] else 2] += 1
    return [(rule, total, right, wrong) for rule, (total, right, wrong) in sorted(counts.items())]


def note(
    journal: Journal, actor: str, episode: Episode | None, patient: str, name: str, ack: Ack
) -> None:
    """Write an acknowledgement into the journal; raises `JournalError`, OSError."""
    journal.append(
        "acknowledge",
        patient,
        actor,
        id=name,
        rule=episode.rule if episode else None,
        by=ack.by,
        true_alarm=ack.true_alarm,
        snooze_s=ack.snooze_s,
    )
