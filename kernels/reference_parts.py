"""The twin's parts: cells to regions, and the remembered loads. Plain Python, for reading.

The compiled kernel keeps the same order of every floating-point operation, so results are equal
to the bit.
"""

import math
from collections.abc import Sequence

from kernels.config import FOREFOOT_FROM_X, HEEL_BELOW_X, Thresholds
from kernels.records import CURVE_POINTS, MISSING_NS

__all__ = ["Cells", "Trace", "crossing_ns"]

HEEL, MIDFOOT, FOREFOOT = 0, 1, 2
TRACE_LENGTH = 2048
LEARN_AFTER_NS = 60_000_000
OFFSET_NS = 500_000_000
NS = 1e9


def crossing_ns(t0: int, v0: float, t1: int, v1: float, level: float) -> int:
    """Return when the line from (t0, v0) to (t1, v1) passes `level`; t1 where it does not."""
    if v1 == v0:
        return t1
    share = (level - v0) / (v1 - v0)
    if not 0.0 <= share <= 1.0:
        return t1
    return t0 + int((t1 - t0) * share)


class Cells:
    """Cells to region loads: holds short dropouts, takes off baselines, leaves out stuck cells."""

    def __init__(self, x: Sequence[float], limits: Thresholds) -> None:
        n = len(x)
        self.x = x
        self.limits = limits
        self.region = [0 if v < HEEL_BELOW_X else 2 if v > FOREFOOT_FROM_X else 1 for v in x]
        self.count = [self.region.count(r) for r in range(3)]
        self.last = [0.0] * n
        self.base = [0.0] * n
        self.seen_ns = [MISSING_NS] * n
        self.change_ns = [MISSING_NS] * n
        self.stuck = [False] * n
        self.check_ns = MISSING_NS
        self.low, self.high = math.inf, 0.0
        self.load = [0.0, 0.0, 0.0]
        self.total = 0.0
        self.moment = 0.0
        self.sum = [0.0] * n
        self.sums = 0
        self.fore_sum = self.fore_square = 0.0
        self.swings = 0
        self.sigma = 0.0
        self.lowest = [math.inf] * n
        self.offset = 0.0
        self.offset_ns = MISSING_NS

    def take(self, t: int, row: Sequence[float]) -> bool:
        """Take one row of loads; False where it carries too little to say anything."""
        hold_ns = int(self.limits.gap_s * NS)
        fresh = present = 0
        load = [0.0, 0.0, 0.0]
        moment = 0.0
        for c, raw in enumerate(row):
            if math.isfinite(raw):
                fresh += 1
                value = max(raw, 0.0)
                if value != self.last[c] or self.change_ns[c] == MISSING_NS:
                    self.change_ns[c] = t
                    self.stuck[c] = False
                self.last[c] = value
                self.lowest[c] = min(self.lowest[c], value)
                self.seen_ns[c] = t
            elif self.seen_ns[c] == MISSING_NS or t - self.seen_ns[c] > hold_ns:
                continue
            present += 1
            if self.stuck[c]:
                continue
            net = self.last[c] - self.base[c]
            load[self.region[c]] += net
            if net > 0.0:
                moment += net * self.x[c]
        if fresh == 0 or 2 * present < len(row):
            return False
        for r in range(3):
            self.load[r] = max(load[r], 0.0)
        self.total = self.load[0] + self.load[1] + self.load[2]
        self.moment = moment
        return True

    def watch(self, t: int, scale: float) -> None:
        """Find stuck cells, once per `stuck_s`."""
        self.low = min(self.low, self.total)
        self.high = max(self.high, self.total)
        stuck_ns = int(self.limits.stuck_s * NS)
        if self.check_ns != MISSING_NS and t - self.check_ns < stuck_ns:
            return
        if self.check_ns != MISSING_NS and self.high - self.low > 0.5 * scale:
            for c in range(len(self.last)):
                loaded = self.last[c] - self.base[c] > self.limits.loaded_share * scale
                if loaded and self.change_ns[c] <= self.check_ns:
                    self.stuck[c] = True
        self.check_ns = t
        self.low = self.high = self.total

    def stick(self, since: int, scale: float) -> bool:
        """Find cells that kept their load since the foot was full, while the others lost theirs."""
        light = self.limits.landing_share * scale
        found = False
        for c in range(len(self.last)):
            net = self.last[c] - self.base[c]
            loaded = net > self.limits.loaded_share * scale and not self.stuck[c]
            if loaded and self.change_ns[c] <= since and self.total - net < light:
                self.stuck[c] = found = True
        return found

    def find_offset(self, t: int, scale: float) -> float:
        """Take off an offset that all cells have in common; return by how much the total fell.

        Only before the first clean swing; only where the least values of all cells so far lie
        within a factor of two and sum up to less than a third of the stance peak: a device's
        offset does, cells under a foot that never left the ground do not.
        """
        if self.swings > 0 or self.offset > 0.0 or not self.last:
            return 0.0
        if self.offset_ns != MISSING_NS and t - self.offset_ns < OFFSET_NS:
            return 0.0
        self.offset_ns = t
        low, high = min(self.lowest), max(self.lowest)
        fall = low * len(self.last)
        if not (low > 0.0 and high < 2.0 * low and 3.0 * fall < scale):
            return 0.0
        self.offset = low
        self.base = [low] * len(self.base)
        return fall

    def start_swing(self) -> None:
        """Forget what was gathered for the baseline."""
        self.sums = 0
        self.fore_sum = self.fore_square = 0.0
        self.sum = [0.0] * len(self.sum)

    def gather(self) -> None:
        """Gather a sample of the unloaded foot."""
        self.sums += 1
        fore = self.load[FOREFOOT]
        self.fore_sum += fore
        self.fore_square += fore * fore
        for c in range(len(self.sum)):
            self.sum[c] += self.last[c]

    def learn(self, scale: float) -> None:
        """Move the baselines towards a clean swing's mean; the first three swings move freely.

        A free move of a forefoot cell is bounded by what the heel and midfoot cells show: an
        offset of the device is common to all cells, a dragged forefoot is not.
        """
        if self.sums < 3:
            return
        gain = self.limits.baseline_gain
        slew = self.limits.baseline_slew_share * scale
        free = self.swings < 3
        rear, rears = 0.0, 0
        for c in range(len(self.sum)):
            if self.region[c] != FOREFOOT:
                rear += self.sum[c] / self.sums
                rears += 1
        common = 1.5 * rear / rears if rears else 0.0
        for c in range(len(self.sum)):
            mean = self.sum[c] / self.sums
            if free and self.region[c] == FOREFOOT:
                mean = min(mean, max(common, slew))
            step = (1.0 if free else gain) * (mean - self.base[c])
            if not free:
                step = min(max(step, -slew), slew)
            self.base[c] += step
        fore = self.fore_sum / self.sums
        spread = math.sqrt(max(self.fore_square / self.sums - fore * fore, 0.0))
        spread = min(spread, 0.0125 * scale)
        self.sigma += (spread - self.sigma) * (gain if self.swings else 1.0)
        self.swings += 1


