"""The rollups of a pipeline process, put together from its settings."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import NamedTuple

from pipeline.config import PipelineConfig
from pipeline.rollup.touched import Touched
from pipeline.rollup.worker import Records, RollupWorker
from pipeline.store import Store, open_store

__all__ = ["Rollups", "open_rollups"]


class Rollups(NamedTuple):
    """What a process runs and reads.

    Attributes
    ----------
    touched : Touched
        A companion of the ingester; `touched.add_span` is told of rewritten strides.
    worker : RollupWorker
        Its `run` is a task of the process.
    source, target : Store
        The events as the rollups' account reads them, and the rollups.
    """

    touched: Touched
    worker: RollupWorker
    source: Store
    target: Store


@asynccontextmanager
async def open_rollups(
    config: PipelineConfig,
    records: Records,
    patients: Callable[[], Awaitable[Iterable[str]]] | None = None,
) -> AsyncIterator[Rollups]:
    """Open the stores and the touched hours, and close them at the end.

    Raises
    ------
    ConfigError
        A secret that cannot be read.
    """
    settings = config.rollups
    source = open_store(settings.source(config.store))
    target = open_store(settings.target(config.store))
    touched = Touched(settings.touched)
    worker = RollupWorker(
        source, target, touched, records, patients=patients, every_s=settings.every_s
    )
    try:
        yield Rollups(touched, worker, source, target)
    finally:
        await touched.close()
        await target.close()
        await source.close()
