"""A dashboard: panels in rows on Grafana's grid of 24 columns, and the JSON of it."""

import json
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from grafana.errors import PlacementError
from grafana.queries import EVENTS, Query, tag_values

__all__ = ["DISCLAIMER", "Board", "board_link", "device_variable", "patient_variable"]

GRID: Final = 24
SHAPE_VERSION: Final = 36
"""`schemaVersion` of Grafana 9: every later version brings it to its own shape."""
PLUGIN_VERSION: Final = "9.2.0"
"""Of all panels: no migration from shapes before Grafana 9 is tried on them."""
TAG: Final = "heelfirst"
DISCLAIMER: Final = (
    "**Not a medical device**: no diagnosis, no fall alarm, no stimulation. Trip risk is a margin "
    "over recent steps, not a prediction of falls. No data is never good news: an empty panel says "
    "what is missing."
)


def board_link(uid: str, *parameters: str) -> str:
    """Return the address of a dashboard with parameters such as `var-patient=${__value.text}`."""
    return f"/d/{uid}?" + "&".join(parameters) if parameters else f"/d/{uid}"


class Board:
    """Puts panels side by side until a line is full, and lines below each other.

    Parameters
    ----------
    uid : str
        Fixed: links and alert rules use it.
    since : str
        Begin of the default range, such as `now-90d`.
    """

    def __init__(self, uid: str, title: str, description: str, since: str, refresh: str) -> None:
        self.uid = uid
        self._x = self._y = self._line_height = 0
        self._panels: list[models.Panel | models.RowPanel] = []
        self._annotations: list[dict[str, Any]] = []
        self._board = dashboard.Dashboard(title).uid(uid).description(description).tags([TAG])
        self._board.time(since, "now").refresh(refresh).timezone("browser").readonly()
        self._board.tooltip(models.DashboardCursorSync.CROSSHAIR)
        others = dashboard.DashboardLink("heelfirst").type(models.DashboardLinkType.DASHBOARDS)
        self._board.link(others.tags([TAG]).include_vars(True).as_dropdown(False))

    def variable(self, variable: Builder[models.VariableModel]) -> "Board":
        """Add a variable."""
        self._board.with_variable(variable)
        return self

    def annotation(self, name: str, query: Query, colour: str, **columns: str) -> "Board":
        """Add marks over the panels; `columns` says which column is text, title and tags.

        Written in both of the shapes that Grafana has for it: of before and since the query moved
        into `target`.
        """
        shape = {f"{key}Column": value for key, value in columns.items()}
        asked = {"query": query.text(), "rawQuery": True, "refId": "Anno", "fromAnnotations": True}
        self._annotations.append(
            {
                "name": name,
                "datasource": {"type": "influxdb", "uid": query.datasource},
                "enable": True,
                "hide": False,
                "iconColor": colour,
                "query": query.text(),
                "target": {**asked, "resultFormat": "table", "name": name, **shape},
                **shape,
            }
        )
        return self

    def row(self, title: str) -> "Board":
        """Begin a row with a title."""
        self._next_line()
        row = models.RowPanel(title=title, collapsed=False, panels=[])
        row.id_val = len(self._panels) + 1
        row.grid_pos = models.GridPos(h=1, w=GRID, x=0, y=self._y)
        self._panels.append(row)
        self._y += 1
        return self

    def add(self, builder: Builder[models.Panel], width: int, height: int) -> "Board":
        """Add a panel of this width (of 24) and height; raise `PlacementError` beyond the grid."""
        if not 0 < width <= GRID:
            raise PlacementError(f"a panel is 1 to {GRID} columns wide, not {width}")
        if self._x + width > GRID:
            self._next_line()
        panel = builder.build()
        panel.id_val = len(self._panels) + 1
        panel.plugin_version = PLUGIN_VERSION
        panel.grid_pos = models.GridPos(h=height, w=width, x=self._x, y=self._y)
        self._panels.append(panel)
        self._x += width
        self._line_height = max(self._line_height, height)
        return self

    def _next_line(self) -> None:
        self._y += self._line_height
        self._x = self._line_height = 0

    def as_json(self) -> str:
        """Return the dashboard as Grafana reads it, keys sorted."""
        made = self._board.build()
        made.panels = self._panels
        made.schema_version = SHAPE_VERSION
        plain: dict[str, Any] = json.loads(json.dumps(made, cls=JSONEncoder))
        plain["annotations"] = {"list": self._annotations}
        plain["templating"].setdefault("list", [])
        plain["id"] = None
        plain["version"] = 1
        return json.dumps(plain, indent=2, sort_keys=True) + "\n"


def _variable(name: str, label: str, description: str) -> dashboard.QueryVariable:
    statement = tag_values("status", name)
    variable = dashboard.QueryVariable(name).label(label).description(description)
    variable.datasource(models.DataSourceRef(type_val="influxdb", uid=EVENTS)).query(statement)
    variable.refresh(models.VariableRefresh.ON_DASHBOARD_LOAD)
    return variable.sort(models.VariableSort.ALPHABETICAL_ASC)


def patient_variable() -> Builder[models.VariableModel]:
    """Return the choice of one patient, among those whose devices were heard of."""
    return _variable("patient", "Patient", "A pseudonym; names are in the clinic's registry alone.")


def device_variable() -> Builder[models.VariableModel]:
    """Return the choice of devices; all of them at first."""
    variable = _variable("device", "Device", "One, several or all devices.")
    return (
        variable.multi(True)
        .include_all(True)
        .all_value(".*")
        .current(models.VariableOption(selected=True, text="All", value="$__all"))
    )
