"""Rollups: hours and days per patient and side, computed again when late data come."""

from pipeline.rollup.day import OF_A_DAY, roll_up
from pipeline.rollup.rows import DayRows, read_day
from pipeline.rollup.touched import Touched
from pipeline.rollup.worker import Records, RollupState, RollupWorker

__all__ = [
    "OF_A_DAY",
    "DayRows",
    "Records",
    "RollupState",
    "RollupWorker",
    "Touched",
    "read_day",
    "roll_up",
]
