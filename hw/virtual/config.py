"""Settings of the virtual patient: the person, the two legs, the device, the programme."""

from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from hw.source import Side
from hw.virtual.manner import EXERCISES, Manner, VirtualConfigError, manner
from hw.virtual.manner import check_within as _within

__all__ = [
    "EXERCISING",
    "PRESETS",
    "DeviceConfig",
    "LegConfig",
    "PatientConfig",
    "Phase",
    "PhaseKind",
    "VirtualConfigError",
    "preset",
]

PhaseKind = Literal[
    "stand",
    "walk",
    "turn",
    "sit",
    "shift",
    "stairs",
    "fidget",
    "cross",
    "ankle_dorsiflexion",
    "toe_taps",
    "heel_walk",
    "step_ups",
]
PRESETS = ("healthy", "mild", "moderate", "severe")
EXERCISING = "exercises"
"""A further preset: mild foot drop, and the physiotherapist's programme instead of a walk."""
WALK_RATIO_M_MIN = 0.0062
"""Step length over cadence [m per step/min], nearly constant over speeds (Sekiya & Nagasaki 1998,
doi 10.1016/S0966-6362(98)00012-3)."""


@dataclass(frozen=True, slots=True)
class LegConfig:
    """One leg.

    Attributes
    ----------
    drop : float
        Degree of foot drop, 0 (none) .. 1 (the foot hangs). It sets what is None below, the pitch
        in swing and the toe's clearance.
    strike_mix : (heel, flat, toe) or None
        Shares of the strike types.
    drag_rate : float or None
        Share of the swings with a toe drag.
    drag_mix : (late release, scuff, full)
        Shares of the kinds among the drags.
    drag_level : (float, float)
        Lowest and highest load of a drag, share of the stance peak.
    steppage_m, circumduction_m : float or None
        Additional height of the foot at 3/8 of the swing, lateral excursion in its middle.
    """

    drop: float = 0.0
    strike_mix: tuple[float, float, float] | None = None
    drag_rate: float | None = None
    drag_mix: tuple[float, float, float] = (0.35, 0.4, 0.25)
    drag_level: tuple[float, float] = (0.045, 0.2)
    steppage_m: float | None = None
    circumduction_m: float | None = None

    def __post_init__(self) -> None:
        _within("drop", self.drop, 0, 1)
        for key in ("strike_mix", "drag_mix"):
            mix = getattr(self, key)
            if mix is not None and (min(mix) < 0 or not sum(mix) > 0):
                raise VirtualConfigError(key, mix, "three shares, none negative, not all 0")
        if self.drag_rate is not None:
            _within("drag_rate", self.drag_rate, 0, 1)
        _within("drag_level", self.drag_level[0], 0.03, self.drag_level[1])
        _within("drag_level", self.drag_level[1], self.drag_level[0], 0.2)
        _within("steppage_m", self.steppage_m or 0.0, 0, 0.15)
        _within("circumduction_m", self.circumduction_m or 0.0, 0, 0.15)

    def strikes(self) -> tuple[float, float, float]:
        """Return the shares of heel, flat and toe strikes, of sum 1."""
        mix = self.strike_mix
        if mix is None:
            heel = max(0.0, 1 - 1.4 * self.drop)
            toe = max(0.0, 1.5 * self.drop - 0.5)
            mix = (heel, max(0.0, 1 - heel - toe), toe)
        total = sum(mix)
        return (mix[0] / total, mix[1] / total, mix[2] / total)

    def drags(self) -> float:
        """Return the share of swings with a drag."""
        return 0.3 * self.drop**2 if self.drag_rate is None else self.drag_rate

    def steppage(self) -> float:
        """Return the additional lift [m]."""
        return 0.1 * self.drop if self.steppage_m is None else self.steppage_m

    def circumduction(self) -> float:
        """Return the additional lateral excursion [m]."""
        return 0.03 * self.drop if self.circumduction_m is None else self.circumduction_m


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """The insoles and IMUs, and what is wrong with them.

    Attributes
    ----------
    cells : {6, 8, 16, 0}
        Per foot; 0 for a device without pressure.
    imu : bool
        Whether there is an IMU on the instep.
    rate_hz : float
        25 .. 300.
    cell_noise_n, quantum_n, saturation_n : float
        Standard deviation, step and largest value of a cell [N].
    squeeze_n : float
        Largest force of the shoe itself on the toes of a foot that swings.
    preload_n : float
        Largest lacing preload of a cell [N]; each cell has its own.
    gain_spread : float
        Standard deviation of the cells' gains about 1.
    drift_n_per_h : float
        Largest baseline drift of a cell; each has its own, of either sign.
    acc_noise, gyr_noise : float
        Standard deviation per sample [m/s2, rad/s].
    acc_bias, gyr_bias : float
        Standard deviation of each axis' constant offset.
    imu_tilt_deg : float
        How far the IMU's nose points up from the foot's x, as on an instep.
    loss : float
        Share of packets lost; a packet has `packet` samples.
    """

    cells: int = 16
    imu: bool = True
    rate_hz: float = 100.0
    cell_noise_n: float = 0.4
    quantum_n: float = 0.25
    saturation_n: float = 600.0
    preload_n: float = 2.0
    squeeze_n: float = 6.0
    gain_spread: float = 0.06
    drift_n_per_h: float = 2.0
    acc_noise: float = 0.03
    gyr_noise: float = 0.004
    acc_bias: float = 0.05
    gyr_bias: float = 0.01
    imu_tilt_deg: float = 10.0
    loss: float = 0.0
    packet: int = 2

    def __post_init__(self) -> None:
        if self.cells not in (0, 6, 8, 16):
            raise VirtualConfigError("cells", self.cells, "0, 6, 8 or 16")
        if not self.cells and not self.imu:
            raise VirtualConfigError("imu", self.imu, "True where there are no cells")
        _within("rate_hz", self.rate_hz, 25, 300)
        _within("loss", self.loss, 0, 0.9)
        _within("packet", self.packet, 1, 100)
        _within("imu_tilt_deg", self.imu_tilt_deg, -45, 45)
        _within("saturation_n", self.saturation_n, 1, 1e9)
        for key in (
            "cell_noise_n",
            "quantum_n",
            "preload_n",
            "squeeze_n",
            "gain_spread",
            "drift_n_per_h",
        ):
            _within(key, getattr(self, key), 0, 100)
        for key in ("acc_noise", "gyr_noise", "acc_bias", "gyr_bias"):
            _within(key, getattr(self, key), 0, 10)

    def ideal(self) -> "DeviceConfig":
        """Return the same device without any error, for tests of physics."""
        return replace(
            self,
            cell_noise_n=0.0,
            quantum_n=0.0,
            saturation_n=1e9,
            preload_n=0.0,
            squeeze_n=0.0,
            gain_spread=0.0,
            drift_n_per_h=0.0,
            acc_noise=0.0,
            gyr_noise=0.0,
            acc_bias=0.0,
            gyr_bias=0.0,
            imu_tilt_deg=0.0,
            loss=0.0,
        )


