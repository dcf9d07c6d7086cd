"""What setting up is told, and what it says."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

__all__ = ["Options", "Step"]


class Step(NamedTuple):
    """One thing that was made (`is_new`), was there already, or (None) is left to a person."""

    text: str
    is_new: bool | None


@dataclass(frozen=True, slots=True)
class Options:
    """How to set up.

    Attributes
    ----------
    admin : str
        The administrator's name.
    admin_file : Path or None
        The file of the administrator's password (1.x) or token; None: the one made here.
    keep_days : int
        Events older than this are removed by the database; 0: never. Rollups are kept for good.
    rotate : bool
        Give accounts that exist new secrets as well.
    """

    admin: str = "admin"
    admin_file: Path | None = None
    keep_days: int = 400
    rotate: bool = False
