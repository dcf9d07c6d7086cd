"""This room's part of the command line: who may talk to the clinic's servers.

Imports are inside the commands, so that `heelfirst --help` answers at once.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["provision"]

provision = typer.Typer(
    help="A clinic's authority, broker files and device certificates.", no_args_is_help=True
)

ClinicFolder = Annotated[Path, typer.Option("--clinic", help="The clinic's folder.")]
CLINIC = Path("/var/lib/heelfirst-clinic")


@provision.command("clinic")
def make_clinic(
    name: Annotated[str, typer.Argument(help="The authority's name; every device sees it.")],
    host: Annotated[list[str], typer.Option(help="The broker's host name; may be repeated.")],
    port: Annotated[int, typer.Option(help="Of the TLS listener.")] = 8883,
    broker_files: Annotated[
        str, typer.Option(help="Folder for mosquitto's files, such as /etc/mosquitto/heelfirst.")
    ] = "",
    clinic: ClinicFolder = CLINIC,
) -> None:
    """Make the authority, mosquitto's configuration and the pipeline's certificate."""
    from pipeline.provision import BrokerSettings, Clinic

    settings = BrokerSettings(hosts=tuple(host), port=port, folder=broker_files)
    made = Clinic.create(clinic, name, settings)
    typer.echo(f"clinic: {clinic}, authority {made.fingerprint}")
    typer.echo(f"mosquitto: {Path(made.settings.folder) / 'mosquitto.conf'}")
    typer.echo(f"pipeline: {clinic / 'services' / 'service.pipeline'} for its [broker.tls]")
    typer.echo(f"now back up {clinic / 'authority' / 'ca.key'} offline")


@provision.command("token")
def make_token(device: str, clinic: ClinicFolder = CLINIC) -> None:
    """Print a token that lets one Pi enrol as this device: once, within 15 minutes."""
    from pipeline.provision import Clinic

    typer.echo(Clinic(clinic).make_token(device).text)


@provision.command("enrol")
def sign_request(
    request: Annotated[Path, typer.Argument(help="What `heelfirst enrol` made on the Pi.")],
    answer: Annotated[Path, typer.Argument(help="Where the answer for the Pi goes.")],
    renew: Annotated[bool, typer.Option(help="A renewal: vouched for by the present key.")] = False,
    clinic: ClinicFolder = CLINIC,
) -> None:
    """Check a device's request and sign its certificate."""
    from pipeline.provision import Clinic

    office = Clinic(clinic)
    data = request.read_bytes()
    answer.write_bytes(office.renew(data) if renew else office.enrol(data))
    typer.echo(f"answer: {answer}; on the Pi: heelfirst enrol install DEVICE {answer.name}")


@provision.command("revoke")
def revoke(name: str, clinic: ClinicFolder = CLINIC) -> None:
    """Shut a device or service out: refused, and its session over, when this returns."""
    from pipeline.provision import Clinic

    revocation = asyncio.run(Clinic(clinic).revoke(name))
    typer.echo(f"{revocation.name}: {len(revocation.serials)} certificates revoked")


@provision.command("reload")
def reload_broker(clinic: ClinicFolder = CLINIC) -> None:
    """Let mosquitto read its lists again and forget TLS sessions; for an hourly timer."""
    from pipeline.provision import Clinic

    Clinic(clinic).reload()


@provision.command("list")
def list_certificates(clinic: ClinicFolder = CLINIC) -> None:
    """List what was issued: name, until when, revoked or not."""
    from rich.console import Console
    from rich.table import Table

    from pipeline.provision import Clinic

    table = Table("name", "until", "revoked")
    for issued in Clinic(clinic).issued():
        revoked = issued.revoked.strftime("%Y-%m-%d %H:%M") if issued.revoked else ""
        table.add_row(issued.name, issued.expires.strftime("%Y-%m-%d %H:%M"), revoked)
    Console().print(table)
