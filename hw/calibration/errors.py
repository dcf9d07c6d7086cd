"""What goes wrong with a calibration.

hw.source.HwError
└── CalibrationError (ValueError)   it cannot be made, read or used
"""

from hw.source import HwError

__all__ = ["CalibrationError"]


class CalibrationError(HwError, ValueError):
    """A calibration that cannot be made, read or used.

    Attributes
    ----------
    what : str
        The step, file or foot that is concerned.
    reason, remedy : str
        What is wrong, and what to do about it.
    """

    def __init__(self, what: str, reason: str, remedy: str) -> None:
        super().__init__(f"{what}: {reason}; {remedy}")
        self.what = what
        self.reason = reason
        self.remedy = remedy