class Trace:
    """The last 2048 valid samples of region loads, for what looks back."""

    def __init__(self) -> None:
        self.n = 0
        self.t = [0] * TRACE_LENGTH
        self.load = [[0.0] * TRACE_LENGTH for _ in range(3)]
        self.total = [0.0] * TRACE_LENGTH
        self.moment = [0.0] * TRACE_LENGTH

    def put(self, t: int, cells: Cells) -> None:
        """Remember the sample that `cells` just took."""
        i = self.n % TRACE_LENGTH
        self.t[i] = t
        for r in range(3):
            self.load[r][i] = cells.load[r]
        self.total[i] = cells.total
        self.moment[i] = cells.moment
        self.n += 1

    def before(self, t: int) -> int:
        """Return the number of the last sample at or before `t`; -1 where it is forgotten."""
        k = self.n - 1
        oldest = max(self.n - TRACE_LENGTH, 0)
        while k >= oldest:
            if self.t[k % TRACE_LENGTH] <= t:
                return k
            k -= 1
        return -1

    def at(self, values: list[float], t: int, k: int) -> float:
        """Return `values` at time `t`, interpolated after sample number `k`."""
        i = k % TRACE_LENGTH
        if k + 1 >= self.n:
            return values[i]
        j = (k + 1) % TRACE_LENGTH
        share = (t - self.t[i]) / (self.t[j] - self.t[i])
        return values[i] + (values[j] - values[i]) * share

    def index_percent(self, t: int) -> float:
        """Return the strike index at `t`: centre of pressure, 0 heel to 100 toe; NaN unloaded."""
        k = self.before(t)
        if k < 0:
            return math.nan
        total = self.at(self.total, t, k)
        if not total > 0.0:
            return math.nan
        return min(max(100.0 * self.at(self.moment, t, k) / total, 0.0), 100.0)

    def knee_ns(self, k: int, level: float) -> int:
        """Return when the total last fell below `level`, looking back from sample number `k`."""
        oldest = max(self.n - TRACE_LENGTH, 0)
        while k - 1 >= oldest:
            i, j = (k - 1) % TRACE_LENGTH, k % TRACE_LENGTH
            if self.total[i] > level:
                return crossing_ns(self.t[i], self.total[i], self.t[j], self.total[j], level)
            k -= 1
        return MISSING_NS

    def curve(self, region: int, start: int, stop: int) -> tuple[list[float], float, float]:
        """Return curve, impulse and peak of one region over a stance; NaN where forgotten."""
        k = self.before(start)
        if k < 0 or stop <= start:
            return [math.nan] * CURVE_POINTS, math.nan, math.nan
        values = self.load[region]
        points = [0.0] * CURVE_POINTS
        walk = k
        for p in range(CURVE_POINTS):
            t = start + (stop - start) * p // (CURVE_POINTS - 1)
            while walk + 1 < self.n and self.t[(walk + 1) % TRACE_LENGTH] <= t:
                walk += 1
            points[p] = self.at(values, t, walk)
        impulse = peak = 0.0
        last_t, last_v = start, points[0]
        walk = k + 1
        while walk < self.n and self.t[walk % TRACE_LENGTH] < stop:
            t, v = self.t[walk % TRACE_LENGTH], values[walk % TRACE_LENGTH]
            impulse += 0.5 * (last_v + v) * ((t - last_t) / NS)
            peak = max(peak, v)
            last_t, last_v = t, v
            walk += 1
        impulse += 0.5 * (last_v + points[-1]) * ((stop - last_t) / NS)
        return points, impulse, max(peak, points[-1], points[0])
