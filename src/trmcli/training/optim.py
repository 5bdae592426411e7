"""Optimisers and the learning rate's schedule."""

from __future__ import annotations

import torch
from torch import nn

from trmcli.training.config import TrainConfig


def build_optimizers(model: nn.Module, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """One optimiser, or two: Muon for the matrices inside layers, AdamW for embeddings, heads and biases.

    Muon's updates are scaled to the root mean square of AdamW's, so one learning rate serves both. Vectors
    are not decayed.
    """
    matrices, tables, vectors = [], [], []
    for name, parameter in model.named_parameters():
        if parameter.ndim < 2:
            vectors.append(parameter)
        elif name.startswith("layers."):
            matrices.append(parameter)
        else:
            tables.append(parameter)
    decay, lr = config.weight_decay, config.lr
    decayed = tables if config.optimizer == "muon" else tables + matrices
    groups = [{"params": decayed, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
    adamw = torch.optim.AdamW(groups, lr=lr, betas=config.betas, fused=True)
    if config.optimizer == "adamw":
        return [adamw]
    muon = torch.optim.Muon(matrices, lr=lr, weight_decay=decay, adjust_lr_fn="match_rms_adamw")
    return [adamw, muon]


def learning_rate(step: int, config: TrainConfig) -> float:
    """Linear warm-up, constant, then linear decay over the last ``decay_fraction`` of ``max_steps``."""
    warmup = min(1.0, (step + 1) / max(1, config.warmup_steps))
    left = (config.max_steps - step) / max(1.0, config.decay_fraction * config.max_steps)
    return config.lr * min(warmup, config.lr_floor + (1 - config.lr_floor) * max(0.0, min(1.0, left)))
