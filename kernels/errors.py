"""Errors of this room.

KernelError
└── KernelInputError (also ValueError)   samples or a configuration that cannot be worked with
"""

__all__ = ["KernelError", "KernelInputError"]


class KernelError(Exception):
    """Root of all errors of this room."""


class KernelInputError(KernelError, ValueError):
    """Samples or a configuration that the kernel refuses.

    Attributes
    ----------
    what : str
        The argument that is wrong: "time_ns", "load", "imu", "config".
    index : int or None
        The first sample that is wrong, counted within the push.
    """

    def __init__(self, what: str, reason: str, index: int | None = None) -> None:
        where = "" if index is None else f" at sample {index} of this push"
        super().__init__(f"{what}{where}: {reason}")
        self.what = what
        self.index = index
