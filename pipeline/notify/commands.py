"""This room's commands of alerts: list, acknowledge, snooze, and how often each rule was right.

Imports are inside the commands, so that `heelfirst --help` answers at once.
"""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from pipeline.notify.model import Ack, Episode
    from pipeline.notify.office import Office

__all__ = ["alerts"]

_T = TypeVar("_T")
PATIENT_LETTERS = 13
alerts = typer.Typer(help="Alerts: list, acknowledge, put off.", no_args_is_help=True)

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="The pipeline's TOML; see `heelfirst config`.")
]
By = Annotated[str, typer.Option(help="Who says so: patient, caregiver, therapist.")]


@alerts.command("list")
def list_alerts(
    patient: Annotated[str, typer.Option(help="Of this patient alone.")] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Also what is over or acknowledged.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
    config: ConfigFile = None,
) -> None:
    """List alerts that are open or that nobody acknowledged, the newest first."""
    from rich.console import Console
    from rich.table import Column, Table

    async def find(office: "Office") -> "list[Episode]":
        return await office.find(patient, everything, limit)

    found = _with_office(config, find)
    if not found:
        if patient:
            asyncio.run(_check(config, patient))
        said = "no alert yet" if everything else "no alert is open or waits to be acknowledged"
        typer.echo(f"{said}; that says nothing where no data came: `heelfirst doctor`")
        return
    who = Column("patient", min_width=PATIENT_LETTERS)  # whole, to be copied
    table = Table("number", who, "since (UTC)", "priority", "what", "state")
    for each in found:
        table.add_row(*_row(each))
    Console().print(table)


async def _check(config: Path | None, patient: str) -> None:
    """Raise `RegistryError` for a patient whom nobody knows."""
    from pipeline.care.care import Care
    from pipeline.config import PipelineConfig, load

    settings = load(config) if config else PipelineConfig()
    care = Care(settings.registry.path, zone=settings.care.zone)
    try:
        await care.record(patient)
    finally:
        await care.close()


def _row(episode: "Episode") -> list[str]:
    from datetime import UTC, datetime

    since = datetime.fromtimestamp(episode.begin_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M")
    kind = "technical" if episode.technical else episode.priority.word
    side = f", {episode.side}" if episode.side else ""
    what = f"{episode.rule.replace('_', ' ')}{side}: {episode.detail}"
    return [str(episode.number), episode.patient, since, kind, what, _state(episode)]


def _state(episode: "Episode") -> str:
    words = ["open" if episode.is_open else "over"]
    words += ["late"] * episode.is_late
    said = [ack for ack in episode.acks if ack.settles]
    if said:
        right = {True: ": right", False: ": false alarm", None: ""}[said[-1].true_alarm]
        words.append(f"seen by {said[-1].by}{right}")
    return ", ".join(words)


@alerts.command("ack")
def acknowledge(
    number: Annotated[int, typer.Argument(help="As `alerts list` shows it.")],
    right: Annotated[
        bool | None,
        typer.Option("--right/--false", help="Was it right? Left out: not said."),
    ] = None,
    by: By = "therapist",
    config: ConfigFile = None,
) -> None:
    """Acknowledge an alert: nobody is told of it again."""
    from pipeline.notify.model import Ack

    _say(number, by, lambda who, now_ns: Ack(now_ns, who, right), config)


@alerts.command("snooze")
def snooze(
    number: Annotated[int, typer.Argument(help="As `alerts list` shows it.")],
    minutes: Annotated[float, typer.Option(min=1, max=1440, help="For so long.")] = 30,
    by: By = "therapist",
    config: ConfigFile = None,
) -> None:
    """Put an alert off; a more urgent one is told all the same."""
    from pipeline.notify.model import Ack

    _say(number, by, lambda who, now_ns: Ack(now_ns, who, None, 60 * minutes), config)


def _say(number: int, by: str, ack: "Callable[[Any, int], Ack]", config: Path | None) -> None:
    import time
    from typing import get_args

    from pipeline.notify.model import By as Words

    if by not in get_args(Words):
        raise typer.BadParameter(f"{by!r}: one of {', '.join(get_args(Words))}", param_hint="--by")

    async def act(office: "Office") -> "tuple[Episode, bool]":
        return await office.acknowledge(number, ack(by, time.time_ns()))

    episode, is_new = _with_office(config, act)
    done = "noted" if is_new else "was noted already"
    typer.echo(f"alert {number} of {episode.patient}, {episode.rule}: {done}")


@alerts.command("rules")
def show_rules(config: ConfigFile = None) -> None:
    """Show how often each rule's alarms were right, of those that somebody judged."""
    from rich.console import Console
    from rich.table import Table

    async def count(office: "Office") -> list[tuple[str, int, int, int]]:
        return await office.shares()

    table = Table("rule", "alerts", "right", "false", "right of judged")
    for rule, total, right, wrong in _with_office(config, count):
        judged = right + wrong
        share = f"{100 * right / judged:.0f} % of {judged}" if judged else "none judged"
        table.add_row(rule, str(total), str(right), str(wrong), share)
    Console().print(table)


def _with_office(config: Path | None, work: "Callable[[Office], Coroutine[Any, Any, _T]]") -> _T:
    from pipeline.config import PipelineConfig, load
    from pipeline.journal import Journal
    from pipeline.notify.office import Office

    settings = load(config) if config else PipelineConfig()

    async def run() -> _T:
        office = Office(settings.notify, Journal(settings.journal_path))
        try:
            return await work(office)
        finally:
            await office.close()

    return asyncio.run(run())
