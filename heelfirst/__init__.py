"""heelfirst: the command line, and the one place where the rooms are put together.

    cli.py          the application, its errors and exit codes
    recordings.py   analyse, evaluate, schema, config
    services.py     agent, pipeline
    agent_process.py, pipeline_process.py   what the two processes are made of
    watchdog.py, logs.py, metrics.py        what both have around them
    devices.py      devices, calibrate, outputs-off
    demo.py         demo
    upkeep.py       doctor, bench

The rooms' own commands (patients, provision, alerts, dashboards) are in their commands.py. Every
command imports its rooms when it runs, so that `heelfirst --help` answers at once.
"""

from heelfirst.cli import app, main

__all__ = ["app", "main"]
