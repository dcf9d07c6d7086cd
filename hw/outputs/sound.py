"""Sound on the Pi's own output through `aplay`, without waiting for a program to start.

    prepare: start aplay, which opens the sound device and waits for its input
    pulse:   write the sound into the pipe, close it           (at once, in the caller's thread)
    then:    it plays and ends; the next one is prepared       (on a thread of its own)

A player that ends while it waits has no sound device: that is said once, and looked for again with
a pulse at most every half a minute.
"""

import logging
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from hw.outputs import common
from hw.outputs.tones import tone

__all__ = ["SoundOutput"]

log = logging.getLogger(__name__)

RETRY_S: Final = 30.0
"""A missing sound device is looked for again after so long."""
_DRAIN_S: Final = 2.0
"""A player that has not ended so long after its sound hangs, and is killed."""
_SETTLE_S: Final = 0.3
"""A player that finds no device ends within so long of its start."""


class SoundOutput:
    """Tones, and words where there are some, each at most a second.

    Parameters
    ----------
    program : str
        Plays a WAV file from its standard input, as `aplay` does.
    words : callable, optional
        Returns a WAV file per signal; called once, on this output's own thread, since it may take
        long. Until it is done, and for other signals, there are tones.
    monotonic_s : callable
        Seconds that never step.
    """

    def __init__(
        self,
        program: str = "aplay",
        words: Callable[[], Mapping[str, bytes]] | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._program = shutil.which(program)
        self._monotonic_s = monotonic_s
        self._words: Mapping[str, bytes] = {}
        self._lock = threading.Lock()
        self._waiting: subprocess.Popen[bytes] | None = None
        self._playing: subprocess.Popen[bytes] | None = None
        self._preparing = False
        self._failed_s: float | None = None
        self._told = False
        self._closed = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sound")
        if self._program is None:
            self._tell(f"{program} is not installed: sudo apt-get install alsa-utils")
            return
        self._prepare()
        if words is not None:
            self._submit(self._speak, words)

    @property
    def available(self) -> bool:
        """Whether a pulse now would be heard: a player waits for it."""
        waiting = self._waiting
        return waiting is not None and waiting.poll() is None

    def pulse(self, seconds: float, signal: str = "") -> bool:
        """Play the signal's word, or its tone of so long; return whether it went to the device.

        Nothing is played while another sound is under way, or without a sound device.
        """
        sound = self._words.get(signal) or tone(min(seconds, common.LONGEST_S), signal)
        with self._lock:
            player, self._waiting = self._waiting, None
            if self._closed or player is None:
                self._look_again()
                return False
            begun = _write(player, sound)
            self._playing = player
            self._submit(self._play_out, player, begun)
            return begun

    def stop(self) -> None:
        """Be silent now."""
        with self._lock:
            if self._playing is not None:
                self._playing.kill()

    def close(self) -> None:
        """Be silent, end the players and the thread."""
        with self._lock:
            self._closed = True
            for player in (self._playing, self._waiting):
                if player is not None:
                    player.kill()
        self._thread.shutdown(wait=True, cancel_futures=True)
        players = (self._playing, self._waiting)
        self._playing = self._waiting = None
        for player in players:
            if player is not None:
                _reap(player)

    # -- on the thread ------------------------------------------------------------------------

    def _speak(self, words: Callable[[], Mapping[str, bytes]]) -> None:
        try:
            self._words = words()
        except Exception:
            log.exception("no spoken words, tones instead")

    def _play_out(self, player: subprocess.Popen[bytes], begun: bool) -> None:
        try:
            player.wait(common.LONGEST_S + _DRAIN_S)
        except subprocess.TimeoutExpired:
            player.kill()
        with self._lock:
            self._playing = None
        trouble = _reap(player)
        if not begun or player.returncode > 0:
            self._fail(trouble)
        self._start()

    def _start(self) -> None:
        """Start a player; it stays in `_waiting` if it still runs when it should have a device."""
        command = [self._program or "", "--quiet", "--file-type", "wav", "-"]
        try:
            player = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        except OSError as error:
            self._fail(str(error))
            return
        with self._lock:
            self._preparing = False
            if self._closed:
                player.kill()
            self._waiting = player
        try:
            player.wait(_SETTLE_S)
        except subprocess.TimeoutExpired:
            self._failed_s, self._told = None, False
            return
        with self._lock:
            if self._waiting is not player:  # it was used meanwhile, and is waited for elsewhere
                return
            self._waiting = None
        self._fail(_reap(player))

    # -- helpers ------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self._preparing = True
        self._submit(self._start)

    def _submit(self, call: Callable[..., None], *values: object) -> None:
        if not self._closed:
            self._thread.submit(call, *values).add_done_callback(_log_defect)

    def _look_again(self) -> None:
        """Prepare a player after a failure, now and then; the lock is held."""
        if self._program is None or self._failed_s is None or self._preparing:
            return
        if self._monotonic_s() - self._failed_s >= RETRY_S:
            self._prepare()

    def _fail(self, reason: str) -> None:
        with self._lock:
            self._preparing = False
            self._failed_s = self._monotonic_s()
            closed = self._closed
        if not closed:
            self._tell(reason)

    def _tell(self, reason: str) -> None:
        if not self._told:
            self._told = True
            log.warning("no sound, walking is recorded all the same: %s", reason or "no device")


def _write(player: subprocess.Popen[bytes], sound: bytes) -> bool:
    """Put a whole sound into the pipe and close it, without waiting; a second of it has room."""
    assert player.stdin is not None
    descriptor = player.stdin.fileno()
    try:
        os.set_blocking(descriptor, False)
        whole = os.write(descriptor, sound) == len(sound)
    except OSError:
        whole = False
    if not whole:
        player.kill()
    player.stdin.close()
    return whole


def _log_defect(done: Future[None]) -> None:
    if not done.cancelled() and done.exception() is not None:
        log.error("sound failed", exc_info=done.exception())


def _reap(player: subprocess.Popen[bytes]) -> str:
    """Wait for a player that ends and close its pipes; return what it complained of last.

    Nothing is waited for but the player itself: a child of its may hold the pipes open.
    """
    player.wait()
    assert player.stdin is not None and player.stderr is not None
    player.stdin.close()
    with player.stderr:
        os.set_blocking(player.stderr.fileno(), False)
        complaint = player.stderr.read() or b""
    lines = complaint.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
