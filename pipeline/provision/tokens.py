"""Provisioning tokens: they let one device ask for its first certificate, once, for 15 minutes.

    hf1-<128 random bits>-<first 128 bits of the authority's fingerprint>

The second part lets the Pi recognise the clinic's authority before it trusts anything that comes
with the answer. The server keeps the SHA-256 of the whole alone: with 128 random bits there is
nothing to guess, so no salt and no slow hash.
"""

import base64
import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Final

from pipeline.provision.errors import TokenRefused
from pipeline.provision.ledger import Ledger

__all__ = ["TOKEN_LIFE", "Token", "make_token", "spend_token"]

TOKEN_LIFE: Final = dt.timedelta(minutes=15)
_PIN_DIGITS: Final = 32


@dataclass(frozen=True)
class Token:
    """A token to show to a person once; `str(token)` does not tell its text."""

    text: str = field(repr=False)
    device: str
    expires: dt.datetime


def _hash(text: str) -> str:
    return hashlib.sha256(text.strip().encode()).hexdigest()


def make_token(ledger: Ledger, device: str, authority_print: str, now: dt.datetime) -> Token:
    """Return a new token for this device; only its hash is kept."""
    secret = base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()
    token = Token(f"hf1-{secret}-{authority_print[:_PIN_DIGITS]}", device, now + TOKEN_LIFE)
    ledger.add_token(_hash(token.text), device, now, token.expires)
    return token


def spend_token(ledger: Ledger, text: str, device: str, now: dt.datetime) -> None:
    """Use a token up; raise `TokenRefused` where it is not valid for this device now."""
    if not ledger.use_token(_hash(text), device, now):
        raise TokenRefused
