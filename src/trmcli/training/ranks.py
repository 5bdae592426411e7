"""The processes that train one model together: ``torchrun --nproc-per-node N -m trmcli train ...``.

Each rank computes an equal share of every batch, and what the shares say is averaged, so N ranks do what one
does, to rounding. Only the first writes files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class Ranks:
    """This process's place among ``size``; the default is alone, where nothing below costs anything."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the one that writes files."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """This rank's part of ``count`` rows; ``size`` divides ``count``."""
        return slice(self.rank * count // self.size, (self.rank + 1) * count // self.size)

    def mean_(self, numbers: Tensor) -> None:
        """Average a tensor over all ranks, in place.

        The trainer keeps all gradients in one, so this is one message. ``DistributedDataParallel`` would send
        the first gradients while the last are computed; but it hooks into ``forward``, which is not what is
        called (the weights that compute are casts of the masters), and for a network of some millions of
        parameters there is little to hide.
        """
        if self.size > 1:
            dist.all_reduce(numbers)
            numbers /= self.size

    def gather(self, part: Tensor) -> Tensor:
        """The parts of all ranks, ``[n, ...]`` each, one after another."""
        if self.size == 1:
            return part
        sent = part.contiguous().view(torch.uint8)  # whatever the type: bytes are only copied
        parts = [torch.empty_like(sent) for _ in range(self.size)]
        dist.all_gather(parts, sent)
        return torch.cat(parts).view(part.dtype)

    def largest(self, values: Sequence[int]) -> list[int]:
        """The largest value of any rank, for each of some numbers. Waits for ranks, but not for GPUs."""
        if self.size == 1:
            return list(values)
        numbers = torch.tensor(values)
        dist.all_reduce(numbers, dist.ReduceOp.MAX)
        return numbers.tolist()

    def total(self, values: Sequence[int]) -> list[int]:
        """The sum over all ranks of each of some numbers."""
        if self.size == 1:
            return list(values)
        numbers = torch.tensor(values)
        dist.all_reduce(numbers)
        return numbers.tolist()


@contextmanager
def join(device: torch.device) -> Iterator[tuple[Ranks, torch.device]]:
    """Meet the other ranks, if ``torchrun`` started this process; yields the ranks and this one's device.

    Tensors on the CPU travel by gloo, those on GPUs by NCCL.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Ranks(), device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    store, rank, _ = next(dist.rendezvous("env://"))  # type: ignore[attr-defined]
    # Ranks that are started again meet in the same store, where the addresses of the dead still stand.
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    store = dist.PrefixStore(attempt, store)  # type: ignore[attr-defined]
    dist.init_process_group(backend, store=store, rank=rank, world_size=size)
    try:
        yield Ranks(rank, size), device
    finally:
        dist.destroy_process_group()
