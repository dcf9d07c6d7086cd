"""What stands before every request: the right host, the right origin, a cookie, strict headers.

Host     a name of ours or an address: a foreign name that points here (DNS rebinding) is refused
Origin   of every POST and WebSocket: this page's own, else refused (cross-site requests)
cookie   of everything but the pairing page and what it is drawn with: else 401
"""

import ipaddress
import socket
from collections.abc import Callable, Collection
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from edge.settings import is_loopback

__all__ = ["COOKIE", "Guard", "own_names"]

COOKIE: Final = "heelfirst_page"
_OPEN: Final = ("/pair", "/static/page.css", "/static/icon.svg")
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self' {sockets}; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


def own_names(more: str) -> frozenset[str]:
    """Return the names this machine is opened under; `more` by spaces."""
    name = socket.gethostname().lower()
    return frozenset({name, f"{name}.local", *more.lower().split()})


class Guard:
    """Passes on what may pass.

    Parameters
    ----------
    app : ASGI application
    names : collection of str
        Names of this machine.
    is_paired : callable
        Says whether a cookie holds.
    """

    def __init__(
        self, app: ASGIApp, names: Collection[str], is_paired: Callable[[str], bool]
    ) -> None:
        self._app = app
        self._names = names
        self._is_paired = is_paired

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on with strict headers."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        answer = self._objection(scope, headers, host)
        if answer is not None and scope["type"] == "websocket":
            await _deny(receive, send, answer.status_code)
            return
        await (answer or self._app)(scope, receive, _hardened(send, host, scope["path"]))

    def _objection(
        self, scope: Scope, headers: Headers, host: str
    ) -> PlainTextResponse | RedirectResponse | None:
        if not self._is_ours(host):
            return PlainTextResponse("This page is not served under that name.", 421)
        changes = scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")
        if changes and not _is_same(_origin(headers), host):
            return PlainTextResponse("This request came from another page.", 403)
        if scope["path"] in _OPEN or self._is_paired(_cookie(headers)):
            return None
        if scope["type"] == "http" and scope["path"] in ("/", "/plain"):
            return RedirectResponse("/pair", 303)
        return PlainTextResponse("Not connected: open / and type the code.", 401)

    def _is_ours(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return is_loopback(name) or name in self._names or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _origin(headers: Headers) -> str:
    """Return where a request came from; of a form, browsers before 2020 tell it as `Referer`."""
    origin = headers.get("origin")
    if origin is not None:
        return origin
    scheme, _, rest = headers.get("referer", "").partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


def _is_same(origin: str, host: str) -> bool:
    scheme, _, place = origin.partition("://")
    return scheme in ("http", "https") and bool(host) and place.lower() == host.lower()


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _hardened(send: Send, host: str, path: str) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            sockets = f"ws://{host} wss://{host}"  # older browsers' 'self' means http alone
            headers["Content-Security-Policy"] = _POLICY.format(sockets=sockets)
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return send_with_headers


async def _deny(receive: Receive, send: Send, status: int) -> None:
    """Refuse a WebSocket's handshake with an HTTP status."""
    await receive()
    headers = [(b"content-length", b"0")]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": b""})
