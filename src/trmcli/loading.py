"""From a weights file to a solver: which engine runs the model, and what that needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from trmcli.checks import has_torch, need_torch
from trmcli.errors import InputError

if TYPE_CHECKING:
    from trmcli.solving.choices import CompileName, EngineName
    from trmcli.solving.engine import Engine
    from trmcli.tasks.task import Task
    from trmcli.weights.files import Card


def load_engine(
    path: Path,
    task: Task,
    name: EngineName = "auto",
    device: str = "auto",
    rounds: int | None = None,
    threads: int | None = None,
    few: bool = False,
    compiling: CompileName = "off",
) -> tuple[Engine[Any], Card]:
    """The model of a weights file in an engine, and the file's card.

    ``auto`` takes PyTorch where a device is named. Else it takes NumPy if there are ``few`` puzzles, or if
    PyTorch is not installed or has nothing that NumPy has not.

    Args:
        path: of the weights.
        task: that they solve.
        name: of the engine.
        device: where PyTorch computes.
        rounds: T of a supervision step; by default the configuration's.
        threads: of a CPU; by default as many as there are processors.
        few: whether there are so few puzzles that NumPy answers them sooner; see
            :mod:`trmcli.solving.crossover`.
        compiling: whether the engine compiles the network; see :class:`trmcli.solving.compiled.Compiled` and
            :class:`trmcli.solving.numpy_engine.NumPyEngine`.

    Raises:
        InputError: the weights cannot be read, PyTorch is needed and not installed, this machine has no such
            device, or the network is to be compiled and cannot be.
    """
    if name == "auto":
        from trmcli.solving.crossover import torch_has_more

        sooner = few or not has_torch() or not torch_has_more()
        name = "numpy" if device == "auto" and sooner else "torch"
    if name == "numpy":
        if device not in ("auto", "cpu"):
            raise InputError(f"NumPy computes on the CPU, not on {device}: take --engine torch", "--device")
        from trmcli.solving.numpy_engine import NumPyEngine
        from trmcli.weights.arrays import load_arrays
        from trmcli.weights.table import open_table

        arrays, card = load_arrays(path)
        table = open_table(path, card.puzzles)
        rows = None if table is None else table.__getitem__
        engine = NumPyEngine(
            card.model_config, arrays, task, rounds=rounds, threads=threads, table=rows, compiling=compiling
        )
        return engine, card
    need_torch("--engine torch" if device == "auto" else f"--device {device}")
    from trmcli.solving.torch_engine import TorchEngine, pick_device
    from trmcli.weights.files import load_weights

    place = pick_device(device)
    model, card = load_weights(path, mapped=True)
    return TorchEngine(model, task, place, rounds=rounds, threads=threads, compiling=compiling), card
