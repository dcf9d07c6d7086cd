"""heelfirst: the command line, and the one place where the rooms are put together.

Every command imports its rooms when it runs, so that `heelfirst --help` answers at once.
"""

import asyncio
import logging
import os
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    ExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from edge.commands import enrol
from pipeline.commands import patients, provision

if TYPE_CHECKING:
    from edge.config import AgentConfig
    from edge.cueing import Cueing
    from edge.cues import Conditions
    from edge.doctor import Finding
    from edge.live import Delivery
    from edge.state import AgentState
    from edge.watchdog import CountedSource, Stage
    from hw.calibration import Calibration, CalibrationKey, CalibrationStore
    from hw.discovery import Findings
    from hw.source import Clock, Side, Source
    from pipeline.config import PipelineConfig
    from pipeline.ingest import Ingest, IngestState
    from pipeline.registry import Registry
    from pipeline.store import Store

__all__ = ["app", "main"]

VERSION = "0.1.0"
PINS_NOTE = "outputs.json"
"""In the state directory: which pins the agent's cues use, for `outputs-off`."""
TABLE_WIDTH = 130
EXIT_FAILED = 1
EXIT_BAD_INPUT = 2

ABOUT = """Home monitoring of foot drop: toe-first contact, toe drag and trip risk.

Not a medical device: no diagnosis, no fall alarm, no stimulation."""

app = typer.Typer(help=ABOUT, no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(patients, name="patients")
app.add_typer(provision, name="provision")
app.add_typer(enrol, name="enrol")
devices = typer.Typer(help="Which devices are near, and which one is used.")
app.add_typer(devices, name="devices")

AffectedLeg = Literal["none", "left", "right", "both"]
Affected = Annotated[AffectedLeg, typer.Option(help="The leg with foot drop.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Log what is done, not only trouble.")]
AgentFile = Annotated[Path | None, typer.Option("--config", help="The agent's TOML; see `config`.")]
PipelineFile = Annotated[
    Path | None, typer.Option("--config", help="The pipeline's TOML; see `config`.")
]


def _say(text: str) -> None:
    typer.echo(text)


def _fail(text: str, code: int) -> typer.Exit:
    typer.echo(f"heelfirst: {text}", err=True)
    return typer.Exit(code)


def _room_errors() -> tuple[type[Exception], ...]:
    """The error root of each room that was imported."""
    roots = {
        "hw.source": "HwError",
        "kernels.errors": "KernelError",
        "edge.errors": "EdgeError",
        "pipeline.errors": "PipelineError",
    }
    found = (getattr(sys.modules.get(module), root, None) for module, root in roots.items())
    return tuple(root for root in found if root is not None)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[float], None]]:
    """Show a bar for work that takes a share from 0 to 1; silent where no person looks."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda share: bar.update(task, completed=share)


# -- recordings ---------------------------------------------------------------------------------


@app.command()
def analyse(
    recording: Annotated[Path, typer.Argument(help="Moticon export, CSV, or our own recording.")],
    out: Annotated[Path, typer.Option(help="Folder for events.csv, strides.csv and walk.svg.")],
    profile: Annotated[
        Path | None, typer.Option(help="TOML of the device; a CSV needs it.")
    ] = None,
    affected: Affected = "none",
) -> None:
    """Find events and strides in a recording: two CSV files and a plot."""
    from edge.analyse import analyse as run
    from edge.analyse import write_csv
    from hw.replay import read
    from pipeline.page import headline
    from pipeline.plots import walk_plot
    from pipeline.summary import summarise

    walk = read(recording, profile)
    with _progress(f"analysing {recording.name}") as update:
        analysis = run(walk, affected=affected, progress=update)
    strides = [asdict(stride) for stride in analysis.strides]
    bouts = [asdict(bout) for bout in analysis.bouts]
    plot = walk_plot(strides, bouts, title=recording.name)
    events_csv, strides_csv = write_csv(analysis, out)
    _write_whole(out / "walk.svg", plot)
    _say(headline(summarise(strides, bouts)))
    _say(f"written: {events_csv}, {strides_csv}, {out / 'walk.svg'}")


def _write_whole(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


@app.command()
def evaluate(
    data: Annotated[
        Path, typer.Argument(envvar="HEELFIRST_DATA", help="Folder of the reference recordings.")
    ] = Path("../shared/data"),
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
) -> None:
    """Hold the kernel against motion capture, a vendor's steps and strides with known drags.

    Exit code 1: a goal was missed; the table says which and why.
    """
    from rich.console import Console

    from edge.evaluate import evaluate as run
    from edge.evaluate import render, to_json
    from hw.research import read_folder

    with _progress("evaluating") as update:
        figures = run(read_folder(data), update)
    if json:
        _say(to_json(figures))
    else:
        console = Console()
        console.print(render(figures), width=max(console.width, TABLE_WIDTH))
    if any(figure.reached is False for figure in figures):
        raise typer.Exit(EXIT_FAILED)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the messages on the wire."""
    import json

    from edge import wire

    _say(json.dumps(wire.schema(), indent=2, sort_keys=True))


