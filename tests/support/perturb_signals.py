"""Changes of a recorded foot's samples whose effect is known: what may not change the steps."""

from collections.abc import Callable

import numpy as np

from kernels import FootKernel
from kernels.records import EventKind, Strike

Change = Callable[[np.ndarray], None]


def run(config, time_ns, load, imu=None):
    """Return events and strides of one foot."""
    kernel = FootKernel(config)
    parts = kernel.push(time_ns, load, imu), kernel.finish()
    return tuple(np.concatenate([p[i] for p in parts]) for i in (0, 1))


def of(events, kind):
    """Return the times of the events of one kind."""
    return events["time_ns"][events["kind"] == kind]


def toe_first(events):
    """Return how many contacts landed on the toes."""
    return int((events["detail"][events["kind"] == EventKind.STRIKE] == Strike.TOE).sum())


def compare(events, reference, tolerance_ms=80):
    """Return (made up, missed): contacts that the reference events do not have, and the reverse."""
    found, true = of(events, EventKind.INITIAL_CONTACT), of(reference, EventKind.INITIAL_CONTACT)
    if not len(found) or not len(true):
        return len(found), len(true)
    apart = np.abs(found[:, None] - true[None, :]) <= tolerance_ms * 1e6
    return int((~apart.any(axis=1)).sum()), int((~apart.any(axis=0)).sum())


def resampled(time_ns, load, imu, rate_hz):
    """Return the signals at another rate, by straight lines between the samples."""
    count = int((time_ns[-1] - time_ns[0]) / 1e9 * rate_hz)
    times = time_ns[0] + np.round(np.arange(count) / rate_hz * 1e9).astype(np.int64)

    def lines(table):
        columns = [np.interp(times, time_ns, column) for column in table.T]
        return np.column_stack(columns).astype(np.float32)

    return times, lines(load), None if imu is None else lines(imu)


def interleaved(time_ns, load, imu, load_hz, imu_hz):
    """Return both sensors at rates of their own on one time line; NaN where one has no sample."""
    load_ns, loads, _ = resampled(time_ns, load, None, load_hz)
    imu_ns, imus, _ = resampled(time_ns, imu, None, imu_hz)
    times = np.union1d(load_ns, imu_ns)
    tables = []
    for own_ns, own in ((load_ns, loads), (imu_ns, imus)):
        table = np.full((len(times), own.shape[1]), np.nan, np.float32)
        table[np.searchsorted(times, own_ns)] = own
        tables.append(table)
    return times, tables[0], tables[1]


def without_packets(time_ns, share, packet, seed):
    """Return a mask of the samples that arrive when packets of `packet` samples are lost."""
    rng = np.random.default_rng(seed)
    lost = rng.random(len(time_ns) // packet + 1) < share
    return ~np.repeat(lost, packet)[: len(time_ns)]
