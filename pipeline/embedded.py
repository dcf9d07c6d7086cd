"""A broker in the process, for the demo and a first trial: amqtt, MQTT 3.1.1, loopback only.

It neither persists nor redelivers; receipts make up for that. A clinic runs mosquitto.
"""

import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["embedded_broker"]


@asynccontextmanager
async def embedded_broker() -> AsyncIterator[int]:
    """Run a broker on a free loopback port; yield the port."""
    from amqtt.broker import Broker

    for name in ("amqtt", "transitions"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
            "plugins": {
                "amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}
            },
        }
    )
    await broker.start()
    try:
        yield port
    finally:
        await broker.shutdown()
