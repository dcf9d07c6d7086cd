"""Recordings: `read` them from a file, `Replay` them as a source at the pace of a clock."""

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np

from hw import profile as profiles
from hw.moticon import header_lines, is_moticon, read_moticon
from hw.recording import RecordingError
from hw.source import SIDES, Block, Clock, FootSeries, Profile, Recording, Side
from hw.table import read_csv, sniff_header

__all__ = ["RecordingError", "Replay", "read"]

_KNOWN = "a Moticon text export, a CSV with a `time` column, or a recording of ours"


def read(path: Path | str, profile: Path | str | None = None) -> Recording:
    """Return the recording in a file: its format is told by its content, not by its name.

    Parameters
    ----------
    path : path
        A Moticon text export, a plain CSV (comma, semicolon or tab), or our own recording (Arrow
        stream or Parquet).
    profile : path, optional
        TOML of the device. Needed for a CSV; the other formats know theirs.

    Raises
    ------
    RecordingError
        For an empty file, an unknown format, a missing column, a missing or not increasing time,
        a wrong unit, a field that is no number, another number of cells than the profile's, no
        foot at all, a CSV without a profile, a truncated recording of ours.
    ProfileError
        For a profile that cannot be used.
    """
    path = Path(path)
    device = profiles.load(profile) if profile is not None else None
    magic = _magic(path)
    if magic.startswith((b"PAR1", b"\xff\xff\xff\xff", b"ARROW1")):
        from hw.archive import read_archive

        return read_archive(path, device)
    lines = header_lines(path)
    if is_moticon(lines):
        return read_moticon(path, lines, device)
    header = sniff_header(path)
    if header is None:
        remedy = f"give {_KNOWN}; the first line of a CSV names its columns"
        raise RecordingError(path, "unknown format", remedy)
    if device is None:
        remedy = "name the device's profile: --profile FILE.toml (see hw/README.md)"
        raise RecordingError(path, "a plain CSV needs a profile", remedy)
    return read_csv(path, device, header)


def _magic(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            magic = file.read(8)
    except OSError as error:
        reason = error.strerror or str(error)
        raise RecordingError(path, reason, f"give the path of {_KNOWN}") from None
    if not magic.strip():
        raise RecordingError(path, "the file is empty", f"give {_KNOWN}")
    return magic


class Replay:
    """A recording as a source: both feet in time order, at the pace of a clock.

    The recording's times are shifted so that its first sample is the clock's now. Blocks are cut
    at multiples of `block_s` of the recording's own time, so every clock gets the same ones.
    """

    def __init__(self, recording: Recording, clock: Clock, block_s: float = 0.02) -> None:
        if not block_s > 0:
            raise ValueError(f"block_s is {block_s}; give a positive time [s]")
        self._recording = recording
        self._clock = clock
        self._block_ns = max(1, round(block_s * 1e9))

    @property
    def profile(self) -> Profile:
        """The device that was recorded."""
        return self._recording.profile

    async def blocks(self) -> AsyncIterator[Block]:
        """Yield the blocks of both feet; each is there when the clock has reached its end."""
        feet = {side: foot for side, foot in self._recording.feet.items() if len(foot.time_ns)}
        if not feet:
            return
        first = min(int(foot.time_ns[0]) for foot in feet.values())
        shift = self._clock.monotonic_ns() - first
        cursors = {side: 0 for side in SIDES if side in feet}
        periods = {side: _period_ns(feet[side]) for side in cursors}
        while cursors:
            due = min(int(feet[side].time_ns[at]) for side, at in cursors.items())
            end = first + ((due - first) // self._block_ns + 1) * self._block_ns
            await self._reach(end + shift)
            for side in tuple(cursors):
                foot, start = feet[side], cursors[side]
                stop = int(np.searchsorted(foot.time_ns, end))
                if stop > start:
                    yield _block(side, foot, start, stop, shift, periods[side])
                    cursors[side] = stop
                if stop == len(foot.time_ns):
                    del cursors[side]

    async def _reach(self, time_ns: int) -> None:
        await self._clock.sleep(max(0, time_ns - self._clock.monotonic_ns()) / 1e9)


def _period_ns(foot: FootSeries) -> int:
    steps = np.diff(foot.time_ns)
    return max(1, int(np.median(steps))) if steps.size else 1


def _block(
    side: Side, foot: FootSeries, start: int, stop: int, shift: int, period_ns: int
) -> Block:
    """Cut a block; `lost` counts the periods that time jumped over, since the block before."""
    steps = np.diff(foot.time_ns[max(0, start - 1) : stop])
    lost = np.maximum(np.rint(steps / period_ns) - 1, 0).sum()
    return Block(
        side=side,
        time_ns=foot.time_ns[start:stop] + shift,
        load=None if foot.load is None else foot.load[start:stop],
        imu=None if foot.imu is None else foot.imu[start:stop],
        lost=int(lost),
    )
