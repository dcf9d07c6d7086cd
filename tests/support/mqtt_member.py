"""An MQTT client on a thread of its own that remembers what it got and how it was answered."""

import threading
from collections.abc import Sequence

from clinic_broker import Keys, context
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

WAIT_S = 10.0
NOT_AUTHORISED = 135

Seen = set[tuple[str, str]]
"""(what was sent, topic)"""


class Member:
    """One client that remembers what it got and how its messages were answered."""

    def __init__(
        self,
        port: int,
        name: str,
        keys: Keys,
        version: MQTTProtocolVersion = MQTTProtocolVersion.MQTTv5,
        client_id: str = "",
    ) -> None:
        self.name = name
        self.seen: Seen = set()
        self.answers: dict[int, int] = {}
        self._changed = threading.Condition()
        self._subscribed: set[int] = set()
        self._lost = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=client_id or f"id-of-{name}", protocol=version
        )
        self._client.tls_set_context(context(keys))
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish
        self._client.on_subscribe = self._on_subscribe
        self._client.on_disconnect = lambda *_: self._lost.set()
        self.port = port

    def login_as(self, user: str) -> None:
        self._client.username_pw_set(user, "anything")

    def will(self, topic: str, payload: str) -> None:
        self._client.will_set(topic, payload, qos=1)

    def wait_lost(self) -> bool:
        """Wait for the end of the connection and say whether it came."""
        return self._lost.wait(WAIT_S)

    def push(self, topic: str, payload: bytes) -> None:
        """Publish without waiting for an answer."""
        self._client.publish(topic, payload, qos=1)

    @property
    def lost(self) -> bool:
        return self._lost.is_set()

    def __enter__(self) -> "Member":
        connected = threading.Event()
        self._client.on_connect = lambda *_: connected.set()
        self._client.connect("localhost", self.port)
        self._client.loop_start()
        assert connected.wait(WAIT_S), f"{self.name} was not let in"
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def drop(self) -> None:
        """Go away without a word, so that the broker sends the last will."""
        connection = self._client.socket()
        assert connection is not None
        connection.close()

    def _on_message(self, _: Client, __: object, message: MQTTMessage) -> None:
        self.seen.add((message.payload.decode(), message.topic))

    def _on_publish(self, _: Client, __: object, mid: int, reason: object, ___: object) -> None:
        with self._changed:
            self.answers[mid] = reason.value  # type: ignore[attr-defined]  # paho's ReasonCode
            self._changed.notify_all()

    def _on_subscribe(self, _: Client, __: object, mid: int, *___: object) -> None:
        with self._changed:
            self._subscribed.add(mid)
            self._changed.notify_all()

    def subscribe(self, filters: Sequence[str]) -> None:
        """Subscribe and wait for the answer; what came before it was sent before it."""
        _, mid = self._client.subscribe([(each, 0) for each in filters])
        assert mid is not None
        with self._changed:
            assert self._changed.wait_for(lambda: mid in self._subscribed, WAIT_S)

    def publish(self, topics: Sequence[str], *, retain: bool = False) -> dict[str, int]:
        """Publish its name to each topic and return how the broker answered."""
        return self.send({topic: self.name.encode() for topic in topics}, retain=retain)

    def send(self, messages: dict[str, bytes], *, retain: bool = False) -> dict[str, int]:
        """Publish each payload to its topic and return how the broker answered."""
        mids = {
            topic: self._client.publish(topic, payload, qos=1, retain=retain).mid
            for topic, payload in messages.items()
        }
        with self._changed:
            assert self._changed.wait_for(lambda: set(mids.values()) <= set(self.answers), WAIT_S)
        return {topic: self.answers[mid] for topic, mid in mids.items()}
