"""The pieces every layer is made of: initialisation, RMSNorm, SwiGLU, rotary positions.

Parameters are float32 masters; callers that compute in bfloat16 cast the module (inference) or pass cast
copies through ``torch.func.functional_call`` (training), so nothing here casts.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def truncated_normal_(tensor: Tensor, std: float) -> Tensor:
    """Fill with a normal distribution cut at two deviations whose *true* standard deviation is ``std``.

    Cutting at ±2 leaves a deviation of 0.8796; dividing by it restores ``std``, as JAX's initialiser and the
    reference do (``models/common.py: trunc_normal_init_``).
    """
    if std == 0:
        return tensor.zero_()
    lower, upper = -2.0, 2.0
    z = math.erf(upper / math.sqrt(2)) - math.erf(lower / math.sqrt(2))
    density = (2 * math.pi) ** -0.5 * math.exp(-0.5 * upper**2)
    true_std = math.sqrt(1 - (upper - lower) * density / (z / 2))
    scale = std / true_std
    return nn.init.trunc_normal_(tensor, 0.0, scale, lower * scale, upper * scale)


class Linear(nn.Linear):
    """``nn.Linear`` with truncated normal weights of deviation ``1 / sqrt(in_features)``, bias zero."""

    def reset_parameters(self) -> None:
        with torch.no_grad():
            truncated_normal_(self.weight, self.in_features**-0.5)
            if self.bias is not None:
                self.bias.zero_()


def rms_norm(x: Tensor, eps: float) -> Tensor:
    """Divide each vector by its root mean square; no gain (``models/layers.py: rms_norm``).

    In float32 this is the reference to the last bit; else PyTorch's own, which rounds once and is faster.
    """
    if x.dtype == torch.float32:
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps)
    return F.rms_norm(x, (x.shape[-1],), eps=eps)


class GatedSiLU(torch.autograd.Function):
    """``silu(gate) * up`` of ``[..., gate | up]``; the gradient is written in place instead of joined."""

    @staticmethod
    def forward(gate_up: Tensor) -> Tensor:
        gate, up = gate_up.chunk(2, dim=-1)
        return F.silu(gate).mul_(up)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (gate_up,) = ctx.saved_tensors
        gate, up = gate_up.chunk(2, dim=-1)
        result = torch.empty_like(gate_up)
        to_gate, to_up = result.chunk(2, dim=-1)
        torch.mul(gradient, F.silu(gate), out=to_up)
        torch.ops.aten.silu_backward.grad_input(gradient * up, gate, grad_input=to_gate)
        return result


class SwiGLU(nn.Module):
    """``down(silu(gate(x)) * up(x))`` over the last dimension (``models/layers.py: SwiGLU``).

    One that is to be ``silent`` at first begins with a ``down`` of zeros.
    """

    def __init__(self, size: int, hidden: int, silent: bool = False) -> None:
        super().__init__()
        self.gate_up = Linear(size, 2 * hidden, bias=False)
        self.down = Linear(hidden, size, bias=False)
        if silent:
            nn.init.zeros_(self.down.weight)

    def forward(self, x: Tensor) -> Tensor:
        gated: Tensor
        if torch.compiler.is_compiling():  # it writes the gradient as well by itself
            gate, up = self.gate_up(x).chunk(2, dim=-1)
            gated = F.silu(gate) * up
        else:
            gated = GatedSiLU.apply(self.gate_up(x))  # type: ignore[no-untyped-call]
        return self.down(gated)  # type: ignore[no-any-return]


def at_least_float32(x: Tensor) -> Tensor:
    """``x`` in float32, or in float64 if it is so already: for what bfloat16 is too coarse."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def rotary(length: int, width: int, theta: float, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines and sines ``[length, width]`` of the rotary position encoding.

    On the device of ``like``, and in its dtype or in float32, whichever is finer.
    """
    dtype, device = torch.promote_types(like.dtype, torch.float32), like.device
    frequencies = theta ** -(torch.arange(0, width, 2, dtype=dtype, device=device) / width)
    angles = torch.outer(torch.arange(length, dtype=dtype, device=device), frequencies)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn ``[..., length, heads, width]`` by its positions; halves are paired, not neighbours."""
    first, second = at_least_float32(x).chunk(2, dim=-1)
    turned = torch.cat((-second, first), dim=-1)
    return (at_least_float32(x) * cos[:, None] + turned * sin[:, None]).to(x.dtype)
