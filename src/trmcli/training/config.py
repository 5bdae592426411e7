"""What a training run is made of: one dataclass, read from TOML, stored with the run.

Presets are TOML files in ``presets/``. Any field can be set from the command line: ``--set lr=1e-3``,
``--set model.hidden_size=96``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from trmcli.errors import InputError, Origin, did_you_mean
from trmcli.model.config import MOST_ROUNDS, TRMConfig
from trmcli.settings import Limits, SettingError, apply_override, check, lines_of, read_toml

EVALUATIONS = "evaluations"
"""The folder of a run in which the averaged weights of every evaluation are, where they are kept."""
WEIGHTS = ("last.safetensors", "best.safetensors")
"""The newest averaged weights, and those of the evaluation that did best."""
RUN_FILES = ("config.toml", "log.jsonl", *WEIGHTS, "report.html")
"""What a run writes anew in its folder, besides checkpoints."""

Count = Annotated[int, Limits(1, 10**9)]
Number = Annotated[int, Limits(0, 10**9)]
Share = Annotated[float, Limits(0, 1)]
Amount = Annotated[float, Limits(0, 1e30)]
"""What numbers may be. None is infinite, for neither TOML nor arithmetic could keep it."""


@dataclass(frozen=True)
class DataConfig:
    """One source of training examples; a run draws from several in proportion to ``weight``.

    Attributes:
        source: a file with puzzles and answers (CSV or text), a dataset folder of the reference, or
            ``generated``.
        weight: share of the gradient steps that train on this source.
        count: how many puzzles to generate.
        options: what to generate, in the task's own words (Sudoku: ``size``, ``clues``, ``minimal``).
    """

    source: str
    weight: Amount = 1.0
    count: Count = 1000
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TrainConfig:
    """Everything that shapes a run. Symbols and defaults of the paper stand in ``presets/paper-*.toml``.

    Attributes:
        task: the puzzle kind.
        model: fields of :class:`trmcli.model.TRMConfig`; vocabulary and relations come from the task.
        kind: what makes the puzzle kind the one that it is; of ``grid`` most of it is found in the data.
        data: where examples come from; the first is the main one, which ``--data`` replaces.
        validation: a file or folder to evaluate on; empty means the main folder's test split, or a share of
            the main data, held out.
        validation_count: puzzles of each evaluation.
        batch_size: examples in a step.
        max_steps: gradient steps, one supervision step each; the schedule's length.
        stage: changes on the way, tables such as ``{from_step = 500, lr = 1e-3}``: after so many steps the
            run goes on with these settings besides those before, as by ``--resume --override --set``. A stage
            may move ``max_steps``; the run ends when those in force are done. One with ``restart = true``
            begins anew from the averaged weights, with a fresh optimiser and examples, as by ``--init-from``.
        supervision_steps: most supervision steps spent on one example (``halt_max_steps``).
        rounds_curriculum: (share of ``max_steps``, T) pairs: from there on, a supervision step has T rounds
            ("CGAR", arXiv:2511.08653: shallow recursion first). Empty: the model's own T throughout.
        random_starts: share of examples that begin with random states, as tries by restart do, instead of the
            fixed ones.
        exploration: share of examples whose early halting is put off (``halt_exploration_prob``).
        token_loss: ``stablemax`` (paper) or ``softmax``.
        label_smoothing: share of each cell's label that is spread over all tokens, with ``softmax``
            (arXiv:2601.19085 trains with 0.2).
        horizon, reach: for cells that hear of their neighbours alone. After s supervision steps of an example
            those learn their label that are at most ``horizon * s`` cells away from what decides it
            (:meth:`trmcli.tasks.task.Structure.spread`), and those farther than ``reach * s`` learn to say
            that they do not know. 0: all learn their label at once, and those that cannot know it, to guess.
        halt_weight: weight of the halting loss.
        halting: ``binary``: learn whether the answer is right, and halt if so (paper). ``q_learning``: learn
            as well what going on is worth, by one more forward pass a step, and halt if it is less (HRM).
        commit: from the supervision step on at which tries at use begin to take cells as given
            (:data:`trmcli.solving.solver.COMMIT_FROM`), tell each example the true value of its surest
            doubtful cell after every step, so that the network learns to go on from there; and let
            validation commit as tries do.
        reveal_share, reveal_max: share of examples made easier, and by how many cells at most.
        optimizer: ``adamw``, ``adam_atan2`` (paper), or ``muon`` for the matrices and AdamW for the rest.
        lr, weight_decay, betas: of the optimiser; with Muon, updates are scaled to AdamW's size.
        puzzle_emb_lr, puzzle_emb_weight_decay: of the puzzle embeddings, which learn by sign-SGD.
        clip: largest norm of the gradient; 0 lets every gradient pass (paper).
        warmup_steps: linear warm-up.
        schedule: ``linear``, or ``cosine`` from the warm-up's end (reference); both to ``lr_floor * lr``.
        decay_fraction: share of the steps at the end in which a linear schedule falls.
        ema: decay of the averaged weights, which are what is evaluated and exported.
        dtype: of computation; ``auto`` is bfloat16 where the processor multiplies it faster.
        accumulate: parts in which a batch is computed, one after another, where memory is short.
        compile: let ``torch.compile`` fuse the network's operations: a minute or two at the start, faster
            steps. Without a C++ compiler a CPU goes on as if this were not set, and the run says so.
        init_from: a weights file, or the name of weights, to start from instead of at random.
        eval_every: steps between evaluations.
        patience: evaluations without a better one after which the run ends; 0 goes on to the end.
        keep_evaluations: whether the averaged weights of every evaluation stay, in the folder
            ``evaluations``: what ``trm eval --votes all`` adds up.
        save_every: seconds between checkpoints.
        seed: of everything random.
    """

    name: str
    task: str
    model: Mapping[str, Any]
    data: tuple[DataConfig, ...]
    kind: Mapping[str, Any] = field(default_factory=dict)
    validation: str = ""
    validation_count: Count = 256
    batch_size: Count = 64
    max_steps: Count = 10000
    supervision_steps: Count = 16
    rounds_curriculum: tuple[tuple[float, int], ...] = ()
    random_starts: Share = 0.0
    exploration: Share = 0.1
    token_loss: Literal["softmax", "stablemax"] = "softmax"
    label_smoothing: Share = 0.0
    horizon: Number = 0
    reach: Number = 0
    halt_weight: Amount = 0.5
    halting: Literal["binary", "q_learning"] = "binary"
    commit: bool = False
    reveal_share: Share = 0.0
    reveal_max: Number = 0
    optimizer: Literal["adamw", "muon", "adam_atan2"] = "adamw"
    lr: Amount = 1e-3
    lr_floor: Share = 0.0
    weight_decay: Amount = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    puzzle_emb_lr: Amount = 1e-2
    puzzle_emb_weight_decay: Amount = 0.1
    clip: Amount = 1.0
    warmup_steps: Number = 200
    schedule: Literal["linear", "cosine"] = "linear"
    decay_fraction: Share = 0.4
    ema: Share = 0.999
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    accumulate: Count = 1
    compile: bool = False
    init_from: str = ""
    eval_every: Count = 1000
    patience: Number = 0
    keep_evaluations: bool = False
    save_every: Amount = 120.0
    seed: Annotated[int, Limits(0, 2**63 - 1)] = 0
    stage: tuple[Mapping[str, Any], ...] = ()

    @cached_property
    def parts(self) -> tuple[tuple[int, TrainConfig], ...]:
        """The run from its beginning and from each stage that it reaches: (first step, settings in force)."""
        values = {**self.to_dict(), "stage": ()}
        reached = [(0, replace(self, stage=()))]
        for number, change in enumerate(self.stage, start=1):
            if change["from_step"] > reached[-1][1].max_steps:
                break
            values = {**values, **change, "model": {**values["model"], **change.get("model", {})}}
            first, _ = values.pop("from_step"), values.pop("restart", False)
            with _in_stage(number, first):
                had = reached[-1][1].model.get("group_expansion", 0)
                if had not in (0, values["model"].get("group_expansion", 0)):
                    message = f"groups keep the group_expansion that they have, {had}"
                    raise SettingError(message, "model.group_expansion")
                part = TrainConfig.from_dict(values)
                if part.max_steps < first:
                    message = f"a stage cannot end before it begins: max_steps below {first}"
                    raise SettingError(message, "max_steps")
            reached.append((first, part))
        return tuple(reached)

    def at(self, step: int) -> TrainConfig:
        """The settings in force once ``step`` gradient steps are done: the same object until they change."""
        return [part for first, part in self.parts if first <= step][-1]

    @property
    def total_steps(self) -> int:
        """Gradient steps of the whole run."""
        return self.parts[-1][1].max_steps

    @property
    def spans(self) -> list[tuple[int, int, TrainConfig]]:
        """The parts in which there is a step to take, as (first step, step after the last, settings)."""
        edges = [*(first for first, _ in self.parts), self.total_steps]
        spans = zip(pairwise(edges), self.parts, strict=True)
        return [(first, end, part) for (first, end), (_, part) in spans if first < end]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainConfig:
        """Build a config, naming any key that is unknown, of the wrong type or beyond its limits.

        Raises:
            SettingError: which knows no file.
        """
        _check(values)
        check(TRMConfig, values["model"], called="model setting", table="model.", whole=False)
        data = []
        for number, entry in enumerate(values["data"], start=1):
            if not isinstance(entry, Mapping):
                raise SettingError("each [[data]] must be a table", f"data.{number}")
            check(DataConfig, entry, table=f"data.{number}.")
            data.append(DataConfig(**entry))
        if not any(entry.weight for entry in data):
            raise SettingError("names no data: add a [[data]] table, with a weight above 0", "data")
        changed = {**values, "data": tuple(data)}
        if "betas" in values:
            changed["betas"] = tuple(values["betas"])
            if len(changed["betas"]) != 2 or not all(map(_is_beta, changed["betas"])):
                raise SettingError("betas must be two numbers from 0 to below 1, as [0.9, 0.95]", "betas")
        if "rounds_curriculum" in values:
            pairs = values["rounds_curriculum"]
            if not all(map(_is_depth, pairs)):
                message = (
                    "rounds_curriculum must be pairs of a share, from 0 to 1, and rounds, "
                    f"from 1 to {MOST_ROUNDS}, such as [[0.0, 1], [0.5, 2]]"
                )
                raise SettingError(message, "rounds_curriculum")
            changed["rounds_curriculum"] = tuple((float(share), rounds) for share, rounds in pairs)
        changed["stage"] = tuple(values.get("stage", ()))
        last = 0
        for number, stage in enumerate(changed["stage"], start=1):
            last = _check_stage(stage, number, last)
        config = cls(**changed)
        if config.reach < config.horizon:
            message = f"reach must be at least horizon, {config.horizon}, not {config.reach}"
            raise SettingError(message, "reach", "horizon")
        _ = config.parts  # says what is wrong with a stage's settings
        return config


def _check(values: Mapping[str, Any], whole: bool = True) -> None:
    """Every setting of a run, or of a stage, is known and of its type."""
    inner = [f"model.{entry.name}" for entry in fields(TRMConfig)]
    check(TrainConfig, values, whole=whole, inner=inner, listed="trm train PRESET --dry-run")


def _is_beta(value: object) -> bool:
    return isinstance(value, (int, float)) and 0 <= value < 1


def _is_depth(pair: object) -> bool:
    """Whether this is a pair (share of the steps, T)."""
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        return False
    share, rounds = pair
    return (
        isinstance(share, (int, float))
        and 0 <= share <= 1
        and type(rounds) is int
        and 1 <= rounds <= MOST_ROUNDS
    )


def _check_stage(stage: object, number: int, last: int) -> int:
    """Where a stage begins, after the one before it. Weights and optimiser must go on to fit."""
    first = stage.get("from_step") if isinstance(stage, Mapping) else None
    if not isinstance(stage, Mapping) or type(first) is not int or first <= last:
        message = f"each [[stage]] needs a from_step, a whole number above {last}"
        raise SettingError(message, f"stage.{number}.from_step")
    with _in_stage(number, first):
        settings = {key: value for key, value in stage.items() if key not in ("from_step", "restart")}
        _check(settings, whole=False)
        if type(stage.get("restart", False)) is not bool:
            raise SettingError("restart must be true or false", "restart")
        fixed = [key for key in settings if key in _LASTING]
        fixed += [f"model.{key}" for key in settings.get("model", {}) if key not in _GROWING]
        if fixed:
            raise SettingError(f"a stage cannot change {', '.join(fixed)}", *fixed)
    return first


@contextmanager
def _in_stage(number: int, first: int) -> Iterator[None]:
    """Say of what is wrong that it is so in this stage."""
    try:
        yield
    except SettingError as error:
        keys = (*(f"stage.{number}.{key}" for key in error.keys), *error.keys)
        raise SettingError(f"[[stage]] from step {first}: {error.message}", *keys) from None


_LASTING = ("name", "task", "optimizer", "init_from", "stage")
_GROWING = ("rounds", "latent_updates", "group_expansion")


def presets() -> dict[str, Path]:
    """Names and files of the presets that come with the package."""
    folder = Path(str(resources.files("trmcli.training") / "presets"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def preset_titles() -> dict[str, str]:
    """Names of the presets, each with the comment in its first line."""
    lines = {name: path.read_text(encoding="utf-8").partition("\n")[0] for name, path in presets().items()}
    return {name: line.lstrip("# ") for name, line in lines.items()}


def load_config(name: str, data: str | None = None, overrides: Iterable[str] = ()) -> TrainConfig:
    """Read a preset by name, or a TOML file, and apply ``key=value`` overrides, which hold in every stage.

    Raises:
        InputError: if there is no such preset or file, or something in it is wrong.
    """
    path = presets().get(name, Path(name))
    if path.exists() and path.suffix.lower() != ".toml":
        message = (
            f"is neither a preset nor a TOML file; to learn from pairs in it: trm train grid --data {name}"
        )
        raise InputError(message, name)
    if not path.is_file():
        raise InputError(f"no such preset or file{did_you_mean(name, presets(), 'presets')}", name)
    values = read_toml(path)
    origins = lines_of(path)
    try:
        if "preset" in values:
            values = _on_top_of_preset(values)
        values.setdefault("name", path.stem)
        for override in overrides:
            key = apply_override(values, override)
            for stage in _tables(values, "stage"):
                _forget(stage, key.split("."))
            origins = {
                known: place for known, place in origins.items() if not f"{known}.".startswith(f"{key}.")
            }
            shown = override if len(override) <= 100 else f"{key}=..."
            origins[key] = Origin(f"--set {shown}")
        if data is not None:
            for part in (values, *_tables(values, "stage")):
                for main in _tables(part, "data")[:1]:
                    part["data"][0] = {"source": data, "weight": main.get("weight", 1.0)}
        return TrainConfig.from_dict(values)
    except SettingError as error:
        raise InputError(error.message, _place(error, origins) or str(path)) from None


def _place(error: SettingError, origins: Mapping[str, Origin]) -> Origin | None:
    """Where the settings stand that are no good, or the table that they are in: first of all in a --set."""
    found = []
    for key in error.keys:
        parts = key.split(".")
        tables = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
        found += [(away, origins[table]) for away, table in enumerate(tables) if table in origins]
    return min(found, key=lambda one: (one[1].line is not None, one[0]), default=(0, None))[1]


def _on_top_of_preset(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a file that names a ``preset``: its own, and the preset's where it says nothing."""
    name = values["preset"]
    if not isinstance(name, str) or name not in presets():
        hint = did_you_mean(str(name), presets(), "presets")
        raise SettingError(f"there is no preset {name!r}{hint}", "preset")
    merged = read_toml(presets()[name])
    del merged["name"]
    for key, value in values.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = {**merged[key], **value} if both else value
    del merged["preset"]
    return merged


def _tables(values: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """``[[key]]``; what is wrong in it is for :meth:`TrainConfig.from_dict` to say."""
    found = values.get(key)
    return [table for table in found if isinstance(table, dict)] if isinstance(found, list) else []


def _forget(values: dict[str, Any], path: Sequence[str]) -> None:
    """Remove a setting from nested tables, if it is there."""
    *tables, last = path
    for table in tables:
        values = values.get(table, {})
        if not isinstance(values, dict):
            return
    values.pop(last, None)
