"""Readable twin of `_imu_stride`: one stride's trajectory from foot-flat to foot-flat.

At stride close the samples between two foot-flats A and B are gone over again.

1. Attitude: level at A by gravity, then by the gyro; the tilt error that gravity shows at B is
   spread evenly over time.
2. Velocity and place: twice integrated by the trapezoid rule, beginning at rest.
3. Bridge: at B the foot is at rest again (and on level ground as high as at A). The velocity left
   over there is an error. It is modelled as a random walk whose variance grows with time (tilt,
   DRIFT) and with the square of the change in acceleration from sample to sample (what the
   trapezoid rule cannot see: impacts). The expected error at each sample, given its value at B,
   is then a closed form of three running sums; this is the smoother of Rauch, Tung and Striebel
   (1965, doi 10.2514/3.3166) for that walk. A linear de-drift spreads an impact's error over the
   whole swing instead: on the motion-capture walk it doubles or triples the error of stride
   length.
4. Pivots: while the heel (landing) or the ball and toes (push-off) turn on the ground, the IMU's
   velocity is angular rate x lever, which tells the lever.
5. Heights of the heel and the toe point, way aside, net height, turn.
"""

import itertools
import math
from dataclasses import dataclass, field

from kernels import imu_constants as c

__all__ = ["ImuStride", "Sample", "Trajectory", "cross", "dot", "turn_back", "void_space"]

Vector = list[float]
NAN = math.nan


@dataclass(slots=True)
class Sample:
    """One kept sample: time, acceleration, rate less offset, pitch and its rate [rad, rad/s]."""

    t: int = 0
    a: Vector = field(default_factory=lambda: [0.0, 0.0, 0.0])
    w: Vector = field(default_factory=lambda: [0.0, 0.0, 0.0])
    pitch: float = 0.0
    rate: float = 0.0
    unrest: float = 0.0
    gap: bool = False


@dataclass(slots=True)
class ImuStride:
    """What the IMU says of one stride; NaN: not known."""

    pitch_at_toe_off_deg: float = NAN
    pitch_at_contact_deg: float = NAN
    max_dorsiflexion_deg: float = NAN
    stride_length_m: float = NAN
    clearance_mm: float = NAN
    lift_mm: float = NAN
    lateral_excursion_mm: float = NAN
    net_height_m: float = NAN
    turn_deg: float = NAN
    residual_mps: float = NAN
    unrest: float = NAN
    turn: int = 0
    stairs: int = 0
    clearance_at_mean_time: int = 0
    complete: int = 0
    flat_ns: int = 0


def void_space(out: ImuStride) -> ImuStride:
    """No spatial number can be trusted: keep only pitch and quality."""
    return ImuStride(
        pitch_at_toe_off_deg=out.pitch_at_toe_off_deg,
        pitch_at_contact_deg=out.pitch_at_contact_deg,
        max_dorsiflexion_deg=out.max_dorsiflexion_deg,
        residual_mps=out.residual_mps,
        unrest=out.unrest,
    )


