"""Forces under the virtual feet: body weight shared between them, and spread over the cells.

Both feet together carry the body weight times (1 + a/g); the vertical acceleration a of the body
swings once per step about a mean of zero, highest in double support. So each foot shows the double
hump of normal walking and a flat curve in slow walking, and the mean over both feet is the body
weight.
"""

from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hw.source import SIDES, Side
from hw.virtual.heels import HeelStance
from hw.virtual.motion import FREE, SCUFF, Drag, Stance, smooth
from hw.virtual.steps import FLAT, HEEL, Landing, Pause, Step

__all__ = ["REGIONS", "cell_weights", "forces", "region_shares"]

Array = NDArray[np.float64]

REGIONS: Final = ("heel", "midfoot", "metatarsals", "toes")
_BLOBS: Final = (  # x, y, spread along, spread across
    (0.13, 0.50, 0.09, 0.28),
    (0.45, 0.70, 0.10, 0.22),
    (0.74, 0.45, 0.07, 0.28),
    (0.91, 0.35, 0.05, 0.25),
)
_PLATEAU: Final = (0.50, 0.12, 0.38)  # heel, midfoot, forefoot while the foot is flat
_ROLLING: Final = (0.66, 0.16, 0.18)  # the same where it rolls over the heel
_LEAN: Final = 0.3  # of the foot's width
SEATED_SHARE: Final = 0.18  # of the body weight on the feet
_SIT_S: Final = 1.2
_STOP_S: Final = 0.35
_DRAG_RAMP_S: Final = 0.012


def cell_weights(x: Array, y: Array, lean: float = 0.0) -> Array:
    """Return [regions, cells]: how a region's force spreads over the cells; rows add up to 1.

    `lean` moves the load to the lateral border (1) or the medial one (-1).
    """
    rows = []
    for cx, cy, sx, sy in _BLOBS:
        log = -0.5 * (((x - cx) / sx) ** 2 + ((y - cy - _LEAN * lean) / sy) ** 2)
        weight = np.exp(log - log.max())
        rows.append(weight / weight.sum())
    return np.array(rows)


def forces(
    t: Array, intervals: Iterable[Step | Pause], body_weight_n: float
) -> dict[Side, tuple[Array, Array]]:
    """Return per side the vertical force [N], and how much of it is a drag's, at times t [s]."""
    total = {side: np.zeros_like(t) for side in SIDES}
    drags = {side: np.zeros_like(t) for side in SIDES}
    for item in intervals:
        inside = (t >= item.start_s) & (t < item.end_s)
        if not inside.any():
            continue
        if isinstance(item, Pause):
            whole, left = _pause(t[inside], item)
            total["left"][inside] = whole * left
            total["right"][inside] = whole * (1 - left)
        else:
            whole, trail = _step(t[inside], item)
            total[item.trail][inside] = whole * trail
            total[item.lead][inside] = whole * (1 - trail)
    for item in intervals:
        if isinstance(item, Step) and item.swing.drag.kind != FREE:
            carried = _drag(t, item.swing.drag) * (1 + 0.77 * max(item.bounce))
            carried = np.minimum(carried, total[item.lead])
            drags[item.trail] += carried
            total[item.lead] -= carried
    return {
        side: ((total[side] + drags[side]) * body_weight_n, drags[side] * body_weight_n)
        for side in SIDES
    }


def region_shares(t: Array, landing: Landing) -> Array:
    """Return [n, regions]: the regions' shares of a stance's force at times t [s]."""
    stance, pace = landing.stance, landing.spread
    if isinstance(stance, HeelStance):
        heel, middle = _on_heel(t, stance)
        return _split(t, stance, landing, heel, middle)
    heel_s = stance.contact_s + max(0.0, -landing.lead_s)
    fore_s = stance.contact_s + max(0.0, landing.lead_s)
    if landing.strike == HEEL:
        fore = _ROLLING[2] * _onset((t - fore_s) / (0.08 * pace))
        middle = _ROLLING[1] * _onset((t - fore_s + 0.02) / (0.1 * pace))
        heel = 1 - fore - middle
    elif landing.strike == FLAT:
        settled = smooth((t - stance.contact_s - 0.03) / (0.15 * pace))
        heel = (1 - landing.fore_share) * (1 - settled) + _PLATEAU[0] * settled
        heel = heel * _onset((t - heel_s) / 0.004) if landing.lead_s < 0 else heel
        middle = _PLATEAU[1] * settled
        heel = np.where(t < fore_s, 1.0, heel)
    else:
        settled = _onset((t - heel_s) / (0.09 * pace))
        heel, middle = _PLATEAU[0] * settled, _PLATEAU[1] * settled
    return _split(t, stance, landing, heel, middle)


