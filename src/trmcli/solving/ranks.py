"""One evaluation in several processes: ``torchrun --standalone --nproc-per-node N -m trmcli eval ...``."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType

from trmcli.errors import InputError

STOPS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Ranks:
    """Which of several equal processes this is: number ``rank`` of ``count``, from 0."""

    rank: int = 0
    count: int = 1

    @staticmethod
    def here() -> Ranks:
        """As torchrun says; without it there is one process."""
        if "RANK" in os.environ and "WORLD_SIZE" in os.environ:
            return Ranks(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
        return Ranks()

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Work that SIGINT or SIGTERM cuts short in every process, so that all can still :meth:`gather`.

        Of several processes each is told more than once, by the terminal and by torchrun. The first signal
        raises KeyboardInterrupt; later ones, and those that come after the work, do nothing. One process
        alone is interrupted as usual.
        """
        if self.count == 1:
            yield
            return

        def ignore() -> None:
            for number in STOPS:
                signal.signal(number, signal.SIG_IGN)

        def stop(_number: int, _frame: FrameType | None) -> None:
            ignore()
            raise KeyboardInterrupt

        for number in STOPS:
            signal.signal(number, stop)
        yield
        ignore()

    def gather(self, text: str, hurry: bool = False) -> list[str]:
        """The texts of all processes, in each of them. It moves bytes; nothing is unpickled.

        The first process to be done waits for the last one, however long that takes, unless it is in a
        ``hurry``: torchrun kills what is still there half a minute after it was stopped.

        Raises:
            InputError: if another process is gone.
        """
        if self.count == 1:
            return [text]
        import torch
        from torch import distributed

        try:
            distributed.init_process_group(
                "gloo", timeout=timedelta(seconds=20) if hurry else timedelta(days=30)
            )
            mine = torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)
            sizes = [torch.zeros(1, dtype=torch.long) for _ in range(self.count)]
            distributed.all_gather(sizes, torch.tensor([len(mine)]))
            padded = torch.zeros(max(int(size) for size in sizes), dtype=torch.uint8)
            padded[: len(mine)] = mine
            parts = [torch.empty_like(padded) for _ in sizes]
            distributed.all_gather(parts, padded)
            return [
                part[: int(size)].numpy().tobytes().decode() for part, size in zip(parts, sizes, strict=True)
            ]
        except RuntimeError:
            raise InputError("another process is gone, so there are no figures of all") from None
        finally:
            if distributed.is_initialized():
                distributed.destroy_process_group()
