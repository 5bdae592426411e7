"""The live view of an ARC task: its demonstrations while they are learned, then the attempts forming.

Several members work at once. The view follows one of them until it has answered, plays that answer step by
step, and turns to the next.
"""

from __future__ import annotations

import time
from collections import deque
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.style import Style
from rich.text import Text

from trmcli.solving.adapted import Adapted, Progress
from trmcli.tasks.arc.task import ArcTask
from trmcli.ui.arc import Drawing, Lines, Look, above, beside, caption, differs, fitted, flow, grid_drawing
from trmcli.ui.keys import WANTED, Keys, uninterrupted
from trmcli.ui.live_panel import LivePanel
from trmcli.ui.palette import palette_of

TICK = 0.2
"""Seconds between two drawings."""
_QUIET = 1.0
"""Seconds without news after which the view turns to another member."""
_PATIENCE = 3.0
"""Seconds, at most, in which steps that were not shown yet are played at the end, within the budget."""
_DOUBT = 0.9
"""A colour that is less probable bears a question mark."""
_WORDS = 13
"""Columns that are kept free for words above a demonstration, so that nothing moves when they change."""
_BAR = 24
_HINT = "n next  q quit"
_ABOVE = 5
"""Lines above the grids, and the one that the cursor stands in."""


class TaskView:
    """A context manager that shows one task being worked on.

    Args:
        console: a terminal.
        title: what stands over the view.
        budget: seconds that may be spent.
        fps: steps shown a second when members answer; 0 for as fast as they come.

    Attributes:
        asked: ``next`` or ``quit``, if a key asked for it.
    """

    def __init__(self, console: Console, task: ArcTask, title: str, budget: float, fps: float = 4.0) -> None:
        self.console, self.task, self.title, self.budget = console, task, title, budget
        self.look, self.palette = Look.of(console), palette_of(console)
        self.pause = 1 / fps if fps > 0 else 0.0
        self._begin = time.monotonic()
        self._members: dict[int, Progress] = {}
        self._followed: Progress | None = None
        self._heard = self._begin
        self._steps: deque[Progress] = deque()
        self._step: Progress | None = None
        self._until = self._begin
        self._last: tuple[Progress | None, tuple[int, int], Drawing] | None = None
        self._done = False
        self.asked: str | None = None
        self.keys = Keys()
        self._panel = LivePanel(console, self.content, TICK, self.keys)

    def __enter__(self) -> TaskView:
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
        try:
            if kind is None:
                end = min(time.monotonic() + _PATIENCE, self._begin + self.budget)
                while self.pause and self._steps and not self.asked and time.monotonic() < end:
                    time.sleep(TICK)
        finally:
            self._close()

    def _close(self) -> None:
        with uninterrupted():
            if not self._done:
                self._done = True
                self._panel.close()

    def update(self, progress: Progress) -> None:
        """Hear of a member."""
        now = time.monotonic()
        self._members[progress.member] = progress
        if progress.stage == "answering":
            self._steps.append(progress)
            if self._followed is not None and self._followed.member == progress.member:
                self._followed = None
        elif self._followed is None or self._followed.member == progress.member or now - self._heard > _QUIET:
            self._followed, self._heard = progress, now

    def content(self) -> RenderableType:
        """What is to be seen now; when all is done, the title alone."""
        title = Text(self.title, "bold", no_wrap=True, overflow="ellipsis")
        if self._done:
            return title
        for key in self.keys.pressed():
            self.asked = WANTED.get(key, self.asked)
        if self.keys.there:
            title.append(f"  {_HINT}", Style(color=self.palette.label, bold=False))
        self._play()
        shown = self._step or self._followed
        lines = [title, self._state(shown), self._clock(), Text()]
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        return Group(*lines, Lines(self._drawing(shown)))

    def _drawing(self, shown: Progress | None) -> Drawing:
        """The grids; made anew only where there is something new, for the members need the time."""
        columns, rows = self.console.width, self.console.height - _ABOVE
        if self._last is None or self._last[0] is not shown or self._last[1] != (columns, rows):
            drawing = fitted(lambda *how: self._blocks(shown, *how), columns, rows)
            self._last = shown, (columns, rows), drawing
        return self._last[2]

    def _play(self) -> None:
        """Take the next step of an answer when the one before has been seen for long enough."""
        now = time.monotonic()
        if now < self._until:
            return
        if self._steps:
            self._step = self._steps.popleft() if self.pause else self._steps.pop()
            self._until = now + (self.pause if self._steps else max(self.pause, 4 * TICK))
            if not self.pause:
                self._steps.clear()
        elif self._followed is not None:
            self._step = None

    def _state(self, shown: Progress | None) -> Text:
        if self.asked:
            return Text("ending", Style(color=self.palette.label))
        if shown is None:
            return Text("starting", Style(color=self.palette.label))
        if shown.stage == "answering":
            return Text(f"answering: member {shown.member}, step {shown.step}")
        right = sum(shown.right)
        return Text(
            f"learning the demonstrations: member {shown.member}, {right} of {len(self.task.shown)} right, "
            f"loss {shown.loss:.3f}"
        )

    def _clock(self) -> Text:
        spent = time.monotonic() - self._begin
        share = min(1.0, spent / self.budget) if self.budget else 1.0
        full = round(share * _BAR)
        done, rest = ("#", ".") if self.look.ascii_only else ("━", "─")
        answered = sum(one.stage == "answering" for one in self._members.values())
        text = Text.assemble(
            (done * full, Style(color=self.palette.accent)),
            (rest * (_BAR - full), Style(color=self.palette.rest)),
            f"  {spent:.0f} s, at most {max(0.0, self.budget - spent):.0f} s left",
        )
        if answered:
            text.append(f"  {answered} of {len(self._members)} members answered")
        return text

    def _blocks(self, shown: Progress | None, wide: bool, stacked: bool) -> list[Drawing]:
        if shown is not None and shown.stage == "answering":
            return [self._test(shown, number, wide, stacked) for number in range(len(self.task.tests))]
        return [self._pair(shown, number, wide, stacked) for number in range(len(self.task.shown))]

    def _pair(self, shown: Progress | None, number: int, wide: bool, stacked: bool) -> Drawing:
        """A demonstration and, once there is one, the network's answer in place of the right one."""
        pair = self.task.shown[number]
        answer, wrong, words = pair.answer, None, f"{number + 1}"
        if shown is not None and number < len(shown.shown):
            answer = shown.shown[number]
            wrong = differs(answer, pair.answer)
            right = number < len(shown.right) and shown.right[number]
            said = "" if right else f" {int(wrong.sum())} wrong" if wrong.any() else " not yet"
            words = f"{number + 1} {self.look.sign(right)}{said}"
        cross = "x" if self.look.ascii_only else "×"
        drawn = [
            grid_drawing(pair.question, self.look, wide),
            grid_drawing(answer, self.look, wide, wrong, cross),
        ]
        return above(caption(words.ljust(_WORDS)), self._joined(drawn, stacked))

    def _test(self, shown: Progress, number: int, wide: bool, stacked: bool) -> Drawing:
        drawn = [grid_drawing(self.task.tests[number], self.look, wide)]
        if number < len(shown.shown):
            grid, doubt = shown.shown[number], None
            if number < len(shown.confidence) and shown.confidence[number].shape == grid.shape:
                doubt = shown.confidence[number] < _DOUBT
            drawn.append(grid_drawing(grid, self.look, wide, doubt))
        return above(caption(f"test {number + 1}"), self._joined(drawn, stacked))

    def _joined(self, drawn: list[Drawing], stacked: bool) -> Drawing:
        return above(*drawn) if stacked else beside(drawn, f" {self.look.arrow} ")


def attempts_drawing(adapted: Adapted, number: int, look: Look, columns: int, rows: int) -> Drawing:
    """One test input and the attempts at it, as large as it fits into ``rows``; more if it fits nowhere."""
    test = adapted.tests[number]

    def blocks(wide: bool) -> list[Drawing]:
        grids = [(f"test {number + 1}", adapted.task.tests[number])]
        grids += [
            (f"attempt {n}, {share:.0%} of the votes", grid)
            for n, (grid, share) in enumerate(zip(test.attempts, test.votes, strict=True), start=1)
        ]
        return [above(caption(words), grid_drawing(grid, look, wide)) for words, grid in grids]

    for wide in (True, False):
        drawing = above(*flow(blocks(wide), columns))
        if not wide or (len(drawing) <= rows and len(flow(blocks(wide), columns)) == 1):
            break
    return drawing
