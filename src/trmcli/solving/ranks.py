"""One evaluation in several processes: ``torchrun --standalone --nproc-per-node N -m trmcli eval ...``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta


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

    def gather(self, text: str) -> list[str]:
        """The texts of all processes, in each of them. It moves bytes; nothing is unpickled."""
        if self.count == 1:
            return [text]
        import torch
        from torch import distributed

        # The first process to be done waits for the last one, however long that takes.
        distributed.init_process_group("gloo", timeout=timedelta(days=30))
        try:
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
        finally:
            distributed.destroy_process_group()
