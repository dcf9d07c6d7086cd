"""The command line's `patients`: who they are, what is set for them, and what they wear.

Imports are inside the commands, so that `heelfirst --help` answers at once.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

if TYPE_CHECKING:
    from pipeline.care.care import Care, Edit
    from pipeline.care.record import PatientRecord
    from pipeline.config import PipelineConfig
    from pipeline.registry import Patient, Registry

__all__ = ["patients"]

_T = TypeVar("_T")
_MINUTE_NS = 60 * 1_000_000_000
patients = typer.Typer(
    help="Patients: their devices, settings, exercise plan, orthoses and notes.",
    no_args_is_help=True,
)

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="The pipeline's TOML; see `heelfirst config`.")
]
PatientId = Annotated[str, typer.Argument(metavar="PATIENT", help="See `patients list`.")]
SideName = Literal["left", "right"]
SideOption = Annotated[SideName | None, typer.Option(help="The foot; else both.")]
Moment = "2026-03-01 or 2026-03-01T14:30, in the patient's time zone"


# -- who they are, and their devices ------------------------------------------------------------


@patients.command("add")
def add_patient(
    device: Annotated[str, typer.Option(help="The device this patient wears from now on.")] = "",
    patient: Annotated[str, typer.Option(help="An existing id; empty: a new patient.")] = "",
    label: Annotated[str, typer.Option(help="For people; never leaves the registry.")] = "",
    config: ConfigFile = None,
) -> None:
    """Add a pseudonymous patient, give a patient a device, or both; print the patient's id."""

    async def add(registry: "Registry", care: "Care") -> str:
        chosen = patient or await _new_patient(registry, care, label)
        if device:
            await care.assign(device, chosen)
        return chosen

    typer.echo(_with_care(config, add))


async def _new_patient(registry: "Registry", care: "Care", label: str) -> str:
    patient = await registry.add_patient(label)
    care.log("patient", patient)
    return patient


@patients.command("list")
def list_patients(config: ConfigFile = None) -> None:
    """List patients with their devices, and devices that wait for a patient."""
    from rich.console import Console
    from rich.table import Table

    async def rows(registry: "Registry", _: "Care") -> tuple[list["Patient"], dict[str, int]]:
        return await registry.patients(), await registry.quarantined()

    known, waiting = _with_care(config, rows)
    table = Table("patient", "label", "devices", "since")
    for patient in known:
        since = datetime.fromtimestamp(patient.created_ns / 1e9, UTC).strftime("%Y-%m-%d")
        table.add_row(patient.patient, patient.label, ", ".join(patient.devices), since)
    Console().print(table)
    for device, events in waiting.items():
        remedy = f"heelfirst patients add --device {device}"
        typer.echo(f"{device}: {events} events wait for a patient; {remedy}")


@patients.command("assign")
def assign_device(
    device: str,
    patient: Annotated[str, typer.Argument(help="The patient's id, or nobody.")],
    since: Annotated[str, typer.Option("--from", help=f"Else now. {Moment}.")] = "",
    config: ConfigFile = None,
) -> None:
    """Let a device belong to a patient, or to nobody, from a time on.

    Who had it before is forgotten on the device itself; what is stored of them stays theirs.
    """
    from pipeline.care.days import iso
    from pipeline.care.moments import parse_moment

    wearer = None if patient == "nobody" else patient

    async def assign(_: "Registry", care: "Care") -> str:
        zone = (await care.record(wearer)).zone if wearer else _settings(config).care.zone
        made = await care.assign(device, wearer, parse_moment(since, zone) if since else None)
        begin = iso(made.since_ns, zone) if made.since_ns else "its first event"
        return f"{device}: {made.patient or 'nobody'} from {begin} on"

    typer.echo(_with_care(config, assign))


# -- what is set --------------------------------------------------------------------------------


