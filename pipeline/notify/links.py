"""Acknowledgement links: a token that is signed, expires, and belongs to one alert and role."""

import base64
import hashlib
import hmac
import os
import secrets
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from edge.settings import read_secret_file
from pipeline.errors import ConfigError
from pipeline.notify.model import AlertError, Episode, Role

__all__ = ["ForgedLinkError", "LinkExpiredError", "Links", "Token", "parse_token", "read_key"]

_KEY_BYTES: Final = 32
_LETTERS: Final = {Role.PATIENT: "p", Role.CAREGIVER: "c", Role.THERAPIST: "t"}


class LinkExpiredError(AlertError):
    """The link was right, but is too old."""


class ForgedLinkError(AlertError):
    """The link was not made here."""


class Token(NamedTuple):
    """What a token says; nothing of it is to be believed before `Links.check`."""

    number: int
    role: Role
    expires_s: int
    signature: str


def read_key(path: Path) -> bytes:
    """Return the signing key, made where missing; raise `ConfigError` where it is not secret."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    if not path.exists():
        handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(handle, secrets.token_hex(_KEY_BYTES).encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        try:
            path.hardlink_to(scratch)  # whoever is first wins; both then read the same
        except FileExistsError:
            pass
        finally:
            scratch.unlink()
    refuse = partial(ConfigError, str(path), "")
    remedy = "Remove it: a new one is made, and links sent so far no longer work"
    key = read_secret_file(path, refuse, remedy)
    if len(key) < 2 * _KEY_BYTES:
        raise refuse("is too short for a key", remedy)
    return key


class Links:
    """Makes and checks links.

    Parameters
    ----------
    key : bytes
        The secret.
    base : str
        Address under which the page is reached; empty: no links are made.
    hours : float
        How long a link works.
    """

    def __init__(self, key: bytes, base: str, hours: float) -> None:
        self._key = key
        self._base = base.rstrip("/")
        self._life_s = round(hours * 3600)

    def link(self, episode: Episode, role: Role, now_ns: int) -> str:
        """Return the address of an alert's page; empty where none is served."""
        if not self._base:
            return ""
        return f"{self._base}/{self.token(episode, role, now_ns)}"

    def token(self, episode: Episode, role: Role, now_ns: int) -> str:
        """Return a token for one alert and role."""
        expires_s = now_ns // 10**9 + self._life_s
        signature = self._sign(episode, role, expires_s)
        return f"{episode.number}.{_LETTERS[role]}.{expires_s}.{signature}"

    def _sign(self, episode: Episode, role: Role, expires_s: int) -> str:
        # The begin and patient bind it to this alert, also where a new file counts from 1 again.
        said = f"{episode.number}.{_LETTERS[role]}.{expires_s}.{episode.begin_ns}.{episode.patient}"
        digest = hmac.new(self._key, said.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest[:18]).decode()

    def check(self, token: Token, episode: Episode | None, now_ns: int) -> Episode:
        """Return the episode that the token is for.

        Raises
        ------
        ForgedLinkError
            Another signature, or no such alert.
        LinkExpiredError
            Too old.
        """
        if episode is None:
            raise ForgedLinkError("this link is not one of ours")
        signature = self._sign(episode, token.role, token.expires_s)
        if not hmac.compare_digest(signature.encode(), token.signature.encode()):
            raise ForgedLinkError("this link is not one of ours")
        if now_ns // 10**9 > token.expires_s:
            raise LinkExpiredError("this link has expired")
        return episode


def parse_token(text: str) -> Token:
    """Return what a token says; raise `ForgedLinkError` where it is none."""
    roles = {letter: role for role, letter in _LETTERS.items()}
    try:
        number, letter, expires, signature = text.split(".")
        is_plain = number.isascii() and number.isdigit() and expires.isascii() and expires.isdigit()
        if not is_plain or max(len(number), len(expires)) > 15:
            raise ValueError(text)
        return Token(int(number), roles[letter], int(expires), signature)
    except (ValueError, KeyError):
        raise ForgedLinkError("this link is not one of ours") from None
