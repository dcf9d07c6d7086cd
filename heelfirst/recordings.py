"""Commands on recordings, and what is printed for others to start from."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from heelfirst.console import EXIT_FAILED, Affected, progress, say, write_whole

__all__ = ["commands"]

TABLE_WIDTH = 130
commands = typer.Typer()


@commands.command()
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
    with progress(f"analysing {recording.name}") as update:
        analysis = run(walk, affected=affected, progress=update)
    strides = [asdict(stride) for stride in analysis.strides]
    bouts = [asdict(bout) for bout in analysis.bouts]
    plot = walk_plot(strides, bouts, title=recording.name)
    events_csv, strides_csv = write_csv(analysis, out)
    write_whole(out / "walk.svg", plot)
    say(headline(summarise(strides, bouts)))
    say(f"written: {events_csv}, {strides_csv}, {out / 'walk.svg'}")


@commands.command()
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

    with progress("evaluating") as update:
        figures = run(read_folder(data), update)
    if json:
        say(to_json(figures))
    else:
        console = Console()
        console.print(render(figures), width=max(console.width, TABLE_WIDTH))
    if any(figure.reached is False for figure in figures):
        raise typer.Exit(EXIT_FAILED)


@commands.command()
def schema() -> None:
    """Print the JSON Schema of the messages on the wire."""
    import json

    from edge import wire

    say(json.dumps(wire.schema(), indent=2, sort_keys=True))


@commands.command()
def config(
    room: Annotated[Literal["agent", "pipeline"], typer.Argument(help="Whose configuration.")],
) -> None:
    """Print a commented configuration with every default, to start from."""
    from importlib import resources

    package = {"agent": "edge", "pipeline": "pipeline"}[room]
    say(resources.files(package).joinpath("sample.toml").read_text(encoding="utf-8"))
