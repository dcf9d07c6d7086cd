"""The errors of provisioning, below the room's root.

PipelineError
└── ProvisionError
    ├── RequestRefused  ValueError        a certificate request that is not signed
    ├── TokenRefused    PermissionError   a provisioning token that is unknown, late or used
    ├── SecretError     PermissionError   a secret file that others can read, or that is missing
    ├── AuthorityError  OSError           the clinic's folder is not as it should be
    └── ServerError     ConnectionError   the broker or database did not do what was asked
"""

from pathlib import Path

from pipeline.errors import PipelineError

__all__ = [
    "AuthorityError",
    "ProvisionError",
    "RequestRefused",
    "SecretError",
    "ServerError",
    "TokenRefused",
]


class ProvisionError(PipelineError):
    """Root of what can go wrong while devices and servers are provisioned."""


class RequestRefused(ProvisionError, ValueError):  # noqa: N818 - says what happened
    """A certificate request that the authority does not sign; the message says why."""


class TokenRefused(ProvisionError, PermissionError):  # noqa: N818 - says what happened
    """A provisioning token that is unknown, too old, used or another device's.

    The message is the same for all four, so that it tells a guesser nothing.
    """

    def __init__(self) -> None:
        super().__init__(
            "this provisioning token is not valid (unknown, over its time, used, or for another "
            "device); make a new one with `heelfirst provision token DEVICE`"
        )


class SecretError(ProvisionError, PermissionError):
    """A secret file that cannot be used.

    Attributes
    ----------
    path : Path
        The file.
    remedy : str
        What to do about it.
    """

    def __init__(self, path: Path, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}. {remedy}")
        self.path = path
        self.remedy = remedy


class AuthorityError(ProvisionError, OSError):
    """The clinic's folder is missing, incomplete or in use for another authority."""


class ServerError(ProvisionError, ConnectionError):
    """The broker or the database did not do what was asked; the message says what to do."""
