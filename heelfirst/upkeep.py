"""Looking after it: what is ill, and how fast it is."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from heelfirst.agent_process import device_source, output_settings
from heelfirst.console import EXIT_FAILED, say

if TYPE_CHECKING:
    from edge.doctor import Finding

__all__ = ["commands"]

commands = typer.Typer()


@commands.command()
def doctor(
    agent: Annotated[Path | None, typer.Option(help="The agent's TOML.")] = None,
    pipeline: Annotated[Path | None, typer.Option(help="The pipeline's TOML.")] = None,
) -> None:
    """Examine both sides, from the clock to the journal; say what is wrong and what to do.

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
    from hw.outputs.probe import problems

    settings = load(file) if file else AgentConfig()
    clock = SystemClock(settings.trust_wall_clock)
    return examine(
        settings,
        clock,
        lambda: device_source(settings, clock),
        lambda: problems(output_settings(settings)),
    )


def _pipeline_findings(file: Path | None) -> "AsyncIterator[Finding]":
    from pipeline.config import PipelineConfig, load
    from pipeline.doctor import examine

    return examine(load(file) if file else PipelineConfig())


async def _print_findings(room: str, findings: "AsyncIterator[Finding]") -> bool:
    colours = {"well": "green", "doubtful": "yellow", "ill": "red"}
    well = True
    async for subject, verdict, text in findings:
        well &= verdict != "ill"
        say(f"{room:8} {subject:8} {typer.style(f'{verdict:8}', fg=colours[verdict])} {text}")
    return well


@commands.command()
def bench(
    seconds: Annotated[float, typer.Option(min=5, help="How long the agent is measured.")] = 20,
) -> None:
    """Measure the kernel's frames per second and the agent's CPU, memory and latency.

    Exit code 1: a goal was missed.
    """
    from edge.bench import run

    if not run(seconds, say):
        raise typer.Exit(EXIT_FAILED)
