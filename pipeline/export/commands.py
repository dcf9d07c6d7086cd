"""The command line's `patients export`, `patients verify` and `patients erase`.

Imports are inside the commands, so that `heelfirst --help` answers at once.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline.config import PipelineConfig
    from pipeline.export.erase import Erased
    from pipeline.export.folder import Export, Format

__all__ = ["add_commands"]

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="The pipeline's TOML; see `heelfirst config`.")
]
PatientId = Annotated[str, typer.Argument(metavar="PATIENT", help="See `patients list`.")]
MOMENT = "2026-03-01 or 2026-03-01T14:30, in the patient's time zone"


def add_commands(patients: typer.Typer) -> None:
    """Add this package's commands to `heelfirst patients`."""
    patients.command("export")(export_patient)
    patients.command("verify")(verify_export)
    patients.command("erase")(erase_patient)


def export_patient(
    patient: PatientId,
    out: Annotated[Path, typer.Option(help="The new folder; it is never overwritten.")],
    format: Annotated[
        str, typer.Option(help="Any of csv, parquet, fhir, commas between.")
    ] = "csv,parquet,fhir",
    since: Annotated[str, typer.Option("--from", help=f"Else from the first. {MOMENT}.")] = "",
    until: Annotated[str, typer.Option("--to", help=f"Else to now. {MOMENT}.")] = "",
    config: ConfigFile = None,
) -> None:
    """Write all of one patient into a folder: CSV, Parquet, FHIR R4, with a manifest of hashes.

    The folder appears when it is whole. It holds health data: keep it as such.
    """
    from rich.console import Console
    from rich.progress import Progress

    from pipeline.config import PipelineConfig, load

    settings = load(config) if config else PipelineConfig()
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(f"exporting {patient}", total=1.0)
        made = asyncio.run(
            _export(
                settings,
                patient,
                out,
                _formats(format),
                (since, until),
                lambda share: bar.update(task, completed=share),
            )
        )
    rows = sum(file.rows or 0 for file in made.manifest.files if file.name.endswith(".csv"))
    typer.echo(f"{made.folder}: {len(made.manifest.files)} files, {rows} rows as CSV")
    typer.echo(f"check it any time: heelfirst patients verify {made.folder}")


def _formats(text: str) -> "tuple[Format, ...]":
    from typing import get_args

    from pipeline.export.folder import Format

    known: tuple[Format, ...] = get_args(Format)
    words = [word.strip() for word in text.split(",")]
    if unknown := set(words) - set(known):
        problem = f"{', '.join(sorted(unknown))}: give any of {', '.join(known)}"
        raise typer.BadParameter(problem, param_hint="--format")
    return tuple(name for name in known if name in words)


async def _export(
    settings: "PipelineConfig",
    patient: str,
    out: Path,
    formats: "tuple[Format, ...]",
    between: tuple[str, str],
    progress: Callable[[float], None],
) -> "Export":
    from contextlib import AsyncExitStack

    from pipeline.care.care import Care
    from pipeline.care.moments import parse_end, parse_moment
    from pipeline.export.folder import FIRST_NS, Sources, export
    from pipeline.journal import Journal
    from pipeline.store import open_store

    async with AsyncExitStack() as stack:
        care = Care(settings.registry.path, zone=settings.care.zone)
        stack.push_async_callback(care.close)
        record = await care.record(patient)
        store = open_store(settings.rollups.source(settings.store))
        stack.push_async_callback(store.close)
        rollups = open_store(settings.rollups.target(settings.store))
        stack.push_async_callback(rollups.close)
        since = parse_moment(between[0], record.zone) if between[0] else FIRST_NS
        until = parse_end(between[1], record.zone) if between[1] else None
        return await export(
            Sources(store, rollups, record),
            out,
            formats=formats,
            start_ns=since,
            stop_ns=until,
            journal=Journal(settings.journal_path),
            progress=progress,
        )


def verify_export(folder: Annotated[Path, typer.Argument(help="A folder of `export`.")]) -> None:
    """Hold every file of an export against its manifest."""
    from pipeline.export.folder import verify

    manifest = verify(folder)
    typer.echo(f"{len(manifest.files)} files of {manifest.patient} as they were written")
    typer.echo(f"made {manifest.created}; journal then at {manifest.journal_head}")


def erase_patient(
    patient: PatientId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigFile = None,
) -> None:
    """Remove a patient for good: database, rollups, settings, notifications, dead letters.

    A tombstone stays, so that a late outbox brings nothing back. Safe to call again where it was
    cut short. Think of `patients export` first.
    """
    from rich.console import Console
    from rich.progress import Progress

    from pipeline.config import PipelineConfig, load

    settings = load(config) if config else PipelineConfig()
    if not yes:
        typer.confirm(f"Remove everything of {patient}? This cannot be undone", abort=True)
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(f"erasing {patient}", total=1.0)
        done = asyncio.run(
            _erase(settings, patient, lambda share: bar.update(task, completed=share))
        )
    typer.echo(f"{patient} is erased; {', '.join(done.devices) or 'no device'} told to forget")
    if done.exports:
        typer.echo(f"{done.exports} exports were made before; where they are, is yours to know")


async def _erase(
    settings: "PipelineConfig", patient: str, progress: Callable[[float], None]
) -> "Erased":
    from contextlib import AsyncExitStack

    from pipeline.care.care import Care
    from pipeline.deadletter import open_letters
    from pipeline.export.erase import Places, erase
    from pipeline.journal import Journal
    from pipeline.registry import Registry
    from pipeline.store import open_store

    async with AsyncExitStack() as stack:
        registry = Registry(settings.registry.path, settings.registry.quarantine_events)
        stack.push_async_callback(registry.close)
        care = Care(settings.registry.path, zone=settings.care.zone)
        stack.push_async_callback(care.close)
        targets = (settings.store, settings.rollups.target(settings.store))
        reader = open_store(settings.rollups.source(settings.store))
        store, rollups = (open_store(target) for target in targets)
        for part in (reader, store, rollups):
            stack.push_async_callback(part.close)
        files = [settings.registry.path, settings.rollups.touched, settings.notify.path]
        files += [target.path for target in targets if target.kind == "sqlite"]
        places = Places(
            registry=registry,
            store=store,
            reader=reader,
            rollups=rollups,
            letters=open_letters(settings),
            journal=Journal(settings.journal_path),
            files=[Path(file) for file in files],
            queue=care.queue,
        )
        return await erase(places, patient, progress=progress)
