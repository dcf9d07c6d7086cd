"""What all commands share: options, progress, exit codes, the version."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

__all__ = [
    "EXIT_BAD_INPUT",
    "EXIT_FAILED",
    "VERSION",
    "Affected",
    "AffectedLeg",
    "AgentFile",
    "PipelineFile",
    "Verbose",
    "fail",
    "log_to_stderr",
    "progress",
    "say",
    "write_whole",
]

VERSION = "0.1.0"
EXIT_FAILED = 1
EXIT_BAD_INPUT = 2

AffectedLeg = Literal["none", "left", "right", "both"]
Affected = Annotated[AffectedLeg, typer.Option(help="The leg with foot drop.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Log what is done, not only trouble.")]
AgentFile = Annotated[Path | None, typer.Option("--config", help="The agent's TOML; see `config`.")]
PipelineFile = Annotated[
    Path | None, typer.Option("--config", help="The pipeline's TOML; see `config`.")
]


def say(text: str) -> None:
    """Print a line of the result."""
    typer.echo(text)


def fail(text: str, code: int) -> typer.Exit:
    """Print what is wrong and return what to raise."""
    typer.echo(f"heelfirst: {text}", err=True)
    return typer.Exit(code)


@contextmanager
def progress(what: str) -> Iterator[Callable[[float], None]]:
    """Show a bar for work that takes a share from 0 to 1; silent where no person looks."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda share: bar.update(task, completed=share)


def write_whole(path: Path, text: str) -> None:
    """Write a file so that nobody ever sees half of it."""
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def log_to_stderr(verbose: bool) -> None:
    """Log trouble, or with `verbose` what is done."""
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