@app.command()
def config(
    room: Annotated[Literal["agent", "pipeline"], typer.Argument(help="Whose configuration.")],
) -> None:
    """Print a commented configuration with every default, to start from."""
    from importlib import resources

    package = {"agent": "edge", "pipeline": "pipeline"}[room]
    _say(resources.files(package).joinpath("sample.toml").read_text(encoding="utf-8"))


# -- services -----------------------------------------------------------------------------------


@app.command()
def agent(config: AgentFile = None, verbose: Verbose = False) -> None:
    """Run the agent: samples in, events out, until Ctrl-C or SIGTERM."""
    from edge.config import AgentConfig, load

    settings = load(config) if config else AgentConfig()
    _log(verbose)
    asyncio.run(_run_agent(settings))


async def _run_agent(settings: "AgentConfig") -> None:
    from edge.agent import assemble
    from edge.clock import machine_clock_name
    from edge.cues import Conditions
    from edge.watchdog import CountedSource, Watchdog
    from hw.clock import SystemClock

    clock = SystemClock(settings.trust_wall_clock)
    counted = CountedSource(_open_source(settings, clock))
    source, calibrated = _calibrated(settings, counted, clock)

    def conditions(side: "Side") -> "Conditions":
        state = running.state
        return Conditions(state.foot(side).last_sample_ns, state.worn, calibrated)

    with _cueing(settings, clock, conditions) as cueing:
        running = assemble(
            settings,
            source,
            clock,
            clock_name=machine_clock_name(),
            version=VERSION,
            observer=cueing.observe if cueing else None,
        )
        running.handle_signals()
        watching = asyncio.create_task(Watchdog(_stages(counted, running.state)).run())
        try:
            await running.run()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


def _calibrated(
    settings: "AgentConfig", source: "Source", clock: "Clock"
) -> tuple["Source", bool | None]:
    """Apply the device's calibration; None: there is none that can be trusted."""
    if settings.source.driver in ("virtual", "replay"):
        return source, True
    from hw.calibration import CalibratedSource

    found = _calibrations(settings).find(
        _calibration_key(settings), source.profile, clock.wall_ns()
    )
    if found.problem:
        logging.getLogger(__name__).warning("no cues: %s", found.detail)
    if found.calibration is None:
        return source, None
    return CalibratedSource(source, found.calibration), None if found.problem else True


def _calibrations(settings: "AgentConfig") -> "CalibrationStore":
    from hw.calibration import CalibrationStore

    return CalibrationStore(Path(settings.state.dir) / "calibrations")


def _calibration_key(settings: "AgentConfig") -> "CalibrationKey":
    from hw.calibration import CalibrationKey

    return CalibrationKey(settings.device, settings.source.shoe)


@app.command()
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
    path = _calibrations(settings).save(calibration)
    _say(f"written: {path}")


