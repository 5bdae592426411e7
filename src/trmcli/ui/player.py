"""The player: shows a puzzle being solved at a pace that people can follow, forth and back.

Solving goes on at its own speed and hands in frames; what is played are the frames that are there. The
question is held for a moment, the first try is shown step by step, later ones in a hurry. A thread draws and
takes keys (:class:`~trmcli.ui.live_panel.LivePanel`), so the main one may think as long as it likes.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Protocol

from rich.console import Console, RenderableType

from trmcli.ui.keys import WANTED, Keys, uninterrupted
from trmcli.ui.live_panel import LivePanel

HOLD = 1.0
"""Seconds for which the question stands alone."""
STAY = 4.0
"""Seconds for which the end stays, unless a key is pressed."""
HURRY = 3.0
"""How many times as fast as the steps of the first try those of later ones, and what is within, are shown."""
BEHIND = 12
"""Frames of later tries that may wait to be shown; of more, every second one is shown, every third one, …"""
SHARE = 0.04
"""What drawing may take, of the computing time of drawing and solving; a look at the keys now and then, and
caches that are cold afterwards, come on top of it."""
LONGEST_REST = 2.0
"""Seconds between two drawings at most, for solving that mostly waits, as for a GPU."""
TICK = 0.04
"""Seconds between two looks at the keys."""
PACES = (0.125, 16.0)
"""How much slower and faster than asked for it can be made."""

KEYS = ("space", "left", "right", "+", "=", "-", "r", "s", "c")
"""What lets somebody go on looking. All other keys end the end, and mean nothing before it."""

HINT = "space pause  ←→ step  +- pace  r again  n next  s save  c candidates  q quit"
HINT_SHORT = "space ←→ + - r n s c  q quits"


class Moment(Protocol):
    """What is played, one after another: a frame, or the frames of several puzzles."""

    @property
    def attempt(self) -> int:
        """Which try, from 1."""

    @property
    def inner(self) -> object:
        """Where within a step it is; None after a whole one."""

    @property
    def rounds(self) -> Sequence[object]:
        """What came before it within the step, to be shown in a part of its time each."""


class Shown(Protocol):
    """What draws moments: of one puzzle (:class:`trmcli.ui.live.Film`), or of several
    (:class:`trmcli.ui.wall.Wall`)."""

    def scene(
        self, frames: Any, place: int, ending: Any, candidates: bool, hint: str, number: int | None = None
    ) -> RenderableType:
        """What is to be seen at a place: -1 is the question, behind the last frame is the end. With the
        ``number`` of a round, from 0, it is this round of the moment's step."""


