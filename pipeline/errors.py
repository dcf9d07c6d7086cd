"""The errors of this room.

PipelineError
├── ConfigError       SettingError      a configuration that cannot be used (a ValueError)
├── PointError        ValueError        an event or point that no store can hold
├── RegistryError     LookupError       a patient or device that is not as it should be
├── LinkLost          ConnectionError   the broker is gone; connect again
└── StoreError
    ├── StoreUnavailable  ConnectionError   try again later, nothing is wrong with the points
    └── StoreRefused      ValueError        these points are refused for good, the others are kept
"""

# ruff: noqa: N818 - these names say what happened: the link was lost, the store refused.
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from edge.settings import SettingError

if TYPE_CHECKING:
    from pipeline.points import Point

__all__ = [
    "ConfigError",
    "LinkFull",
    "LinkLost",
    "PipelineError",
    "PointError",
    "Refusal",
    "RegistryError",
    "StoreError",
    "StoreRefused",
    "StoreUnavailable",
]


class PipelineError(Exception):
    """Root of all errors of this room."""


class ConfigError(PipelineError, SettingError):
    """A setting that cannot be used; see `edge.settings.SettingError` for its attributes."""


class PointError(PipelineError, ValueError):
    """An event or point that no store can hold (NaN, a control character in a tag, ...)."""


class RegistryError(PipelineError, LookupError):
    """A patient or device that is not as it should be; the message says what to do."""


class LinkLost(PipelineError, ConnectionError):
    """The connection to the broker is gone; connect again."""


class LinkFull(LinkLost):
    """More came at once than a session can hold: settle what is here, then connect again."""


class StoreError(PipelineError):
    """Root of what a store can answer."""


class StoreUnavailable(StoreError, ConnectionError):
    """The store cannot take or give anything now; nothing is wrong with the points.

    Attributes
    ----------
    status : int or None
        The HTTP status, where there was an answer.
    retry_after_s : float or None
        What the server asked to wait [s].
    """

    def __init__(
        self, message: str, status: int | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class Refusal(NamedTuple):
    """A point that a store refused for good, and the reason it gave."""

    point: "Point"
    reason: str


class StoreRefused(StoreError, ValueError):
    """The store refused these points for good; all the others of the same write are stored.

    Attributes
    ----------
    refusals : tuple of Refusal
        The refused points, each with the store's reason.
    """

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        self.refusals = tuple(refusals)
        super().__init__(f"{len(refusals)} points refused, first reason: {refusals[0].reason}")
