"""Accounts of the database with as little right as their work needs, one database each.

    account      rights
    ingest       writes the raw database
    dashboards   reads the raw database
    daily        reads the database of the rollups
    rollups      reads raw, reads and writes the rollups: the one account that needs two

InfluxDB 1.x has users with passwords, 2.x tokens scoped to buckets. The secrets are made here (2.x:
by the server), go into files of mode 0600 and nowhere else: not on the screen, not into a log, not
into a configuration, which names the file.
"""

import base64
import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import urlencode

from pipeline.provision.errors import ServerError
from pipeline.provision.files import make_private_folder, read_secret, write_secret

__all__ = [
    "ACCOUNTS",
    "Account",
    "influxql",
    "make_admin",
    "make_tokens",
    "make_users",
    "quoted",
]

Right = Literal["read", "write"]
Database = Literal["raw", "daily"]
_TIMEOUT_S: Final = 10.0
_PASSWORD_BYTES: Final = 32


class Account(NamedTuple):
    """An account and its (right, database) pairs."""

    name: str
    rights: tuple[tuple[Right, Database], ...]


ACCOUNTS: Final = (
    Account("ingest", (("write", "raw"),)),
    Account("dashboards", (("read", "raw"),)),
    Account("daily", (("read", "daily"),)),
    Account("rollups", (("read", "raw"), ("read", "daily"), ("write", "daily"))),
)


