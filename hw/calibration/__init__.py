"""Calibration: zero, gain and health of the cells, and the session that guides a person to them."""

from hw.calibration.apply import CalibratedSource, CellCalibrator
from hw.calibration.cells import CellFault, CellWatch
from hw.calibration.errors import CalibrationError
from hw.calibration.guided import GuidedCalibration, Update
from hw.calibration.linear import Divider, linearise
from hw.calibration.records import Calibration, CalibrationKey, FootCalibration, judge
from hw.calibration.run import run_calibration
from hw.calibration.store import CalibrationStore, Found
from hw.calibration.zero import ZeroTracker

__all__ = [
    "CalibratedSource",
    "Calibration",
    "CalibrationError",
    "CalibrationKey",
    "CalibrationStore",
    "CellCalibrator",
    "CellFault",
    "CellWatch",
    "Divider",
    "FootCalibration",
    "Found",
    "GuidedCalibration",
    "Update",
    "ZeroTracker",
    "judge",
    "linearise",
    "run_calibration",
]
