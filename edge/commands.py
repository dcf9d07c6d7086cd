"""This room's part of the command line: the device's key and certificate.

Imports are inside the commands, so that `heelfirst --help` answers at once.
"""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["enrol"]

enrol = typer.Typer(
    help="This device's key, made and kept here, and its certificate.", no_args_is_help=True
)

Identity = Annotated[Path, typer.Option("--identity", help="Folder of the device's key.")]
IDENTITY = Path("/var/lib/heelfirst/identity")


@enrol.command("request")
def make_request(
    device: str,
    request: Annotated[Path, typer.Argument(help="Where the request for the clinic goes.")],
    renew: Annotated[bool, typer.Option(help="For the next certificate; needs no token.")] = False,
    identity: Identity = IDENTITY,
) -> None:
    """Make a key and a request; the clinic's token is asked for, or read from a pipe."""
    from edge.enrol import Identity as DeviceIdentity

    own = DeviceIdentity(identity, device)
    if renew:
        data = own.renew_request()
    else:
        data = own.enrol_request(typer.prompt("token", hide_input=True, err=True))
    request.touch(mode=0o600)
    request.write_bytes(data)
    typer.echo(f"request: {request}; bring it to the clinic: heelfirst provision enrol")


@enrol.command("install")
def install_answer(device: str, answer: Path, identity: Identity = IDENTITY) -> None:
    """Check the clinic's answer and use its certificate; print the lines for the agent's TOML."""
    from edge.enrol import Identity as DeviceIdentity

    paths = DeviceIdentity(identity, device).install(answer.read_bytes())
    typer.echo(f'[broker]\nhost = "{paths.broker_host}"\nport = {paths.broker_port}\n')
    typer.echo(f'[broker.tls]\nca = "{paths.ca}"\ncert = "{paths.cert}"\nkey = "{paths.key}"')
