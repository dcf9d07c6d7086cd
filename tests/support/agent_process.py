"""A real agent process over a synthetic walk, ten times as fast: `agent_process.py PORT FOLDER`.

Writes "ready" when it runs, and its counts as JSON when it has ended in good order.
"""

import asyncio
import json
import sys
from pathlib import Path

from edge_tools import WALL_NS, config_text, walk

from edge.agent import Agent
from edge.config import parse
from edge.link import MqttConnector
from edge.outbox import Outbox
from edge.publish import Publisher, PublishSettings
from edge.service import OutboxService
from hw.clock import ScaledClock
from hw.replay import Replay

QUICK = PublishSettings(receipt_s=0.5, receipt_max_s=1.0, retry_min_s=0.1, retry_max_s=0.4)


async def main(port: int, folder: Path) -> None:
    config = parse(config_text(port, folder))
    clock = ScaledClock(10, wall_start_ns=WALL_NS)
    outbox = Outbox(config.outbox_path)
    service = OutboxService(outbox)
    connector = MqttConnector(config.broker, config.device)
    publisher = Publisher(config.device, service, connector, settings=QUICK)
    agent = Agent(config, Replay(walk(3600), clock), clock, service, publisher)
    agent.handle_signals()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await agent.run()
    state = agent.state
    counts = {
        "detected": state.detected,
        "committed": state.committed,
        "receipted": state.receipted,
        "waiting": state.waiting,
    }
    sys.stdout.write(json.dumps(counts) + "\n")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
