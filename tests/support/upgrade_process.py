"""Upgrades and rolls back an outbox without end: `upgrade_process.py OUTBOX`.

Writes "ready" when it has done both once. The newer program is this one with one more step.
"""

import sys
from pathlib import Path

from edge import outbox_layout
from edge.outbox import Outbox

__all__ = ["LATER", "open_as"]

LATER = outbox_layout.Step(
    "ALTER TABLE clocks ADD COLUMN note TEXT; UPDATE clocks SET note = 'kept'",
    "ALTER TABLE clocks DROP COLUMN note",
)
"""What a next version might do."""


def open_as(path: Path, *, newer: bool, clock_name: str = "one") -> Outbox:
    """Open an outbox as this program or the next one does."""
    steps = outbox_layout.STEPS
    outbox_layout.STEPS = (*steps, LATER) if newer else steps
    try:
        return Outbox(path, clock_name=clock_name, program="9.9" if newer else "0.1")
    finally:
        outbox_layout.STEPS = steps


def main(path: Path) -> None:
    count = 0
    while True:
        for newer in (True, False):
            open_as(path, newer=newer).close()
        if not count:
            sys.stdout.write("ready\n")
            sys.stdout.flush()
        count += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]))
