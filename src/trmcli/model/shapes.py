"""The tensors of a model, known from its configuration alone; no torch is imported."""

from __future__ import annotations

from trmcli.model.config import TRMConfig

Shapes = dict[str, tuple[int, ...]]


def tensor_shapes(config: TRMConfig) -> Shapes:
    """Names and shapes of what a :class:`trmcli.model.TinyRecursiveModel` keeps; maps are ``[out, in]``."""
    size = config.hidden_size
    candidates = config.vectors == "candidates"
    shapes: Shapes = {
        "embed.weight": (3 if candidates else config.vocab_size, size),
        "lm_head.weight": (1 if candidates else config.vocab_size, size),
        "halt_head.weight": (2, size),
        "halt_head.bias": (2,),
        "initial_answer": (size,),
        "initial_latent": (size,),
    }
    if config.positions == "learned":
        shapes["embed_positions.weight"] = (config.seq_len + config.puzzle_emb_len, size)
    if config.puzzle_emb_len:
        shapes["embed_puzzle.weight"] = (config.num_puzzles, size)
    layer = _layer(config)
    for layers, count in (("layers", config.num_layers), ("answer_layers", config.answer_layers)):
        for number in range(count):
            shapes |= {f"{layers}.{number}.{name}": shape for name, shape in layer.items()}
    return shapes


def _layer(config: TRMConfig) -> Shapes:
    size, inner, relations = config.hidden_size, config.num_heads * config.head_width, config.group_relations
    mixer: Shapes = {}
    if config.mixer == "mlp":
        length = config.seq_len + config.puzzle_emb_len
        mixer |= _swiglu("across", length, config.swiglu_size(config.expansion, length))
    elif config.mixer == "attention":
        mixer |= {"qkv.weight": (3 * inner, size), "out.weight": (size, inner)}
    elif config.mixer == "relation":
        if relations:
            mixer |= {"qkv.weight": (3 * relations * inner, size), "out.weight": (size, relations * inner)}
        directions = sum(kind == "neighbours" for _, kind in config.relations)
        if directions:
            mixer["beside.weight"] = (size, directions * (config.neighbour_size or size))
        if config.neighbour_size:
            mixer["narrow.weight"] = (config.neighbour_size, size)
    else:
        for number in range(relations):
            mixer[f"maps.{number}.weight"] = (size, size)
            if config.group_size:
                mixer |= _swiglu(f"swiglus.{number}", size, config.group_size)
    return {f"mixer.{name}": shape for name, shape in mixer.items()} | _swiglu("ffn", size, config.ffn_size)


def _swiglu(name: str, size: int, hidden: int) -> Shapes:
    return {f"{name}.gate_up.weight": (2 * hidden, size), f"{name}.down.weight": (size, hidden)}