@patients.command("show")
def show_patient(patient: PatientId, config: ConfigFile = None) -> None:
    """Show what is set for a patient: settings, plan, orthoses, notes."""
    from rich.console import Console
    from rich.table import Table

    from pipeline.care.days import iso
    from pipeline.care.edits import settable, value_of
    from pipeline.care.orthoses import describe_span
    from pipeline.care.record import describe_dose

    async def read(registry: "Registry", care: "Care") -> tuple["PatientRecord", tuple[str, ...]]:
        record = await care.record(patient)
        known = {one.patient: one.devices for one in await registry.patients()}
        return record, known[patient]

    record, devices = _with_care(config, read)
    table = Table("key", "value", title=f"{patient}, revision {record.revision}")
    table.add_row("devices", ", ".join(devices) or "none")
    for key in settable():
        table.add_row(key, value_of(record, key))
    for dose in record.plan:
        table.add_row("plan", describe_dose(dose))
    for span in record.spans:
        table.add_row("orthosis", describe_span(span, record.zone))
    for note in record.notes:
        table.add_row("note", f"{iso(note.time_ns, record.zone)} {note.text}")
    Console().print(table)


@patients.command("set")
def set_values(
    patient: PatientId,
    values: Annotated[
        list[str], typer.Argument(metavar="KEY=VALUE ...", help="`patients show` lists the keys.")
    ],
    config: ConfigFile = None,
) -> None:
    """Set thresholds, targets, time zone, affected leg, consent; KEY=default takes one back.

    zone=Europe/Berlin  affected=none|left|right|both  drags=7  steps_per_day=3000
    consent_until=2026-12-31|none (raw recordings leave the home until then)
    baseline_since=2026-03-01|none (days before count for no baseline)
    """
    from pipeline.care import edits
    from pipeline.care.errors import CareError

    pairs: dict[str, str] = {}
    for value in values:
        key, sign, text = value.partition("=")
        if not sign:
            raise CareError(f"{value!r} is no KEY=VALUE", "Write for example drags=7")
        pairs[key.strip()] = text.strip()
    _change(config, patient, lambda record: edits.set_values(record, pairs))


# -- the exercise plan --------------------------------------------------------------------------


@patients.command("plan")
def change_plan(
    patient: PatientId,
    what: Annotated[Literal["add", "remove", "show"], typer.Argument()] = "show",
    exercise: Annotated[
        str, typer.Argument(help="ankle_dorsiflexion, heel_walk, toe_taps, step_ups.")
    ] = "",
    side: SideOption = None,
    sets: Annotated[int, typer.Option(min=1, max=20, help="A day.")] = 1,
    reps: Annotated[int | None, typer.Option(min=1, max=100, help="Of one set.")] = None,
    seconds: Annotated[float | None, typer.Option(min=5, max=600, help="Of one set.")] = None,
    hold: Annotated[float, typer.Option(min=0, max=30, help="Of each repetition [s].")] = 0.0,
    rest: Annotated[float, typer.Option(min=0, max=600, help="Between sets [s].")] = 60.0,
    days: Annotated[str, typer.Option(help="Such as mon,wed,fri; else every day.")] = "",
    config: ConfigFile = None,
) -> None:
    """Add an exercise to a patient's plan, remove it, or show the plan.

    One that the plan holds for that side already is replaced.
    """
    from edge import wire
    from pipeline.care import edits
    from pipeline.care.errors import CareError

    if what == "show":
        _show_plan(config, patient)
        return
    if not exercise:
        raise CareError("which exercise?", "Name one, such as toe_taps")
    name = edits.exercise_name(exercise)

    def edit(record: "PatientRecord") -> "PatientRecord":
        now_ns = _now_ns()
        if what == "remove":
            return edits.remove_dose(record, name, side, now_ns)
        dose = wire.Dose(
            exercise=name,
            side=side,
            sets=sets,
            repetitions=reps,
            seconds=seconds,
            hold_s=hold,
            rest_s=rest,
            days=edits.weekdays(days),
        )
        return edits.add_dose(record, dose, now_ns)

    _change(config, patient, edit)


def _show_plan(config: Path | None, patient: str) -> None:
    from pipeline.care.record import describe_dose

    async def read(_: "Registry", care: "Care") -> "PatientRecord":
        return await care.record(patient)

    record = _with_care(config, read)
    for dose in record.plan:
        typer.echo(describe_dose(dose))
    if not record.plan:
        typer.echo(f"no exercises; heelfirst patients plan {patient} add toe_taps --reps 10")


