"""The live view in a terminal: what the feet just did, and where the events are.

Strike types differ by shape and word as well as by colour (Okabe and Ito's, told apart by
colour-blind people). What is not known yet is shown as a dash, never as good news.
"""

import asyncio
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.align import Align
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from edge.state import AgentState, FootView
from hw.source import Clock

__all__ = ["Delivery", "LiveView", "render"]

STRIKES = {  # strike type: shape, colour
    "heel": ("▼", "#56B4E9"),
    "flat": ("■", "#F0E442"),
    "toe": ("▲", "#E69F00"),
    "unknown": ("·", "grey62"),
}
LEVELS = {"low": "#56B4E9", "raised": "#F0E442", "high": "#E69F00"}
BAR_WIDTH = 16
REFRESH_S = 0.1
LINE_S = 10.0
PICTURE_WIDTH = 100
WEB_FONT = re.compile(r"@font-face \{.*?\}\n", re.DOTALL)
"""rich lets a picture load a font from elsewhere; ours loads nothing."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the far end says: events in its store, what it holds up, and the store's name."""

    stored: int
    problem: str
    store: str


class LiveView:
    """Shows a running agent: in place in a terminal, a line now and then elsewhere.

    Parameters
    ----------
    state : AgentState
        The agent's, read at each refresh.
    title : str
        Who walks.
    delivery : callable
        Returns what the far end says at this moment.
    """

    def __init__(self, state: AgentState, title: str, delivery: Callable[[], Delivery]) -> None:
        self._state = state
        self._title = title
        self._delivery = delivery
        self._progress: float | None = None
        self._console = Console()
        self._place = ""

    def show_page(self, address: str, code: str) -> None:
        """Say where the patient's page is, and the code that opens it."""
        self._place = f"{address}  code {code}"
        if not self._console.is_terminal:
            self._console.print(f"patient's page: {self._place}")

    def _render(self) -> RenderableType:
        return render(self._state, self._title, self._progress, self._delivery(), self._place)

    async def show_until(self, work: asyncio.Task[None], clock: Clock, length_s: float) -> None:
        """Show the view until the work is done, which takes `length_s` of the clock's time.

        Raises whatever the work raised.
        """
        start_ns = clock.monotonic_ns()
        terminal = self._console.is_terminal
        with Live(console=self._console, auto_refresh=False) as live:
            while not work.done():
                await asyncio.wait({work}, timeout=REFRESH_S if terminal else LINE_S)
                self._progress = min(1.0, (clock.monotonic_ns() - start_ns) / 1e9 / length_s)
                if terminal:
                    live.update(self._render(), refresh=True)
                elif not work.done():
                    stored = self._delivery().stored
                    self._console.print(f"{self._state.detected} events detected, {stored} stored")
        work.result()

    def save(self, path: Path) -> None:
        """Save the view as it is now as an SVG picture."""
        console = Console(record=True, width=PICTURE_WIDTH, file=io.StringIO(), force_terminal=True)
        console.print(self._render())
        svg = console.export_svg(title="heelfirst demo")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(WEB_FONT.sub("", svg), encoding="utf-8")


def render(
    state: AgentState, title: str, progress: float | None, delivery: Delivery, place: str = ""
) -> RenderableType:
    """Return the view of this moment.

    `progress` is the share of the walk done, None: unknown; `place` is where the page is.
    """
    feet = Table.grid(expand=True)
    feet.add_column(ratio=1)
    feet.add_column(ratio=1)
    feet.add_row(_foot("left", state.left), _foot("right", state.right))
    parts: list[RenderableType] = [feet, _gait(state), _events(state, delivery)]
    if place:
        parts.append(Text.assemble("patient's page  ", (place, "bold")))
    if progress is not None:
        parts.append(ProgressBar(total=1.0, completed=progress, width=None))
    note = "not a medical device: no diagnosis, no fall alarm, no stimulation"
    return Panel(Group(*parts), title=f"heelfirst · {title}", subtitle=note, padding=(0, 1))


def _foot(name: str, foot: FootView) -> Panel:
    last = Text(no_wrap=True)
    for contact in foot.contacts:
        shape, colour = STRIKES.get(contact.strike, STRIKES["unknown"])
        last.append(f"{shape} ", style=colour)
    newest = foot.contacts[-1].strike if foot.contacts else None
    shape, colour = STRIKES.get(newest or "unknown", STRIKES["unknown"])
    word = f"{newest} first" if newest in ("heel", "toe") else newest or "no contact yet"
    state = Text(f"{shape} {word}", style=f"bold {colour}")
    return Panel(
        Group(Align.center(state), Align.center(last), _counts(foot)),
        title=f"{name} foot",
        padding=(0, 1),
    )


def _counts(foot: FootView) -> Table:
    table = Table.grid(padding=(0, 2))
    contacts = sum(foot.strikes.values())
    for strike in ("heel", "flat", "toe"):
        shape, colour = STRIKES[strike]
        label = Text(f"{shape} {strike}", style=colour)
        table.add_row(label, _share(foot.strikes.get(strike, 0), contacts, "contacts"))
    table.add_row("toe drags", _share(foot.drags, foot.valid_swings, "valid swings"))
    table.add_row("trip risk", _risk(foot))
    return table


def _risk(foot: FootView) -> Text:
    if foot.trip_risk is None:
        return Text("– too few valid swings yet")
    level = foot.trip_level or "unknown"
    filled = round(foot.trip_risk * BAR_WIDTH)
    bar = "█" * filled + "░" * (BAR_WIDTH - filled)
    return Text(f"{bar} {foot.trip_risk:.2f} {level}", style=LEVELS.get(level, ""))


def _share(count: int, of: int, what: str) -> str:
    return f"{count} of {of} {what}" if of else "–"


def _gait(state: AgentState) -> Table:
    table = Table.grid(padding=(0, 2))
    cadence = state.cadence_per_min
    table.add_row("cadence", "–" if cadence is None else f"{cadence:.0f} steps/min")
    if state.near_trips:
        table.add_row("near-trips", str(state.near_trips))
    return table


def _events(state: AgentState, delivery: Delivery) -> Table:
    table = Table.grid(padding=(0, 2))
    chain = (
        f"{state.detected} detected → {state.committed} on disk → {delivery.stored} in "
        f"{delivery.store} → {state.receipted} receipted"
    )
    table.add_row("events", chain)
    offline = ", offline" if state.waiting and not state.connected else ""
    table.add_row("waiting", f"{state.waiting}{offline}")
    for problem in (state.last_error, delivery.problem):
        if problem:
            table.add_row("problem", Text(problem, style="#E69F00"))
    return table
