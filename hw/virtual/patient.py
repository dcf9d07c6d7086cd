"""The virtual patient: `VirtualPatient` makes recordings with labels, `VirtualSource` streams."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hw import profile as profiles
from hw.source import SIDES, Block, Clock, FootProfile, FootSeries, Profile, Recording, Side
from hw.virtual.activities import ActivityPlanner
from hw.virtual.config import PatientConfig
from hw.virtual.labels import Labels, make_labels
from hw.virtual.load import forces, region_shares
from hw.virtual.motion import Pose, bump
from hw.virtual.seated import Act, SetRecord
from hw.virtual.sensors import CellSensors, ImuSensor, PacketLoss
from hw.virtual.steps import Landing, Span

__all__ = ["VirtualPatient", "VirtualSource"]

_CHUNK = 128
_IMU_HEIGHT_M = 0.06
_IMU_PLACE = 0.55
Array = NDArray[np.float64]


class VirtualPatient:
    """A person with insoles and shoe IMUs, made up from a config and a seed.

    The same config and seed give the same bytes, whether as a recording or as a stream, and however
    that is cut.
    """

    def __init__(self, config: PatientConfig | None = None, seed: int = 0) -> None:
        self.config = config or PatientConfig()
        self.seed = seed
        self.profile = _profile(self.config)

    def recording(self, seconds: float) -> tuple[Recording, Labels]:
        """Return the first `seconds` of the patient's life, and the exact truth about them.

        Raises
        ------
        ValueError
            Where `seconds` is not positive.
        """
        if not seconds > 0:
            raise ValueError(f"seconds is {seconds}; give a positive time")
        stream = _Stream(self, keep=True)
        parts: dict[Side, list[FootSeries]] = {side: [] for side in SIDES}
        for chunk in stream:
            for side, series in chunk.items():
                parts[side].append(series)
            if stream.now_s >= seconds:
                break
        end_ns = round(seconds * 1e9)
        feet = {side: _join(parts[side], end_ns) for side in SIDES}
        name = f"virtual patient, seed {self.seed}"
        return Recording(name=name, profile=self.profile, feet=feet), stream.labels(seconds)


class VirtualSource:
    """A virtual patient as a source: generated on the fly, with flat memory.

    Gives the samples of `VirtualPatient.recording`, its time shifted so that the first one is the
    clock's now; ends after `seconds`, or never.
    """

    def __init__(
        self,
        patient: VirtualPatient,
        clock: Clock,
        block_s: float = 0.02,
        seconds: float | None = None,
    ) -> None:
        if not block_s > 0:
            raise ValueError(f"block_s is {block_s}; give a positive time [s]")
        self._patient = patient
        self._clock = clock
        self._block_ns = max(1, round(block_s * 1e9))
        self._end_ns = None if seconds is None else round(seconds * 1e9)

    @property
    def profile(self) -> Profile:
        """The virtual device."""
        return self._patient.profile

    async def blocks(self) -> AsyncIterator[Block]:
        """Yield the blocks of both feet; each is there when the clock has reached its end."""
        start_ns = self._clock.monotonic_ns()
        period = 1e9 / self._patient.config.device.rate_hz
        last = dict.fromkeys(SIDES, -1)
        for end_ns, cuts in _cut(_Stream(self._patient), self._block_ns):
            if self._end_ns is not None and end_ns - self._block_ns >= self._end_ns:
                return
            wait_ns = start_ns + end_ns - self._clock.monotonic_ns()
            await self._clock.sleep(max(0, wait_ns) / 1e9)
            for side, cut in cuts.items():
                series = cut if self._end_ns is None else _join([cut], self._end_ns)
                if not len(series.time_ns):
                    continue
                newest = round(int(series.time_ns[-1]) / period)
                lost = newest - last[side] - len(series.time_ns)
                last[side] = newest
                time_ns = series.time_ns + start_ns
                yield Block(side, time_ns, series.load, series.imu, lost)


class _Stream:
    """Chunks of `_CHUNK` sample instants, in order. Chunks are the same for everybody."""

    def __init__(self, patient: VirtualPatient, keep: bool = False) -> None:
        config = patient.config
        seeds = np.random.SeedSequence(patient.seed).spawn(1 + 3 * len(SIDES))
        self._config = config
        self._planner = ActivityPlanner(config, np.random.default_rng(seeds[0]))
        self._history: dict[tuple[Side, float], Landing] = {}
        self._phases: dict[float, Span] = {}
        self._sets: dict[float, SetRecord] = {}
        self._acts: dict[tuple[Side, float], Act] = {}
        self._keep = keep
        self._next = 0
        self._cells: dict[Side, CellSensors] = {}
        self._imu: dict[Side, ImuSensor] = {}
        self._noise: dict[Side, np.random.Generator] = {}
        self._loss: dict[Side, PacketLoss] = {}
        place = np.array([_IMU_PLACE * config.foot_length_m, 0.0, _IMU_HEIGHT_M])
        for k, side in enumerate(SIDES):
            own, noise, loss = map(np.random.default_rng, seeds[1 + 3 * k : 4 + 3 * k])
            foot = patient.profile.foot(side)
            if foot.x:
                places = np.array(foot.x), np.array(foot.y)
                self._cells[side] = CellSensors(config.device, *places, own)
            if foot.mount:
                self._imu[side] = ImuSensor(config.device, place, own)
            self._noise[side] = noise
            self._loss[side] = PacketLoss(config.device, loss)

    @property
    def now_s(self) -> float:
        """Up to where samples were given."""
        return self._next / self._config.device.rate_hz

    def labels(self, end_s: float) -> Labels:
        """Return the truth up to `end_s`; needs `keep`."""
        landings = sorted(self._history.values(), key=lambda item: item.stance.contact_s)
        acts = list(self._acts.values())
        return make_labels(landings, self._phases.values(), end_s, self._sets.values(), acts)

    def __iter__(self) -> Iterator[dict[Side, FootSeries]]:
        while True:
            yield self._chunk()

    def _chunk(self) -> dict[Side, FootSeries]:
        rate = self._config.device.rate_hz
        index = np.arange(self._next, self._next + _CHUNK)
        t = index / rate
        self._planner.extend(float(t[-1]) + 1.0)
        if self._keep:
            self._remember()
        weight = forces(t, self._planner.intervals, self._config.body_weight_n)
        time_ns = np.rint(index * (1e9 / rate)).astype(np.int64)
        feet = {side: self._foot(side, t, time_ns, weight[side]) for side in SIDES}
        self._next += _CHUNK
        self._planner.forget(float(t[-1]) - 2.0)
        return feet

    def _remember(self) -> None:
        for side in SIDES:
            for item in self._planner.landings[side]:
                if item.swing is not None:
                    self._history.setdefault((side, item.stance.contact_s), item)
        for phase in self._planner.phases:
            self._phases.setdefault(phase.start_s, phase)
        for record in self._planner.sets:
            self._sets.setdefault(record.start_s, record)
        for act in self._planner.acts:
            self._acts.setdefault((act.side, act.start_s), act)

    def _foot(
        self, side: Side, t: Array, time_ns: NDArray[np.int64], force: tuple[Array, Array]
    ) -> FootSeries:
        device = self._config.device
        noise = self._noise[side].standard_normal((len(t), device.cells + 6))
        landings = self._planner.landings[side]
        here = self._loss[side].arrives(self._next, len(t))
        load = imu = None
        if side in self._cells:
            regions, lean = _regions(t, landings, *force)
            _squeeze(t, landings, device.squeeze_n, regions)
            _act(t, side, self._planner.acts, regions)
            load = self._cells[side].sample(t, regions, lean, noise[:, 6:])[here]
        if side in self._imu:
            step_s = 1 / device.rate_hz
            mine = [act for act in self._planner.acts if act.side == side]
            size = self._config.foot_length_m

            def pose(at: Array) -> Pose:
                return _moved(at, _pose(at, landings), mine, size)

            imu = self._imu[side].sample(t, step_s, pose, noise[:, :6])
            imu = imu[here]
        return FootSeries(time_ns[here], load, imu)


def _regions(
    t: Array, landings: list[Landing], force: Array, dragged: Array
) -> tuple[Array, Array]:
    """Return the force [n, regions] and its lean [n]; a drag's is under metatarsals and toes."""
    shares, lean = np.zeros((len(t), 4)), np.zeros_like(t)
    for item in landings:
        inside = (t >= item.stance.contact_s) & (t < item.stance.off_s)
        if inside.any():
            shares[inside] = region_shares(t[inside], item)
            lean[inside] = item.lean
    regions = (force - dragged)[:, None] * shares
    regions[:, 2] += 0.5 * dragged
    regions[:, 3] += 0.5 * dragged
    return regions, lean


