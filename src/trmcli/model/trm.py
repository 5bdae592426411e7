"""The Tiny Recursive Model ("Less is More", arXiv:2510.04871; ``models/recursive_reasoning/trm.py``).

One small network is applied again and again to two states of the same shape: the *answer* y (``z_H`` in the
reference) and the *latent* scratchpad z (``z_L``). With the embedded question x, one supervision step is

    T rounds of:  n times  z <- network(z + y + x)
                  once     y <- network(y + z)

with gradient through the last round only. HRM (arXiv:2506.21734; ``models/recursive_reasoning/hrm.py``) gives
y a network of its own and lets the gradient through the last update of z and of y only. Heads then read the
answer's tokens and a halting logit from y, and the states, detached, are carried into the next supervision
step.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from trmcli.model.config import TRMConfig
from trmcli.model.layers import Linear, SwiGLU, at_least_float32, rms_norm, truncated_normal_
from trmcli.model.mixers import MIXERS, Relations
from trmcli.model.recursion import recursion_of


@dataclass(frozen=True)
class Carry:
    """What one supervision step hands to the next, detached: ``[B, P + L, D]`` each.

    ``answer`` is y (``z_H``), ``latent`` is z (``z_L``); P puzzle-embedding tokens stand first. With
    ``vectors="candidates"``, L is :attr:`trmcli.model.mixers.Relations.length`, not the number of cells.
    """

    answer: Tensor
    latent: Tensor

    def __getitem__(self, rows: Tensor) -> Carry:
        """The rows (indices or mask) of a batch."""
        return Carry(self.answer[rows], self.latent[rows])

    def replace(self, rows: Tensor, fresh: Carry) -> Carry:
        """This carry with the ``True`` rows of a ``[B]`` mask taken from ``fresh``."""
        mask = rows.view(-1, 1, 1)
        return Carry(
            torch.where(mask, fresh.answer, self.answer), torch.where(mask, fresh.latent, self.latent)
        )


@dataclass(frozen=True)
class Output:
    """What the heads say after a supervision step.

    Attributes:
        logits: ``[B, L, V]`` of the answer's tokens, in the dtype of computation.
        halt: ``[B]`` logit, float32 at least, of "the answer is exactly right" (``q_halt``).
        go_on: ``[B]``, in the same dtype, the second output of the reference's halting head (``q_continue``).
    """

    logits: Tensor
    halt: Tensor
    go_on: Tensor


class Layer(nn.Module):
    """Mix cells, then a SwiGLU for each; post-norm: ``x <- norm(x + f(x))`` twice."""

    def __init__(self, config: TRMConfig) -> None:
        super().__init__()
        self.mixer = MIXERS[config.mixer](config)
        self.ffn = SwiGLU(config.hidden_size, config.ffn_size)
        self.eps = config.norm_eps

    def forward(self, x: Tensor, relations: Relations | None) -> Tensor:
        if self.mixer.cells_last:
            x = x.transpose(1, 2)
        x = rms_norm(x + self.mixer(x, relations), self.eps)
        if self.mixer.cells_last:
            x = x.transpose(1, 2)
        return rms_norm(x + self.ffn(x), self.eps)


class TinyRecursiveModel(nn.Module):
    """See the module's note. ``forward`` is one supervision step."""

    def __init__(self, config: TRMConfig) -> None:
        super().__init__()
        self.config = config
        self.recursion = recursion_of(config)
        size = config.hidden_size
        candidates = config.vectors == "candidates"
        self.embed = nn.Embedding(len(_KINDS) if candidates else config.vocab_size, size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_layers))
        if config.answer_layers:
            self.answer_layers = nn.ModuleList(Layer(config) for _ in range(config.answer_layers))
        self.lm_head = Linear(size, 1 if candidates else config.vocab_size, bias=False)
        self.halt_head = Linear(size, 2)
        if config.positions == "learned":
            self.embed_positions = nn.Embedding(config.seq_len + config.puzzle_emb_len, size)
            truncated_normal_(self.embed_positions.weight.data, size**-0.5)
        if config.puzzle_emb_len:
            # A step touches few puzzles of many, so the gradient holds their rows only.
            self.embed_puzzle = nn.Embedding(config.num_puzzles, size, sparse=True)
            nn.init.zeros_(self.embed_puzzle.weight)
        self.register_buffer("initial_answer", truncated_normal_(torch.empty(size), 1.0))
        self.register_buffer("initial_latent", truncated_normal_(torch.empty(size), 1.0))
        with torch.no_grad():
            truncated_normal_(self.embed.weight, size**-0.5)
            # The halting head starts near "not yet", as in the reference.
            self.halt_head.weight.zero_()
            self.halt_head.bias.fill_(-5.0)

    @property
    def dtype(self) -> torch.dtype:
        return self.embed.weight.dtype

    @property
    def device(self) -> torch.device:
        return self.embed.weight.device

    def take_over(self, weights: Mapping[str, Tensor]) -> None:
        """Load the weights of a model of the same dimensions, or of one whose groups had no SwiGLUs yet.

        Raises:
            ValueError: as :meth:`check_fit`.
        """
        self.check_fit(weights)
        self.load_state_dict(weights, strict=False)

    def check_fit(self, weights: Mapping[str, Tensor]) -> None:
        """Whether :meth:`take_over` could load these.

        Raises:
            ValueError: naming the first tensor that does not fit.
        """
        ours = self.state_dict()
        silent = {name for name in ours if ".mixer.swiglus." in name and name not in weights}
        for name in sorted({*ours, *weights} - silent):
            shapes = [list(state[name].shape) if name in state else "absent" for state in (weights, ours)]
            if shapes[0] != shapes[1]:
                raise ValueError(f"{name!r} is {shapes[0]}, not {shapes[1]}")

    def initial_carry(self, batch: int, length: int) -> Carry:
        """The states before the first supervision step: one fixed random vector each, in every cell."""
        shape = (batch, length + self.config.puzzle_emb_len, self.config.hidden_size)
        answer, latent = cast(Tensor, self.initial_answer), cast(Tensor, self.initial_latent)
        return Carry(answer.expand(shape), latent.expand(shape))

    def embed_question(
        self, tokens: Tensor, puzzle: Tensor | None = None, relations: Relations | None = None
    ) -> Tensor:
        """x: ``[B, cells]`` tokens (and ``[B]`` puzzle numbers) to ``[B, P + L, D]``, scaled by sqrt(D).

        Where all puzzles share one vector, their number is 0 (the reference's ``<blank>``), and need not be
        given. Candidates need ``relations``.

        Raises:
            ValueError: the model tells puzzles apart, and nothing says which these are.
        """
        if self.config.vectors == "candidates":
            assert relations is not None, "candidates need the task's relations"
            tokens = candidate_kinds(tokens, relations.candidates)
        embedded = self.embed(tokens)
        if self.config.puzzle_emb_len:
            if puzzle is None:
                if self.config.num_puzzles > 1:
                    raise ValueError(f"the model has a vector for each of {self.config.num_puzzles} puzzles")
                puzzle = tokens.new_zeros(len(tokens), dtype=torch.long)
            front = self.embed_puzzle(puzzle).to(embedded.dtype).unsqueeze(1)
            pad = front.new_zeros(len(front), self.config.puzzle_emb_len - 1, front.shape[-1])
            embedded = torch.cat((front, pad, embedded), dim=1)
        if self.config.positions == "learned":
            embedded = math.sqrt(0.5) * (embedded + self.embed_positions.weight)
        scaled: Tensor = math.sqrt(self.config.hidden_size) * embedded
        return scaled

    def network(self, state: Tensor, injected: Tensor, relations: Relations | None) -> Tensor:
        """The one network (``L_level``): ``state`` updated by what is ``injected``."""
        return apply_layers(self.layers, state + injected, relations)

    def answer_network(self, answer: Tensor, latent: Tensor, relations: Relations | None) -> Tensor:
        """The network that updates y: the one network, or HRM's second one (``H_level``)."""
        layers = self.answer_layers if self.config.answer_layers else self.layers
        return apply_layers(layers, answer + latent, relations)

    def round(self, carry: Carry, question: Tensor, relations: Relations | None) -> Carry:
        """One round of the model's recursion; see :mod:`trmcli.model.recursion`."""
        return Carry(*self.recursion(self, carry.answer, carry.latent, question, relations))

    def supervision_step(
        self,
        carry: Carry,
        question: Tensor,
        relations: Relations | None = None,
        rounds: int | None = None,
    ) -> tuple[Carry, Output]:
        """T rounds, gradient through the last, then the heads (paper, figure 3: ``deep_recursion``).

        Args:
            carry: the states so far.
            question: x from :meth:`embed_question`.
            relations: for the relation mixer.
            rounds: T instead of the configuration's: a curriculum of depth, or other depth at use.

        Returns:
            The detached carry for the next step, and what the heads say.
        """
        with torch.no_grad():
            for _ in range((rounds or self.config.rounds) - 1):
                carry = self.round(carry, question, relations)
        carry = self.round(carry, question, relations)
        return Carry(carry.answer.detach(), carry.latent.detach()), self.read(carry.answer, relations)

    def read(self, answer: Tensor, relations: Relations | None = None) -> Output:
        """What the heads say of y, ``[B, P + L, D]``."""
        pooled = answer[:, 0] if self.config.halt_pool == "first" else answer.mean(dim=1)
        halt = at_least_float32(self.halt_head(pooled))
        logits = self.lm_head(answer[:, self.config.puzzle_emb_len :])
        if self.config.vectors == "candidates":
            assert relations is not None, "candidates need the task's relations"
            logits = spread_logits(logits, relations.candidates, self.config.vocab_size)
        return Output(logits, halt[:, 0], halt[:, 1])

    def forward(
        self,
        carry: Carry,
        tokens: Tensor,
        relations: Relations | None = None,
        puzzle: Tensor | None = None,
        rounds: int | None = None,
    ) -> tuple[Carry, Output]:
        question = self.embed_question(tokens, puzzle, relations)
        return self.supervision_step(carry, question, relations, rounds)


_KINDS = ("open", "given", "ruled out")
"""What a question says of a candidate: its cell is blank, it is the given, or another one is."""

_IMPOSSIBLE = -1e4
"""Logit of a token that is no candidate of any cell."""


def candidate_kinds(tokens: Tensor, candidates: Tensor) -> Tensor:
    """``[B, cells]`` tokens and ``[C]`` candidates to ``[B, cells * C]`` numbers of :data:`_KINDS`."""
    given = tokens.unsqueeze(-1) == candidates
    return torch.where(given, 1, torch.where(given.any(dim=-1, keepdim=True), 2, 0)).flatten(1)


def spread_logits(logits: Tensor, candidates: Tensor, vocab_size: int) -> Tensor:
    """``[B, cells * C, 1]`` logits of candidates to ``[B, cells, V]`` logits of tokens."""
    spread = logits.new_full((len(logits), logits.shape[1] // len(candidates), vocab_size), _IMPOSSIBLE)
    return spread.index_copy(2, candidates, logits.view(*spread.shape[:2], -1))


def apply_layers(layers: nn.ModuleList, x: Tensor, relations: Relations | None) -> Tensor:
    """``[B, P + L, D]`` through one layer after another."""
    for layer in layers:
        x = layer(x, relations)
    return x
