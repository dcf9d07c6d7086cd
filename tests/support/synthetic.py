"""Hand-made loads of one foot with exact labels: every number of them can be checked by eye."""

from dataclasses import dataclass, field

import numpy as np

from kernels import FootConfig

X = (0.10, 0.20, 0.50, 0.75, 0.90)
CONFIG = FootConfig("left", X, (0.5,) * 5)
IMU_CONFIG = FootConfig("left", X, (0.5,) * 5, mount="foot")
PEAK = 800.0
RAMP_S = 0.08


@dataclass
class Walk:
    """Region loads over time as lines between points, and what was meant by them."""

    heel: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 250.0)])
    mid: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 50.0)])
    fore: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 150.0)])
    contacts_s: list[float] = field(default_factory=list)
    toe_offs_s: list[float] = field(default_factory=list)
    now_s: float = 0.0

    def stand(self, seconds):
        """Go on as it is."""
        self.now_s += seconds
        for line in (self.heel, self.mid, self.fore):
            line.append((self.now_s, line[-1][1]))
        return self

    def push_off(self, rest=0.0, until=0.0):
        """Roll over the forefoot for 0.4 s; `rest` of the peak stays on the forefoot."""
        t = self.now_s
        self.heel += [(t + 0.15, 0.0)]
        self.mid += [(t + 0.2, 0.0)]
        self.fore += [(t + 0.15, PEAK), (t + 0.3, PEAK), (t + 0.4, rest * PEAK)]
        self.now_s = t + 0.4
        self.toe_offs_s.append(self.now_s)
        return self

    def swing(self, seconds, drag=None):
        """Swing; `drag` is (begin, end, share of the peak) of a forefoot load within it."""
        t = self.now_s
        if drag is not None:
            begin, end, share = drag
            if begin > 0:
                self.fore += [(t + begin, 0.0), (t + begin + 0.01, share * PEAK)]
            if end < seconds:
                self.fore += [(t + end - 0.01, share * PEAK), (t + end, 0.0)]
        self.now_s = t + seconds
        for line in (self.heel, self.mid, self.fore):
            line.append((self.now_s, line[-1][1]))
        return self

    def land(self, lead_s=0.06, stance_s=0.4):
        """Land with the heel `lead_s` before the forefoot (negative: toe first), then stand."""
        t = self.now_s
        heel_s, fore_s = t + max(0.0, -lead_s), t + max(0.0, lead_s)
        self.heel += [(heel_s, 0.0), (heel_s + RAMP_S, 0.6 * PEAK)]
        self.mid += [(max(heel_s, fore_s), 0.0), (max(heel_s, fore_s) + RAMP_S, 0.1 * PEAK)]
        self.fore += [(fore_s, self.fore[-1][1]), (fore_s + RAMP_S, 0.3 * PEAK)]
        self.now_s = t + stance_s
        self.contacts_s.append(t)
        for line in (self.heel, self.mid, self.fore):
            line.append((self.now_s, line[-1][1]))
        return self

    def steps(self, count, lead_s=0.06, swing_s=0.4):
        """Take healthy steps."""
        for _ in range(count):
            self.push_off().swing(swing_s).land(lead_s)
        return self

    def samples(self, rate_hz=100.0, noise=0.0, seed=0, offset_ns=0):
        """Return time_ns and load[n, 5]: two heel cells, one midfoot, two forefoot."""
        t = np.arange(0.0, self.now_s, 1 / rate_hz)
        regions = [
            np.interp(t, *zip(*line, strict=True)) for line in (self.heel, self.mid, self.fore)
        ]
        parts = (0.5, 0.5), (1.0,), (0.6, 0.4)
        cells = [r * p for r, shares in zip(regions, parts, strict=True) for p in shares]
        load = np.column_stack(cells)
        if noise:
            load += np.random.default_rng(seed).normal(0, noise, load.shape)
        time_ns = np.round(t * 1e9).astype(np.int64) + offset_ns
        return time_ns, np.maximum(load, 0).astype(np.float32)


def swinging_imu(walk, time_ns, rate_rad_s=3.0):
    """Return an IMU at rest but for a rotation from each toe off to the next contact."""
    imu = np.zeros((len(time_ns), 6), np.float32)
    imu[:, 2] = 9.81
    t = time_ns / 1e9
    for off in walk.toe_offs_s:
        on = min((c for c in walk.contacts_s if c > off), default=off + 0.4)
        inside = (t > off) & (t < on)
        imu[inside, 4] = -rate_rad_s * np.sin(np.pi * (t[inside] - off) / (on - off))
    return imu
