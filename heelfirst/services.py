"""The two services: agent and pipeline."""

import asyncio

import typer

from heelfirst.console import AgentFile, PipelineFile, Verbose, log_to_stderr
from heelfirst.running import run_agent, run_pipeline

__all__ = ["commands"]

commands = typer.Typer()


@commands.command()
def agent(config: AgentFile = None, verbose: Verbose = False) -> None:
    """Run the agent: samples in, events out, until Ctrl-C or SIGTERM."""
    from edge.config import AgentConfig, load

    settings = load(config) if config else AgentConfig()
    log_to_stderr(verbose)
    asyncio.run(run_agent(settings))


@commands.command()
def pipeline(config: PipelineFile = None, verbose: Verbose = False) -> None:
    """Run the pipeline: MQTT in, database out, until Ctrl-C or SIGTERM."""
    from pipeline.config import PipelineConfig, load

    settings = load(config) if config else PipelineConfig()
    log_to_stderr(verbose)
    asyncio.run(run_pipeline(settings))
