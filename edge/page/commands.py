"""The page's part of the command line."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["page"]

page = typer.Typer(no_args_is_help=True, help="The patient's page: connect and disconnect screens.")

AgentFile = Annotated[Path | None, typer.Option("--config", help="The agent's TOML; see `config`.")]


def _folder(config: Path | None) -> Path:
    from edge.config import AgentConfig, load

    return Path((load(config) if config else AgentConfig()).state.dir)


@page.command("code")
def code(config: AgentFile = None) -> None:
    """Show a new code for one more screen; it can be used for an hour, the one before is void."""
    from edge.page.pairing import new_code

    typer.echo(new_code(_folder(config)))


@page.command("unpair")
def unpair_all(config: AgentFile = None) -> None:
    """Disconnect every screen; each needs a code again."""
    from edge.page.pairing import unpair

    unpair(_folder(config))
    typer.echo("every screen is disconnected; connect them again with: heelfirst page code")


@page.command("pictures")
def pictures(
    out: Annotated[Path, typer.Argument(help="Folder for the pictures.")] = Path("out/page"),
) -> None:
    """Take pictures of every screen in Chromium, in phone and tablet size, with made-up data."""
    import asyncio

    from edge.page.screenshots import take

    out.mkdir(parents=True, exist_ok=True)
    asyncio.run(take(out, typer.echo))
