"""Waiting with an end, on the house's clock, so that it also ends in simulated time."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from hw.source import Clock

__all__ = ["within"]

_T = TypeVar("_T")


async def within(clock: Clock, seconds: float, work: Coroutine[Any, Any, _T]) -> _T:
    """Return what `work` returns, or raise `TimeoutError` after `seconds` of `clock`."""
    task = asyncio.ensure_future(work)
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, timer}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise TimeoutError(f"no answer within {seconds} s")
    finally:
        timer.cancel()
        task.cancel()
        await asyncio.gather(timer, task, return_exceptions=True)
