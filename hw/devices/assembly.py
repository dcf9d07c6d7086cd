"""From decoded packets of one foot to blocks: order, exact loss, one timeline.

A packet's serial says its place; device and host clock say how often the serial went round. What is
missing is waited for `hold_ns` and then counted as lost; what comes again is dropped and counted;
a step of the device's clock that the serials contradict is taken out.
"""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hw.source import Block, Side, joined
from hw.timing import ClockMap, Unwrapper

__all__ = ["Packet", "PacketStream", "StreamCounts", "StreamFormat", "merged"]

_MISSING_KEPT = 4096
_TOLERANCE_NS = 20_000_000
_TOLERANCE = 0.05
_STALL_NS = 1_000_000_000
_MEASURE_AFTER = 25
_WARM_UP_LIMIT_NS = 5_000_000_000


@dataclass(frozen=True, slots=True)
class StreamFormat:
    """How a device packs its samples.

    Attributes
    ----------
    samples_per_packet : int
    sample_ns : int
        Nominal time between samples [ns]; the true one is measured.
    serial_modulus, clock_modulus_ns : int or None
        Where serial and clock start again. Without serials the clock tells what is missing.
    hold_ns : int
        How long a missing packet is waited for.
    """

    samples_per_packet: int
    sample_ns: int
    serial_modulus: int | None = None
    clock_modulus_ns: int | None = None
    hold_ns: int = 0


@dataclass(frozen=True, slots=True)
class Packet:
    """Samples of one packet, oldest first, in house units; `device_ns` is the oldest one's time."""

    serial: int | None
    device_ns: int
    load: NDArray[np.float32] | None
    imu: NDArray[np.float32] | None


@dataclass(slots=True)
class StreamCounts:
    """What happened to a stream: samples given and lost, packets dropped, clock steps, restarts."""

    samples: int = 0
    lost: int = 0
    duplicates: int = 0
    late: int = 0
    clock_steps: int = 0
    restarts: int = 0


@dataclass(slots=True)
class _Reference:
    """The newest packet: its place, its continuous device time, its arrival."""

    index: int
    serial: int
    device_ns: int
    host_ns: int


