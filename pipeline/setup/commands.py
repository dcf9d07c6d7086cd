"""`heelfirst pipeline setup`: databases, retention and accounts.

Imports are inside the command, so that `heelfirst --help` answers at once.
"""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["setup"]

WORDS = {True: "made", False: "there", None: "set"}
"""Before each step; what is left to be set stands in the pipeline's TOML."""


def setup(
    secrets: Annotated[
        Path, typer.Option(help="Folder of the passwords or tokens; mode 0600 each.")
    ] = Path("/var/lib/heelfirst/secrets"),
    keep_days: Annotated[
        int, typer.Option(min=0, help="Events are kept so long, 0: for good; rollups always are.")
    ] = 400,
    admin: Annotated[str, typer.Option(help="The administrator's name.")] = "admin",
    admin_file: Annotated[
        Path | None,
        typer.Option(help="The administrator's password (1.x) or token; else one is made."),
    ] = None,
    rotate: Annotated[bool, typer.Option(help="Give existing accounts new secrets.")] = False,
    config: Annotated[
        Path | None, typer.Option("--config", help="The pipeline's TOML; see `heelfirst config`.")
    ] = None,
) -> None:
    """Make databases, retention and accounts for events and rollups, and say what was done.

    May be run again at any time: what is there stays. No secret is printed.
    """
    from pipeline.config import PipelineConfig, load
    from pipeline.setup.making import set_up
    from pipeline.setup.step import Options

    settings = load(config) if config else PipelineConfig()
    options = Options(admin, admin_file, keep_days, rotate)
    made = 0
    for step in set_up(settings, secrets, options):
        made += step.is_new is True
        typer.echo(f"{WORDS[step.is_new]:6} {step.text}")
    typer.echo(f"{made} made; nothing else was changed" if made else "all was there already")
