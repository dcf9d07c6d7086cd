"""The types that the wire's messages are made of, each with the range it allows."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.errors import EdgeError

__all__ = [
    "BootId",
    "Count",
    "Degrees",
    "DeviceId",
    "ExerciseName",
    "Orthosis",
    "Percent",
    "Seconds",
    "Seq",
    "Share",
    "Side",
    "Struct",
    "Text",
    "TimeNs",
    "WireError",
]

Side = Literal["left", "right"]
DeviceId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,47}$")]
BootId = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
Seq = Annotated[int, Meta(ge=1, le=2**53)]
TimeNs = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Seconds = Annotated[float, Meta(ge=0, le=864000)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Degrees = Annotated[float, Meta(ge=-180, le=180)]
Text = Annotated[str, Meta(max_length=200)]
ExerciseName = Literal["ankle_dorsiflexion", "heel_walk", "toe_taps", "step_ups"]
"""The physiotherapist's programme; gait.md and `kernels.exercises` say what each looks like."""
Orthosis = Literal["none", "afo", "fes"]
"""What holds the foot up: nothing, an ankle-foot orthosis (brace), or a stimulator."""


class WireError(EdgeError, ValueError):
    """A message that this version of the wire does not allow; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Struct(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What every message and event derives from: frozen, an unknown field is an error."""
