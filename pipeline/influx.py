"""`InfluxStore`: InfluxDB 1.x, 2.x and 3 behind one store.

Writing differs: 1.x takes line protocol at /write, 2.x and 3 at /api/v2/write. Reading is InfluxQL
over /query everywhere, the one language that all three share.

Which answer means what:

    204                     stored
    400, 413, 422           the points: the write is halved until only the bad ones are left, and
                            those are refused for good. A 400 may have stored the others ("partial
                            write"); writing a stored point again changes nothing
    anything else, none     not the points' fault: try again. That includes 401, 403 and 404 (a
                            token that was changed, a database that is not there): a person can
                            mend those, and no event is thrown away meanwhile
"""

import base64
import email.utils
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import aiohttp
import msgspec

from pipeline.errors import PointError, Refusal, StoreRefused, StoreUnavailable
from pipeline.points import (
    TAGS,
    Point,
    as_row,
    check_point,
    encode_point,
    measurement,
    narrowed,
)

__all__ = ["InfluxStore", "PointsRejected", "Server", "Version1", "Version2"]

_POINTS_FAULT: Final = frozenset({400, 413, 422})
_REMEDY: Final = {
    401: "check the token or password",
    403: "the token may not do this: give it write and read access to this database",
    404: "create the database (1.x) or bucket (2.x) first, or correct its name",
    429: "the server asks to slow down",
}


class PointsRejected(Exception):  # noqa: N818 - an answer, never seen outside of this module
    """The server blames the points of this write."""


class Server(Protocol):
    """An InfluxDB of one generation."""

    async def write(self, lines: bytes) -> None:
        """Store the lines, or raise `PointsRejected` or `StoreUnavailable`."""

    async def query(self, influxql: str) -> list[dict[str, Any]]:
        """Return the series of one statement, times in ns; raise `StoreUnavailable`."""

    async def remove(
        self, measurement: str | None, patient: str, start_ns: int, stop_ns: int
    ) -> None:
        """Remove points of start_ns <= time < stop_ns; raise `StoreUnavailable`."""

    async def check(self) -> str:
        """Return one line on what it is; raise `StoreUnavailable` with a remedy."""

    async def close(self) -> None:
        """Close the connections."""


