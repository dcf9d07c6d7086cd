"""What Grafana reads at its start, for one clinic: one clinic is one organisation.

A dashboard variable is no access control: whoever may ask a data source may ask it anything. So
each clinic has an organisation of its own, with data sources of its own, that log in to databases
of its own with accounts that read those alone. The uids are the same in every organisation, and so
are the dashboards.

    datasources/NAME.yaml   events and rollups, InfluxQL over /query, secrets from files
    dashboards/NAME.yaml    where the dashboards lie
    alerting/NAME-*.yaml    rules, contact point, policy, quiet hours
"""

import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from grafana.errors import ClinicError
from grafana.files import Tree, yaml_text
from grafana.queries import EVENTS, ROLLUPS
from grafana.rules import FOLDER, rule_groups

__all__ = ["COMPOSE", "Clinic", "provisioning_files"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_ADDRESS: Final = re.compile(r"[^@\s;,]+@[^@\s;,]+|\$\{?[A-Z_]+\}?")
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
QUIET: Final = "quiet hours"


@dataclass(frozen=True)
class Clinic:
    """A clinic as Grafana knows it.

    Attributes
    ----------
    name : str
        Of the files: small letters, digits, dashes.
    org_id : int
        Grafana's organisation; it has to be there before Grafana reads the files.
    generation : {1, 2}
        InfluxDB 1.x with users and passwords; 2.x or 3 with tokens.
    url : str
        Where InfluxDB listens, seen from Grafana.
    events, rollups : str
        Database (1.x) or bucket (2.x) of either.
    events_secret, rollups_secret : str
        Files that hold the password or token, seen from Grafana.
    events_user, rollups_user : str
        1.x alone.
    mail : str
        Addresses of the therapists, separated by semicolons.
    zone : str
        Time zone of the quiet hours.
    dashboards : str
        Folder of the dashboards, seen from Grafana.
    allow_plaintext : bool
        http beyond loopback, in a closed network only: the secrets go over it.

    Raises
    ------
    ClinicError
        A name, number or address that cannot be.
    """

    name: str
    org_id: int = 1
    generation: Literal[1, 2] = 2
    url: str = "http://127.0.0.1:8086"
    events: str = "gait"
    rollups: str = "gait_rollups"
    events_secret: str = "/etc/heelfirst/grafana/influx2-dashboards.token"
    rollups_secret: str = "/etc/heelfirst/grafana/influx2-daily.token"
    events_user: str = "dashboards"
    rollups_user: str = "daily"
    mail: str = "root@localhost"
    zone: str = "UTC"
    dashboards: str = "/etc/heelfirst/grafana/dashboards"
    allow_plaintext: bool = False

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ClinicError(f"url {self.url!r}: give one such as https://influx.example:8086")
        safe = parts.scheme == "https" or parts.hostname in LOOPBACK or self.allow_plaintext
        if not safe:
            raise ClinicError(
                f"url {self.url!r} would carry secrets in plaintext: use https, or allow_plaintext "
                "in a closed network"
            )
        if not _NAME.fullmatch(self.name):
            raise ClinicError(f"clinic {self.name!r}: use small letters, digits and dashes")
        if self.org_id < 1:
            raise ClinicError(f"org_id {self.org_id}: Grafana's organisations begin at 1")
        addresses = [address.strip() for address in self.mail.split(";")]
        for address in addresses:
            if not _ADDRESS.fullmatch(address):
                raise ClinicError(f"mail {address!r} is no address; separate several by semicolons")
        if self.events == self.rollups:
            raise ClinicError(f"events and rollups are both {self.events!r}; they need one each")


COMPOSE: Final = Clinic(
    name="heelfirst",
    url="http://influxdb:8086",
    events_secret="/run/heelfirst/influx2-dashboards.token",
    rollups_secret="/run/heelfirst/influx2-daily.token",
    mail="${HEELFIRST_MAIL}",
    dashboards="/etc/heelfirst/dashboards",
    allow_plaintext=True,  # the network between the containers
)
"""The clinic of compose.yaml, whose files are committed. Grafana puts the environment into mail
addresses, but not into a time zone: another zone needs files of one's own (README.md)."""


def provisioning_files(clinic: Clinic) -> dict[str, str]:
    """Return the files by their path below Grafana's provisioning folder."""
    trees: dict[str, Tree] = {
        f"datasources/{clinic.name}.yaml": _datasources(clinic),
        f"dashboards/{clinic.name}.yaml": _provider(clinic),
        f"alerting/{clinic.name}-rules.yaml": rule_groups(clinic.org_id),
        f"alerting/{clinic.name}-notification.yaml": _notification(clinic),
    }
    return {path: yaml_text(tree) for path, tree in trees.items()}


def _datasources(clinic: Clinic) -> Tree:
    sources = (
        (EVENTS, "heelfirst events", clinic.events, clinic.events_user, clinic.events_secret),
        (ROLLUPS, "heelfirst rollups", clinic.rollups, clinic.rollups_user, clinic.rollups_secret),
    )
    return {"apiVersion": 1, "datasources": [_datasource(clinic, *source) for source in sources]}


def _datasource(clinic: Clinic, uid: str, name: str, database: str, user: str, secret: str) -> Tree:
    source: dict[str, Tree] = {
        "name": name,
        "uid": uid,
        "orgId": clinic.org_id,
        "type": "influxdb",
        "access": "proxy",
        "url": clinic.url,
        "database": database,
        "isDefault": uid == EVENTS,
        "editable": False,
    }
    common: dict[str, Tree] = {"version": "InfluxQL", "httpMode": "GET", "dbName": database}
    if clinic.generation == 1:
        source["user"] = user
        source["jsonData"] = common
        source["secureJsonData"] = {"password": f"$__file{{{secret}}}"}
    else:
        source["jsonData"] = {**common, "httpHeaderName1": "Authorization"}
        source["secureJsonData"] = {"httpHeaderValue1": f"Token $__file{{{secret}}}"}
    return source


def _provider(clinic: Clinic) -> Tree:
    provider: Tree = {
        "name": f"heelfirst {clinic.name}",
        "orgId": clinic.org_id,
        "folder": FOLDER,
        "type": "file",
        "disableDeletion": True,
        "allowUiUpdates": False,
        "updateIntervalSeconds": 60,
        "options": {"path": clinic.dashboards, "foldersFromFilesStructure": False},
    }
    return {"apiVersion": 1, "providers": [provider]}


def _notification(clinic: Clinic) -> Tree:
    org = clinic.org_id
    receiver = "heelfirst therapists"
    mail: Tree = {
        "uid": f"heelfirst-mail-{org}",
        "type": "email",
        "settings": {"addresses": clinic.mail, "singleEmail": True},
        "disableResolveMessage": False,
    }
    quiet: Tree = {
        "times": [
            {"start_time": "22:00", "end_time": "24:00"},
            {"start_time": "00:00", "end_time": "07:00"},
        ],
        "location": clinic.zone,
    }
    policy: Tree = {
        "orgId": org,
        "receiver": receiver,
        "group_by": ["grafana_folder", "alertname", "patient"],
        "group_wait": "30s",
        "group_interval": "5m",
        "repeat_interval": "4h",
        "routes": [_quiet_route(receiver, kind) for kind in ("gait", "technical")],
    }
    return {
        "apiVersion": 1,
        "contactPoints": [{"orgId": org, "name": receiver, "receivers": [mail]}],
        "policies": [policy],
        "muteTimes": [{"orgId": org, "name": QUIET, "time_intervals": [quiet]}],
    }


def _quiet_route(receiver: str, kind: str) -> Tree:
    """Return a route that is silent at night: what still holds in the morning is told then."""
    return {
        "receiver": receiver,
        "object_matchers": [["kind", "=", kind]],
        "repeat_interval": "4h" if kind == "gait" else "24h",
        "mute_time_intervals": [QUIET],
    }
