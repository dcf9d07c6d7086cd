"""The guided session without input or output: blocks in, what to say out.

    stand -> left -> right -> heels -> toes -> sit -> done
      each step is held still for 4 s; what is refused begins the hold again, with a plain word;
      a step that is not done within its patience is left out (heels, toes, sit) or ends it.

Who cannot do heels or toes (a foot drop is just that) skips them: heel and forefoot then share the
foot's gain, and the result says so.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from hw.calibration.errors import CalibrationError
from hw.calibration.fit import CellKind, Fit, Step, fit
from hw.calibration.linear import Divider
from hw.calibration.postures import STEPS, TEXTS, Posture, refusal
from hw.calibration.records import Calibration, CalibrationKey, FootCalibration
from hw.calibration.windows import FootWindow, Windows
from hw.source import SIDES, Block, Profile, Side

__all__ = ["HOLD_WINDOWS", "GuidedCalibration", "Update"]

HOLD_WINDOWS: Final = 8
"""Windows of half a second in which a step is held: longer than breath and sway (0.3 Hz)."""
SETTLE_NS: Final = 3_000_000_000
"""Nothing is refused aloud so soon after a step was asked for: people need to move."""
REPEAT_NS: Final = 6_000_000_000
"""A refusal is said again after so long at the earliest."""
PATIENCE_S: Final = 90.0
SILENT_NS: Final = 3_000_000_000
OPTIONAL: Final = frozenset({"heels", "toes", "sit"})
UNSURE_PERCENT: Final = 8.0
"""Steps that disagree more about the body weight make the calibration unsure."""


@dataclass(frozen=True, slots=True)
class Update:
    """Something to tell the person; `progress` of the whole session, 0..1.

    kind: step (begin this), refused (why not, as you stand), accepted, skipped, done, failed.
    """

    kind: Literal["step", "refused", "accepted", "skipped", "done", "failed"]
    text: str
    progress: float


class GuidedCalibration:
    """One session with one device; both feet must have pressure cells.

    Parameters
    ----------
    profile : Profile
        The device.
    key : CalibrationKey
        What the result belongs to.
    body_weight_n : float, optional
        Of the person with clothes [N]; None: loads will be in shares of it.
    kind : {"force", "counts"}, optional
        Whether the linearised reading grows in proportion to force, or is a mere count (two-point
        normalisation per cell). Default: counts where the profile's unit is raw and there is no
        divider.
    divider, full_scale : optional
        See `Calibration`.
    patience_s : float
        So long a step may take [s].

    Raises
    ------
    CalibrationError
        A foot has no cells, or the weight is no person's.
    """

    def __init__(
        self,
        profile: Profile,
        key: CalibrationKey,
        *,
        body_weight_n: float | None = None,
        kind: CellKind | None = None,
        divider: Divider | None = None,
        full_scale: float | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        _check(profile, body_weight_n)
        raw = profile.left.cell_unit == "raw" and divider is None
        self._profile, self._key = profile, key
        self._weight = body_weight_n
        self._kind: CellKind = kind or ("counts" if raw else "force")
        self._divider, self._full_scale = divider, full_scale
        self._patience_ns = round(patience_s * 1e9)
        self._windows = Windows(divider, full_scale)
        self._posture = Posture(profile)
        self._held: dict[Step, list[Mapping[Side, FootWindow]]] = {}
        self._hold: list[Mapping[Side, FootWindow]] = []
        self._at = 0
        self._since_ns: int | None = None
        self._heard_ns: int | None = None
        self._said_ns: int | None = None
        self._reasons: Counter[str] = Counter()
        self._notes: list[str] = []
        self._fit: Fit | None = None
        self._failure: CalibrationError | None = None

    # -- where it stands --------------------------------------------------------------------

    @property
    def step(self) -> Step | None:
        """The step that is asked for; None when the session is over."""
        return None if self.done else STEPS[self._at]

    @property
    def instruction(self) -> str:
        """What the person should do now."""
        return "" if self.step is None else TEXTS[self.step]

    @property
    def done(self) -> bool:
        """Whether the session is over, well or not."""
        return self._at >= len(STEPS) or self._failure is not None

    @property
    def progress(self) -> float:
        """How much of the session is done, 0..1."""
        return min(1.0, (self._at + len(self._hold) / HOLD_WINDOWS) / len(STEPS))

    # -- what comes in ----------------------------------------------------------------------

    def push(self, block: Block) -> list[Update]:
        """Take a block of either foot in the device's units; return what to tell the person."""
        out: list[Update] = []
        if len(block.time_ns):
            self._heard_ns = max(self._heard_ns or 0, int(block.time_ns[-1]))
        for now_ns, feet in self._windows.push(block):
            if not self.done:
                out += self._take(now_ns, feet)
        return out

    def tick(self, now_ns: int) -> list[Update]:
        """Take note of the time on the blocks' clock: says when no insole sends anything."""
        if self.done:
            return []
        if self._heard_ns is None:
            self._heard_ns = now_ns
        if now_ns - self._heard_ns < SILENT_NS:
            return []
        self._hold = []
        return self._refuse(now_ns, "No data from the insoles. Are they switched on and near?")

    def skip(self) -> list[Update]:
        """Leave out the step that is asked for: the person cannot do it.

        Raises
        ------
        CalibrationError
            There is no calibration without this step.
        """
        step = self.step
        if step is None:
            return []
        if step not in OPTIONAL:
            raise CalibrationError(
                step, "cannot be left out", "hold on to a chair with your fingertips, or have help"
            )
        return self._skip(step, "left out")

    def result(self, wall_ns: int | None) -> Calibration:
        """Return the calibration, made at `wall_ns` (None: the clock is not known).

        Raises
        ------
        CalibrationError
            The session is not over, or it failed.
        """
        if self._failure is not None:
            raise self._failure
        if self._fit is None:
            raise CalibrationError("calibration", "it is not finished", "do the remaining steps")
        return Calibration(
            device=self._key.device,
            shoe=self._key.shoe,
            firmware=self._key.firmware,
            made_ns=wall_ns,
            body_weight_n=self._weight,
            divider=self._divider,
            full_scale=self._full_scale,
            fit_error_percent=round(self._fit.error_percent, 3),
            separated=self._fit.separated,
            left=self._foot("left"),
            right=self._foot("right"),
            notes=tuple(self._notes),
        )

    # -- steps ------------------------------------------------------------------------------

    def _take(self, now_ns: int, feet: Mapping[Side, FootWindow]) -> list[Update]:
        out: list[Update] = []
        if self._since_ns is None:
            self._since_ns = now_ns
            out.append(self._update("step", self.instruction))
        step = STEPS[self._at]
        reason = refusal(step, feet, self._posture)
        if reason:
            self._hold = []
            return [*out, *self._refuse(now_ns, reason)]
        self._hold.append(feet)
        if len(self._hold) >= HOLD_WINDOWS:
            return [*out, *self._accept(step, now_ns)]
        return out

    def _refuse(self, now_ns: int, reason: str) -> list[Update]:
        since_ns = self._since_ns = now_ns if self._since_ns is None else self._since_ns
        self._reasons[reason] += 1
        if now_ns - since_ns >= self._patience_ns:
            return self._give_up(STEPS[self._at])
        soon = self._said_ns is not None and now_ns - self._said_ns < REPEAT_NS
        if now_ns - since_ns < SETTLE_NS or soon:
            return []
        self._said_ns = now_ns
        return [self._update("refused", reason)]

    def _accept(self, step: Step, now_ns: int) -> list[Update]:
        self._held[step], self._hold = self._hold, []
        self._posture.learn(step, self._held[step])
        out = [self._update("accepted", "Good.")]
        return [*out, *self._next(now_ns)]

    def _skip(self, step: Step, why: str) -> list[Update]:
        self._hold = []
        self._notes.append(f"step {step} {why}")
        return [self._update("skipped", f"Step {step} {why}."), *self._next(None)]

    def _give_up(self, step: Step) -> list[Update]:
        reason = self._reasons.most_common(1)[0][0]
        if step in OPTIONAL:
            return self._skip(step, f"not done in time ({reason.rstrip('.').lower()})")
        return self._fail(CalibrationError(step, reason.rstrip("."), "put it right, begin again"))

    def _next(self, now_ns: int | None) -> list[Update]:
        self._at += 1
        self._since_ns, self._said_ns = now_ns, None
        self._reasons.clear()
        if self._at >= len(STEPS):
            return self._finish()
        return [] if now_ns is None else [self._update("step", self.instruction)]

    def _finish(self) -> list[Update]:
        try:
            self._fit = fit(self._profile, self._held, self._kind)
        except CalibrationError as error:
            return self._fail(error)
        self._notes += _remarks(self._fit)
        words = "; ".join(self._notes) or "all cells answer"
        return [self._update("done", f"Calibrated: {words}.")]

    def _fail(self, error: CalibrationError) -> list[Update]:
        self._failure = error
        return [self._update("failed", f"Not calibrated: {error}.")]

    def _update(
        self,
        kind: Literal["step", "refused", "accepted", "skipped", "done", "failed"],
        text: str,
    ) -> Update:
        return Update(kind, text, self.progress)

    def _foot(self, side: Side) -> FootCalibration:
        assert self._fit is not None
        foot = self._fit.feet[side]
        gain = foot.gain * (self._weight or 1.0)
        return FootCalibration(
            zero=tuple(np.nan_to_num(foot.zero).tolist()),
            gain=tuple(g if np.isfinite(g) and g > 0 else None for g in gain.tolist()),
            low=tuple(np.nan_to_num(foot.low).tolist()),
            noise=tuple(np.nan_to_num(foot.noise).tolist()),
            verdicts=foot.verdicts,
        )


def _check(profile: Profile, body_weight_n: float | None) -> None:
    for side in SIDES:
        if not profile.foot(side).x:
            raise CalibrationError(
                f"{side} foot", "it has no pressure cells", "choose a device with insoles"
            )
    if body_weight_n is not None and not 150 <= body_weight_n <= 2500:
        raise CalibrationError(
            "body weight", f"{body_weight_n} N is no person's", "give 150 to 2500 N (kg x 9.81)"
        )


def _remarks(found: Fit) -> list[str]:
    """Return what is wrong with cells and steps, in plain words."""
    out = []
    for side in SIDES:
        for number, verdict in enumerate(found.feet[side].verdicts, start=1):
            if verdict in ("dead", "weak", "saturated"):
                out.append(f"{side} cell {number} {verdict}")
    if not found.separated:
        out.append("heel and forefoot share one gain")
    if found.error_percent > UNSURE_PERCENT:
        out.append(
            f"the steps disagree by {found.error_percent:.0f} % about the body weight: do it again"
        )
    return out
