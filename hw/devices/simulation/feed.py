"""One foot's signal at any instant, from a recording or a virtual patient, for simulators."""

import numpy as np
from numpy.typing import NDArray

from hw.source import FootProfile, FootSeries, Recording, Side

__all__ = ["FootFeed", "feet_of"]

_REACH = 0.18


class FootFeed:
    """A foot's series, repeated end to end, as a device with other cells and axes would feel it.

    Parameters
    ----------
    series : FootSeries
        House units and frame.
    worn : FootProfile
        The sensors that recorded `series`: the places of its cells.
    device : FootProfile
        The sensors to imitate: the places of their cells, and the axes of their IMU.
    full_scale : float or None
        Load of one cell that is 1.0 to the device; None takes the greatest of the series.
    """

    def __init__(
        self,
        series: FootSeries,
        worn: FootProfile,
        device: FootProfile,
        full_scale: float | None = None,
    ) -> None:
        rows = len(series.time_ns)
        self._time_s = (series.time_ns - series.time_ns[0]) / 1e9
        step_s = self._time_s[-1] / max(1, rows - 1)
        self._length_s = float(self._time_s[-1] + step_s)
        loads = np.nan_to_num(series.load) if series.load is not None else np.zeros((rows, 0))
        if loads.shape[1] and device.x:
            loads = loads @ _spread(worn, device)
        else:
            loads = np.zeros((rows, len(device.x)))
        top = full_scale if full_scale is not None else float(loads.max(initial=0.0))
        self._loads = loads / top if top > 0 else loads
        still = np.tile([0.0, 0.0, 9.80665, 0.0, 0.0, 0.0], (rows, 1))
        imu = np.nan_to_num(series.imu) if series.imu is not None else still
        self._imu = imu @ _to_device_axes(device.axes)

    def at(self, time_s: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the signal at these times of the device.

        load[n, cells] is the share of full scale, imu[n, 6] m/s2 and rad/s in the device's axes.
        """
        time_s = np.mod(time_s, self._length_s)
        right = np.clip(np.searchsorted(self._time_s, time_s), 1, len(self._time_s) - 1)
        left = right - 1
        share = (time_s - self._time_s[left]) / (self._time_s[right] - self._time_s[left])
        share = np.clip(share, 0.0, 1.0)[:, None]
        loads = self._loads[left] * (1 - share) + self._loads[right] * share
        imu = self._imu[left] * (1 - share) + self._imu[right] * share
        return loads, imu


def feet_of(
    recording: Recording, left: FootProfile, right: FootProfile, full_scale: float | None = None
) -> dict[Side, FootFeed]:
    """Return a feed for each recorded foot, felt by the device's sensors."""
    devices: dict[Side, FootProfile] = {"left": left, "right": right}
    return {
        side: FootFeed(series, recording.profile.foot(side), devices[side], full_scale)
        for side, series in recording.feet.items()
    }


def _spread(worn: FootProfile, device: FootProfile) -> NDArray[np.float64]:
    """Weights [worn cells, device cells] by closeness: each device cell is a mean of near ones."""
    along = np.subtract.outer(np.array(worn.x), np.array(device.x))
    across = 0.4 * np.subtract.outer(np.array(worn.y), np.array(device.y))
    weights = np.exp(-0.5 * (along**2 + across**2) / (_REACH / 2) ** 2)
    total: NDArray[np.float64] = weights / weights.sum(axis=0)
    return total


def _to_device_axes(axes: tuple[str, str, str]) -> NDArray[np.float64]:
    """Turn house vectors (rows, polar then axial) into the axes of a device mounted so."""
    turn = np.zeros((3, 3))
    for foot_axis, name in enumerate(axes):
        turn[foot_axis, "xyz".index(name[-1])] = -1.0 if name[0] == "-" else 1.0
    both = np.zeros((6, 6))
    both[:3, :3] = turn
    both[3:, 3:] = turn * round(float(np.linalg.det(turn)))
    return both