async def _calibrate(settings: "AgentConfig", weight_kg: float | None) -> "Calibration":
    from hw.calibration import GuidedCalibration, run_calibration
    from hw.clock import SystemClock
    from hw.registry import CELLS

    clock = SystemClock(settings.trust_wall_clock)
    source = _open_source(settings, clock)
    weight_n = None if weight_kg is None else 9.80665 * weight_kg
    session = GuidedCalibration(
        source.profile,
        _calibration_key(settings),
        body_weight_n=weight_n,
        **CELLS.get(settings.source.driver, {}),
    )
    bell = {"good": "\a", "bad": "\a\a"}

    def tone(kind: str) -> None:
        typer.echo(bell[kind], nl=False)

    with _progress("calibrating") as update:
        return await run_calibration(session, source, clock, _say, tone, update)


def _stages(source: "CountedSource", state: "AgentState") -> dict[str, "Stage"]:
    """What must move while the agent is well; a device that is switched off is no hang."""
    from edge.watchdog import Stage

    def detected() -> int:
        refused = state.blocks_refused + state.source_failures
        return state.left.samples + state.right.samples + refused

    return {
        "reader": Stage(lambda: source.read + state.source_failures, lambda: source.silent),
        "detector": Stage(detected, lambda: source.silent),
        "committer": Stage(lambda: state.commit_rounds),
    }


@contextmanager
def _cueing(
    settings: "AgentConfig", clock: "Clock", conditions: "Callable[[Side], Conditions]"
) -> "Iterator[Cueing | None]":
    """Open the outputs and the mute button; None without cues, also where a pin cannot be used."""
    if not settings.cues.enabled:
        yield None
        return
    from edge.cueing import Cueing
    from hw.outputs import OutputError, OutputSettings, open_outputs, watch_button

    names = ("buzzer_pin", "vibration_pin", "led_pin", "vibration_strength", "sound")
    chosen = OutputSettings(**{name: getattr(settings.cues, name) for name in names})
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        cueing = None
        try:
            note = Path(settings.state.dir) / PINS_NOTE
            outputs = stack.enter_context(open_outputs(chosen, note))
            cueing = Cueing(settings.cues, settings.affected, clock, outputs, conditions)
            stack.callback(cueing.close)
            if settings.cues.mute_pin:
                press = cueing.press_mute
                pressed = watch_button(
                    settings.cues.mute_pin, lambda: loop.call_soon_threadsafe(press)
                )
                stack.enter_context(pressed)
        except OutputError as error:
            logging.getLogger(__name__).warning("no cues: %s", error)
            cueing = None
        yield cueing


def _open_source(settings: "AgentConfig", clock: "Clock") -> "Source":
    from hw.registry import SourceSettings, open_source

    named = settings.source
    chosen = SourceSettings(
        path=Path(named.path) if named.path else None,
        profile=Path(named.profile) if named.profile else None,
        affected="right" if settings.affected == "right" else "left",
        left=named.left,
        right=named.right,
        mode=named.mode,
        port=named.port,
        bus=named.bus,
        adapter=named.adapter,
    )
    return open_source(named.driver, chosen, clock)


@app.command()
def pipeline(config: PipelineFile = None, verbose: Verbose = False) -> None:
    """Run the pipeline: MQTT in, database out, until Ctrl-C or SIGTERM."""
    from pipeline.config import PipelineConfig, load

    settings = load(config) if config else PipelineConfig()
    _log(verbose)
    asyncio.run(_run_pipeline(settings))


async def _run_pipeline(settings: "PipelineConfig") -> None:
    async with _open_pipeline(settings) as (ingest, _store, _registry):
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, ingest.stop)
        await ingest.run()


@asynccontextmanager
async def _open_pipeline(
    settings: "PipelineConfig",
) -> AsyncIterator[tuple["Ingest", "Store", "Registry"]]:
    from pipeline.ingest import Ingest
    from pipeline.link import MqttLink
    from pipeline.registry import Registry
    from pipeline.store import open_store

    store = open_store(settings.store)
    registry = Registry(settings.registry.path, settings.registry.quarantine_events)
    try:
        yield Ingest(settings, store, registry, MqttLink(settings.broker)), store, registry
    finally:
        await registry.close()
        await store.close()


def _log(verbose: bool) -> None:
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


