"""A virtual patient: believable insoles and shoe IMUs of a person with foot drop, with the truth.

patient = VirtualPatient(preset("moderate", affected="left"), seed=7)
recording, labels = patient.recording(60)
"""

from hw.virtual.config import (
    EXERCISING,
    PRESETS,
    DeviceConfig,
    LegConfig,
    PatientConfig,
    Phase,
    PhaseKind,
    VirtualConfigError,
    preset,
)
from hw.virtual.labels import MISSING_NS, Labels
from hw.virtual.manner import EXERCISES, MISTAKES, Manner, Mistake, manner
from hw.virtual.patient import VirtualPatient, VirtualSource

__all__ = [
    "EXERCISES",
    "EXERCISING",
    "MISSING_NS",
    "MISTAKES",
    "PRESETS",
    "DeviceConfig",
    "Labels",
    "LegConfig",
    "Manner",
    "Mistake",
    "PatientConfig",
    "Phase",
    "PhaseKind",
    "VirtualConfigError",
    "VirtualPatient",
    "VirtualSource",
    "manner",
    "preset",
]