@dataclass(frozen=True, slots=True)
class Phase:
    """One entry of the programme: what the person does, for how long; `speed_m_s` of a walk.

    An exercise takes as long as its repetitions do, whatever `seconds` says; `manner` says how it
    is done, well by default. "stairs" climbs and descends a flight; "fidget" is sitting with
    restless feet; "cross" sitting with the manner's leg over the other one. Seated phases that
    follow each other are one sitting.
    """

    kind: PhaseKind
    seconds: float
    speed_m_s: float | None = None
    manner: Manner | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(PhaseKind):
            raise VirtualConfigError("kind", self.kind, f"one of {', '.join(get_args(PhaseKind))}")
        _within("seconds", self.seconds, 1, 86400)
        if self.speed_m_s is not None:
            _within("speed_m_s", self.speed_m_s, 0.2, 1.5)

    def how(self) -> Manner:
        """Return the manner, the good one where none is given."""
        if self.manner is not None:
            return self.manner
        return EXERCISES.get(self.kind, Manner())


_DAY: tuple[Phase, ...] = (
    Phase("stand", 3),
    Phase("walk", 20),
    Phase("turn", 3),
    Phase("walk", 20),
    Phase("shift", 6),
    Phase("walk", 15),
    Phase("sit", 8),
)


def exercise_programme(affected: Side) -> tuple[Phase, ...]:
    """Return the physiotherapist's programme with short rests; some sets are done badly."""
    other: Side = "right" if affected == "left" else "left"

    def seated(kind: Literal["ankle_dorsiflexion", "toe_taps"]) -> tuple[Phase, ...]:
        return (
            Phase(kind, 1, manner=manner(kind, affected)),
            Phase("sit", 12),
            Phase(kind, 1, manner=manner(kind, other)),
            Phase("sit", 12),
            Phase(kind, 1, manner=manner(kind, affected, "careless")),
            Phase("sit", 12),
        )

    return (
        Phase("stand", 3),
        Phase("walk", 8),
        *seated("ankle_dorsiflexion"),
        *seated("toe_taps"),
        Phase("stand", 4),
        Phase("heel_walk", 1, 0.4),
        Phase("stand", 12),
        Phase("step_ups", 1, manner=manner("step_ups", affected)),
        Phase("stand", 12),
        Phase("step_ups", 1, manner=manner("step_ups", other, "half")),
        Phase("stand", 8),
        Phase("walk", 15),
        Phase("cross", 40, manner=Manner(side=other)),
    )


