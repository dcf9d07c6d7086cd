"""The SQLite files of one home or a trial."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

from pipeline.config import PipelineConfig, StoreConfig
from pipeline.setup.step import Step
from pipeline.store import open_store

__all__ = ["set_up_files"]


def set_up_files(config: PipelineConfig) -> Iterator[Step]:
    """Make the files of events and rollups; raises `StoreUnavailable`."""
    for what, store in (("events", config.store), ("rollups", config.rollups.target(config.store))):
        was_there = Path(store.path).exists()
        asyncio.run(_touch(store))
        yield Step(
            f"file {store.path} for the {what}; nothing in it is ever removed", not was_there
        )


async def _touch(config: StoreConfig) -> None:
    store = open_store(config)
    try:
        await store.check()
    finally:
        await store.close()
