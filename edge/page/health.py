"""What `heelfirst doctor` says of the page: whether it can be served, whether it is, to whom."""

import errno
import http.client
import socket
import ssl
from functools import partial
from pathlib import Path
from typing import Final, Literal

from edge.config import ConfigError, PageConfig
from edge.settings import is_loopback, read_secret_file

__all__ = ["look_at"]

_TIMEOUT_S: Final = 3.0
_MARK: Final = b"/static/page.css"
"""Stands in the form that asks for the code."""
Verdict = tuple[Literal["well", "doubtful", "ill"], str]


def look_at(page: PageConfig) -> Verdict:
    """Return how the page is: its certificate, its port, who can reach it."""
    if not page.enabled:
        return ("well", "off; page.enabled = true turns it on")
    problem = _certificate_problem(page)
    if problem:
        return ("ill", problem)
    place = f"{page.host}:{page.port}"
    trouble = _bind_trouble(page)
    if trouble is None:
        state = "is free: the agent serves the page there when it runs"
    elif trouble.errno != errno.EADDRINUSE:
        return ("ill", f"{place}: {trouble.strerror}; set page.host and page.port to what can be")
    elif not _answers(page):
        return ("ill", f"{place} is taken by another program: set page.port to a free one")
    else:
        state = "is served"
    if page.is_open:
        remedy = "everyone in this network can read along: set page.cert and page.key"
        return ("doubtful", f"{place} {state}; {remedy}")
    if is_loopback(page.host):
        return ("well", f"{place} {state}; this machine alone: page.host opens it to the home")
    return ("well", f"{place} {state}; for the home network, encrypted, by code")


def _certificate_problem(page: PageConfig) -> str:
    if not page.cert:
        return ""
    remedy = "Name the PEM file of the page's key, mode 0600"
    try:
        read_secret_file(Path(page.key), partial(ConfigError, page.key, ""), remedy)
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(page.cert, page.key)
    except ConfigError as error:
        return str(error)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or error
        return f"page.cert {page.cert}: {reason}; name PEM files of a certificate and its own key"
    return ""


def _bind_trouble(page: PageConfig) -> OSError | None:
    family = socket.AF_INET6 if ":" in page.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((page.host, page.port))
        except OSError as error:
            return error
    return None


def _answers(page: PageConfig) -> bool:
    """Say whether what listens there is this page: it shows the form for the code."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(page.host, page.host)
    link: http.client.HTTPConnection
    if page.cert:
        context = ssl._create_unverified_context()  # whose it is, is seen by what it answers
        link = http.client.HTTPSConnection(host, page.port, timeout=_TIMEOUT_S, context=context)
    else:
        link = http.client.HTTPConnection(host, page.port, timeout=_TIMEOUT_S)
    try:
        link.request("GET", "/pair")
        return _MARK in link.getresponse().read(65536)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()
