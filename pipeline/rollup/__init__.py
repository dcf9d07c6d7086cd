"""Rollups: hours and days per patient and side, computed again when late data come.

roll_up(rows, record, day)            day.py, pure
await read_day(store, patient, ..)    rows.py
Touched, RollupWorker                 touched.py, worker.py: which days, and making them
open_rollups(config, care, ..)        opening.py: all of it for a process
"""
