"""The processes that work together: ``torchrun --nproc-per-node N -m trmcli train ...``, or ``eval``.

An evaluation shares out puzzles, and its ranks meet once, to gather their figures. In training each rank
computes an equal share of every batch, and what the shares say is averaged, so N ranks do what one does, to
rounding. Only the first writes files. PyTorch is imported where ranks talk to each other, and not before.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING

from trmcli.errors import InputError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

STOPS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True)
class Ranks:
    """This process's place among ``size``, from 0; alone, nothing below costs anything."""

    rank: int = 0
    size: int = 1

    @staticmethod
    def here() -> Ranks:
        """As torchrun says; without it there is one process."""
        if "RANK" in os.environ and "WORLD_SIZE" in os.environ:
            return Ranks(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))
        return Ranks()

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
            from torch import distributed

            with _nobody_gone():
                distributed.all_reduce(numbers)
            numbers /= self.size

    def gather(self, part: Tensor) -> Tensor:
        """The parts of all ranks, ``[n, ...]`` each, one after another."""
        if self.size == 1:
            return part
        import torch
        from torch import distributed

        sent = part.contiguous().view(torch.uint8)  # whatever the type: bytes are only copied
        parts = [torch.empty_like(sent) for _ in range(self.size)]
        with _nobody_gone():
            distributed.all_gather(parts, sent)
        return torch.cat(parts).view(part.dtype)

    def largest(self, values: Sequence[int]) -> list[int]:
        """The largest value of any rank, for each of some numbers. Waits for ranks, but not for GPUs."""
        if self.size == 1:
            return list(values)
        import torch
        from torch import distributed

        numbers = torch.tensor(values)
        with _nobody_gone():
            distributed.all_reduce(numbers, distributed.ReduceOp.MAX)
        return numbers.tolist()

    def total(self, values: Sequence[int]) -> list[int]:
        """The sum over all ranks of each of some numbers."""
        if self.size == 1:
            return list(values)
        import torch
        from torch import distributed

        numbers = torch.tensor(values)
        with _nobody_gone():
            distributed.all_reduce(numbers)
        return numbers.tolist()

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Work that SIGINT or SIGTERM cuts short in every process, so that all can still :meth:`texts`.

        Of several processes each is told more than once, by the terminal and by torchrun. The first signal
        raises KeyboardInterrupt; later ones, and those that come after the work, do nothing. One process
        alone is interrupted as usual.
        """
        if self.size == 1:
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

    def texts(self, text: str, hurry: bool = False) -> list[str]:
        """The texts of all processes, in each of them, which meet for this only. It moves bytes; nothing is
        unpickled.

        The first process to be done waits for the last one, however long that takes, unless it is in a
        ``hurry``: torchrun kills what is still there half a minute after it was stopped.

        Raises:
            InputError: if another process is gone.
        """
        if self.size == 1:
            return [text]
        import torch
        from torch import distributed

        try:
            distributed.init_process_group(
                "gloo", timeout=timedelta(seconds=20) if hurry else timedelta(days=30)
            )
            mine = torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)
            sizes = [torch.zeros(1, dtype=torch.long) for _ in range(self.size)]
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


GONE = ("closed by peer", "reset by peer", "Broken pipe", "Connection refused", "imed out")
"""What gloo and NCCL say, among much else, when they cannot reach another process."""


@contextmanager
def _nobody_gone() -> Iterator[None]:
    """Raise InputError if ranks cannot meet, for one of them has gone."""
    try:
        yield
    except RuntimeError as error:
        if not any(words in str(error) for words in GONE):
            raise
        message = "another process is gone: start all of them again, with --resume, as soon as it can run"
        raise InputError(message) from None


@contextmanager
def join(device: torch.device) -> Iterator[tuple[Ranks, torch.device]]:
    """Meet the other ranks for a run, if ``torchrun`` started this process; yields the ranks and this one's
    device.

    Tensors on the CPU travel by gloo, those on GPUs by NCCL.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Ranks(), device
        return
    import torch
    import torch.distributed as dist

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
