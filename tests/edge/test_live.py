"""The live view: what it shows, that no data is never good news, and its picture."""

import asyncio
import io
from pathlib import Path

import pytest
from rich.console import Console

from edge.live import Delivery, LiveView, render
from edge.state import AgentState, Contact
from hw.clock import ScaledClock

NOTHING = Delivery(stored=0, problem="", store="the store")


def text(state: AgentState, delivery: Delivery = NOTHING) -> str:
    console = Console(width=100, file=io.StringIO())
    console.print(render(state, "a walk", 0.5, delivery))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_no_data_is_no_good_news() -> None:
    shown = text(AgentState())
    assert "no contact yet" in shown
    assert "0 of 0" not in shown
    assert "low" not in shown
    assert "not a medical device" in shown


def test_counts_come_with_their_denominators() -> None:
    state = AgentState()
    state.left.contacts.append(Contact(1, "toe"))
    state.left.strikes["toe"] = 3
    state.left.strikes["heel"] = 1
    state.left.drags, state.left.valid_swings = 2, 7
    state.left.trip_risk, state.left.trip_level = 0.75, "high"
    shown = text(state)
    for part in ("toe first", "3 of 4 contacts", "2 of 7 valid swings", "0.75 high"):
        assert part in shown


@pytest.mark.parametrize("connected", [True, False])
def test_what_waits_says_whether_the_broker_is_there(connected: bool) -> None:
    state = AgentState(waiting=5, connected=connected)
    assert ("offline" in text(state)) is not connected


def test_problems_are_shown() -> None:
    shown = text(AgentState(last_error="no sample"), Delivery(1, "store is down", "the store"))
    assert "no sample" in shown
    assert "store is down" in shown


async def test_view_ends_with_its_work_and_raises_what_it_raised(tmp_path: Path) -> None:
    async def work() -> None:
        await asyncio.sleep(0.05)
        raise RuntimeError("the work broke")

    view = LiveView(AgentState(), "a walk", lambda: NOTHING)
    with pytest.raises(RuntimeError, match="the work broke"):
        await view.show_until(asyncio.create_task(work()), ScaledClock(10), 1.0)
    picture = tmp_path / "folder" / "view.svg"
    view.save(picture)
    svg = picture.read_text(encoding="utf-8")
    assert svg.startswith("<svg")
    assert "@font-face" not in svg