class PacketStream:
    """One foot's packets in, blocks out; see the module's docstring."""

    def __init__(self, side: Side, form: StreamFormat, clock_map: ClockMap) -> None:
        self.side = side
        self.counts = StreamCounts()
        self.clock_map = clock_map
        self._form = form
        self._period_ns = float(form.sample_ns * form.samples_per_packet)
        self._unwrapper = Unwrapper(form.clock_modulus_ns)
        self._correction_ns = 0
        self._newest: _Reference | None = None
        self._next: int | None = None
        self._held: dict[int, tuple[Packet, int, int]] = {}
        self._missing: deque[int] = deque(maxlen=_MISSING_KEPT)
        self._gone: set[int] = set()
        self._anchor: tuple[int, int] | None = None
        self._lost = 0
        self._last_ns: int | None = None
        self._first_host_ns: int | None = None
        self._fresh_session = False
        self._other_device = False

    @property
    def newest_serial(self) -> int | None:
        """Serial of the newest packet seen in this session."""
        return None if self._newest is None or self._fresh_session else self._newest.serial

    def restart(self, host_ns: int) -> list[Block]:
        """End the session: what is held comes out; clock and serials may be set until the next."""
        self._fresh_session = self._newest is not None
        self._first_host_ns = None
        return list(self._release(host_ns, hold_ns=0))

    def change_device(self) -> None:
        """The next session is another device's: its serials say nothing of the gap before."""
        self._other_device = True

    def wanted(self) -> list[int]:
        """Return the serials that are missing and still waited for, oldest first."""
        if self._next is None or not self._held or self._form.serial_modulus is None:
            return []
        last = max(self._held)
        gaps = (i for i in range(self._next, last) if i not in self._held)
        return [index % self._form.serial_modulus for index in gaps]

    def give_up(self, serial: int, packets: int) -> None:
        """Wait no longer for packets that the device says it no longer has."""
        modulus, newest = self._form.serial_modulus, self._newest
        if modulus is None or newest is None or self._next is None:
            return
        first = newest.index - (newest.serial - serial) % modulus
        self._gone.update(range(max(first, self._next), first + packets))

    def exchange(self, sent_ns: int, device_ns: int, received_ns: int) -> None:
        """Take in a question about the device's clock, answered with its raw `device_ns`."""
        if self._newest is None or self._fresh_session:
            return
        middle_ns = (sent_ns + received_ns) // 2
        unwrapped_ns = self._unwrapper.unwrap(device_ns, middle_ns)
        self.clock_map.exchange(sent_ns, unwrapped_ns + self._correction_ns, received_ns)

    def newest_told(self, sent_ns: int, serial: int, received_ns: int) -> None:
        """Take in that packet `serial` was the newest whole one between these two times."""
        newest, modulus = self._newest, self._form.serial_modulus
        if newest is None or modulus is None or self._fresh_session:
            return
        ahead = (serial - newest.serial + modulus // 2) % modulus - modulus // 2
        period_ns = round(self._period_ns)
        whole_ns = newest.device_ns + (ahead + 1) * period_ns - self._form.sample_ns
        latest_ns = whole_ns + period_ns + self._form.sample_ns
        self.clock_map.bracket(sent_ns, whole_ns, latest_ns, received_ns)

    def push(self, packet: Packet, host_ns: int) -> list[Block]:
        """Take in a packet that arrived at `host_ns`; return the blocks that became certain."""
        if self._fresh_session:
            self._rejoin(packet, host_ns)
        index, device_ns = self._place(packet, host_ns)
        if self._next is None:
            self._next = index
        if index < self._next or index in self._held:
            self._count_old(index)
            return self.flush(host_ns)
        if self._first_host_ns is None:
            self._first_host_ns = host_ns
        duration_ns = round(self._period_ns) - self._form.sample_ns
        self.clock_map.arrival(device_ns + duration_ns, host_ns)
        self._held[index] = (packet, device_ns, host_ns)
        return self.flush(host_ns)

    def flush(self, host_ns: int) -> list[Block]:
        """Return the blocks that may wait no longer at `host_ns`."""
        if not self._held or not self._warm(host_ns):
            return []
        return list(self._release(host_ns, self._form.hold_ns))

    def _warm(self, host_ns: int) -> bool:
        first = self._first_host_ns
        return self.clock_map.ready or (first is not None and host_ns - first > _WARM_UP_LIMIT_NS)

    def _release(self, host_ns: int, hold_ns: int) -> Iterator[Block]:
        while self._held and self._next is not None:
            if self._next in self._held:
                packet, device_ns, _ = self._held.pop(self._next)
                self._next += 1
                yield self._block(packet, device_ns)
            elif self._next in self._gone:
                self._gone.discard(self._next)
                self._lose(1)
            else:
                first = min(self._held)
                if host_ns - self._held[first][2] < hold_ns:
                    return
                self._lose(first - self._next)

    def _block(self, packet: Packet, device_ns: int) -> Block:
        values = packet.load if packet.load is not None else packet.imu
        count = len(values) if values is not None else 0
        spacing = self._period_ns / self._form.samples_per_packet
        floor_ns = None if self._last_ns is None else self._last_ns + round(spacing) // 4
        start_ns = self.clock_map.host_ns(device_ns, floor_ns)
        time_ns = start_ns + (np.arange(count) * spacing).astype(np.int64)
        self._last_ns = int(time_ns[-1]) if count else self._last_ns
        lost, self._lost = self._lost, 0
        self.counts.samples += count
        return Block(self.side, time_ns, packet.load, packet.imu, lost, self._uncertainty_ns())

    def _uncertainty_ns(self) -> int | None:
        uncertainty_ns = self.clock_map.uncertainty_ns
        return round(uncertainty_ns) if math.isfinite(uncertainty_ns) else None

    def _lose(self, packets: int) -> None:
        if self._next is None:
            return
        end = self._next + packets
        self._missing.extend(range(max(self._next, end - _MISSING_KEPT), end))
        self._next = end
        self._gone = {index for index in self._gone if index >= end}
        samples = packets * self._form.samples_per_packet
        self._lost += samples
        self.counts.lost += samples

    def _count_old(self, index: int) -> None:
        if index in self._missing:
            self._missing.remove(index)
            self.counts.late += 1
        else:
            self.counts.duplicates += 1

    def _place(self, packet: Packet, host_ns: int) -> tuple[int, int]:
        """Return the packet's index since the first one, and its continuous device time."""
        raw_ns = self._unwrapper.unwrap(packet.device_ns, host_ns)
        newest = self._newest
        if newest is None:
            serial = packet.serial or 0
            self._newest = _Reference(serial, serial, raw_ns, host_ns)
            return serial, raw_ns
        device_ns = raw_ns + self._correction_ns
        steps, device_ns = self._advance(newest, packet.serial, device_ns, host_ns)
        index = newest.index + steps
        if steps > 0:
            self._measure(index, device_ns)
            serial = index if packet.serial is None else packet.serial
            self._newest = _Reference(index, serial, device_ns, host_ns)
        return index, device_ns

    def _advance(
        self, newest: _Reference, serial: int | None, device_ns: int, host_ns: int
    ) -> tuple[int, int]:
        """Return by how many packets this one is newer, and its device time without clock steps."""
        by_device_ns = device_ns - newest.device_ns
        by_host_ns = host_ns - newest.host_ns
        steps = self._steps(newest, serial, by_device_ns, by_host_ns)
        due_ns = round(steps * self._period_ns)
        allowed_ns = _TOLERANCE_NS + _TOLERANCE * abs(due_ns)
        credible = serial is not None or -_STALL_NS < by_device_ns < by_host_ns + _STALL_NS
        if abs(by_device_ns - due_ns) <= allowed_ns and credible:
            return steps, device_ns
        if serial is None:
            self.counts.clock_steps += 1
        elif abs(by_host_ns - due_ns) <= _STALL_NS + allowed_ns:
            if steps <= 0:
                return steps, device_ns
            self.counts.clock_steps += 1
            return self._step_clock(newest, steps, device_ns)
        else:
            self.counts.restarts += 1
        return self._step_clock(newest, max(1, round(by_host_ns / self._period_ns)), device_ns)

    def _steps(
        self, newest: _Reference, serial: int | None, by_device_ns: int, by_host_ns: int
    ) -> int:
        modulus = self._form.serial_modulus
        if serial is None or modulus is None:
            return round(by_device_ns / self._period_ns)
        ahead = (serial - newest.serial) % modulus
        turns = round((by_host_ns / self._period_ns - ahead) / modulus)
        return ahead + turns * modulus

    def _step_clock(self, newest: _Reference, steps: int, device_ns: int) -> tuple[int, int]:
        due_ns = newest.device_ns + round(steps * self._period_ns)
        self._correction_ns += due_ns - device_ns
        self._anchor = None
        return steps, due_ns

    def _measure(self, index: int, device_ns: int) -> None:
        """Learn the true time between packets from the device's own clock."""
        if self._anchor is None:
            self._anchor = (index, device_ns)
        first, first_ns = self._anchor
        if index - first < _MEASURE_AFTER:
            return
        nominal_ns = self._form.sample_ns * self._form.samples_per_packet
        period_ns = (device_ns - first_ns) / (index - first)
        if 0.25 * nominal_ns < period_ns < 4 * nominal_ns:
            self._period_ns = period_ns

    def _rejoin(self, packet: Packet, host_ns: int) -> None:
        """Carry index, loss and timeline over a break by the host's clock, then by the serial."""
        self._fresh_session = False
        newest = self._newest
        if newest is None:
            return
        away_ns = round((host_ns - newest.host_ns) / (1 + self.clock_map.drift))
        away = max(1, round(away_ns / self._period_ns))
        raw_ns = self._unwrapper.unwrap(packet.device_ns, host_ns)
        by_device_ns = raw_ns + self._correction_ns - newest.device_ns
        steps = self._steps(newest, packet.serial, by_device_ns, away_ns)
        off_ns = abs(steps - away) * self._period_ns
        if self._other_device or steps < 1 or off_ns > _STALL_NS + 0.01 * away_ns:
            steps = away  # the device began to count anew
            self.counts.restarts += 1
        self._other_device = False
        self.clock_map.reset()
        self._unwrapper = Unwrapper(self._form.clock_modulus_ns)
        self._correction_ns = 0
        self._anchor = None
        device_ns = self._unwrapper.unwrap(packet.device_ns, host_ns)
        before = (packet.serial or 0) - 1
        if self._form.serial_modulus is not None:
            before %= self._form.serial_modulus
        period_ns = round(self._period_ns)
        self._newest = _Reference(
            newest.index + steps - 1, before, device_ns - period_ns, host_ns - period_ns
        )


def merged(blocks: list[Block]) -> list[Block]:
    """Return the same samples of one foot in as few blocks as its gaps allow."""
    runs: list[list[Block]] = []
    for block in blocks:
        if runs and not block.lost and runs[-1][0].side == block.side:
            runs[-1].append(block)
        else:
            runs.append([block])
    return [run[0] if len(run) == 1 else joined(run) for run in runs]
