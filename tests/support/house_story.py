"""One day at the house, told once per test run: what a patient, a Pi, a clinic and people do.

The virtual patient walks in real time, so thresholds are low: an alert comes within half a minute.
"""

import asyncio
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from house import DEVICE, House, Sniffer, postbox, until
from page_room import Visitor, section

from pipeline.sqlite import SqliteStore

__all__ = ["Story", "fetch", "rows", "tell"]

LABEL = "Wilhelmine Schlurfenberg"
"""One of `names.PEOPLE`: it must be found nowhere but in the registry."""
NOTE = "new insoles, heel pad on the left"


@dataclass
class Story:
    """What happened; texts and bytes by what they are."""

    house: House
    patient: str = ""
    heard: list[tuple[str, bytes]] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)
    pages: dict[str, bytes] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    stored: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    left: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    codes: dict[str, int] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)

    @property
    def reports(self) -> Path:
        """The folder of the report."""
        return self.house.folder / "reports"

    @property
    def export(self) -> Path:
        """The folder of the export."""
        return self.house.folder / "export"


def fetch(address: str, **form: str) -> bytes:
    """Return a page; with a form, what came of sending it."""
    data = urllib.parse.urlencode(form).encode() if form else None
    with urllib.request.urlopen(address, data, timeout=10) as answer:
        body: bytes = answer.read()
        return body


def rows(path: Path, measurement: str, patient: str) -> list[dict[str, Any]]:
    """Return a patient's rows in a SQLite store; none where there is no file yet."""

    async def read() -> list[dict[str, Any]]:
        store = SqliteStore(path)
        try:
            return await store.read(measurement, patient=patient, start_ns=0, stop_ns=2**62)
        finally:
            await store.close()

    return asyncio.run(read()) if path.exists() else []


def tell(house: House) -> Story:
    """Let it happen; the services have ended in good order when this returns."""
    story = Story(house)
    sniffer = Sniffer(house.broker)
    try:
        with postbox() as (address, bodies):
            _live(story, sniffer, address, bodies)
            story.messages = list(bodies)
        _look_back(story)
        _erase(story, sniffer)
        for service in (house.services[1], house.services[0]):
            story.codes[service.name] = service.end()
            story.logs[service.name] = service.logged
        story.heard = list(sniffer.heard)
        return story
    finally:
        sniffer.close()


def _live(story: Story, sniffer: Sniffer, address: str, bodies: list[bytes]) -> None:
    """The day itself: setting thresholds, walking, an alert, its acknowledgement."""
    house = story.house
    house.start("pipeline")
    house.start("agent")
    added = house.run("patients", "add", "--label", LABEL, "--device", DEVICE)
    story.patient = added.strip()
    house.tell(f"{story.patient}.caregiver", address)
    house.tell(f"{story.patient}.patient", address)
    low = ["drags=2", "drags_window=10", "drags_share=0.02", "clear_share=0.01"]
    story.said["set"] = house.run("patients", "set", story.patient, *low)
    story.said["note"] = house.run("patients", "note", story.patient, NOTE)
    until(lambda: _revision(sniffer), "status with the revision of the setup")
    until(lambda: bodies, "message of an alert")
    story.pages |= asyncio.run(_patients_page(house))
    for name, port in house.metrics.items():
        story.pages[f"{name} metrics"] = fetch(f"http://127.0.0.1:{port}/metrics")
    story.said["doctor"] = house.run_doctor()
    link = _link(bodies)
    story.pages["link"] = fetch(link)
    story.pages["thanks"] = fetch(link, answer="true")
    try:
        fetch(link[:-4] + "AAAA")
    except urllib.error.HTTPError as error:
        with error:
            story.pages["forged"], story.codes["forged"] = error.read(), error.code
    state = house.folder / "state"
    until(lambda: rows(state / "store.db", "acknowledge", story.patient), "acknowledgement stored")
    until(lambda: rows(state / "rollups.db", "daily", story.patient), "day summed up")


def _revision(sniffer: Sniffer) -> int:
    """Return the revision that the device says it uses, where it is one that was sent."""
    sent = {
        setup["revision"] for setup in sniffer.of("config") if setup["thresholds"]["drags"] == 2
    }
    said = [status["setup_revision"] for status in sniffer.of("status")]
    return next((number for number in said if number in sent), 0)


def _link(bodies: list[bytes]) -> str:
    found = re.search(r"http://[^\s\"\\]+", json.loads(bodies[0])["message"])
    assert found, bodies[0]
    return found[0]


async def _patients_page(house: House) -> dict[str, bytes]:
    """Connect a screen to the patient's page and look at all of it."""
    visitor = Visitor(f"http://127.0.0.1:{house.page}/")
    pages = {"pairing": (await visitor.ask("GET", "/pair")).body}
    refused = await visitor.ask("GET", "/words")
    pages["refused"] = str(refused.status).encode()
    code = (house.folder / "home" / "page-code").read_text()
    assert (await visitor.pair(code)).status == 303
    for path in ("/", "/plain", "/words"):
        pages[f"page {path}"] = (await visitor.ask("GET", path)).body
    async with visitor.watch() as socket:
        sections = {name: await section(socket, name) for name in ("now",)}
    pages["page live"] = json.dumps(sections, ensure_ascii=False).encode()
    return pages


def _look_back(story: Story) -> None:
    """What people do with what was stored: alerts, journal, report, export."""
    house, patient = story.house, story.patient
    state = house.folder / "state"
    for name in ("stride", "toe_drag", "alert", "acknowledge", "status"):
        story.stored[name] = rows(state / "store.db", name, patient)
    for name in ("daily", "hourly", "mark"):
        story.stored[name] = rows(state / "rollups.db", name, patient)
    today = datetime.now(UTC).date()
    span = ["--from", str(today - timedelta(days=1)), "--to", str(today)]
    story.said["report"] = house.run("report", patient, *span, "--out", story.reports)
    story.said["export"] = house.run("patients", "export", patient, "--out", story.export)
    story.said["alerts"] = house.run("alerts", "list", "--all")
    story.said["journal"] = house.run("journal", "show")


def _erase(story: Story, sniffer: Sniffer) -> None:
    house, patient = story.house, story.patient
    story.said["erase"] = house.run("patients", "erase", patient, "--yes")
    until(lambda: "forget" in json.dumps(sniffer.of("command")), "request to forget")
    state = house.folder / "state"
    for name in ("stride", "alert", "acknowledge", "status"):
        story.left[name] = rows(state / "store.db", name, patient)
    story.left["daily"] = rows(state / "rollups.db", "daily", patient)
    story.said["journal verify"] = house.run("journal", "verify")