class Playing:
    """Which of the moments so far is shown: -1 is the question, then come the frames, then the end.

    Knows no terminal and no clock: ``now`` is in seconds from anywhere.

    Args:
        fps: moments of the first try a second; 0 for as fast as it goes.
        stays: whether the end stays for a while.

    Attributes:
        place: the moment that is shown.
        round: which of the moment's rounds is shown in its stead; None for the moment itself.
        asked: what a key asked for that ends the show: ``next``, ``quit``, or None.
        to_save: whether a key asked for what there is so far.
    """

    def __init__(self, fps: float, stays: bool, now: float) -> None:
        self.frames: list[Any] = []
        self.ending: tuple[Any, str] | None = None
        self.fps, self.stays = fps, stays
        self.place, self.pace = -1, 1.0
        self.round: int | None = None
        self.paused = self.candidates = self.to_save = False
        self.asked: str | None = None
        self._due = now + self._length()
        self._leave = math.inf
        self._touched = False

    @property
    def last(self) -> int:
        """The last moment that there is."""
        return len(self.frames) - (self.ending is None)

    @property
    def at_end(self) -> bool:
        return self.ending is not None and self.place == self.last

    @property
    def due(self) -> float:
        """When it goes on, or ends, if nobody presses a key."""
        return self._leave if self.at_end else self._due

    def over(self, now: float) -> bool:
        """Whether there is nothing more to wait for."""
        return self.asked is not None or now >= self._leave

    def advance(self, now: float) -> None:
        """Go on to what is due."""
        while not self.paused and now >= self._due and self.place < self.last:
            self.place += self._stride()
            self._due = now + self._length()
            if self.at_end:
                self._leave = math.inf if self._touched else now + (STAY if self.stays else 0.0)
            if self.fps == 0:
                break
        self.round = self._round(now)

    def press(self, key: str, now: float) -> None:
        """Do what a key says."""
        if key in WANTED:
            self.asked = WANTED[key]
            return
        if self.at_end and key not in KEYS:
            self.asked = "next"
        if key not in KEYS:
            return
        self._touched, self._leave = True, math.inf
        self.round = None  # of another moment, perhaps
        if key in ("left", "right"):
            self.paused = True
            self.place = max(-1, self.place - 1) if key == "left" else min(self.last, self.place + 1)
        elif key == "space":
            if self.at_end:
                key = "r"
            else:
                self.paused, self._due = not self.paused, now
        elif key in ("+", "=", "-"):
            factor = 0.5 if key == "-" else 2.0
            self.pace = min(max(self.pace * factor, PACES[0]), PACES[1])
            self._due = min(self._due, now + self._length())
        elif key == "c":
            self.candidates = not self.candidates
        elif key == "s":
            self.to_save = True
        if key == "r":
            self.place, self.paused = -1, False
            self._due = now + self._length()

    def _stride(self) -> int:
        """Frames to go on by: later tries must not fall far behind."""
        following = self.place + 1
        if following >= len(self.frames) or self.frames[following].attempt == 1:
            return 1
        return max(1, (len(self.frames) - following) // BEHIND)

    def _round(self, now: float) -> int | None:
        """The rounds of a step share its time with what it comes to, which is last."""
        if self.paused or self.fps == 0 or not 0 <= self.place < len(self.frames):
            return None
        rounds, length = len(self.frames[self.place].rounds), self._length()
        number = int((1 - (self._due - now) / length) * (rounds + 1))
        return max(0, number) if number < rounds else None

    def _length(self) -> float:
        """Seconds for which the present moment stays."""
        if self.fps == 0:
            return 0.0
        if self.place < 0:
            return HOLD / self.pace
        frame = self.frames[min(self.place, len(self.frames) - 1)]
        hurries = frame.attempt > 1 or frame.inner is not None
        return 1 / self.fps / self.pace / (HURRY if hurries else 1.0)


def solving_clock() -> Callable[[], float]:
    """Seconds that the main thread, which solves, has computed; where no system tells, seconds gone."""
    main = threading.main_thread().ident
    if main is None or not hasattr(time, "pthread_getcpuclockid"):
        return time.monotonic
    clock = time.pthread_getcpuclockid(main)
    return lambda: time.clock_gettime(clock)


class Player:
    """A context manager that shows one puzzle being solved, or a replay of it.

    Args:
        console: a terminal.
        fps: steps of the first try shown a second; 0 for as fast as they come, without any waiting.
        stays: whether the end stays for a few seconds or until a key is pressed.
        film: draws the moments.
        hints: the line of the keys, where there is room for it and where there is not.
        save: what the key ``s`` does with the frames so far and the end, if that has come; says what it did.

    Attributes:
        asked: ``next`` or ``quit``, if a key asked for it.
    """

    def __init__(
        self,
        console: Console,
        film: Shown,
        fps: float = 4.0,
        stays: bool = True,
        save: Callable[[Sequence[Any], tuple[Any, str] | None], str] | None = None,
        hints: tuple[str, str] = (HINT, HINT_SHORT),
    ) -> None:
        self.console, self.film, self.keys, self._save = console, film, Keys(), save
        self._note, self._hints = "", hints
        self._playing = Playing(fps, stays and fps > 0, time.monotonic())
        self._over = threading.Event()
        self._closed = False
        self._shown: object = None
        self._drawn: tuple[int, float] | None = None
        self._solving = solving_clock()
        self._rest = self._rest_ends = 0.0
        self._panel = LivePanel(console, self._content, TICK, self.keys)

    @property
    def asked(self) -> str | None:
        return self._playing.asked

    def __enter__(self) -> Player:
        try:
            with uninterrupted():
                self._panel.open()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()
        if kind is None and self._panel.error is not None:
            raise self._panel.error

    def add(self, frame: Moment) -> None:
        """Hand in a frame, which is shown when its turn comes."""
        self._playing.frames.append(frame)

    def finish(self, answer: Any, verdict: str) -> None:
        """Hand in the end, and wait until it has been seen."""
        self._playing.ending = answer, verdict
        while self._panel.error is None and not self._over.wait(0.2):  # in pieces, so that Ctrl-C is heard
            pass

    def _close(self) -> None:
        with uninterrupted():
            if not self._closed:
                self._closed, self._shown = True, None
                self._panel.close()

    def _content(self) -> RenderableType | None:
        """What is to be seen now; None if that is on the screen already."""
        playing, now = self._playing, time.monotonic()
        if self._closed:
            playing.place = playing.last
        else:
            self._rest_from_drawing(now)
            for key in self.keys.pressed():
                self._note = ""
                playing.press(key, now)
            if playing.to_save:
                playing.to_save = False
                if self._save is not None:
                    self._note = self._save(list(playing.frames), playing.ending)
            rested = self._solving() >= self._rest or now >= self._rest_ends
            if rested or playing.ending is not None:
                playing.advance(now)
            if playing.over(now) or (playing.at_end and not self.keys.there):
                self._over.set()
        state = playing.place, playing.round, playing.pace, playing.paused, playing.candidates, self._note
        seen = *state, playing.at_end, self.console.size
        if seen == self._shown:
            return None
        self._shown = seen
        self._drawn = threading.get_ident(), time.thread_time()
        return self._scene(playing.place)

    def _rest_from_drawing(self, now: float) -> None:
        """After a drawing, leave the processor to solving until drawing is within its share."""
        if self._drawn is not None:
            thread, start = self._drawn
            if thread == threading.get_ident():
                self._rest = self._solving() + (time.thread_time() - start) * (1 / SHARE - 1)
                self._rest_ends = now + LONGEST_REST
            self._drawn = None

    def _scene(self, place: int) -> RenderableType:
        playing = self._playing
        ending, hint = playing.ending if playing.at_end else None, "" if self._closed else self._hint()
        number = None if self._closed else playing.round
        return self.film.scene(playing.frames, place, ending, playing.candidates, hint, number)

    def _hint(self) -> str:
        """Which keys there are, and where in the show one is."""
        playing = self._playing
        if not self.keys.there:
            return "Ctrl-C ends"
        if self._note:
            return self._note
        where = ""
        if playing.paused:
            where = f"paused {playing.place + 1}/{playing.last + 1}  "
        elif playing.pace != 1:
            where = f"pace x{playing.pace:g}  "
        long, short = self._hints
        text = where + (long if len(where + long) < self.console.width else short)
        utf = self.console.encoding.lower().startswith("utf")
        return text if utf else text.replace("←→", "<- ->")