@dataclass(frozen=True, slots=True)
class PatientConfig:
    """A virtual patient; the programme begins again when it ends.

    Attributes
    ----------
    speed_m_s : float
        Walking speed, 0.2 .. 1.5.
    cadence_per_min : float or None
        Steps per minute; None takes the walk ratio that people keep at any speed.
    variability : float
        Coefficient of variation of the stride time; stride length and clearance follow it.
    """

    speed_m_s: float = 1.1
    cadence_per_min: float | None = None
    body_weight_n: float = 750.0
    foot_length_m: float = 0.26
    variability: float = 0.02
    left: LegConfig = field(default_factory=LegConfig)
    right: LegConfig = field(default_factory=LegConfig)
    device: DeviceConfig = field(default_factory=DeviceConfig)
    programme: tuple[Phase, ...] = _DAY

    def __post_init__(self) -> None:
        _within("speed_m_s", self.speed_m_s, 0.2, 1.5)
        _within("body_weight_n", self.body_weight_n, 150, 2500)
        _within("foot_length_m", self.foot_length_m, 0.15, 0.35)
        _within("variability", self.variability, 0, 0.15)
        if self.cadence_per_min is not None:
            _within("cadence_per_min", self.cadence_per_min, 30, 160)
        if not self.programme:
            raise VirtualConfigError("programme", self.programme, "at least one phase")

    def leg(self, side: Side) -> LegConfig:
        """Return the settings of one leg."""
        return self.left if side == "left" else self.right

    def cadence(self, speed_m_s: float) -> float:
        """Return the steps per minute at a speed; a given cadence belongs to the own speed."""
        if self.cadence_per_min is not None:
            return float(self.cadence_per_min * (speed_m_s / self.speed_m_s) ** 0.5)
        return float((60 * speed_m_s / WALK_RATIO_M_MIN) ** 0.5)


def preset(
    name: str,
    affected: Side = "left",
    *,
    device: DeviceConfig | None = None,
    programme: tuple[Phase, ...] | None = None,
) -> PatientConfig:
    """Return one of `PRESETS`, or `EXERCISING`: foot drop on the affected leg, none on the other.

    Raises
    ------
    VirtualConfigError
        For another name.
    """
    table: dict[str, tuple[float, float, float]] = {  # drop, speed, variability
        "healthy": (0.0, 1.25, 0.02),
        "mild": (0.35, 1.0, 0.025),
        "moderate": (0.6, 0.75, 0.035),
        "severe": (0.9, 0.5, 0.05),
    }
    if name == EXERCISING:
        name, programme = "mild", programme or exercise_programme(affected)
    if name not in table:
        raise VirtualConfigError("preset", name, f"one of {', '.join((*PRESETS, EXERCISING))}")
    drop, speed, variability = table[name]
    leg = LegConfig(drop=drop)
    config = PatientConfig(
        speed_m_s=speed,
        variability=variability,
        left=leg if affected == "left" else LegConfig(),
        right=leg if affected == "right" else LegConfig(),
    )
    return replace(config, device=device or config.device, programme=programme or config.programme)