def _on_heel(t: Array, stance: HeelStance) -> tuple[Array, Array]:
    """Return the shares of heel and midfoot of a stance on the heel."""
    down = stance.lowered(t)
    middle = 0.04 * (1 - down) + _PLATEAU[1] * down
    return 1 - middle - (stance.fore * (1 - down) + _PLATEAU[2] * down), middle


def _split(t: Array, stance: Stance, landing: Landing, heel: Array, middle: Array) -> Array:
    """Return the regions' shares from those of the landing, with the rolling off over the toes."""
    if np.isfinite(stance.heel_off_s):
        begin = max(stance.flat_s, stance.heel_off_s - 1.0)
        begin += (0.05 if landing.strike == HEEL else 0.35) * (stance.heel_off_s - begin)
        heel = heel * (1 - smooth((t - begin) / (stance.heel_off_s - begin)))
        end = stance.heel_off_s + 0.3 * (stance.off_s - stance.heel_off_s)
        middle = middle * (1 - smooth((t - begin) / (end - begin)))
        toes = 0.12 + 0.3 * smooth((t - begin) / (stance.off_s - begin))
    else:
        toes = np.full_like(t, 0.12)
    fore = 1 - heel - middle
    return np.column_stack([heel, middle, fore * (1 - toes), fore * toes])


def _onset(u: Array) -> Array:
    """Return a rise from 0 to 1 that begins at full speed and ends at rest."""
    u = np.clip(u, 0.0, 1.0)
    return np.asarray(u * (2 - u))


def _transfer(u: Array, seconds: float) -> Array:
    """Return the share of the weight that has gone over to the other foot.

    It begins and ends fast, the more so the longer it takes: feet land and leave at about the same
    rate of loading at any speed.
    """
    u = np.clip(u, 0.0, 1.0)
    k = 0.3 + 0.6 * float(np.clip((seconds - 0.12) / 0.3, 0, 1))
    return np.asarray(u + k * np.sin(2 * np.pi * u) / (2 * np.pi))


def _step(t: Array, step: Step) -> tuple[Array, Array]:
    """Return the whole weight and the trailing foot's share of it."""
    span = step.off_s - step.start_s
    trail = step.trail_share * (1 - _transfer((t - step.start_s) / span, span))
    u = (t - step.start_s) / (step.end_s - step.start_s)
    bounce = step.bounce[0] + (step.bounce[1] - step.bounce[0]) * smooth(u)
    middle = 0.5 * span / (step.end_s - step.start_s)
    return 1 + bounce * np.cos(2 * np.pi * (u - middle)), trail


def _pause(t: Array, pause: Pause) -> tuple[Array, Array]:
    """Return the whole weight on the feet and the left foot's share of it."""
    since, until = t - pause.start_s, pause.end_s - t
    whole = np.ones_like(t)
    if pause.kind == "sit":
        seated = smooth((since - 0.5) / _SIT_S) if not pause.was_seated else np.ones_like(t)
        seated = seated * (smooth(until / _SIT_S) if not pause.stays_seated else 1.0)
        whole = 1 - (1 - SEATED_SHARE) * seated
    settle = _transfer(since / _STOP_S, _STOP_S)
    left = pause.left_share + (0.5 - pause.left_share) * settle
    window = smooth((since - _STOP_S) / 0.8) * smooth(until / 0.8)
    one, two, size = pause.sway
    sway = size * (np.sin(2 * np.pi * 0.31 * t + one) + 0.5 * np.sin(2 * np.pi * 0.83 * t + two))
    if pause.kind == "shift":
        sway = sway + 0.38 * np.sin(2 * np.pi * 0.3 * since + one)
    return whole, left + window * sway


def _drag(t: Array, drag: Drag) -> Array:
    """Return a drag's load as a share of the stance peak of a body weight."""
    lead_in = _DRAG_RAMP_S if drag.kind == SCUFF else 0.03
    begin = drag.start_s if drag.kind == SCUFF else drag.start_s - lead_in
    rise = np.clip((t - begin) / lead_in, 0, 1)
    fall = np.clip((drag.end_s - t) / _DRAG_RAMP_S, 0, 1)
    return np.asarray(drag.level * rise * fall)
