"""The command line's `report`. Imports are inside, so that `heelfirst --help` answers at once."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

if TYPE_CHECKING:
    from pipeline.config import PipelineConfig
    from pipeline.report.build import Report
    from pipeline.report.span import Span

__all__ = ["report"]

DEFAULT_DAYS: Final = 28
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="The pipeline's TOML; see `heelfirst config`.")
]


def report(
    patient: Annotated[str, typer.Argument(metavar="PATIENT", help="See `patients list`.")],
    first: Annotated[
        datetime | None,
        typer.Option(
            "--from", metavar="DATE", formats=["%Y-%m-%d"], help="First day; else 28 days in all."
        ),
    ] = None,
    last: Annotated[
        datetime | None,
        typer.Option(
            "--to", metavar="DATE", formats=["%Y-%m-%d"], help="Last day; else yesterday."
        ),
    ] = None,
    compare: Annotated[
        Literal["afo", "fes"] | None,
        typer.Option(help="Compare walking with this orthosis and without, with intervals."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the two files.")] = Path(),
    config: ConfigFile = None,
) -> None:
    """Write a patient's report, HTML and PDF: is it worn, is it safer, what changed, what to do.

    Days are those of the patient's time zone. The same stored data make the same bytes. No
    diagnosis and no fall alarm: heelfirst is not a medical device.
    """
    from pipeline.config import PipelineConfig, load
    from pipeline.report.build import write_report
    from pipeline.report.notes import notes

    settings = load(config) if config else PipelineConfig()
    days = (first.date() if first else None, last.date() if last else None)
    with _progress() as update:
        made = asyncio.run(_make(settings, patient, days, compare, update))
    for line in notes(made.facts):
        typer.echo(f"note: {line}", err=True)
    for path in write_report(made, out):
        typer.echo(f"written: {path}")


async def _make(
    settings: "PipelineConfig",
    patient: str,
    days: tuple[date | None, date | None],
    orthosis: Literal["afo", "fes"] | None,
    update: Callable[[str, float], None],
) -> "Report":
    from importlib.metadata import version

    from pipeline.care.care import Care
    from pipeline.report.build import make_report
    from pipeline.store import open_store

    care = Care(settings.registry.path, zone=settings.care.zone)
    store = open_store(settings.rollups.source(settings.store))
    rollups = open_store(settings.rollups.target(settings.store))
    try:
        record = await care.record(patient)
        return await make_report(
            store,
            rollups,
            record,
            _span(*days, record.zone, time.time_ns()),
            version=version("heelfirst"),
            orthosis=orthosis,
            progress=update,
        )
    finally:
        for each in (store, rollups, care):
            await each.close()


def _span(first: date | None, last: date | None, zone: str, now_ns: int) -> "Span":
    """Return the asked days; without an end until yesterday, the last whole day."""
    from pipeline.care.days import day_of
    from pipeline.report.span import Span

    end = last or day_of(now_ns, zone) - timedelta(days=1)
    return Span(first or end - timedelta(days=DEFAULT_DAYS - 1), end, zone)


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    """Show a bar per part of the work; silent where no person looks."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("reading", total=1.0)
        yield lambda what, share: bar.update(task, description=what, completed=share)
