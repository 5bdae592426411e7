"""The choices that a search leaves to its user. Without torch, so that the help can name them."""

from __future__ import annotations

from typing import Literal, get_args

Halt = Literal["checked", "head", "never"]
"""When a try ends; see :class:`trmcli.solving.solver.Pool`."""

Strategy = Literal["guess", "symmetry", "noise", "restart", "mixed"]
"""What makes a try differ from the first; see :class:`trmcli.solving.search.SearchConfig`."""

STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

EngineName = Literal["auto", "numpy", "torch"]
"""What runs the network; see :func:`trmcli.loading.load_engine`."""

Select = Literal["halt", "vote"]
"""Which answer counts when the rules accept none; see :class:`trmcli.solving.search.SearchConfig`."""
