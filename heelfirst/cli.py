"""The application: every command, and what becomes of an error."""

import sys
from typing import NoReturn

import typer

from edge.commands import enrol
from edge.page.commands import page
from grafana.commands import dashboards
from heelfirst import demo, devices, recordings, services, upkeep
from heelfirst.console import EXIT_BAD_INPUT, EXIT_FAILED
from pipeline.care.commands import patients
from pipeline.commands import provision
from pipeline.export.commands import add_commands
from pipeline.notify.commands import alerts
from pipeline.report.commands import report
from pipeline.service_commands import journal

__all__ = ["app", "main"]

ABOUT = """Home monitoring of foot drop: toe-first contact, toe drag and trip risk.

Not a medical device: no diagnosis, no fall alarm, no stimulation."""

app = typer.Typer(help=ABOUT, no_args_is_help=True, pretty_exceptions_enable=False)
for room in (recordings, services, devices, demo, upkeep):
    app.add_typer(room.commands)
add_commands(patients)
app.command()(report)
app.add_typer(services.pipeline, name="pipeline")
app.add_typer(devices.devices, name="devices")
app.add_typer(patients, name="patients")
app.add_typer(alerts, name="alerts")
app.add_typer(dashboards, name="dashboards")
app.add_typer(page, name="page")
app.add_typer(journal, name="journal")
app.add_typer(provision, name="provision")
app.add_typer(enrol, name="enrol")


def _room_errors() -> tuple[type[Exception], ...]:
    """The error root of each room that was imported."""
    roots = {
        "hw.source": "HwError",
        "kernels.errors": "KernelError",
        "edge.errors": "EdgeError",
        "pipeline.errors": "PipelineError",
        "grafana.errors": "GrafanaError",
    }
    found = (getattr(sys.modules.get(module), root, None) for module, root in roots.items())
    return tuple(root for root in found if root is not None)


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