# -- devices ------------------------------------------------------------------------------------

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
    _say(f"written: {config}, [source] driver = {values['driver']}")


def _scan(seconds: float) -> "Findings":
    from hw.clock import SystemClock
    from hw.discovery import discover, machine_probes

    return asyncio.run(discover(machine_probes(SystemClock(), seconds)))


def _show_findings(findings: "Findings") -> None:
    for found in findings.devices:
        sides = ", ".join(found.sides) or "?"
        signal = "" if found.rssi_dbm is None else f"{found.rssi_dbm} dBm"
        battery = found.battery or "?"
        _say(
            f"{found.driver:12} {found.name:12} {found.address:20} {sides:12} "
            f"battery {battery:6} {signal}".rstrip()
        )
    for note in findings.notes:
        typer.echo(f"{note.where}: {note.text}", err=True)


@app.command("outputs-off")
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
    _say(f"low: {', '.join(f'GPIO {pin}' for pin in pins) or 'no pin is in use'}")


# -- the demo -----------------------------------------------------------------------------------


@app.command()
def demo(
    replay: Annotated[Path | None, typer.Option(help="Walk this recording.")] = None,
    profile: Annotated[Path | None, typer.Option(help="TOML of the recording's device.")] = None,
    patient: Annotated[
        Literal["healthy", "mild", "moderate", "severe"],
        typer.Option(help="How much foot drop the virtual patient has."),
    ] = "moderate",
    device: Annotated[
        str,
        typer.Option(
            help="Through this device's driver on simulated hardware: orphe (by bleak and a "
            "simulated Bluetooth stack), openfoot, moticon_udp, lsm6dsox, mcp3208."
        ),
    ] = "",
    affected: Affected = "left",
    seed: Annotated[int, typer.Option(help="Another seed, another walk.")] = 1,
    seconds: Annotated[float, typer.Option(min=1, help="The virtual patient walks so long.")] = 60,
    speed: Annotated[float, typer.Option(min=0.1, max=100, help="1 is real time.")] = 1,
    broker: Annotated[str, typer.Option(help="HOST:PORT; empty: a broker in the process.")] = "",
    influx: Annotated[
        str,
        typer.Option(
            help="http://HOST:PORT/DATABASE; InfluxDB 1.x, or with HEELFIRST_STORE_TOKEN set 2.x"
            " and 3. Empty: SQLite in the folder."
        ),
    ] = "",
    out: Annotated[Path, typer.Option(help="Where each walk gets a folder.")] = Path("out"),
    picture: Annotated[Path | None, typer.Option(help="Save the last view as SVG.")] = None,
) -> None:
    """Walk a virtual patient or a recording through kernel, broker, pipeline and store."""
    from hw.clock import ScaledClock, SystemClock

    _log(verbose=False)
    real = bool(device) and speed == 1  # unmodified bleak knows the machine's clock only
    clock: Clock = SystemClock(trust_wall=True) if real else ScaledClock(speed, time.time_ns())
    source, title, length_s = _demo_source(
        replay, profile, patient, device, affected, seed, seconds, clock
    )
    folder = out / datetime.now().strftime("walk-%Y%m%d-%H%M%S")
    asyncio.run(_demo(source, title, length_s, clock, affected, broker, influx, folder, picture))


def _demo_source(
    replay: Path | None,
    profile: Path | None,
    patient: str,
    device: str,
    affected: AffectedLeg,
    seed: int,
    seconds: float,
    clock: "Clock",
) -> tuple["AbstractAsyncContextManager[Source]", str, float]:
    """Return what walks, its name for people, and how long it takes [s]."""
    from hw.registry import DEVICE_NAMES, SourceSettings, open_source, simulate

    if device and device not in DEVICE_NAMES:
        raise _fail(f"--device {device!r}: give one of {', '.join(DEVICE_NAMES)}", EXIT_BAD_INPUT)
    leg: Literal["left", "right"] = "right" if affected == "right" else "left"
    worn = f" in {device}" if device else ""
    if replay is not None:
        from hw.replay import Replay, read

        recording = read(replay, profile)
        times = [foot.time_ns for foot in recording.feet.values()]
        length_s = float((max(t[-1] for t in times) - min(t[0] for t in times)) / 1e9)
        if device:
            opened = simulate(device, SourceSettings(seconds=length_s), clock, recording)
            return opened, replay.name + worn, length_s
        return nullcontext(Replay(recording, clock)), replay.name, length_s
    settings = SourceSettings(preset=patient, affected=leg, seed=seed, seconds=seconds)
    title = f"virtual patient, {patient}{worn}"
    if device:
        return simulate(device, settings, clock), title, seconds
    return nullcontext(open_source("virtual", settings, clock)), title, seconds


