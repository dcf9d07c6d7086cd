"""What a store is, and which one a configuration means."""

from collections.abc import Sequence
from typing import Any, Protocol

from pipeline.config import StoreConfig
from pipeline.points import Point

__all__ = ["Store", "open_store"]


class Store(Protocol):
    """Where points are kept; all stores give back the same rows for the same points.

    A point is the same as another where measurement, tags and time are equal; writing it again
    overwrites its fields, so any write may be repeated.
    """

    async def write(self, points: Sequence[Point]) -> None:
        """Return when all points are stored for good.

        Raises
        ------
        StoreUnavailable
            Try the same write again later. Some of the points may be stored already.
        StoreRefused
            The points named in it are refused for good; all the others are stored.
        """

    async def read(
        self,
        measurement: str,
        *,
        patient: str | None = None,
        start_ns: int,
        stop_ns: int,
        fields: Sequence[str] = (),
    ) -> list[dict[str, Any]]:
        """Return the rows with start_ns <= time < stop_ns, of one patient or of all.

        A row has `time_ns` (int, UTC), `patient`, `device`, `side` and every field of the
        measurement's table; what is missing is None. Ascending by time, then device and side.
        With `fields` a row has only those, and rows that have none of them are left out: a third
        of the time for a third of the fields.

        Raises
        ------
        PointError
            An unknown measurement or field.
        StoreUnavailable
            The store cannot be read now.
        """

    async def remove(
        self, measurement: str | None, *, patient: str, start_ns: int, stop_ns: int
    ) -> None:
        """Remove one patient's points with start_ns <= time < stop_ns; None: of every measurement.

        Safe to repeat. Nothing there to remove is no error.

        Raises
        ------
        PointError
            An unknown measurement.
        StoreUnavailable
            Not now, or (`status` 404, 405, 501) this database cannot remove at all: InfluxDB 3
            Core has no deletion of rows.
        """

    async def check(self) -> str:
        """Return one line that says what and where the store is, for `doctor`.

        Raises
        ------
        StoreUnavailable
            With what is wrong and what to do.
        """

    async def close(self) -> None:
        """Let go of files and connections; the store cannot be used afterwards."""


def open_store(config: StoreConfig) -> Store:
    """Return the store that the configuration names; nothing is opened or contacted yet.

    Raises
    ------
    ConfigError
        A secret that cannot be read.
    """
    if config.kind == "sqlite":
        from pipeline.sqlite import SqliteStore

        return SqliteStore(config.path)
    from pipeline.influx import InfluxStore, Version1, Version2

    if config.kind == "influx1":
        return InfluxStore(
            Version1(
                config.url, config.database, config.username, config.secret(), config.timeout_s
            )
        )
    return InfluxStore(
        Version2(config.url, config.bucket, config.org, config.secret() or "", config.timeout_s)
    )