def _retry_after_s(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header: a number or an HTTP date."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _answer(url: str, status: int, retry_after: str | None, text: str) -> Exception:
    """Return the exception that an HTTP answer means; see the module's table."""
    said = " ".join(text.split())[:300] or "no explanation"
    if status in _POINTS_FAULT:
        return PointsRejected(said)
    remedy = _REMEDY.get(status, "it is tried again")
    return StoreUnavailable(
        f"{url} answered {status}: {said}; {remedy}", status, _retry_after_s(retry_after)
    )


class _Http:
    """The HTTP session of a server: made in the running loop at its first use."""

    def __init__(self, url: str, headers: dict[str, str], timeout_s: float) -> None:
        self.url = url.rstrip("/")
        self._headers = headers
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self, method: str, path: str, params: dict[str, str], data: bytes | None = None
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        """Return the answer to a request; raise for every status but 2xx."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout, headers=self._headers)
        try:
            async with self._session.request(
                method, f"{self.url}{path}", params=params, data=data
            ) as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise unreachable(self.url, error) from error
        if not 200 <= response.status < 300:
            retry_after = response.headers.get("Retry-After")
            text = body.decode(errors="replace")
            raise _answer(f"{self.url}{path}", response.status, retry_after, text)
        return response, body

    async def query(
        self, database: str, influxql: str, method: str = "GET"
    ) -> list[dict[str, Any]]:
        """Return the series of one InfluxQL statement, times in nanoseconds."""
        params = {"db": database, "q": influxql, "epoch": "ns"}
        try:
            _, body = await self.request(method, "/query", params)
        except PointsRejected as error:
            raise StoreUnavailable(f"{self.url}/query refused {influxql!r}: {error}") from None
        result = msgspec.json.decode(body)["results"][0]
        if "error" in result:
            raise StoreUnavailable(f"{self.url}/query: {result['error']}")
        series: list[dict[str, Any]] = result.get("series", [])
        return series

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _of_patient(patient: str, start_ns: int, stop_ns: int) -> str:
    return f'"patient" = {_literal(patient)} AND time >= {start_ns} AND time < {stop_ns}'


def _rfc3339(time_ns: int) -> str:
    moment = datetime.fromtimestamp(time_ns // 10**9, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ns % 10**9:09d}Z"


def unreachable(url: str, error: BaseException) -> StoreUnavailable:
    """Return the error for a server that gave no answer."""
    what = str(error) or type(error).__name__
    return StoreUnavailable(f"no answer from {url} ({what}); check that InfluxDB runs there")


class Version1:
    """InfluxDB 1.x, as Debian and Raspberry Pi OS package it (1.6), and 1.8."""

    def __init__(
        self,
        url: str,
        database: str,
        username: str = "",
        password: str | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        headers = {}
        if username:
            pair = base64.b64encode(f"{username}:{password or ''}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        self._database = database
        self._http = _Http(url, headers, timeout_s)

    async def write(self, lines: bytes) -> None:
        """See `Server.write`."""
        params = {"db": self._database, "precision": "ns"}
        await self._http.request("POST", "/write", params, lines)

    async def query(self, influxql: str) -> list[dict[str, Any]]:
        """See `Server.query`."""
        return await self._http.query(self._database, influxql)

    async def remove(
        self, measurement: str | None, patient: str, start_ns: int, stop_ns: int
    ) -> None:
        """See `Server.remove`."""
        source = "/.*/" if measurement is None else f'"{measurement}"'
        where = _of_patient(patient, start_ns, stop_ns)
        await self._http.query(self._database, f"DELETE FROM {source} WHERE {where}", "POST")

    async def check(self) -> str:
        """See `Server.check`."""
        response, _ = await self._http.request("GET", "/ping", {})
        series = await self.query("SHOW DATABASES")
        names = [row[0] for one in series for row in one.get("values", [])]
        if self._database not in names:
            raise StoreUnavailable(
                f"{self._http.url} has no database {self._database!r}: create it with "
                f"influx -execute 'CREATE DATABASE {self._database}'"
            )
        version = response.headers.get("X-Influxdb-Version", "1.x")
        return f"InfluxDB {version}, {self._http.url}, database {self._database}"

    async def close(self) -> None:
        """See `Server.close`."""
        await self._http.close()


class Version2:
    """InfluxDB 2.x and 3, written to by influxdb-client's async API with our own lines."""

    def __init__(
        self, url: str, bucket: str, org: str = "", token: str = "", timeout_s: float = 10.0
    ) -> None:
        self._bucket, self._org, self._token = bucket, org, token
        self._timeout_ms = int(timeout_s * 1000)
        headers = {"Authorization": f"Token {token}"} if token else {}
        self._http = _Http(url, headers, timeout_s)
        self._client: Any = None

    def _writer(self) -> Any:
        if self._client is None:
            from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync

            self._client = InfluxDBClientAsync(
                self._http.url, self._token, self._org, timeout=self._timeout_ms
            )
        return self._client.write_api()

    async def write(self, lines: bytes) -> None:
        """See `Server.write`."""
        from influxdb_client.rest import ApiException

        url = f"{self._http.url}/api/v2/write"
        try:
            await self._writer().write(bucket=self._bucket, org=self._org, record=lines)
        except ApiException as error:
            retry_after = error.headers.get("Retry-After") if error.headers else None
            text = error.body.decode(errors="replace") if error.body else str(error.reason)
            raise _answer(url, int(error.status or 0), retry_after, text) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise unreachable(url, error) from error

    async def query(self, influxql: str) -> list[dict[str, Any]]:
        """See `Server.query`."""
        return await self._http.query(self._bucket, influxql)

    async def remove(
        self, measurement: str | None, patient: str, start_ns: int, stop_ns: int
    ) -> None:
        """See `Server.remove`; the last nanosecond is named, since `stop` is included."""
        if not patient.isalnum():
            raise PointError(f"{patient!r} is no patient's pseudonym: nothing is removed")
        predicate = f'patient="{patient}"'
        if measurement is not None:
            predicate = f'_measurement="{measurement}" AND {predicate}'
        span = {"start": _rfc3339(start_ns), "stop": _rfc3339(stop_ns - 1)}
        body = msgspec.json.encode({**span, "predicate": predicate})
        params = {"bucket": self._bucket, "org": self._org}
        try:
            await self._http.request("POST", "/api/v2/delete", params, body)
        except PointsRejected as error:
            raise StoreUnavailable(f"{self._http.url}/api/v2/delete refused: {error}") from None

    async def check(self) -> str:
        """See `Server.check`."""
        try:
            _, body = await self._http.request("GET", "/health", {})
        except PointsRejected as error:
            raise StoreUnavailable(f"{self._http.url}/health: {error}; is it InfluxDB?") from None
        await self.query("SHOW MEASUREMENTS LIMIT 1")
        try:
            version = msgspec.json.decode(body).get("version", "2.x")
        except (msgspec.DecodeError, AttributeError):  # version 3 answers OK in plain text
            version = "3"
        return f"InfluxDB {version}, {self._http.url}, bucket {self._bucket}"

    async def close(self) -> None:
        """See `Server.close`."""
        await self._http.close()
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()


class InfluxStore:
    """Points in InfluxDB; implements `pipeline.store.Store` for every `Server`.

    Parameters
    ----------
    server : Version1 or Version2
    max_points : int
        Points per request at most.
    """

    def __init__(self, server: Server, max_points: int = 5000) -> None:
        self._server = server
        self._max_points = max_points

    async def write(self, points: Sequence[Point]) -> None:
        """Store the points; raises as `Store.write`."""
        refusals: list[Refusal] = []
        lines: list[tuple[Point, bytes]] = []
        for point in points:
            try:
                check_point(point)
                lines.append((point, encode_point(point)))
            except PointError as error:
                refusals.append(Refusal(point, str(error)))
        for start in range(0, len(lines), self._max_points):
            await self._write(lines[start : start + self._max_points], refusals)
        if refusals:
            raise StoreRefused(refusals)

    async def _write(self, lines: list[tuple[Point, bytes]], refusals: list[Refusal]) -> None:
        """Write the lines; where the server blames them, halve until the bad ones are alone."""
        try:
            await self._server.write(b"\n".join([line for _, line in lines]))
        except PointsRejected as error:
            if len(lines) == 1:
                refusals.append(Refusal(lines[0][0], str(error)))
                return
            middle = len(lines) // 2
            await self._write(lines[:middle], refusals)
            await self._write(lines[middle:], refusals)

    async def read(
        self,
        name: str,
        *,
        patient: str | None = None,
        start_ns: int,
        stop_ns: int,
        fields: Sequence[str] = (),
    ) -> list[dict[str, Any]]:
        """Return the rows of a measurement; raises as `Store.read`."""
        table = narrowed(measurement(name), fields)
        where = f"time >= {start_ns} AND time < {stop_ns}"
        if patient is not None:
            where = _of_patient(patient, start_ns, stop_ns)
        # Tags that nobody wrote yet are asked for as well: the answer has null there.
        what = ", ".join(f'"{column}"' for column in (*fields, *TAGS)) if fields else "*"
        series = await self._server.query(f'SELECT {what} FROM "{name}" WHERE {where}')
        rows = []
        for one in series:
            for values in one["values"]:
                cells = dict(zip(one["columns"], values, strict=True))
                tags = {tag: cells.get(tag) for tag in TAGS}
                rows.append(as_row(table, cells["time"], tags, cells))
        rows.sort(key=lambda row: (row["time_ns"], row["device"] or "", row["side"] or ""))
        return rows

    async def remove(self, name: str | None, *, patient: str, start_ns: int, stop_ns: int) -> None:
        """Remove points of a patient; raises as `Store.remove`."""
        if name is not None:
            measurement(name)
        await self._server.remove(name, patient, start_ns, stop_ns)

    async def check(self) -> str:
        """Return version, address and database; raises as `Store.check`."""
        return await self._server.check()

    async def close(self) -> None:
        """Close the connections."""
        await self._server.close()
