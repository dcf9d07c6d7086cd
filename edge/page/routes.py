"""The page's addresses.

GET  /pair /      the form for the code, the page
POST /pair        a code; a cookie
GET  /plain       the same without JavaScript, read only
GET  /words       the message table
GET  /static/*    style, scripts, pictures
WS   /live        every section, then what changes
POST /tap         what a tap asks for
POST /code        a code for one more screen
"""

import gzip
from collections.abc import Callable
from hashlib import sha256
from importlib import resources
from typing import Final
from urllib.parse import parse_qs

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from edge.page.actions import RefusedError, carry_out
from edge.page.errors import PageError
from edge.page.guard import COOKIE, Guard
from edge.page.hub import Hub
from edge.page.messages import MESSAGES
from edge.page.model import PageModel
from edge.page.pairing import COOKIE_S, Pairing
from edge.page.plain import plain_page
from edge.page.words import fill, say

__all__ = ["build_app"]

_MOST_BYTES: Final = 4096
"""Of what a screen may post."""
_KINDS: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_KEEP: Final = "no-cache"
"""Kept by the browser, asked for each time: a new version is seen at once."""


class _TooLongError(Exception):
    """More was posted than a screen has to say."""


class _File:
    """A file of the page, packed once, with its tag."""

    def __init__(self, data: bytes, kind: str) -> None:
        self._packed, self._kind = gzip.compress(data, mtime=0), kind
        self._plain = data
        self._tag = f'"{sha256(data).hexdigest()[:16]}"'

    def answer(self, request: Request) -> Response:
        headers = {"ETag": self._tag, "Cache-Control": _KEEP, "Vary": "Accept-Encoding"}
        if request.headers.get("if-none-match") == self._tag:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return Response(self._packed, media_type=self._kind, headers=headers)
        return Response(self._plain, media_type=self._kind, headers=headers)


class _Handlers:
    def __init__(
        self, model: PageModel, hub: Hub, pairing: Pairing, fresh_code: Callable[[], str], tls: bool
    ) -> None:
        self._model = model
        self._hub = hub
        self._pairing = pairing
        self._fresh_code = fresh_code
        self._tls = tls
        folder = resources.files("edge.page").joinpath("static")
        self._pages = {
            name: folder.joinpath(f"{name}.html").read_text("utf-8") for name in ("index", "pair")
        }
        self._files = {
            item.name: _File(item.read_bytes(), _KINDS[f".{item.name.rpartition('.')[2]}"])
            for item in folder.iterdir()
            if not item.name.endswith(".html")
        }
        self._words = _File(msgspec.json.encode(MESSAGES), "application/json")

    def _language(self, request: Request) -> str:
        asked = request.query_params.get("lang", "")
        return asked if asked in MESSAGES else self._model.language

    async def index(self, request: Request) -> Response:
        return HTMLResponse(fill(self._pages["index"], self._model.language))

    async def plain(self, request: Request) -> Response:
        self._model.changes()
        return HTMLResponse(plain_page(self._model.sections, self._model.language))

    async def pair_form(self, request: Request) -> Response:
        return self._form(self._language(request))

    def _form(
        self, language: str, problem: str = "", number: int = 0, status: int = 200
    ) -> Response:
        text = say(language, problem, n=number) if problem else ""
        other = "de" if language == "en" else "en"
        page = fill(self._pages["pair"], language, {"problem": text, "other": other})
        return HTMLResponse(page, status)

    async def pair(self, request: Request) -> Response:
        language = self._language(request)
        try:
            fields = parse_qs((await _body(request)).decode("ascii"), max_num_fields=4)
        except (ValueError, _TooLongError):
            fields = {}
        try:
            answer = self._pairing.pair(fields.get("code", [""])[0])
        except PageError:
            return self._form(language, "pair.broken", status=503)
        if not answer.cookie:
            status = 429 if answer.problem == "pair.paused" else 403
            return self._form(language, answer.problem, answer.number, status)
        response = RedirectResponse("/", 303)
        response.set_cookie(
            COOKIE,
            answer.cookie,
            max_age=COOKIE_S,
            httponly=True,
            secure=self._tls,
            samesite="strict",
        )
        return response

    async def words(self, request: Request) -> Response:
        return self._words.answer(request)

    async def static(self, request: Request) -> Response:
        found = self._files.get(request.path_params["name"])
        return found.answer(request) if found is not None else Response(status_code=404)

    async def code(self, request: Request) -> Response:
        try:
            return JSONResponse({"code": self._fresh_code()})
        except PageError:
            return JSONResponse({"word": "pair.broken"}, 503)

    async def tap(self, request: Request) -> Response:
        try:
            carry_out(self._model, await _body(request))
        except _TooLongError:
            return JSONResponse({"word": "refused.unknown"}, 413)
        except RefusedError as refused:
            return JSONResponse({"word": refused.word}, 409)
        return JSONResponse({})

    async def live(self, socket: WebSocket) -> None:
        cookie = socket.cookies.get(COOKIE, "")
        await self._hub.serve(socket, lambda: self._pairing.is_paired(cookie))


def build_app(
    model: PageModel,
    hub: Hub,
    pairing: Pairing,
    fresh_code: Callable[[], str],
    names: frozenset[str],
    tls: bool = False,
) -> Starlette:
    """Return the application; `fresh_code` makes a code, `names` are this machine's own."""
    handlers = _Handlers(model, hub, pairing, fresh_code, tls)
    routes = [
        Route("/", handlers.index),
        Route("/plain", handlers.plain),
        Route("/pair", handlers.pair_form),
        Route("/pair", handlers.pair, methods=["POST"]),
        Route("/words", handlers.words),
        Route("/code", handlers.code, methods=["POST"]),
        Route("/tap", handlers.tap, methods=["POST"]),
        Route("/static/{name}", handlers.static),
        WebSocketRoute("/live", handlers.live),
    ]
    guard = Middleware(Guard, names=names, is_paired=pairing.is_paired)
    return Starlette(routes=routes, middleware=[guard])


async def _body(request: Request) -> bytes:
    """Return what was posted, as far as it is allowed."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            raise _TooLongError
    return body