async def _demo(
    opened: "AbstractAsyncContextManager[Source]",
    title: str,
    length_s: float,
    clock: "Clock",
    affected: AffectedLeg,
    broker: str,
    influx: str,
    folder: Path,
    picture: Path | None,
) -> None:
    from edge.agent import assemble
    from edge.live import LiveView
    from pipeline.embedded import embedded_broker

    async with AsyncExitStack() as stack:
        place = broker or f"127.0.0.1:{await stack.enter_async_context(embedded_broker())}"
        agent_config, pipeline_config = _demo_configs(place, bool(broker), influx, affected, folder)
        ingest, store, registry = await stack.enter_async_context(_open_pipeline(pipeline_config))
        await store.check()
        patient = await registry.add_patient("demo")
        await registry.assign(agent_config.device, patient)
        source = await stack.enter_async_context(opened)
        agent = assemble(agent_config, source, clock, version=VERSION, once=True)
        agent.handle_signals()
        start_ns = clock.wall_ns() or 0
        ingesting = asyncio.create_task(ingest.run())
        try:
            view = LiveView(agent.state, title, lambda: _delivery(ingest.state))
            await view.show_until(asyncio.create_task(agent.run()), clock, length_s)
        finally:
            ingest.stop()
            await ingesting
        if picture is not None:
            view.save(picture)
        await _demo_result(store, patient, (start_ns, (clock.wall_ns() or 0) + 1), title, folder)
        _say(_demo_account(agent.state, ingest.state, folder))


def _demo_configs(
    broker: str, real_broker: bool, influx: str, affected: AffectedLeg, folder: Path
) -> tuple["AgentConfig", "PipelineConfig"]:
    """Return both rooms' settings for one walk, everything below its folder, which is made."""
    from edge import config as edge
    from pipeline import config as pipeline

    host, _, port = broker.rpartition(":")
    if not host or not port.isdigit():
        raise _fail(f"--broker {broker!r}: give HOST:PORT, such as 127.0.0.1:1883", EXIT_BAD_INPUT)
    address: Any = {
        "host": host,
        "port": int(port),
        "protocol": "5" if real_broker else "3.1.1",
    }
    device = f"demo-{secrets.token_hex(4)}"
    agent_config = edge.AgentConfig(
        device=device,
        affected=affected,
        broker=edge.BrokerConfig(**address),
        state=edge.StateConfig(dir=str(folder)),
    )
    pipeline_config = pipeline.PipelineConfig(
        broker=pipeline.BrokerConfig(
            **address, client_id=f"{device}-pipeline", persistent_session=False
        ),
        store=pipeline.StoreConfig(**_demo_store(influx, folder)),
        registry=pipeline.RegistryConfig(path=str(folder / "registry.db")),
        deadletter=pipeline.DeadLetterConfig(path=str(folder / "deadletters")),
    )
    folder.mkdir(parents=True, exist_ok=True)
    return agent_config, pipeline_config


def _demo_store(influx: str, folder: Path) -> dict[str, Any]:
    if not influx:
        return {"kind": "sqlite", "path": str(folder / "store.db")}
    url, _, database = influx.rstrip("/").rpartition("/")
    if not url.startswith(("http://", "https://")):
        raise _fail(f"--influx {influx!r}: give http://HOST:PORT/DATABASE", EXIT_BAD_INPUT)
    if "HEELFIRST_STORE_TOKEN" in os.environ:
        return {"kind": "influx2", "url": url, "bucket": database}
    return {"kind": "influx1", "url": url, "database": database}


