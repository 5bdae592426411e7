"""Small models with random weights, in both engines, and solvers with rules of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from trmcli.model import Carry, Relations, TinyRecursiveModel, TRMConfig
from trmcli.solving.choices import CompileName
from trmcli.solving.engine import Inputs, State
from trmcli.solving.numpy_engine import NumPyEngine
from trmcli.solving.solver import Solver
from trmcli.solving.torch_engine import TorchEngine, build_relations
from trmcli.tasks import get_task
from trmcli.tasks.base import Bools, Cells, Ints, Shape
from trmcli.tasks.sudoku.kind import SudokuRules, SudokuStructure
from trmcli.tasks.task import Task


def relation_config(**changes: object) -> TRMConfig:
    values = {
        "vocab_size": get_task("sudoku").codec.vocab_size,
        "hidden_size": 16,
        "num_layers": 1,
        "mixer": "relation",
        "rounds": 1,
        "latent_updates": 2,
        "num_heads": 2,
        "head_size": 4,
        "ffn_multiple": 8,
        "halt_pool": "mean",
        "relations": tuple((name, "groups") for name in SudokuStructure().relation_names),
    }
    return TRMConfig(**{**values, **changes})  # type: ignore[arg-type]


def small_solver(seed: int = 0, **changes: object) -> Solver:
    """A random model in float64, in which a batch of another shape, with other kernels, says the same."""
    torch.manual_seed(seed)
    model = TinyRecursiveModel(relation_config(**changes))
    return Solver(TorchEngine(model, get_task("sudoku"), torch.device("cpu"), torch.float64))


def model_of(solver: Solver) -> TinyRecursiveModel:
    assert isinstance(solver.engine, TorchEngine)
    return solver.engine.model


def random_tokens(count: int, size: int = 9) -> Ints:
    rng = np.random.default_rng(count)
    return rng.integers(1, size + 2, size=(count, size * size))


def accepting(rule: Callable[[np.ndarray], bool]) -> Solver:
    """A solver whose rules accept the answers for which ``rule`` of their cells, flat, is true."""

    class Rules(SudokuRules):
        def check(self, questions: Cells, answers: Cells) -> Bools:
            return np.array([rule(answer.ravel()) for answer in answers], dtype=np.bool_)

    solver = small_solver()
    solver.task = replace(solver.task, rules=Rules())
    return solver


def one_in_sixteen(cells: np.ndarray) -> bool:
    """Accepts about one answer in sixteen of a random model, whatever the symmetry."""
    return int((cells * np.arange(1, len(cells) + 1)).sum()) % 16 == 0


@dataclass
class Case:
    """A model in both worlds, and what it is asked."""

    model: TinyRecursiveModel
    task: Task
    inputs: Inputs

    @property
    def relations(self) -> Relations:
        return build_relations(self.task, self.inputs.shape, self.model.config)

    def engine(
        self, dtype: npt.DTypeLike = np.float32, rounds: int | None = None, compiling: CompileName = "off"
    ) -> NumPyEngine:
        weights = {name: tensor.numpy() for name, tensor in self.model.state_dict().items()}
        return NumPyEngine(self.model.config, weights, self.task, dtype, rounds, compiling=compiling)

    def drawn(self, engine: NumPyEngine) -> State[Any]:
        """Its questions, and random states."""
        rng, state = np.random.default_rng(1), engine.begin(self.inputs)
        answer, latent = rng.standard_normal((2, *state.question.shape)).astype(engine.dtype)
        return replace(state, answer=answer, latent=latent)

    @torch.no_grad()
    def in_torch(self, state: State[Any], dtype: torch.dtype, rounds: int | None = None) -> tuple[Any, ...]:
        """y, z, probabilities, halting probability after one supervision step, and x."""
        puzzle = None if self.inputs.puzzle is None else torch.from_numpy(self.inputs.puzzle)
        carry = Carry(torch.tensor(state.answer), torch.tensor(state.latent))
        model = self.model.to(dtype)
        question = model.embed_question(torch.from_numpy(self.inputs.tokens), puzzle, self.relations)
        carry, output = model.supervision_step(carry, question, self.relations, rounds)
        self.model.float()
        said = (carry.answer, carry.latent, output.logits.softmax(dim=-1), output.halt.sigmoid(), question)
        return tuple(tensor.numpy() for tensor in said)


def drawn_tokens(task: Task, shape: Shape, count: int) -> Ints:
    """Questions of signs that may stand in one, whether or not they make sense."""
    values = shape[0] + 1 if task.name == "sudoku" else 4
    cells = np.random.default_rng(0).integers(0, values, (count, *shape))
    return task.codec.encode(cells.astype(np.uint8))


GROUPS = (("row", "groups"), ("column", "groups"))
BESIDE = (("up", "neighbours"), ("down", "neighbours"), ("left", "neighbours"), ("right", "neighbours"))
SETTINGS: dict[str, dict[str, Any]] = {
    "groups and neighbours": {"mixer": "relation", "relations": (*BESIDE, *GROUPS)},
    "neighbours heard in few channels": {
        "mixer": "relation",
        "relations": (*BESIDE, *GROUPS),
        "neighbour_size": 3,
    },
    "groups of two sizes": {"mixer": "relation", "relations": GROUPS},
    "heads of their own width": {"mixer": "relation", "relations": GROUPS, "head_size": 5},
    "candidates by attention": {"mixer": "relation", "relations": GROUPS, "vectors": "candidates"},
    "candidates by means": {
        "mixer": "mean",
        "relations": GROUPS,
        "vectors": "candidates",
        "group_expansion": 1.0,
    },
    "means without a SwiGLU": {"mixer": "mean", "relations": GROUPS},
    "single z": {"mixer": "mean", "relations": GROUPS, "features": 1},
    "a network for the answer": {"mixer": "relation", "relations": BESIDE, "answer_layers": 1},
    "attention without positions": {"mixer": "attention"},
    "attention with rotary positions": {"mixer": "attention", "positions": "rope", "halt_pool": "mean"},
    "attention with learned positions": {
        "mixer": "attention",
        "positions": "learned",
        "seq_len": 15,
        "puzzle_emb_len": 2,
        "num_puzzles": 3,
    },
    "single z across cells": {"mixer": "mlp", "seq_len": 15, "features": 1},
}


def made(name: str, shape: Shape = (3, 5), count: int = 3, width: int = 16) -> Case:
    """A small model with random weights, its heads among them."""
    config = TRMConfig(
        vocab_size=18, **{"hidden_size": width, "num_heads": 2, "ffn_multiple": 8, **SETTINGS[name]}
    )
    torch.manual_seed(0)
    model, task = TinyRecursiveModel(config), get_task("maze")
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape) * parameter.shape[-1] ** -0.5
    puzzle = np.array([2, 0, 1])[:count] if config.puzzle_emb_len else None
    return Case(model.requires_grad_(False), task, Inputs(drawn_tokens(task, shape, count), shape, puzzle))
