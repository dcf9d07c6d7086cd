"""Home Assistant, for one home: its MQTT discovery finds the insoles by themselves.

    homeassistant/device/<device>/config   retained: what there is to see (device discovery, Home
                                           Assistant 2024.12 or later)
    heelfirst/v1/<device>/status           worn and battery, as the device says
    heelfirst/v1/<device>/home             today's steps and toe drags, once a minute

The device is named by its id; nothing says whose it is. Off unless `homeassistant.enabled`.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from edge import wire
from pipeline.care.care import Care
from pipeline.errors import LinkLost, PipelineError
from pipeline.link import Session
from pipeline.registry import Registry
from pipeline.store import Store

__all__ = ["HomeAssistant", "discovery", "home_topic"]

_LOG = logging.getLogger(__name__)
_PERIOD_S: Final = 60.0
Message = dict[str, Any]


def home_topic(device: str) -> str:
    """Return the topic of a device's numbers of today."""
    return f"{wire.PREFIX}/{device}/home"


def discovery(device: str, version: str) -> Message:
    """Return the discovery message of a device; its components share availability and origin."""
    status = wire.topic(device, "status")

    def component(platform: str, name: str, topic: str, field: str, **more: Any) -> Message:
        return {
            "platform": platform,
            "name": name,
            "unique_id": f"heelfirst_{device}_{field}",
            "state_topic": topic,
            "value_template": f"{{{{ value_json.{field} }}}}",
            **more,
        }

    battery = {
        "device_class": "battery",
        "unit_of_measurement": "%",
        "state_class": "measurement",
        "entity_category": "diagnostic",
    }
    today = {"state_class": "total_increasing"}
    home = home_topic(device)
    parts = {
        "worn": component(
            "binary_sensor", "Worn", status, "worn", payload_on="True", payload_off="False"
        ),
        "battery_left": component(
            "sensor", "Battery left", status, "battery_left_percent", **battery
        ),
        "battery_right": component(
            "sensor", "Battery right", status, "battery_right_percent", **battery
        ),
        "steps": component(
            "sensor", "Steps today", home, "steps", unit_of_measurement="steps", **today
        ),
        "drags": component(
            "sensor", "Toe drags today", home, "drags", unit_of_measurement="drags", **today
        ),
    }
    return {
        "device": {
            "identifiers": [f"heelfirst_{device}"],
            "name": device,
            "manufacturer": "heelfirst",
            "model": "insoles",
            "sw_version": version,
        },
        "origin": {"name": "heelfirst", "sw_version": version},
        "availability": [
            {
                "topic": status,
                "value_template": "{{ 'online' if value_json.online else 'offline' }}",
            }
        ],
        "components": parts,
        "qos": 1,
    }


class HomeAssistant:
    """Publishes discovery and the numbers of today; a `pipeline.sender.Sender`.

    Parameters
    ----------
    registry, care : Registry, Care
        Which devices are worn, and each patient's day.
    rollups : Store
        Holds `daily`.
    prefix : str
        Home Assistant's discovery prefix.
    """

    def __init__(
        self,
        registry: Registry,
        care: Care,
        rollups: Store,
        *,
        prefix: str = "homeassistant",
        version: str = "",
        period_s: float = _PERIOD_S,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._registry = registry
        self._care = care
        self._rollups = rollups
        self._prefix = prefix
        self._version = version
        self._period_s = period_s
        self._now_ns = now_ns

    def seen(self, status: wire.Status) -> None:
        """A status needs nothing: Home Assistant reads it itself."""

    async def serve(self, session: Session) -> None:
        """Send until cancelled; a device that is taken back leaves Home Assistant."""
        known: set[str] = set()
        while True:
            try:
                worn = await self._devices()
                for device in sorted(known - worn.keys()):
                    await self._announce(session, device, b"")
                for device in sorted(worn.keys() - known):
                    message = discovery(device, self._version)
                    await self._announce(session, device, msgspec.json.encode(message))
                known = set(worn)
                for device, patient in sorted(worn.items()):
                    today = msgspec.json.encode(await self._today(patient))
                    await session.publish(home_topic(device), today)
            except LinkLost:
                raise
            except PipelineError as error:
                _LOG.warning("Home Assistant is told later: %s", error)
            await asyncio.sleep(self._period_s)

    async def _announce(self, session: Session, device: str, payload: bytes) -> None:
        topic = f"{self._prefix}/device/{device}/config"
        await session.publish(topic, payload, retain=True)

    async def _devices(self) -> dict[str, str]:
        patients = await self._registry.patients()
        return {device: each.patient for each in patients for device in each.devices}

    async def _today(self, patient: str) -> Message:
        """Return today's steps and drags; null: nothing arrived today, which is not none."""
        record = await self._care.record(patient)
        start_ns, stop_ns = record.day_span(record.day_of(self._now_ns()))
        rows = await self._rollups.read(
            "daily", patient=patient, start_ns=start_ns, stop_ns=stop_ns, fields=("steps", "drags")
        )
        return {name: _total(rows, name) for name in ("steps", "drags")}


def _total(rows: list[dict[str, Any]], name: str) -> int | None:
    counts = [row[name] for row in rows if row["side"] != "both" and row[name] is not None]
    return sum(counts) if counts else None
