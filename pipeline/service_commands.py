"""Commands beside `heelfirst pipeline`: dead letters, and the journal.

Imports are inside the commands, so that `heelfirst --help` answers at once.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline.config import PipelineConfig
    from pipeline.replay import Replayed

__all__ = ["deadletters", "journal"]

deadletters = typer.Typer(help="Events that no store took, and why.", no_args_is_help=True)
journal = typer.Typer(
    help="Who exported, erased, changed or acknowledged what: append-only, each line chained to "
    "the one before.",
    no_args_is_help=True,
)

PipelineFile = Annotated[Path | None, typer.Option("--config", help="The pipeline's TOML.")]
EXIT_FAILED = 1


def _settings(config: Path | None) -> "PipelineConfig":
    from pipeline.config import PipelineConfig, load

    return load(config) if config else PipelineConfig()


@deadletters.command("list")
def list_letters(config: PipelineFile = None) -> None:
    """List the dead letters by reason: how many, of which devices, from when to when."""
    from datetime import UTC, datetime

    from rich.console import Console
    from rich.table import Table

    from pipeline.deadletter import open_letters
    from pipeline.replay import summarise

    found = summarise(open_letters(_settings(config)))
    if not found:
        typer.echo("no dead letters")
        return
    table = Table("kind", "count", "reason", "devices or topics", "from", "to (UTC)")
    for each in found:
        first, last = (
            datetime.fromtimestamp(ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M")
            for ns in (each.first_ns, each.last_ns)
        )
        some = ", ".join(each.devices[:5]) + (", ..." if len(each.devices) > 5 else "")
        table.add_row(each.kind, str(each.count), each.reason, some, first, last)
    Console().print(table)
    typer.echo("refused ones can be tried again: heelfirst pipeline deadletters replay")


@deadletters.command("replay")
def replay_letters(
    config: PipelineFile = None,
    dry_run: Annotated[bool, typer.Option(help="Only say what would come of it.")] = False,
) -> None:
    """Bring refused events into the store once more, as they would be taken today.

    Safe while the pipeline runs, and to begin again. Exit code 1: some were refused again.
    """
    done = asyncio.run(_replay(_settings(config), dry_run))
    would = "would be " if dry_run else ""
    typer.echo(
        f"{would}stored {done.stored}, without a patient {done.quarantined}, refused again "
        f"{done.refused}, unreadable {done.unreadable}"
    )
    for reason, count in done.reasons.most_common(10):
        typer.echo(f"  {count} x {reason}")
    if done.refused or done.unreadable:
        raise typer.Exit(EXIT_FAILED)


async def _replay(settings: "PipelineConfig", dry_run: bool) -> "Replayed":
    from contextlib import AsyncExitStack

    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TextColumn

    from pipeline.care.care import Care
    from pipeline.care.strides import Orthoses
    from pipeline.deadletter import open_letters
    from pipeline.journal import Journal
    from pipeline.notify.notifier import Notifier
    from pipeline.registry import Registry
    from pipeline.replay import replay
    from pipeline.rollup.touched import Touched
    from pipeline.store import open_store

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), MofNCompleteColumn())
    registry = Registry(settings.registry.path, settings.registry.quarantine_events)
    store = open_store(settings.store)
    care = Care(settings.registry.path, zone=settings.care.zone)
    touched = Touched(settings.rollups.touched)
    notifier = Notifier(settings.notify, Journal(settings.journal_path))
    orthoses = Orthoses(care)
    async with AsyncExitStack() as stack:
        for part in (registry, store, care, touched, notifier):
            stack.push_async_callback(part.close)
        bar = stack.enter_context(
            Progress(*columns, console=console, disable=not console.is_terminal)
        )
        task = bar.add_task("replaying", total=None)
        return await replay(
            open_letters(settings),
            store,
            registry,
            [orthoses, touched, notifier],
            annotator=orthoses,
            dry_run=dry_run,
            progress=lambda count: bar.update(task, completed=count),
        )


@journal.command("verify")
def verify_journal(
    config: PipelineFile = None,
    noted: Annotated[
        str, typer.Option(help="A head noted down earlier, as NUMBER:HASH; it has to be in it.")
    ] = "",
) -> None:
    """Check every line's hash and its place in the chain; print the head, to be noted down."""
    from pipeline.journal import Head, Journal

    log = Journal(_settings(config).journal_path)
    number, _, digest = noted.partition(":")
    if noted and not (number.isdigit() and digest):
        raise typer.BadParameter("give it as NUMBER:HASH", param_hint="--noted")
    count = log.verify(Head(int(number), digest) if noted else None)
    head = log.head()
    typer.echo(f"{count} entries, unbroken; head {head.seq}:{head.hash}")


@journal.command("show")
def show_journal(
    config: PipelineFile = None,
    subject: Annotated[str, typer.Option(help="Only this patient or device.")] = "",
    last: Annotated[int, typer.Option(min=1, help="The last so many entries.")] = 50,
) -> None:
    """Print what was done, by whom, to what."""
    from collections import deque
    from datetime import UTC, datetime

    from pipeline.journal import Journal

    entries = Journal(_settings(config).journal_path).entries()
    for entry in deque((e for e in entries if subject in ("", e.subject)), maxlen=last):
        when = datetime.fromtimestamp(entry.time_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        detail = " ".join(f"{key}={value}" for key, value in entry.detail.items())
        typer.echo(f"{entry.seq:6} {when} {entry.actor} {entry.action} {entry.subject} {detail}")
