"""Messages that nobody should send: bytes of any kind on topics of any kind."""

import random

import msgspec

from edge import wire

__all__ = ["any_message", "is_batch", "numbered"]


def any_message(rng: random.Random, good: bytes) -> tuple[str, bytes]:
    """Return topic and payload: noise, or a good batch with some bytes changed."""
    channel = rng.choice(("events", "status", "events", "status", "other", ""))
    device = rng.choice(("insole-1", "insole-1", "INSOLE", "", "é", "insole-9", "x" * 300))
    topic = f"heelfirst/v{rng.choice((1, 1, 1, 2))}/{device}/{channel}"
    roll = rng.random()
    if roll < 0.4:
        return topic, rng.randbytes(rng.randrange(200))
    data = bytearray(good)
    for _ in range(rng.randrange(1, 4)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    if roll < 0.6:
        del data[rng.randrange(len(data)) :]
    elif roll < 0.62:
        data *= rng.randrange(300, 600)
    return topic, bytes(data)


def is_batch(payload: bytes) -> bool:
    """Say whether these bytes are a batch after all."""
    try:
        wire.decode(payload, wire.Batch)
    except wire.WireError:
        return False
    return True


def numbered(event: wire.Event, seq: int) -> wire.Event:
    """Return an event with a number of its own."""
    return msgspec.structs.replace(event, seq=seq)