# -- orthoses and notes -------------------------------------------------------------------------


@patients.command("orthosis")
def set_orthosis(
    patient: PatientId,
    orthosis: Annotated[
        Literal["none", "afo", "fes", "remove"],
        typer.Argument(help="Nothing, brace, stimulator; or remove the span of that begin."),
    ],
    side: SideOption = None,
    since: Annotated[str, typer.Option("--from", help=f"Else now. {Moment}.")] = "",
    until: Annotated[str, typer.Option("--to", help="A day is meant to its end. Else open.")] = "",
    config: ConfigFile = None,
) -> None:
    """Say what holds the foot up from a time on: none, afo (brace) or fes (stimulator).

    An open-ended span ends where the next open-ended one begins; any other overlap is refused.
    Strides that are stored already get it too. What the patient says of a day wins for that day.
    """
    from pipeline.care.errors import CareError
    from pipeline.care.moments import parse_end, parse_moment
    from pipeline.care.orthoses import place_span, remove_span
    from pipeline.care.record import Span

    def edit(record: "PatientRecord") -> "PatientRecord":
        now_ns = _now_ns() // _MINUTE_NS * _MINUTE_NS
        since_ns = parse_moment(since, record.zone) if since else now_ns
        if orthosis == "remove":
            if not since:
                raise CareError("which span?", "Give --from, its begin; `patients show` names it")
            return remove_span(record, since_ns, side)
        until_ns = parse_end(until, record.zone) if until else None
        return place_span(
            record, Span(orthosis=orthosis, since_ns=since_ns, until_ns=until_ns, side=side)
        )

    _change(config, patient, edit)


@patients.command("note")
def add_note(
    patient: PatientId,
    text: Annotated[str, typer.Argument(help="Without names: it goes into reports.")],
    at: Annotated[str, typer.Option(help=f"Else now. {Moment}.")] = "",
    config: ConfigFile = None,
) -> None:
    """Write a note that dashboards and reports show at its time."""
    from pipeline.care import edits
    from pipeline.care.moments import parse_moment

    def edit(record: "PatientRecord") -> "PatientRecord":
        time_ns = parse_moment(at, record.zone) if at else _now_ns()
        return edits.add_note(record, text, time_ns)

    _change(config, patient, edit)


# -- common to all ------------------------------------------------------------------------------


def _change(config: Path | None, patient: str, edit: "Edit") -> None:
    """Make a change and say what is different, and where it goes."""
    from pipeline.care.changes import describe

    async def work(registry: "Registry", care: "Care") -> list[str]:
        old, new = await care.change(patient, edit)
        lines = [
            f"{key}: {before} -> {after or 'removed'}" if before else f"{key}: {after}"
            for key, before, after in describe(old, new)
        ]
        if not lines:
            return ["nothing changes: it is so already"]
        devices = {one.patient: one.devices for one in await registry.patients()}[patient]
        reach = f"goes to {', '.join(devices)}" if devices else "no device to send it to"
        return [*lines, f"{patient}: revision {new.revision}, {reach}"]

    for line in _with_care(config, work):
        typer.echo(line)


def _now_ns() -> int:
    import time

    return time.time_ns()


def _settings(config: Path | None) -> "PipelineConfig":
    from pipeline.config import PipelineConfig, load

    return load(config) if config else PipelineConfig()


def _with_care(
    config: Path | None, work: "Callable[[Registry, Care], Coroutine[Any, Any, _T]]"
) -> _T:
    from pipeline.care.care import Care
    from pipeline.journal import Journal
    from pipeline.registry import Registry

    settings = _settings(config)

    async def run() -> _T:
        registry = Registry(settings.registry.path, settings.registry.quarantine_events)
        journal = Journal(settings.journal_path)
        care = Care(settings.registry.path, zone=settings.care.zone, journal=journal)
        try:
            return await work(registry, care)
        finally:
            await care.close()
            await registry.close()

    return asyncio.run(run())