def dot(a: Vector, b: Vector) -> float:
    """Scalar product."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a: Vector, b: Vector) -> Vector:
    """Vector product."""
    return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]


def turn_back(r: Vector, v: Vector) -> Vector:
    """Turn `v` by minus the rotation vector `r` (Rodrigues' formula by its series, to |r|^8)."""
    h = dot(r, r)
    s = 1.0 + h * (-1.0 / 6.0 + h * (1.0 / 120.0 + h * (-1.0 / 5040.0 + h * (1.0 / 362880.0))))
    k = 0.5 + h * (-1.0 / 24.0 + h * (1.0 / 720.0 + h * (-1.0 / 40320.0 + h * (1.0 / 3628800.0))))
    p = cross(r, v)
    q = cross(r, p)
    return [v[i] - s * p[i] + k * q[i] for i in range(3)]


def mean_gravity(ring: list[Sample], first: int, n: int) -> Vector:
    """Mean acceleration over FLAT_WINDOW_S up to sample n."""
    end = ring[n % c.RING].t
    total = [0.0, 0.0, 0.0]
    m = 0.0
    k = n
    while k >= first and end - ring[k % c.RING].t <= c.FLAT_WINDOW_S * 1e9:
        a = ring[k % c.RING].a
        total = [total[i] + a[i] for i in range(3)]
        m += 1.0
        k -= 1
    return [x / m for x in total]


class Trajectory:
    """The learnt levers of one foot, and its last stride."""

    def __init__(self) -> None:
        self.mount: list[Vector] = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
        self.heel_fit = [0.0, 0.0, 0.0]
        self.toe_fit = [0.0, 0.0, 0.0]
        self.to_toe = [NAN, NAN, NAN]
        self.foot_length = NAN
        self.phase = NAN
        self.phases = 0.0
        self.shank = False
        self.forward = 0.0

    def solve(
        self, ring: list[Sample], a: int, b: int, n_to: int, n_ic: int, out: ImuStride
    ) -> None:
        """Fill the spatial numbers of `out` from samples a (flat before) to b (flat after)."""
        n = b - a + 1
        if n < 3:
            return
        half = c.RING // 2
        ga = mean_gravity(ring, a - half if a > half else 0, a)
        gb = mean_gravity(ring, a, b)
        na, nb = math.sqrt(dot(ga, ga)), math.sqrt(dot(gb, gb))
        if na <= 0.0 or nb <= 0.0 or abs(dot(self.mount[0], ga)) > 0.99 * na:
            return
        samples = [ring[(a + k) % c.RING] for k in range(n)]
        self._attitude(samples, ga)
        self._integrate(samples, gb, 0.5 * (na + nb))
        self._bridge(samples, out)
        if self.shank:
            return
        self._pivots(samples, n_to - a, n_ic - a, ring[n_to % c.RING], ring[n_ic % c.RING])
        if not out.turn:
            self._aside(n, n_to - a, n_ic - a, out)
            self._heights(n_to - a, n_ic - a, out)

    def _attitude(self, samples: list[Sample], ga: Vector) -> None:
        """World axes in the sensor frame: level at first, x along the foot, then by the gyro."""
        m = 1.0 / math.sqrt(dot(ga, ga))
        z = [g * m for g in ga]
        along = dot(self.mount[0], z)
        x = [self.mount[0][i] - along * z[i] for i in range(3)]
        m = 1.0 / math.sqrt(dot(x, x))
        x = [v * m for v in x]
        self.r = [[x, cross(z, x), z]]
        self.t = [0.0]
        for q, s in itertools.pairwise(samples):
            h = 0.5 * ((s.t - q.t) * 1e-9)
            w = [(q.w[i] + s.w[i]) * h for i in range(3)]
            x, z = turn_back(w, x), turn_back(w, z)
            self.r.append([x, cross(z, x), z])
            self.t.append((s.t - samples[0].t) * 1e-9)

    def _integrate(self, samples: list[Sample], gb: Vector, g: float) -> None:
        """Velocity and place, the tilt error found at the end spread over time; variances."""
        end = self.t[-1]
        size = math.sqrt(dot(gb, gb))
        ex = dot(self.r[-1][1], gb) / size
        ey = -dot(self.r[-1][0], gb) / size
        self.v, self.p, self.up = [[0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0]], []
        self.s0, self.s1, self.s2 = [0.0], [0.0], [0.0]
        if self.shank:
            self.v = [self._over_ankle(samples[0], 0)]
        last = [0.0, 0.0, 0.0]
        for k, s in enumerate(samples):
            cx, cy = ex * self.t[k] / end, ey * self.t[k] / end
            rx, ry, rz = self.r[k]
            x, y, z = dot(rx, s.a), dot(ry, s.a), dot(rz, s.a)
            now = [x + cy * z, y - cx * z, z + cx * y - cy * x - g]
            self.up.append([rz[i] + cx * ry[i] - cy * rx[i] for i in range(3)])
            if k:
                self._step(k, samples[k - 1], s, last, now)
            last = now

    def _step(self, k: int, q: Sample, s: Sample, last: Vector, now: Vector) -> None:
        """One step of the trapezoid rule, and the variance that it adds."""
        dt = self.t[k] - self.t[k - 1]
        v, p = self.v[k - 1], self.p[k - 1]
        new = [v[i] + 0.5 * dt * (last[i] + now[i]) for i in range(3)]
        self.v.append(new)
        self.p.append([p[i] + 0.5 * dt * (v[i] + new[i]) for i in range(3)])
        e = 0.0
        for i in range(3):
            d = s.a[i] - q.a[i]
            e += d * d
        e = c.DRIFT * c.DRIFT * dt + c.QUADRATURE * e * dt * dt
        self.s0.append(self.s0[k - 1] + e)
        self.s1.append(self.s1[k - 1] + e * self.t[k])
        self.s2.append(self.s2[k - 1] + e * self.t[k] * self.t[k])

    def _bridge(self, samples: list[Sample], out: ImuStride) -> None:
        """Spread the velocity (on level ground also the height) left over at the end.

        With the walk's variance s0 and its moments s1, s2: Cov(v_t, v_T) = s0;
        Cov(p_t, v_T) = s0 t - s1; Cov(v_t, p_T) = s0 T - s1;
        Cov(p_t, p_T) = s0 t T - s1 (t + T) + s2.
        """
        n = len(samples)
        end = self.t[n - 1]
        vv = self.s0[n - 1]
        vp = vv * end - self.s1[n - 1]
        pp = vv * end * end - 2.0 * end * self.s1[n - 1] + self.s2[n - 1]
        det = vv * pp - vp * vp
        over = [0.0, 0.0, 0.0]
        if self.shank:
            over = self._over_ankle(samples[-1], n - 1)
        over = [self.v[n - 1][i] - over[i] for i in range(3)]
        out.residual_mps = math.sqrt(dot(over, over))
        kx, ky, kz, hz = over[0] / vv, over[1] / vv, over[2] / vv, 0.0
        out.net_height_m = self.p[n - 1][2] - vp * kz
        spread = math.sqrt(pp - vp * vp / vv) if pp * vv > vp * vp else 0.0
        height = abs(out.net_height_m)
        out.stairs = int(height > c.STAIR_M and height > c.STAIR_SPREADS * spread)
        if not out.stairs and det > 0.0:
            kz = (pp * over[2] - vp * self.p[n - 1][2]) / det
            hz = (vv * self.p[n - 1][2] - vp * over[2]) / det
        for k in range(n):
            t = self.t[k]
            cpv = self.s0[k] * t - self.s1[k]
            cvp = self.s0[k] * end - self.s1[k]
            cpp = self.s0[k] * t * end - self.s1[k] * (t + end) + self.s2[k]
            p, v = self.p[k], self.v[k]
            self.p[k] = [p[0] - cpv * kx, p[1] - cpv * ky, p[2] - (cpv * kz + cpp * hz)]
            s0 = self.s0[k]
            self.v[k] = [v[0] - s0 * kx, v[1] - s0 * ky, v[2] - (s0 * kz + cvp * hz)]
        self._ground(samples, out)

    def _ground(self, samples: list[Sample], out: ImuStride) -> None:
        """Turn and length over ground."""
        dx = dot(self.r[-1][0], self.mount[0])
        dy = dot(self.r[-1][1], self.mount[0])
        turn = math.atan2(dy, dx)
        out.turn_deg = turn * c.DEGREES
        out.turn = int(abs(turn) > c.TURN_RAD)
        x, y = self.p[-1][0], self.p[-1][1]
        length = math.sqrt(x * x + y * y)
        self.forward = x / length if length > 0.0 else 0.0
        if not out.turn:
            out.stride_length_m = length
        out.complete = 1
        out.flat_ns = samples[0].t

    def _pivots(
        self, samples: list[Sample], k_to: int, k_ic: int, at_to: Sample, at_ic: Sample
    ) -> None:
        """Where heel and toes pivot on the ground, from the IMU's velocity while they do."""
        self.heel_fit = [f * c.PIVOT_MEMORY for f in self.heel_fit]
        self.toe_fit = [f * c.PIVOT_MEMORY for f in self.toe_fit]
        ic, to = at_ic.pitch, at_to.pitch
        for k in range(1, len(samples) - 1):
            s = samples[k]
            w = -s.rate
            if w < c.PIVOT_RATE:
                continue
            if k > k_ic and ic > c.HEEL_PITCH and c.HEEL_TO * ic < s.pitch < c.HEEL_FROM * ic:
                fit = self.heel_fit
            elif k < k_to and to < -c.TOE_PITCH and c.TOE_TO * to < s.pitch < c.TOE_FROM * to:
                fit = self.toe_fit
            else:
                continue
            dt = self.t[k] - self.t[k - 1]
            (x, y, z), v = self.r[k], self.v[k]
            vs = [x[i] * v[0] + y[i] * v[1] + z[i] * v[2] for i in range(3)]
            fit[0] += w * w * dt
            fit[1] += w * dot(vs, self.mount[2]) * dt
            fit[2] -= w * dot(vs, self.mount[0]) * dt

    def points(self) -> tuple[Vector, Vector]:
        """Heel and toe point from the IMU in the foot frame [m]; NaN: not known.

        With a foot length both pivots tell the toe point: the heel's plus the length, and the toes'
        own; each counts by what it rests on, half and half where both are well known.
        """
        n, w = self.foot_length, c.PIVOT_PRIOR
        heel, toe = [NAN, 0.0, NAN], list(self.to_toe)
        h, f = self.heel_fit, self.toe_fit
        if not math.isnan(n):
            heel[0] = (h[1] - w * c.HEEL_BEHIND * n) / (h[0] + w)
            heel[2] = (h[2] - w * c.HEEL_BELOW_M) / (h[0] + w)
        elif h[0] > w:
            heel[0], heel[2] = h[1] / h[0], h[2] / h[0]
        if not math.isnan(toe[0]):
            return heel, toe
        toe[1] = 0.0
        if not math.isnan(n):
            toe[0], toe[2] = heel[0] + n, heel[2]
            if f[0] > 0.0:
                share = f[0] / (f[0] + w)
                share *= 1.0 - 0.5 * h[0] / (h[0] + w)
                toe[0] += share * (f[1] / f[0] - toe[0])
                heel[0] += w / (h[0] + w) * (toe[0] - n - heel[0])
        elif f[0] > w:
            toe[0], toe[2] = f[1] / f[0], f[2] / f[0]
        return heel, toe

    def height(self, k: int, point: Vector) -> float:
        """Height of a point of the foot at sample k over its height at foot-flat [m]."""
        d = [self.up[k][i] - self.up[0][i] for i in range(3)]
        m = self.mount
        return (
            self.p[k][2]
            + point[0] * dot(m[0], d)
            + point[1] * dot(m[1], d)
            + point[2] * dot(m[2], d)
        )

    def _heights(self, k0: int, k1: int, out: ImuStride) -> None:
        """Lift of the heel and clearance of the toe point over the swing k0..k1."""
        heel, toe = self.points()
        if not math.isnan(heel[0]):
            out.lift_mm = 1e3 * max(self.height(k, heel) for k in range(k0, k1 + 1))
        if math.isnan(toe[0]) or out.stairs:
            return
        h = [self.height(k, toe) for k in range(k0, k1 + 1)]
        n = len(h)
        early = max(int(c.CLEARANCE_PEAK * n), 1)
        peak = max(range(early), key=lambda k: (h[k], -k))
        low = min(range(peak, n), key=lambda k: (h[k], k))
        if peak < low < n - 1:
            phase = low / (n - 1)
            if self.phases < c.PHASE_MEMORY:
                self.phases += 1.0
            if self.phases == 1.0:
                self.phase = phase
            else:
                self.phase += (phase - self.phase) / self.phases
            out.clearance_mm = 1e3 * h[low]
        elif self.phases > 0.0:
            out.clearance_mm = 1e3 * h[int(self.phase * (n - 1))]
            out.clearance_at_mean_time = 1

    def _aside(self, n: int, k0: int, k1: int, out: ImuStride) -> None:
        """Farthest way of the IMU from the stride's chord over the swing k0..k1."""
        x, y = self.p[n - 1][0], self.p[n - 1][1]
        side = max(abs(self.p[k][0] * y - self.p[k][1] * x) for k in range(k0, k1 + 1))
        if out.stride_length_m > 0.0:
            out.lateral_excursion_mm = 1e3 * side / out.stride_length_m

    def _over_ankle(self, s: Sample, k: int) -> Vector:
        """World velocity of a shank that turns over a standing ankle (inverted pendulum).

        After Li, Young, Naing, Donelan (2010), doi 10.1016/j.jbiomech.2010.01.031.
        """
        v = cross(s.w, [c.SHANK_ABOVE_ANKLE_M * x for x in self.mount[2]])
        return [dot(self.r[k][i], v) for i in range(3)]
