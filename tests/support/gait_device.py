"""A stand-in for the agent: sends batches over a real broker and keeps the receipts it gets."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any

import aiomqtt

from edge import wire

BOOT = "0123456789abcdef"
BASE_NS = 1_760_000_000_000_000_000


async def until(condition: Callable[[], bool], timeout_s: float = 15.0) -> None:
    """Return when the condition holds; raise TimeoutError otherwise."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what is watched has no event to wait for
            await asyncio.sleep(0.01)


def strides(count: int, first: int = 1, side: wire.Side = "left") -> list[wire.Event]:
    """Return `count` strides with ascending numbers and times, one a second."""
    return [
        wire.Stride(
            seq=seq,
            time_ns=BASE_NS + seq * 10**9,
            side=side,
            strike=("heel", "flat", "toe")[seq % 3],
            stride_s=1.0 + seq / 1000,
            valid_swing=True,
            toe_drag="scuff" if seq % 10 == 0 else "none",
            sources=("pressure",),
        )
        for seq in range(first, first + count)
    ]


def one_of_each() -> list[wire.Event]:
    """Return one event of every kind, every field set to something hard to store."""
    numbers = {
        "stride_s": 2.0,
        "stance_s": 0.1 + 0.2,
        "swing_s": 5e-324,
        "strike_index": 100.0,
        "heel_lead_ms": -1.7976931348623157e308,
        "pitch_at_contact_deg": -0.0,
        "pitch_at_toe_off_deg": -61.25,
        "max_dorsiflexion_deg": 1e-7,
        "stride_length_m": 1.0,
        "clearance_mm": -3.0,
        "lift_mm": 1e22,
        "lateral_excursion_mm": 12.5,
        "drag_ms": 0.0,
    }
    counts: dict[str, Any] = {
        f"{name}_{side}": number
        for number, name in enumerate(
            ("strides", "valid_swings", "heel_first", "flat", "toe_first", "drags")
        )
        for side in ("left", "right")
    }
    curve = tuple(number / 63 for number in range(63))
    odd = 'quote " backslash \\ comma , equals = line\nbreak é 足'
    events: list[wire.Event] = [
        wire.Stride(
            seq=1,
            time_ns=BASE_NS,
            side="left",
            strike="toe",
            toe_drag="full",
            valid_swing=True,
            trip_risk=1.0,
            trip_level="high",
            trip_reasons=("drags", "toe_first"),
            sources=("pressure", "imu"),
            flags=("turn",),
            **numbers,
        ),
        wire.ToeDrag(seq=2, time_ns=BASE_NS, side="right", drag="scuff"),
        wire.NearTrip(seq=3, time_ns=BASE_NS, side="right"),
        wire.Bout(
            seq=4,
            time_ns=BASE_NS,
            duration_s=60.0,
            cadence_per_min=100.0,
            double_support_percent=20.0,
            stance_symmetry_index=-3.5,
            stride_time_cv_percent=2.0,
            speed_m_s=1.0,
            curve_left=curve,
            **counts,
        ),
        wire.Wear(seq=5, time_ns=BASE_NS, state="walking"),
        wire.Exercise(
            seq=6,
            time_ns=BASE_NS,
            exercise="toe_taps",
            repetitions=2**53,
            duration_s=30.0,
            advice=("faster", "both sides alike"),
        ),
        wire.Alert(
            seq=7,
            time_ns=BASE_NS,
            id="drag-left-1",
            rule="repeated_toe_drag",
            side="left",
            priority="medium",
            raised=True,
            detail=odd,
        ),
        wire.Acknowledge(
            seq=9, time_ns=BASE_NS, id="drag-left-1", by="therapist", true_alarm=False
        ),
        wire.Cue(
            seq=10,
            time_ns=BASE_NS,
            side="left",
            cause="toe_drag",
            given=False,
            reason="quiet hours",
        ),
        wire.Practice(
            seq=11, time_ns=BASE_NS, side="right", duration_s=120.0, steps=80, on_target=0
        ),
        wire.Habit(seq=12, time_ns=BASE_NS, habit="long_sitting", duration_s=3600.0, certainty=1.0),
        wire.Wearing(seq=13, time_ns=BASE_NS, side="left", orthosis="fes"),
        wire.Tally(
            seq=14,
            time_ns=BASE_NS,
            duration_s=3600.0,
            samples_left=360_000,
            samples_right=0,
            samples_lost_left=1,
            samples_lost_right=0,
            events_lost=0,
            **{name: n for name, n in counts.items() if name.startswith(("str", "val", "dra"))},
        ),
        wire.Gap(seq=8, time_ns=BASE_NS, what="samples", lost=12, duration_s=0.12, reason="radio"),
    ]
    return events


def batches(
    events: Iterable[wire.Event], device: str = "insole-1", size: int = 50, boot: str = BOOT
) -> Iterator[wire.Batch]:
    """Yield the events in batches of `size`."""
    waiting = tuple(events)
    for start in range(0, len(waiting), size):
        yield wire.Batch(device=device, boot=boot, events=waiting[start : start + size])


class Device:
    """A connection of one device to a broker: `send` batches, look into `receipted`."""

    def __init__(self, port: int, device: str = "insole-1", version5: bool = True) -> None:
        self.device = device
        self.receipted: set[tuple[str, int]] = set()
        version = aiomqtt.ProtocolVersion.V5 if version5 else aiomqtt.ProtocolVersion.V311
        self._client = aiomqtt.Client("127.0.0.1", port, protocol=version)
        self._client.pending_calls_threshold = 1000
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Device":
        await self._client.__aenter__()
        await self._client.subscribe(wire.topic(self.device, "receipt"), qos=1)
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._listening is not None
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)
        with contextlib.suppress(aiomqtt.MqttError):
            await self._client.__aexit__(None, None, None)

    async def _listen(self) -> None:
        async for message in self._client.messages:
            receipt = wire.decode(message.payload, wire.Receipt)
            for first, last in receipt.ranges:
                self.receipted |= {(receipt.boot, seq) for seq in range(first, last + 1)}

    async def send(self, batch: wire.Batch) -> None:
        """Publish a batch and wait for the broker."""
        await self.send_bytes(wire.topic(self.device, "events"), wire.encode(batch))

    async def send_bytes(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Publish any bytes on any topic."""
        await self._client.publish(topic, payload, qos=1, retain=retain)

    async def wait_receipts(self, events: Iterable[wire.Event], timeout_s: float = 20.0) -> None:
        """Return when all events are receipted; raise TimeoutError otherwise."""
        wanted = {(BOOT, event.seq) for event in events}
        await until(lambda: wanted <= self.receipted, timeout_s)
