"""A connection to an MQTT broker as a narrow port, and aiomqtt behind it.

aiomqtt acknowledges a publish when the broker's PUBACK came. That says nothing about the
database: only a receipt does (edge/publish.py). A new `aiomqtt.Client` is made for every
connection, because a used one keeps state of the one that broke.
"""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import NamedTuple, Protocol

import aiomqtt
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY

from edge.config import BrokerConfig
from edge.errors import EdgeError

__all__ = ["Connector", "Link", "LinkError", "MqttConnector", "Will"]

CONNECT_S = 10.0
"""For the broker's answer to a connection. A broker that wants a certificate says nothing."""
TIMEOUT_S = 20.0
"""For one exchange with the broker: on a poor link (2 s delay, lost packets) it still comes."""


class LinkError(EdgeError, ConnectionError):
    """The broker refused, cannot be reached, or went away.

    Attributes
    ----------
    broker : str
        host:port.
    """

    def __init__(self, broker: str, problem: str) -> None:
        super().__init__(f"broker {broker}: {problem}. Check [broker], and run `heelfirst doctor`")
        self.broker = broker


class Will(NamedTuple):
    """What the broker publishes, retained, when the connection breaks."""

    topic: str
    payload: bytes


class Link(Protocol):
    """One live connection."""

    async def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Hand a message to the broker, QoS 1; return on its PUBACK. Raises `LinkError`."""
        ...

    def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        """Yield (topic, payload) until the connection breaks, then raise `LinkError`."""
        ...


class Connector(Protocol):
    """Makes connections."""

    def connect(
        self, will: Will | None, topics: Sequence[str]
    ) -> AbstractAsyncContextManager[Link]:
        """Connect, with a last will or without, and subscribe; leaving disconnects.

        Raises `LinkError`.
        """
        ...


class MqttConnector:
    """Connects to a real broker as its configuration says.

    Parameters
    ----------
    config : BrokerConfig
        Where and how.
    identifier : str
        The MQTT client id: the device's id, so that a second agent of one device is seen.
    """

    def __init__(self, config: BrokerConfig, identifier: str) -> None:
        self._config = config
        self._identifier = identifier
        self._tls = tls_context(config)

    @asynccontextmanager
    async def connect(self, will: Will | None, topics: Sequence[str]) -> AsyncIterator[Link]:
        """Connect with a last will and subscribe; leaving disconnects. Raises `LinkError`."""
        broker = f"{self._config.host}:{self._config.port}"
        try:
            async with self._client(will) as client:
                client.timeout = TIMEOUT_S
                for topic in topics:
                    await self._subscribe(client, topic)
                yield _MqttLink(client, broker)
        except aiomqtt.MqttError as error:
            raise LinkError(broker, str(error)) from None
        except OSError as error:
            if isinstance(error, LinkError):
                raise
            raise LinkError(broker, str(error)) from None

    async def _subscribe(self, client: aiomqtt.Client, topic: str) -> None:
        for code in await client.subscribe(topic, qos=1):
            refused = code.is_failure if hasattr(code, "is_failure") else code >= 0x80
            if refused:
                raise aiomqtt.MqttError(f"subscription to {topic} refused ({code})")

    def _client(self, will: Will | None) -> aiomqtt.Client:
        config = self._config
        is_v5 = config.protocol == "5"
        return aiomqtt.Client(
            config.host,
            config.port,
            username=config.username or None,
            password=config.password(),
            identifier=self._identifier,
            protocol=aiomqtt.ProtocolVersion.V5 if is_v5 else aiomqtt.ProtocolVersion.V311,
            clean_session=None if is_v5 else True,
            clean_start=True if is_v5 else MQTT_CLEAN_START_FIRST_ONLY,
            keepalive=config.keepalive_s,
            timeout=CONNECT_S,
            will=aiomqtt.Will(*will, qos=1, retain=True) if will else None,
            max_queued_incoming_messages=1000,
            tls_context=self._tls,
        )


class _MqttLink:
    def __init__(self, client: aiomqtt.Client, broker: str) -> None:
        self._client = client
        self._client.pending_calls_threshold = 100
        self._broker = broker

    async def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        try:
            await self._client.publish(topic, payload, qos=1, retain=retain)
        except aiomqtt.MqttError as error:
            raise LinkError(self._broker, str(error)) from None

    async def messages(self) -> AsyncIterator[tuple[str, bytes]]:
        try:
            async for message in self._client.messages:
                payload = message.payload
                if isinstance(payload, bytes | bytearray):
                    yield str(message.topic), bytes(payload)
        except aiomqtt.MqttError as error:
            raise LinkError(self._broker, str(error)) from None


def tls_context(config: BrokerConfig) -> ssl.SSLContext | None:
    """Return the TLS settings (1.2 or later, host name checked); None for plaintext.

    Raises
    ------
    LinkError
        A certificate or key cannot be read.
    """
    try:
        return config.tls.context()
    except OSError as error:
        broker = f"{config.host}:{config.port}"
        raise LinkError(broker, f"certificates cannot be used ({error})") from None
