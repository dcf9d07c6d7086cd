"""Home exercises and crossed legs from the samples of insoles and foot IMUs, streaming.

recogniser = ExerciseRecogniser({"left": FootSensors(x, True), "right": FootSensors(x, True)})
for found in recogniser.push("left", time_ns, load, imu):
    ...
"""

from kernels.exercises.quality import ADVICE, Rating, rate
from kernels.exercises.recogniser import ExerciseRecogniser, FootSensors, Found
from kernels.exercises.records import (
    ExerciseName,
    ExerciseSet,
    LegsCrossed,
    LiveSet,
    Repetition,
)
from kernels.exercises.signatures import SIGNATURES, Signature, recognisable

__all__ = [
    "ADVICE",
    "SIGNATURES",
    "ExerciseName",
    "ExerciseRecogniser",
    "ExerciseSet",
    "FootSensors",
    "Found",
    "LegsCrossed",
    "LiveSet",
    "Rating",
    "Repetition",
    "Signature",
    "rate",
    "recognisable",
]
