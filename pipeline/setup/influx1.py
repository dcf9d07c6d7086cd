"""InfluxDB 1.x: databases, their retention, and users where the server asks for passwords."""

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from pipeline.config import PipelineConfig
from pipeline.provision.databases import ACCOUNTS, influxql, make_admin, make_users, quoted
from pipeline.provision.errors import ProvisionError, ServerError
from pipeline.provision.files import read_secret
from pipeline.setup.step import Options, Step

__all__ = ["set_up_influx1"]

_FOREVER: Final = "0s"
_TIMEOUT_S: Final = 10.0


def set_up_influx1(config: PipelineConfig, folder: Path, options: Options) -> Iterator[Step]:
    """See `pipeline.setup.set_up`."""
    url, raw, rollups = config.store.url, config.store.database, config.rollups.database
    admin, password, admin_file = "", "", options.admin_file
    if _asks_for_passwords(url):
        if admin_file is None:
            admin_file = folder / f"influx1-{options.admin}.password"
            is_new = not admin_file.exists()
            if is_new:
                make_admin(url, folder, options.admin)
            yield Step(f"administrator {options.admin}, password in {admin_file}", is_new)
        admin, password = options.admin, read_secret(admin_file).decode()
    server = _Server(url, admin, password)
    for name, days in ((raw, options.keep_days), (rollups, 0)):
        yield server.database(name)
        yield server.retention(name, days)
    if admin_file is None or not admin:
        yield Step(
            f"no accounts: {url} asks nobody for a password. That is for one machine alone; set "
            "auth-enabled = true in its [http] and run this again for any other",
            None,
        )
        return
    yield from server.accounts(folder, admin_file, raw, rollups, options)
    for section, account in (("store", "ingest"), ("rollups", "rollups")):
        path = folder / f"influx1-{account}.password"
        yield Step(f'[{section}] username = "{account}", password_file = "{path}"', None)


def _asks_for_passwords(url: str) -> bool:
    statement = f"{url.rstrip('/')}/query?{urlencode({'q': 'SHOW DATABASES'})}"
    try:
        with urllib.request.urlopen(statement, timeout=_TIMEOUT_S):
            return False
    except urllib.error.HTTPError as error:
        with error:
            if error.code in (401, 403):
                return True
            raise ServerError(f"{url} answered {error.code}; is it InfluxDB 1.x?") from None
    except OSError as error:
        raise ServerError(f"no answer from InfluxDB at {url} ({error}); start it") from None


class _Server:
    def __init__(self, url: str, admin: str, password: str) -> None:
        self._url, self._admin, self._password = url, admin, password

    def _ask(self, statement: str) -> list[list[Any]]:
        answer = influxql(self._url, statement, self._admin, self._password)
        if "error" in answer:
            raise ServerError(f"{self._url} refused {statement}: {answer['error']}")
        return [row for one in answer.get("series", []) for row in one.get("values", [])]

    def database(self, name: str) -> Step:
        """Make a database where it is missing."""
        is_new = [name] not in self._ask("SHOW DATABASES")
        if is_new:
            self._ask(f"CREATE DATABASE {quoted(name)}")
        return Step(f"database {name}", is_new)

    def retention(self, name: str, days: int) -> Step:
        """Let the database keep points for so many days, 0: for good."""
        wanted = f"{days * 24}h0m0s" if days else _FOREVER
        text = f"retention of {name}: {days} days" if days else f"retention of {name}: for good"
        policies = self._ask(f"SHOW RETENTION POLICIES ON {quoted(name)}")
        policy, duration = next(row[:2] for row in policies if row[-1] is True)
        if duration == wanted:
            return Step(text, False)
        duration = f"{days}d" if days else "INF"
        self._ask(f"ALTER RETENTION POLICY {quoted(policy)} ON {quoted(name)} DURATION {duration}")
        return Step(text, True)

    def accounts(
        self, folder: Path, admin_file: Path, raw: str, rollups: str, options: Options
    ) -> Iterator[Step]:
        """Make the accounts that are missing, or whose password file is not theirs any more."""
        known = {row[0] for row in self._ask("SHOW USERS")}
        for account in ACCOUNTS:
            path = folder / f"influx1-{account.name}.password"
            is_new = (
                options.rotate or account.name not in known or not self._lets_in(account.name, path)
            )
            if is_new:
                make_users(
                    self._url,
                    folder,
                    raw=raw,
                    daily=rollups,
                    admin=self._admin,
                    admin_file=admin_file,
                    accounts=(account,),
                )
            yield Step(f"account {account.name}, password in {path}", is_new)

    def _lets_in(self, name: str, path: Path) -> bool:
        if not path.exists():
            return False
        try:
            influxql(self._url, "SHOW DATABASES", name, read_secret(path).decode())
        except ProvisionError:
            return False
        return True
