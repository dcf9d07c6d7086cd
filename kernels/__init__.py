"""The gait kernel: samples of one foot in, events and strides out.

Knows no device, file or clock.
"""

from kernels.config import FootConfig, Thresholds
from kernels.errors import KernelError, KernelInputError
from kernels.foot import Findings, FootKernel
from kernels.walk import Walk
from kernels.walk_records import GaitBout, GaitEvent, GaitStride

__all__ = [
    "Findings",
    "FootConfig",
    "FootKernel",
    "GaitBout",
    "GaitEvent",
    "GaitStride",
    "KernelError",
    "KernelInputError",
    "Thresholds",
    "Walk",
]
