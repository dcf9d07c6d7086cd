"""Devices near and far: which one is used, its calibration, the pins of the cues."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from heelfirst.agent_process import PINS_NOTE, calibration_key, calibrations, device_source
from heelfirst.console import EXIT_FAILED, AgentFile, progress, say

if TYPE_CHECKING:
    from edge.config import AgentConfig
    from hw.calibration import Calibration
    from hw.discovery import Findings

__all__ = ["commands", "devices"]

commands = typer.Typer()
devices = typer.Typer(help="Which devices are near, and which one is used.")


@commands.command()
def calibrate(
    config: AgentFile = None,
    weight_kg: Annotated[
        float | None, typer.Option(min=20, max=300, help="With clothes; else loads are shares.")
    ] = None,
) -> None:
    """Guide through a minute of standing so that each cell gets a zero and a gain."""
    from edge.config import AgentConfig, load

    settings = load(config) if config else AgentConfig()
    calibration = asyncio.run(_calibrate(settings, weight_kg))
    path = calibrations(settings).save(calibration)
    say(f"written: {path}")


async def _calibrate(settings: "AgentConfig", weight_kg: float | None) -> "Calibration":
    from hw.calibration import GuidedCalibration, run_calibration
    from hw.clock import SystemClock
    from hw.registry import CELLS

    clock = SystemClock(settings.trust_wall_clock)
    source = device_source(settings, clock)
    weight_n = None if weight_kg is None else 9.80665 * weight_kg
    session = GuidedCalibration(
        source.profile,
        calibration_key(settings),
        body_weight_n=weight_n,
        **CELLS.get(settings.source.driver, {}),
    )
    bell = {"good": "\a", "bad": "\a\a"}

    def tone(kind: str) -> None:
        typer.echo(bell[kind], nl=False)

    with progress("calibrating") as update:
        return await run_calibration(session, source, clock, say, tone, update)


Seconds = Annotated[float, typer.Option(min=0.5, max=60, help="How long to listen.")]


@devices.callback(invoke_without_command=True)
def list_devices(context: typer.Context, seconds: Seconds = 5) -> None:
    """List the devices that are near: name, side, battery, signal. Exit code 1: there are none."""
    if context.invoked_subcommand is not None:
        return
    findings = _scan(seconds)
    _show_findings(findings)
    if not findings.devices:
        raise typer.Exit(EXIT_FAILED)


@devices.command("add")
def add_device(
    config: Annotated[Path, typer.Option(help="The agent's TOML; it is made if missing.")],
    driver: Annotated[str, typer.Option(help="Only this kind of device.")] = "",
    left: Annotated[str, typer.Option(help="Address of the left foot's, without a scan.")] = "",
    right: Annotated[str, typer.Option(help="Address of the right foot's.")] = "",
    seconds: Seconds = 5,
) -> None:
    """Write the devices that are near into the agent's settings; all else in the file stays."""
    from edge.configfile import write_section
    from hw.clock import SystemClock
    from hw.discovery import Findings, choose
    from hw.registry import SourceSettings, open_source

    scan = not (left or right or driver == "mcp3208")
    findings = _scan(seconds) if scan else Findings((), ())
    _show_findings(findings)
    values = choose(findings.devices, driver, left, right)
    settings = SourceSettings(left=values["left"], right=values["right"])
    open_source(values["driver"], settings, SystemClock())  # refuses what cannot be
    write_section(config, "source", values)
    say(f"written: {config}, [source] driver = {values['driver']}")


def _scan(seconds: float) -> "Findings":
    from hw.clock import SystemClock
    from hw.discovery import discover, machine_probes

    return asyncio.run(discover(machine_probes(SystemClock(), seconds)))


def _show_findings(findings: "Findings") -> None:
    for found in findings.devices:
        sides = ", ".join(found.sides) or "?"
        signal = "" if found.rssi_dbm is None else f"{found.rssi_dbm} dBm"
        battery = found.battery or "?"
        say(
            f"{found.driver:12} {found.name:12} {found.address:20} {sides:12} "
            f"battery {battery:6} {signal}".rstrip()
        )
    for note in findings.notes:
        typer.echo(f"{note.where}: {note.text}", err=True)


@commands.command("outputs-off")
def outputs_off(config: AgentFile = None) -> None:
    """Set the pins of the cues low, after an agent that ended in whatever way."""
    from edge.config import AgentConfig, ConfigError, load
    from hw.outputs import outputs_off as set_low

    try:
        settings = load(config) if config else AgentConfig()
    except ConfigError as error:
        typer.echo(f"heelfirst: {error}", err=True)  # the note still says which pins
        settings = AgentConfig()
    pins = set_low(settings.cues.output_pins, Path(settings.state.dir) / PINS_NOTE)
    say(f"low: {', '.join(f'GPIO {pin}' for pin in pins) or 'no pin is in use'}")
