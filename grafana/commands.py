"""This room's part of the command line.

Imports are inside the commands, so that `heelfirst --help` answers at once.
"""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["dashboards"]

dashboards = typer.Typer(help="Grafana's dashboards, data sources and alert rules.")


@dashboards.command("build")
def build_files() -> None:
    """Write the dashboards and provisioning files of grafana/ from the code (for developers)."""
    from grafana.build import HERE, write

    changed = write()
    for path in changed:
        typer.echo(f"{HERE / path}: written")
    typer.echo(f"{len(changed)} files changed")


@dashboards.command("check")
def check_files() -> None:
    """Say whether the files of grafana/ are what the code builds; exit code 1 where not."""
    from grafana.build import check
    from grafana.errors import StaleFilesError

    try:
        check()
    except StaleFilesError as error:
        typer.echo(f"heelfirst: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo("the files of grafana/ are what the code builds")


@dashboards.command("provision")
def provision_clinic(
    name: Annotated[str, typer.Argument(help="The clinic; names the files.")],
    out: Annotated[Path, typer.Option(help="Grafana's provisioning folder.")] = Path(
        "/etc/grafana/provisioning"
    ),
    dashboards_in: Annotated[
        Path, typer.Option(help="Where the dashboards are put, for Grafana to read.")
    ] = Path("/etc/heelfirst/grafana/dashboards"),
    org: Annotated[int, typer.Option(min=1, help="Grafana's organisation; has to exist.")] = 1,
    influx: Annotated[int, typer.Option(min=1, max=3, help="InfluxDB's generation.")] = 2,
    url: Annotated[str, typer.Option(help="Where InfluxDB listens.")] = "http://127.0.0.1:8086",
    events: Annotated[str, typer.Option(help="Database or bucket of the events.")] = "gait",
    rollups: Annotated[str, typer.Option(help="And of the rollups.")] = "gait_rollups",
    events_secret: Annotated[
        str, typer.Option(help="File of the token (2, 3) or password (1) that reads the events.")
    ] = "",
    rollups_secret: Annotated[str, typer.Option(help="And of the one for the rollups.")] = "",
    mail: Annotated[str, typer.Option(help="Therapists' addresses, separated by ;")] = (
        "root@localhost"
    ),
    allow_plaintext: Annotated[
        bool, typer.Option(help="http beyond loopback: in a closed network only.")
    ] = False,
    zone: Annotated[str, typer.Option(help="Time zone of the quiet hours (22 to 7).")] = "UTC",
) -> None:
    """Write one clinic's data sources, dashboards and alert rules into Grafana's folders."""
    from grafana.install import install
    from grafana.provisioning import Clinic

    kind = "influx1-{}.password" if influx == 1 else "influx2-{}.token"
    secrets = Path("/etc/heelfirst/grafana")
    clinic = Clinic(
        name,
        org,
        1 if influx == 1 else 2,
        url,
        events,
        rollups,
        events_secret or str(secrets / kind.format("dashboards")),
        rollups_secret or str(secrets / kind.format("daily")),
        mail=mail,
        zone=zone,
        dashboards=str(dashboards_in),
        allow_plaintext=allow_plaintext,
    )
    for path in install(clinic, out, dashboards_in):
        typer.echo(str(path))
    typer.echo("now: systemctl restart grafana-server")
