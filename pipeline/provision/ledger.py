"""What the authority has given out: tokens (hashed) and certificates, in one SQLite file.

Provisioning is done by a person at a command line, rarely, so these calls wait for the disk.
"""

import datetime as dt
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Literal, NamedTuple

from pipeline.provision.errors import AuthorityError

__all__ = ["Issued", "Kind", "Ledger", "holders"]

Kind = Literal["device", "service", "server", "probe"]

_VERSION: Final = 1
_SCHEMA: Final = """
create table if not exists tokens (
    hash text primary key, device text not null,
    made_s integer not null, expires_s integer not null, used_s integer
) strict;
create table if not exists certificates (
    serial text primary key, name text not null, kind text not null, key_hash text not null,
    expires_s integer not null, revoked_s integer
) strict;
create index if not exists by_name on certificates (name);
create table if not exists crl (number integer not null) strict;
"""
_ISSUED: Final = "serial, name, kind, key_hash, expires_s, revoked_s"


class Issued(NamedTuple):
    """One certificate that was signed; `revoked` is None while it is good."""

    serial: int
    name: str
    kind: Kind
    key_hash: str
    expires: dt.datetime
    revoked: dt.datetime | None = None


def _time(seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def _seconds(time: dt.datetime) -> int:
    return int(time.timestamp())


def _issued(row: tuple[str, str, Kind, str, int, int | None]) -> Issued:
    serial, name, kind, key_hash, expires_s, revoked_s = row
    revoked = None if revoked_s is None else _time(revoked_s)
    return Issued(int(serial, 16), name, kind, key_hash, _time(expires_s), revoked)


class Ledger:
    """The file of tokens and certificates; each method is one durable transaction.

    Raises
    ------
    AuthorityError
        From every method: the file cannot be used now, or a newer version wrote it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.touch(mode=0o600)
            with closing(sqlite3.connect(self.path, isolation_level=None, timeout=10)) as db:
                self._prepare(db)
                db.execute("begin immediate")
                yield db
                db.execute("commit")  # otherwise closing rolls back
        except (sqlite3.DatabaseError, OSError) as error:
            if isinstance(error, AuthorityError):
                raise
            raise AuthorityError(f"{self.path}: {error}; check the file and its disk") from error

    def _prepare(self, db: sqlite3.Connection) -> None:
        db.execute("pragma synchronous = full")
        (found,) = db.execute("pragma user_version").fetchone()
        if found > _VERSION:
            raise AuthorityError(
                f"{self.path} has schema {found}, this version knows {_VERSION}: upgrade"
            )
        db.executescript(_SCHEMA)
        db.execute(f"pragma user_version = {_VERSION}")

    def add_token(self, token_hash: str, device: str, made: dt.datetime, end: dt.datetime) -> None:
        """Remember a token; tokens over their time are forgotten at the next one."""
        with self._transaction() as db:
            db.execute("delete from tokens where expires_s < ?", (_seconds(made) - 86400,))
            db.execute(
                "insert into tokens values (?, ?, ?, ?, null)",
                (token_hash, device, _seconds(made), _seconds(end)),
            )

    def use_token(self, token_hash: str, device: str, now: dt.datetime) -> bool:
        """Spend a token: true exactly once, and only in its time and for its device."""
        with self._transaction() as db:
            spent = db.execute(
                "update tokens set used_s = ? where hash = ? and device = ? and used_s is null"
                " and made_s <= ? and expires_s > ?",
                (_seconds(now), token_hash, device, _seconds(now), _seconds(now)),
            )
            return spent.rowcount == 1

    def add(self, issued: Issued) -> None:
        """Remember a certificate."""
        revoked_s = None if issued.revoked is None else _seconds(issued.revoked)
        row = (f"{issued.serial:x}", *issued[1:4], _seconds(issued.expires), revoked_s)
        with self._transaction() as db:
            db.execute(f"insert into certificates ({_ISSUED}) values (?, ?, ?, ?, ?, ?)", row)

    def revoke(self, name: str, now: dt.datetime) -> tuple[int, ...]:
        """Revoke all good certificates of this name and return their serials."""
        with self._transaction() as db:
            rows = db.execute(
                "update certificates set revoked_s = ? where name = ? and revoked_s is null"
                " and expires_s > ? returning serial",
                (_seconds(now), name, _seconds(now)),
            ).fetchall()
        return tuple(int(serial, 16) for (serial,) in rows)

    def certificates(self, name: str | None = None) -> list[Issued]:
        """Return what was signed, for one name or for all, the latest to expire last."""
        where, values = ("where name = ?", (name,)) if name is not None else ("", ())
        query = f"select {_ISSUED} from certificates {where} order by expires_s, serial"
        with self._transaction() as db:
            return [_issued(row) for row in db.execute(query, values)]

    def next_crl_number(self) -> int:
        """Return a number that no revocation list had yet."""
        with self._transaction() as db:
            (last,) = db.execute("select coalesce(max(number), 0) from crl").fetchone()
            db.execute("delete from crl")
            db.execute("insert into crl values (?)", (last + 1,))
            return int(last) + 1


def holders(issued: Sequence[Issued], now: dt.datetime) -> tuple[set[str], set[str]]:
    """Return the services with a good certificate, and the devices that had theirs revoked."""
    real = [each for each in issued if each.kind != "probe"]
    good = {each.name for each in real if each.revoked is None and each.expires > now}
    services = {each.name for each in real if each.kind == "service"}
    revoked = {each.name for each in real if each.kind == "device" and each.revoked is not None}
    return services & good, revoked - good