def _squeeze(t: Array, landings: list[Landing], size_n: float, regions: Array) -> None:
    """Add what the shoe itself presses on the toes of a foot that swings."""
    for item in landings:
        if item.swing is not None and item.squeeze > 0:
            u = (t - item.swing.before.off_s) / item.swing.duration_s
            regions[:, 3] += size_n * item.squeeze * bump(u)


def _act(t: Array, side: Side, acts: list[Act], regions: Array) -> None:
    """Change the regions' forces by what the seated feet do."""
    for act in acts:
        if act.start_s <= t[-1] and act.end_s + 1.0 >= t[0]:
            if act.side == side:
                act.load(t, regions)
            else:
                regions *= act.other_gain(t)[:, None]


def _moved(t: Array, pose: Pose, acts: list[Act], length_m: float) -> Pose:
    """Return the pose of a foot with what it does while seated."""
    for act in acts:
        if act.start_s <= t[-1] and act.end_s + 1.0 >= t[0]:
            pose = act.move(t, pose, length_m)
    return pose


def _pose(t: Array, landings: list[Landing]) -> Pose:
    """Return a foot's pose at times t [s] within the planned landings."""
    heel, angles = np.zeros((len(t), 3)), np.zeros((len(t), 3))
    for item in landings:
        spans: list[tuple[float, float, object]] = [
            (item.stance.contact_s, item.stance.off_s, item.stance)
        ]
        if item.swing is not None:
            spans.append((item.swing.before.off_s, item.stance.contact_s, item.swing))
        for begin, end, motion in spans:
            inside = (t >= begin) & (t < end)
            if inside.any():
                part: Pose = motion.pose(t[inside])  # type: ignore[attr-defined]
                heel[inside] = part.heel
                angles[inside] = np.column_stack([part.yaw, part.pitch, part.roll])
    return Pose(heel, angles[:, 0], angles[:, 1], angles[:, 2])


