"""Who may see the page: a code from the Pi's console, then a signed cookie.

    code (file, mode 0600, an hour) ── typed in ──> cookie = number.expiry.signature   (180 days)
             five wrong tries: a pause of 1 min, doubled up to an hour

The code lies in a file of the state directory, so that `heelfirst page code` can make a new one
while the agent runs. The key of the signatures lies beside it; removing it disconnects all.
"""

import hmac
import math
import secrets
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from edge.page.errors import PageError
from edge.wholefile import replace_file

__all__ = ["CODE_S", "COOKIE_S", "TRIES", "Answer", "Pairing", "code_file", "new_code", "unpair"]

CODE_DIGITS: Final = 6
CODE_S: Final = 3600.0
"""A code can be used for so long; it can be used for several screens."""
COOKIE_S: Final = 180 * 86400
TRIES: Final = 5
"""Wrong codes before a pause."""
PAUSE_S: Final = (60.0, 3600.0)
"""The first pause and the longest one: 150 tries a day at most, among a million codes."""
_KEY_BYTES: Final = 32


class Answer(NamedTuple):
    """What a try to pair came to: a cookie, or a word of the message table and its number."""

    cookie: str = ""
    problem: str = ""
    number: int = 0


def code_file(folder: Path) -> Path:
    """Return where the code lies."""
    return folder / "page-code"


def new_code(folder: Path) -> str:
    """Make a new code, write it to its file and return it; the one before is void.

    Raises
    ------
    PageError
        The file cannot be written.
    """
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}"
    _write(code_file(folder), code.encode())
    return code


def unpair(folder: Path) -> None:
    """Disconnect every screen: cookies signed until now are void."""
    _write(folder / "page-key", secrets.token_bytes(_KEY_BYTES))


class Pairing:
    """Checks codes and cookies.

    Parameters
    ----------
    folder : Path
        The state directory.
    wall_s : callable
        Seconds since 1970 for a code's age and a cookie's expiry; this machine's, right or not.
    mono_s : callable
        Seconds that never step, for pauses.
    """

    def __init__(
        self, folder: Path, wall_s: Callable[[], float], mono_s: Callable[[], float]
    ) -> None:
        self._folder = folder
        self._wall_s = wall_s
        self._mono_s = mono_s
        self._wrong = 0
        self._pauses = 0
        self._paused_until_s = 0.0
        self._key_seen: tuple[int, int] | None = None
        self._key = b""

    def pair(self, typed: str) -> Answer:
        """Return the cookie for a right code, or what is wrong."""
        left_s = self._paused_until_s - self._mono_s()
        if left_s > 0:
            return Answer(problem="pair.paused", number=math.ceil(left_s / 60))
        code = self._code()
        if code is None:
            return Answer(problem="pair.expired")
        digits = "".join(character for character in typed if character.isdecimal())
        if not hmac.compare_digest(digits.encode(), code.encode()):
            return self._wrong_code()
        self._wrong = self._pauses = 0
        return Answer(cookie=self._sign())

    def _wrong_code(self) -> Answer:
        self._wrong += 1
        if self._wrong < TRIES:
            return Answer(problem="pair.wrong", number=TRIES - self._wrong)
        pause_s = min(PAUSE_S[1], PAUSE_S[0] * 2**self._pauses)
        self._wrong, self._pauses = 0, self._pauses + 1
        self._paused_until_s = self._mono_s() + pause_s
        return Answer(problem="pair.paused", number=round(pause_s / 60))

    def _code(self) -> str | None:
        """Return the code that can be used now."""
        path = code_file(self._folder)
        try:
            age_s = self._wall_s() - path.stat().st_mtime
            code = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return None
        usable = len(code) == CODE_DIGITS and code.isdecimal() and age_s < CODE_S
        return code if usable else None

    # -- cookies ----------------------------------------------------------------------------

    def is_paired(self, cookie: str) -> bool:
        """Say whether a cookie is one of ours and still holds; without a key none does."""
        try:
            return self._holds(cookie)
        except PageError:
            return False

    def _holds(self, cookie: str) -> bool:
        head, _, signature = cookie.rpartition(".")
        number, _, expiry = head.partition(".")
        if not (number and expiry.isascii() and expiry.isdecimal() and len(expiry) < 15):
            return False
        if not hmac.compare_digest(signature.encode(), self._signature(head).encode()):
            return False
        return self._wall_s() < int(expiry)

    def _sign(self) -> str:
        head = f"{secrets.token_hex(8)}.{int(self._wall_s()) + COOKIE_S}"
        return f"{head}.{self._signature(head)}"

    def _signature(self, head: str) -> str:
        return hmac.new(self._signing_key(), f"page {head}".encode(), sha256).hexdigest()

    def _signing_key(self) -> bytes:
        """Return the key; it is made where there is none, and read again when it was replaced."""
        path = self._folder / "page-key"
        for _ in range(2):
            try:
                status = path.stat()
                seen = (status.st_ino, status.st_mtime_ns)
                if seen == self._key_seen:
                    return self._key
                self._key, self._key_seen = path.read_bytes(), seen
            except FileNotFoundError:
                self._key = b""
            except OSError as error:
                problem = f"{path}: cannot be read ({error.strerror})"
                raise PageError(problem, "Give it to the agent's user, mode 0600") from None
            if len(self._key) >= _KEY_BYTES and not status.st_mode & 0o077:
                return self._key
            unpair(self._folder)  # missing, too short, or open to others: nobody may go on with it
        raise PageError(f"{path}: cannot be made", "Check that the state directory is writable")


def _write(path: Path, data: bytes) -> None:
    """Replace a secret's file, readable by its owner alone from the first moment on."""
    try:
        replace_file(path, data)
    except OSError as error:
        problem = f"{path}: cannot be written ({error.strerror})"
        raise PageError(problem, "Check that the state directory is writable") from None
