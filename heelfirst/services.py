"""The two services: agent and pipeline, and what goes with the pipeline."""

import asyncio

import typer

from heelfirst.agent_process import run_agent
from heelfirst.console import AgentFile, PipelineFile, Verbose
from heelfirst.logs import start_logging
from heelfirst.pipeline_process import run_pipeline
from pipeline.rollup.commands import rollup
from pipeline.service_commands import deadletters
from pipeline.setup.commands import setup

__all__ = ["commands", "pipeline"]

commands = typer.Typer()
pipeline = typer.Typer(help="The pipeline: MQTT in, database, rollups and alerts out.")
pipeline.add_typer(deadletters, name="deadletters")
pipeline.command("setup")(setup)
pipeline.command("rollup")(rollup)


@commands.command()
def agent(config: AgentFile = None, verbose: Verbose = False) -> None:
    """Run the agent: samples in, events out, until Ctrl-C or SIGTERM."""
    from edge.config import AgentConfig, load

    settings = load(config) if config else AgentConfig()
    start_logging(settings.log, verbose)
    asyncio.run(run_agent(settings))


@pipeline.callback(invoke_without_command=True)
def run(context: typer.Context, config: PipelineFile = None, verbose: Verbose = False) -> None:
    """Run the pipeline: MQTT in; database, rollups and alerts out; until Ctrl-C or SIGTERM."""
    if context.invoked_subcommand is not None:
        return
    from pipeline.config import PipelineConfig, load

    settings = load(config) if config else PipelineConfig()
    start_logging(settings.log, verbose)
    asyncio.run(run_pipeline(settings))
