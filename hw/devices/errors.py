"""What goes wrong with a device.

hw.source.HwError
└── DeviceError (ConnectionError)       the device cannot be used now; tried again
    ├── DeviceLostError                 the link broke or fell silent
    └── DeviceRefusedError              it is there, but it is not the one that was configured
"""

from hw.source import HwError

__all__ = ["DeviceError", "DeviceLostError", "DeviceRefusedError"]


class DeviceError(HwError, ConnectionError):
    """A device that cannot be used now.

    Attributes
    ----------
    device : str
        Its address, port or bus.
    reason, remedy : str
        What is wrong, and what to do about it.
    """

    def __init__(self, device: str, reason: str, remedy: str) -> None:
        super().__init__(f"{device}: {reason}; {remedy}")
        self.device = device
        self.reason = reason
        self.remedy = remedy


class DeviceLostError(DeviceError):
    """The link to the device broke or fell silent."""


class DeviceRefusedError(DeviceError):
    """The device answers, but claims another side than configured, or a side already taken."""