def _delivery(state: "IngestState") -> "Delivery":
    from edge.live import Delivery

    return Delivery(state.stored, state.problem, "the store")


async def _demo_result(
    store: "Store", patient: str, span_ns: tuple[int, int], title: str, folder: Path
) -> None:
    """Say from the store what was found, and leave one page."""
    from pipeline.page import headline, make_page
    from pipeline.summary import summarise

    start_ns, stop_ns = span_ns
    strides = await store.read("stride", patient=patient, start_ns=start_ns, stop_ns=stop_ns)
    page = folder / "walk.html"
    _write_whole(page, await make_page(store, patient, start_ns, stop_ns, title))
    _say(headline(summarise(strides)))
    _say(f"page: {page}")


def _demo_account(state: "AgentState", ingest: "IngestState", folder: Path) -> str:
    text = (
        f"{state.committed} events committed, {ingest.stored} stored, "
        f"{state.receipted} receipted, {state.waiting} waiting"
    )
    if state.waiting:
        text += f"\nwhat waits is in {folder / 'outbox.db'}; nothing is lost"
    return text


# -- looking after it ---------------------------------------------------------------------------


@app.command()
def doctor(
    agent: Annotated[Path | None, typer.Option(help="The agent's TOML.")] = None,
    pipeline: Annotated[Path | None, typer.Option(help="The pipeline's TOML.")] = None,
) -> None:
    """Examine clock, disk, device, broker, store and registry; say what to do.

    Without a file both sides are examined with their defaults. Exit code 1: something is ill.
    """
    if not asyncio.run(_examine(agent, pipeline)):
        raise typer.Exit(EXIT_FAILED)


async def _examine(agent_file: Path | None, pipeline_file: Path | None) -> bool:
    both = agent_file is None and pipeline_file is None
    well = True
    if agent_file or both:
        well &= await _print_findings("agent", _agent_findings(agent_file))
    if pipeline_file or both:
        well &= await _print_findings("pipeline", _pipeline_findings(pipeline_file))
    return well


def _agent_findings(file: Path | None) -> "AsyncIterator[Finding]":
    from edge.config import AgentConfig, load
    from edge.doctor import examine
    from hw.clock import SystemClock

    settings = load(file) if file else AgentConfig()
    clock = SystemClock(settings.trust_wall_clock)
    return examine(settings, clock, lambda: _open_source(settings, clock))


def _pipeline_findings(file: Path | None) -> "AsyncIterator[Finding]":
    from pipeline.config import PipelineConfig, load
    from pipeline.doctor import examine

    return examine(load(file) if file else PipelineConfig())


async def _print_findings(room: str, findings: "AsyncIterator[Finding]") -> bool:
    colours = {"well": "green", "doubtful": "yellow", "ill": "red"}
    well = True
    async for subject, verdict, text in findings:
        well &= verdict != "ill"
        _say(f"{room:8} {subject:8} {typer.style(f'{verdict:8}', fg=colours[verdict])} {text}")
    return well


@app.command()
def bench(
    seconds: Annotated[float, typer.Option(min=5, help="How long the agent is measured.")] = 20,
) -> None:
    """Measure the kernel's frames per second and the agent's CPU, memory and latency.

    Exit code 1: a goal was missed.
    """
    from edge.bench import run

    if not run(seconds, _say):
        raise typer.Exit(EXIT_FAILED)


def main() -> None:
    """Run the command line; a room's own error is one line and exit code 2, no traceback."""
    try:
        app()
    except ModuleNotFoundError as error:
        remedy = "pip install 'heelfirst[edge,pipeline,report]'"
        _leave(f"{error.name} is not installed: {remedy}", EXIT_FAILED)
    except Exception as error:
        if not isinstance(error, (OSError, *_room_errors())):
            raise  # a defect: the traceback is wanted
        _leave(str(error), EXIT_BAD_INPUT)


def _leave(text: str, code: int) -> NoReturn:
    typer.echo(f"heelfirst: {text}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