def quoted(name: str) -> str:
    """Return a name as an InfluxQL identifier."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def influxql(url: str, statement: str, user: str, password: str) -> dict[str, Any]:
    """Return the result of one statement of InfluxDB 1.x.

    It goes in the body and not in the address, which servers write into logs.

    Raises
    ------
    ServerError
        No answer, or a status that is not 200; what the statement itself did wrong is in `error`.
    """
    headers = {}
    if user:
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
    request = urllib.request.Request(
        f"{url.rstrip('/')}/query", urlencode({"q": statement}).encode(), headers, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
            result: dict[str, Any] = json.load(answer)["results"][0]
            return result
    except urllib.error.HTTPError as error:
        with error:
            raise ServerError(
                f"{url} answered {error.code}; check that this is InfluxDB 1.x with "
                "auth-enabled = true and that the administrator's password file is the right one"
            ) from None
    except (OSError, ValueError, LookupError) as error:
        raise ServerError(f"no answer from InfluxDB at {url} ({error}); start it") from None


def _run(url: str, statement: str, user: str, password: str) -> None:
    error = influxql(url, statement, user, password).get("error")
    if error:
        words = statement.partition(" WITH PASSWORD ")[0].partition(" = ")[0]
        raise ServerError(f"{url} refused {words}: {error}")


def make_admin(url: str, folder: Path, name: str = "admin") -> Path:
    """Make the administrator of a fresh InfluxDB 1.x and return the file of the password.

    Do this at once after the first start: until then InfluxDB lets anybody on its port do it.

    Raises
    ------
    ServerError
        No answer, or there is an administrator already.
    """
    make_private_folder(folder)
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    statement = f"CREATE USER {quoted(name)} WITH PASSWORD '{password}' WITH ALL PRIVILEGES"
    _run(url, statement, "", "")
    path = folder / f"influx1-{name}.password"
    write_secret(path, password.encode())
    return path


def _grants(account: Account, databases: dict[Database, str]) -> Iterator[str]:
    name = quoted(account.name)
    for database in databases.values():
        yield f"REVOKE ALL ON {quoted(database)} FROM {name}"
    for key, database in databases.items():
        rights = [right.upper() for right, of in account.rights if of == key]
        if rights:  # a second GRANT would take the place of the first
            right = rights[0] if len(rights) == 1 else "ALL"
            yield f"GRANT {right} ON {quoted(database)} TO {name}"


def make_users(
    url: str,
    folder: Path,
    *,
    raw: str = "gait",
    daily: str = "gait_rollups",
    admin: str = "admin",
    admin_file: Path,
    accounts: Sequence[Account] = ACCOUNTS,
) -> dict[str, Path]:
    """Make the databases and users of an InfluxDB 1.x; return each password's file by user.

    Users that exist get a new password and exactly these rights: run it again to rotate.

    Raises
    ------
    SecretError
        The administrator's password file can be read by others.
    ServerError
        No answer, or one that refuses; what was done before stays done.
    """
    make_private_folder(folder)
    password = read_secret(admin_file).decode()
    databases: dict[Database, str] = {"raw": raw, "daily": daily}
    for database in databases.values():
        _run(url, f"CREATE DATABASE {quoted(database)}", admin, password)
    known = influxql(url, "SHOW USERS", admin, password)["series"][0].get("values", [])
    paths = {}
    for account in accounts:
        exists = any(row[0] == account.name for row in known)
        secret = secrets.token_urlsafe(_PASSWORD_BYTES)
        _run(url, _set_password(account.name, secret, exists=exists), admin, password)
        for statement in _grants(account, databases):
            _run(url, statement, admin, password)
        paths[account.name] = folder / f"influx1-{account.name}.password"
        write_secret(paths[account.name], secret.encode())
    return paths


def _set_password(name: str, secret: str, *, exists: bool) -> str:
    if exists:
        return f"SET PASSWORD FOR {quoted(name)} = '{secret}'"
    return f"CREATE USER {quoted(name)} WITH PASSWORD '{secret}'"


def make_tokens(
    url: str,
    folder: Path,
    *,
    org: str,
    raw: str = "gait",
    daily: str = "gait_rollups",
    admin_file: Path,
    accounts: Sequence[Account] = ACCOUNTS,
) -> dict[str, Path]:
    """Make scoped tokens in an InfluxDB 2.x; return each token's file by account.

    The buckets have to exist. Earlier tokens of the same account are deleted once the new one
    is on disk: run it again to rotate.

    Raises
    ------
    SecretError
        The administrator's token file can be read by others.
    ServerError
        No answer, one that refuses, or an organisation or bucket that is not there.
    """
    from influxdb_client.rest import ApiException
    from urllib3.exceptions import HTTPError

    make_private_folder(folder)
    token = read_secret(admin_file).decode()
    try:
        with _library().InfluxDBClient(url, token, timeout=int(_TIMEOUT_S * 1000), org=org) as api:
            return _Tokens(api, org, {"raw": raw, "daily": daily}).make(accounts, folder)
    except ApiException as error:
        raise ServerError(
            f"{url} answered {error.status}; check the administrator's token and {org!r}"
        ) from None
    except (HTTPError, OSError) as error:
        raise ServerError(f"no answer from InfluxDB at {url} ({error}); start it") from None


def _library() -> Any:
    """Return influxdb-client, whose authorizations and models carry no types."""
    import influxdb_client

    return influxdb_client


class _Tokens:
    """The tokens of one organisation of an InfluxDB 2.x."""

    def __init__(self, api: Any, org: str, buckets: dict[Database, str]) -> None:
        self._api = api.authorizations_api()
        found = api.organizations_api().find_organizations(org=org)
        if not found:
            raise ServerError(f"there is no organisation {org!r}; make it first")
        self._org_id = found[0].id
        self._buckets = {key: self._bucket(api, name) for key, name in buckets.items()}

    @staticmethod
    def _bucket(api: Any, name: str) -> str:
        bucket = api.buckets_api().find_bucket_by_name(name)
        if bucket is None:
            raise ServerError(f"there is no bucket {name!r}; make it first")
        return str(bucket.id)

    def make(self, accounts: Sequence[Account], folder: Path) -> dict[str, Path]:
        """Make one token per account, store it, and delete its predecessors."""
        paths = {}
        before = self._api.find_authorizations(org_id=self._org_id) or []
        for account in accounts:
            text = f"heelfirst {account.name}"
            made = self._api.create_authorization(authorization=self._authorization(account, text))
            paths[account.name] = folder / f"influx2-{account.name}.token"
            write_secret(paths[account.name], made.token.encode())
            for old in before:
                if old.description == text:
                    self._api.delete_authorization(old)
        return paths

    def _authorization(self, account: Account, text: str) -> Any:
        library = _library()
        permissions = [
            library.Permission(
                action=right,
                resource=library.PermissionResource(
                    type="buckets", id=self._buckets[database], org_id=self._org_id
                ),
            )
            for right, database in account.rights
        ]
        return library.Authorization(org_id=self._org_id, permissions=permissions, description=text)
