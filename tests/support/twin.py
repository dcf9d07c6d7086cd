"""The readable twin behind the same door as the compiled kernel."""

import numpy as np
from kernels._landing import ChainPort

from kernels import Findings, FootConfig
from kernels.records import EVENT_DTYPE, STRIDE_DTYPE
from kernels.reference import FootReference


class TwinKernel:
    """`kernels.FootKernel` on the twin; for tests only, it checks nothing."""

    def __init__(self, config: FootConfig) -> None:
        chain = ChainPort(config) if config.mount is not None else None
        self.engine = FootReference(config, chain)

    def push(self, time_ns, load, imu) -> Findings:
        lists = (None if a is None else a.tolist() for a in (load, imu))
        self.engine.push(time_ns.tolist(), *lists)
        return self._drain()

    def finish(self) -> Findings:
        self.engine.finish()
        return self._drain()

    def _drain(self) -> Findings:
        events = np.array(self.engine.events, dtype=EVENT_DTYPE)
        strides = np.zeros(len(self.engine.strides), STRIDE_DTYPE)
        for name in STRIDE_DTYPE.names:
            if strides[name].dtype.kind == "f":
                strides[name] = np.nan
        for row, stride in zip(strides, self.engine.strides, strict=True):
            for name, value in stride.items():
                row[name] = value
        self.engine.events.clear()
        self.engine.strides.clear()
        return Findings(events, strides)
