"""The errors of this room.

GrafanaError
├── QueryError        LookupError       a query over a name that is not stored
├── PlacementError    ValueError        a panel that does not fit into the grid
├── ClinicError       ValueError        a clinic that cannot be provisioned
└── StaleFilesError   ValueError        committed files that differ from the built ones
"""

from collections.abc import Sequence

__all__ = ["ClinicError", "GrafanaError", "PlacementError", "QueryError", "StaleFilesError"]


class GrafanaError(Exception):
    """Root of all errors of this room."""


class QueryError(GrafanaError, LookupError):
    """A query over a measurement, tag or field that nobody stores."""


class PlacementError(GrafanaError, ValueError):
    """A panel that is wider than the grid."""


class ClinicError(GrafanaError, ValueError):
    """A clinic that cannot be provisioned; the message says which setting and what it may be."""


class StaleFilesError(GrafanaError, ValueError):
    """Committed files differ from what the code builds.

    Attributes
    ----------
    files : tuple of str
        The files that are missing, changed or too many, as `NAME: what is wrong with it`.
    """

    def __init__(self, files: Sequence[str]) -> None:
        self.files = tuple(files)
        listed = "\n  ".join(files)
        super().__init__(
            f"the files of grafana/ are not what the code builds:\n  {listed}\n"
            "run `heelfirst dashboards build` and commit what it writes"
        )
