"""A device's outbox and sending in a process of their own: `sender_process.py PORT FOLDER FIRST`.

Commits events numbered from FIRST, a few at once, and writes the last number that is durable.
"""

import asyncio
import sys
from pathlib import Path

from real_chain import sender


async def main(port: int, folder: Path, first: int) -> None:
    async with sender(port, folder) as edge:
        edge.count = first - 1
        while True:
            await edge.commit(3)
            sys.stdout.write(f"{edge.count}\n")
            sys.stdout.flush()
            await asyncio.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