def _cut(stream: _Stream, block_ns: int) -> Iterator[tuple[int, dict[Side, FootSeries]]]:
    """Cut chunks into blocks that end at multiples of `block_ns`."""
    waiting: dict[Side, list[FootSeries]] = {side: [] for side in SIDES}
    end_ns = block_ns
    for chunk in stream:
        for side, series in chunk.items():
            waiting[side].append(series)
        joined = {side: _join(waiting[side]) for side in SIDES}
        known_ns = round(stream.now_s * 1e9)
        while end_ns <= known_ns:
            cuts = {
                side: _rows(series, end_ns - block_ns, end_ns) for side, series in joined.items()
            }
            yield end_ns, cuts
            end_ns += block_ns
        waiting = {side: [_rows(joined[side], end_ns - block_ns, known_ns)] for side in SIDES}


def _rows(series: FootSeries, begin_ns: int, end_ns: int) -> FootSeries:
    start, stop = np.searchsorted(series.time_ns, (begin_ns, end_ns))
    return FootSeries(
        series.time_ns[start:stop],
        None if series.load is None else series.load[start:stop],
        None if series.imu is None else series.imu[start:stop],
    )


def _join(parts: list[FootSeries], end_ns: int | None = None) -> FootSeries:
    loads = [part.load for part in parts if part.load is not None]
    imus = [part.imu for part in parts if part.imu is not None]
    whole = FootSeries(
        np.concatenate([part.time_ns for part in parts]),
        np.concatenate(loads) if loads else None,
        np.concatenate(imus) if imus else None,
    )
    return whole if end_ns is None else _rows(whole, np.iinfo(np.int64).min, end_ns)


def _profile(config: PatientConfig) -> Profile:
    """Return the shipped profile with this many cells, at this patient's foot length."""
    cells = config.device.cells
    base = profiles.shipped({6: "virtual_6", 8: "virtual_8"}.get(cells, "virtual"))
    size = config.foot_length_m
    foot = base.left
    if not cells:
        foot = replace(foot, x=(), y=())
    if config.device.imu:
        foot = replace(foot, to_toe_m=((1 - _IMU_PLACE) * size, 0.0, -_IMU_HEIGHT_M))
    else:
        foot = FootProfile(x=foot.x, y=foot.y, cell_unit=foot.cell_unit)
    return replace(base, left=foot, right=foot, foot_length_m=size)
