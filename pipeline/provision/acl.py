"""Who may read and write which topic: the text of mosquitto's ACL file.

Devices are all alike: pattern lines, where `%u` is the user name, which is the common name of the
certificate. Pattern lines hold for every user, services too; a service is therefore denied the
branch of its own name, which no device can have (its name has a dot).
"""

import re
from collections.abc import Iterable
from typing import Final, Literal

from edge.wire import PREFIX, Channel
from pipeline.provision.errors import RequestRefused

__all__ = ["DEVICE_RIGHTS", "SERVICE_RIGHTS", "acl_text", "check_service", "service_role"]

Right = Literal["read", "write"]
Rights = tuple[tuple[Right, str], ...]

DEVICE_RIGHTS: Final[tuple[tuple[Right, Channel], ...]] = (
    ("write", "events"),
    ("write", "status"),
    ("read", "receipt"),
    ("read", "config"),
    ("read", "command"),
)
SERVICE_RIGHTS: Final[dict[str, Rights]] = {
    "pipeline": (
        ("read", f"{PREFIX}/+/events"),
        ("read", f"{PREFIX}/+/status"),
        ("write", f"{PREFIX}/+/receipt"),
        ("write", f"{PREFIX}/+/config"),
        ("write", f"{PREFIX}/+/command"),
        ("write", f"{PREFIX}/+/home"),
        ("write", "homeassistant/device/+/config"),
    ),
    "home": (
        ("read", f"{PREFIX}/+/status"),
        ("read", f"{PREFIX}/+/home"),
        ("read", "homeassistant/device/+/config"),
    ),
    "monitor": (
        ("read", f"{PREFIX}/+/status"),
        ("read", "$SYS/broker/#"),
    ),
}
"""What each role may do. One more role is one more line here."""

_SERVICE: Final = re.compile(r"service\.([a-z]+)(-[0-9]{1,3})?")


def service_role(name: str) -> str | None:
    """Return the role of `service.ROLE` or `service.ROLE-NUMBER`, or None for other names.

    Workers that run side by side have a number each: the broker takes the user name as client
    id, and two clients of one id would throw each other out.
    """
    match = _SERVICE.fullmatch(name)
    return match[1] if match and match[1] in SERVICE_RIGHTS else None


def check_service(name: str) -> str:
    """Return the name where it is a service's; raise `RequestRefused`."""
    if service_role(name) is None:
        roles = ", ".join(f"service.{role}" for role in SERVICE_RIGHTS)
        raise RequestRefused(f"{name!r} is not a service; known: {roles}, each also with -NUMBER")
    return name


def acl_text(services: Iterable[str], barred: Iterable[str]) -> str:
    """Return the ACL file.

    Parameters
    ----------
    services : iterable of str
        Names of the services that hold a certificate.
    barred : iterable of str
        Devices whose certificates are all revoked: the second lock behind the revocation list.
    """
    lines = ["# Made by `heelfirst provision`: changes are overwritten.", ""]
    lines += [f"pattern {right} {PREFIX}/%u/{channel}" for right, channel in DEVICE_RIGHTS]
    for name in sorted(services):
        role = service_role(check_service(name))
        assert role is not None
        lines += ["", f"user {name}", f"topic deny {PREFIX}/{name}/#"]
        lines += [f"topic {right} {topic}" for right, topic in SERVICE_RIGHTS[role]]
    for name in sorted(barred):
        lines += ["", f"user {name}", f"topic deny {PREFIX}/{name}/#"]
    return "\n".join(lines) + "\n"
