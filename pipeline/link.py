"""The broker as the ingester sees it: a narrow port, and aiomqtt behind it.

`Link.connect()` opens a session: deliveries come in, each is acknowledged when its events are
stored, receipts and what a `pipeline.sender.Sender` has go out. A simulated broker can take
`MqttLink`'s place.

A broker cannot be trusted to stop at a number of unacknowledged messages: mosquitto 2.0.11 keeps to
none once acknowledgements come back, and sends most of a backlog at once. What is more than a
session can hold is dropped unacknowledged, and when the rest is taken and settled the session ends:
the next one gets what was dropped.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, NamedTuple, Protocol

import aiomqtt
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge import wire
from pipeline.config import BrokerConfig, TlsConfig
from pipeline.errors import ConfigError, LinkFull, LinkLost

__all__ = ["Delivery", "Link", "MqttLink", "Session"]

_AIOMQTT_LOG: Final = logging.getLogger(f"{__name__}.aiomqtt")
_AIOMQTT_LOG.setLevel(logging.ERROR)  # it warns once per dropped message
_SESSION_EXPIRY_S: Final = 3 * 24 * 3600
_RECEIVE_MAXIMUM: Final = 200
_MAXIMUM_PACKET_BYTES: Final = 1024 * 1024
_QUEUED_BYTES: Final = 32 * 1024 * 1024
_RECEIPT_TIMEOUT_S: Final = 10.0


class Delivery(NamedTuple):
    """A message as it came; `session` is where it is to be acknowledged."""

    topic: str
    payload: bytes
    retained: bool
    mid: int
    qos: int
    session: "Session"


class Session(Protocol):
    """One connection to the broker."""

    async def receive(self) -> Delivery:
        """Return the next message; raise `LinkLost` when the connection is gone.

        Raises `LinkFull` where messages after the last one were dropped unacknowledged.
        """

    def acknowledge(self, delivery: Delivery) -> None:
        """Tell the broker that the message is done with; on a dead connection nothing happens."""

    async def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Send a message at QoS 1 and wait until the broker has it; raise `LinkLost`."""


class Link(Protocol):
    """The way to a broker."""

    def connect(self) -> AbstractAsyncContextManager[Session]:
        """Open a session that is subscribed to events and status; raise `LinkLost`."""


class _BoundedQueue(asyncio.Queue[aiomqtt.Message]):
    """Messages up to a number of bytes; after the first that did not fit none is taken."""

    bytes = 0
    overflowed = False

    def put_nowait(self, item: aiomqtt.Message) -> None:
        if self.overflowed or (self.bytes and self.bytes + len(item.payload) > _QUEUED_BYTES):
            self.overflowed = True
            raise asyncio.QueueFull  # aiomqtt drops the message; it stays unacknowledged
        self.bytes += len(item.payload)
        super().put_nowait(item)

    def get_nowait(self) -> aiomqtt.Message:
        item = super().get_nowait()
        self.bytes -= len(item.payload)
        return item


class _MqttSession:
    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client

    async def receive(self) -> Delivery:
        queue = self._client._queue
        if isinstance(queue, _BoundedQueue) and queue.overflowed and queue.empty():
            raise LinkFull("the broker sent more at once than fits; the rest is fetched again")
        try:
            message = await anext(self._client.messages)
        except aiomqtt.MqttError as error:
            raise LinkLost(str(error)) from error
        return Delivery(
            message.topic.value, message.payload, message.retain, message.mid, message.qos, self
        )

    def acknowledge(self, delivery: Delivery) -> None:
        # aiomqtt 2 acknowledges by itself; its paho client can be told to wait for this.
        self._client._client.ack(delivery.mid, delivery.qos)

    async def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        try:
            await self._client.publish(
                topic, payload, qos=1, retain=retain, timeout=_RECEIPT_TIMEOUT_S
            )
        except (aiomqtt.MqttError, ValueError) as error:
            raise LinkLost(str(error)) from error


class MqttLink:
    """aiomqtt to a real broker; a new client for every connection.

    Parameters
    ----------
    config : BrokerConfig

    Raises
    ------
    ConfigError
        A password or certificate that cannot be read.
    """

    def __init__(self, config: BrokerConfig) -> None:
        self._config = config
        self._password = config.password()
        self._tls = _tls_context(config.tls)

    def _client(self) -> aiomqtt.Client:
        config = self._config
        version5 = config.protocol == "5"
        client = aiomqtt.Client(
            config.host,
            config.port,
            identifier=config.client_id,
            username=config.username or None,
            password=self._password if config.username else None,
            protocol=aiomqtt.ProtocolVersion.V5 if version5 else aiomqtt.ProtocolVersion.V311,
            clean_session=None if version5 else not config.persistent_session,
            clean_start=not config.persistent_session if version5 else MQTT_CLEAN_START_FIRST_ONLY,
            properties=self._connect_properties() if version5 else None,
            keepalive=config.keepalive_s,
            queue_type=_BoundedQueue,
            logger=_AIOMQTT_LOG,
            tls_context=self._tls,
        )
        client._client.manual_ack_set(True)
        client.pending_calls_threshold = 1000  # one receipt per device and write is meant
        return client

    def _connect_properties(self) -> Properties:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho's own
        properties.SessionExpiryInterval = _SESSION_EXPIRY_S * self._config.persistent_session
        properties.ReceiveMaximum = _RECEIVE_MAXIMUM
        properties.MaximumPacketSize = _MAXIMUM_PACKET_BYTES
        return properties

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Session]:
        """Open a session; see `Link.connect`."""
        prefix = f"$share/{self._config.share_group}/" if self._config.share_group else ""
        try:
            async with self._client() as client:
                topics = [f"{prefix}{wire.topic('+', 'events')}", wire.topic("+", "status")]
                granted = await client.subscribe([(topic, 1) for topic in topics])
                if any(map(_refuses, granted)):
                    raise LinkLost(f"the broker refuses to let {topics} be read: check its ACL")
                yield _MqttSession(client)
        except aiomqtt.MqttError as error:
            raise LinkLost(
                f"broker {self._config.host}:{self._config.port}: {error}; check that it runs there"
            ) from error


def _refuses(code: int | ReasonCode) -> bool:
    """Say whether a code of the broker's answer to a subscription is a refusal."""
    return (code if isinstance(code, int) else code.value) >= 0x80


def _tls_context(tls: TlsConfig) -> ssl.SSLContext | None:
    try:
        return tls.context()
    except OSError as error:
        remedy = "Check that ca, cert and key are PEM files that the pipeline may read"
        raise ConfigError("-", "broker.tls", f"cannot be used ({error})", remedy) from None
