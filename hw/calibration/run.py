"""The guided session with a source: speaks through callbacks, knows no terminal and no sound."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final, Literal, cast

from hw.calibration.errors import CalibrationError
from hw.calibration.guided import GuidedCalibration, Update
from hw.calibration.records import Calibration
from hw.source import Block, Clock, Source

__all__ = ["run_calibration"]

TICK_S: Final = 1.0
Tone = Literal["good", "bad"]


async def run_calibration(
    session: GuidedCalibration,
    source: Source,
    clock: Clock,
    say: Callable[[str], None],
    tone: Callable[[Tone], None] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Calibration:
    """Guide a person through `session` and return the calibration.

    Parameters
    ----------
    session : GuidedCalibration
        Made for this source's profile; its `skip` may be called meanwhile.
    source : Source
        The device, uncalibrated; its blocks bear the clock's time. Closed at the end.
    clock : Clock
    say : callable
        Given each sentence for the person.
    tone : callable, optional
        "good" for each accepted step, "bad" for each refusal.
    progress : callable, optional
        Given the session's progress 0..1 after each block.

    Raises
    ------
    CalibrationError
        The session failed, or the device ended before it was done.
    HwError
        What the device raises.
    """

    def tell(updates: list[Update]) -> None:
        for update in updates:
            say(update.text)
            if tone is not None and update.kind in ("accepted", "done"):
                tone("good")
            elif tone is not None and update.kind in ("refused", "failed"):
                tone("bad")

    async def ticking() -> None:
        while not session.done:
            tell(session.tick(clock.monotonic_ns()))
            await clock.sleep(TICK_S)

    async def listening() -> None:
        blocks = cast(AsyncGenerator[Block, None], source.blocks())
        async with aclosing(blocks):
            async for block in blocks:
                tell(session.push(block))
                if progress is not None:
                    progress(session.progress)
                if session.done:
                    return
        if not session.done:
            raise CalibrationError("device", "it ended before all steps", "calibrate again")

    tasks = [asyncio.create_task(listening()), asyncio.create_task(ticking())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finished = [task for task in tasks if task.done()]
        for task in finished:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return session.result(clock.wall_ns())
