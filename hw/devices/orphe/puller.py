"""The pull mode's bookkeeping: what to ask the device for. No input, no output."""

from hw.devices.assembly import PacketStream
from hw.devices.orphe import codec

__all__ = ["Puller"]

_BACKLOG = 260
_UNDER_WAY = 24
_AGAIN_NS = 600_000_000
_ANSWER_NS = 1_000_000_000


class Puller:
    """Asks for the newest serial, then for all packets up to it that are not here yet.

    A round is a question, `answer_s`, the requests, `pause_s`. The air carries about 60 packets a
    second and 52 come into being, so at most 24 are under way, and what is more than 5 s old when a
    session begins is left behind. A packet that does not come is asked for again after 0.6 s; the
    stream gives it up after its hold time, or at once where the device says that it is gone.
    """

    pause_s = 0.15
    answer_s = 0.05

    def __init__(self, stream: PacketStream) -> None:
        self._stream = stream
        self._newest: int | None = None
        self._asked_up_to: int | None = None
        self._asked_ns: dict[int, int] = {}
        self._question_ns: int | None = None
        self._unanswered_ns: int | None = None
        self._clear_from_ns = 0

    def arrived(self, serial: int) -> None:
        """Take in that a packet came."""
        self._asked_ns.pop(serial, None)

    def reply(self, reply: codec.NewestSerial | codec.NoData, now_ns: int) -> None:
        """Take in what the device answered."""
        if isinstance(reply, codec.NoData):
            for i in range(reply.packets):
                self.arrived((reply.serial + i) % codec.SERIALS)
            self._stream.give_up(reply.serial, reply.packets)
            return
        self._newest = reply.serial
        self._unanswered_ns = None
        if self._question_ns is not None:
            self._stream.newest_told(self._question_ns, reply.serial, now_ns)
            self._question_ns = None
        if self._asked_up_to is None:
            self._asked_up_to = (reply.serial - min(reply.kept, _BACKLOG)) % codec.SERIALS

    def question(self, now_ns: int) -> bytes:
        """Return the command that asks for the newest serial, about to be sent.

        While an older question may still be answered, an answer tells nothing of the time.
        """
        if self._unanswered_ns is not None:
            self._clear_from_ns = self._unanswered_ns + _ANSWER_NS
        self._unanswered_ns = now_ns
        self._question_ns = now_ns if now_ns >= self._clear_from_ns else None
        return codec.ask_newest()

    def requests(self, now_ns: int) -> list[bytes]:
        """Return the commands that ask for what is wanted."""
        self._asked_ns = {s: t for s, t in self._asked_ns.items() if now_ns - t < _AGAIN_NS}
        room = _UNDER_WAY - len(self._asked_ns)
        wanted = [s for s in self._stream.wanted() if s not in self._asked_ns][: max(0, room)]
        wanted += self._fresh(max(0, room - len(wanted)))
        self._asked_ns.update(dict.fromkeys(wanted, now_ns))
        return [codec.ask_data(part) for part in _parts(_runs(wanted))]

    def _fresh(self, most: int) -> list[int]:
        """Serials never asked for, up to the newest."""
        if self._newest is None or self._asked_up_to is None:
            return []
        behind = (self._newest - self._asked_up_to) % codec.SERIALS
        if behind > codec.SERIALS // 2:  # an old answer, overtaken
            return []
        first = self._asked_up_to + 1
        count = min(behind, most)
        self._asked_up_to = (first + count - 1) % codec.SERIALS
        return [(first + i) % codec.SERIALS for i in range(count)]


def _runs(serials: list[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for serial in serials:
        if runs and serial == (runs[-1][0] + runs[-1][1]) % codec.SERIALS:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((serial, 1))
    return runs


def _parts(runs: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    size = codec.MAX_RANGES
    return [runs[i : i + size] for i in range(0, len(runs), size)]
