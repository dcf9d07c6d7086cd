"""`heelfirst pipeline rollup`: hours and days computed again by hand.

Imports are inside the command, so that `heelfirst --help` answers at once.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline.care.care import Care
    from pipeline.config import PipelineConfig
    from pipeline.rollup.opening import Rollups

__all__ = ["rollup"]

PipelineFile = Annotated[
    Path | None, typer.Option("--config", help="The pipeline's TOML; see `heelfirst config`.")
]
_DAYS = 31
_LOOK_S = 1.0


def rollup(
    patient: Annotated[str, typer.Option(help="One patient; else all of them.")] = "",
    first: Annotated[str, typer.Option("--from", help="2026-03-01; else 30 days ago.")] = "",
    last: Annotated[str, typer.Option("--to", help="The last day; else today.")] = "",
    config: PipelineFile = None,
) -> None:
    """Compute hours and days again from the stored events.

    The pipeline does this by itself where events arrive. By hand it is for events that were there
    before, or were changed by other means. It may be repeated, also while the pipeline runs: then
    the pipeline does the work, and this waits for it.
    """
    from pipeline.config import PipelineConfig, load

    settings = load(config) if config else PipelineConfig()
    begin, end = _range(first, last)
    made, patients = asyncio.run(_rollup(settings, patient, begin, end))
    by = f"{made} patient-days made" if made is not None else "made by the pipeline that runs"
    typer.echo(f"{begin} to {end}, patients: {patients}; {by}")


def _range(first: str, last: str) -> tuple[date, date]:
    end = _day(last, "--to") if last else date.today()
    begin = _day(first, "--from") if first else end - timedelta(days=_DAYS - 1)
    if begin > end:
        raise typer.BadParameter(f"{begin} is after {end}", param_hint="--from")
    return begin, end


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not a day such as 2026-03-01", param_hint=option
        ) from None


async def _rollup(
    settings: "PipelineConfig", patient: str, begin: date, end: date
) -> tuple[int | None, int]:
    """Return how many days were made, None: by the pipeline that runs; and of how many patients."""
    from pipeline.care.care import Care
    from pipeline.registry import Registry
    from pipeline.rollup.opening import open_rollups

    registry = Registry(settings.registry.path)
    care = Care(settings.registry.path, zone=settings.care.zone)
    try:
        known = [each.patient for each in await registry.patients()]
        async with open_rollups(settings, care) as rollups:
            chosen = [patient] if patient else known
            await _mark(rollups, care, chosen, begin, end)
            return await _wait(rollups), len(chosen)
    finally:
        await care.close()
        await registry.close()


async def _mark(
    rollups: "Rollups", care: "Care", patients: Sequence[str], begin: date, end: date
) -> None:
    for patient in patients:
        record = await care.record(patient)  # an unknown one says so here
        start_ns, stop_ns = record.day_span(begin)[0], record.day_span(end)[1]
        await rollups.touched.add_span(patient, start_ns, stop_ns)


async def _wait(rollups: "Rollups") -> int | None:
    """Work off what is marked, or wait for the process that does."""
    with _progress() as show:
        if rollups.touched.lock():
            return await rollups.worker.work_off(show)
        while waiting := len(await rollups.touched.marks()):
            show(waiting)
            await asyncio.sleep(_LOOK_S)
    return None


@contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """Show a bar for a number that falls to 0; silent where no person looks."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("days", total=None)
        most = 0

        def show(waiting: int) -> None:
            nonlocal most
            most = max(most, waiting)
            bar.update(task, total=most, completed=most - waiting)

        yield show
