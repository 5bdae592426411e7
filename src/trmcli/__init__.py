"""Tiny Recursive Models that solve puzzles. Importing this imports nothing else, for `trm` answers at once.

>>> import trmcli
>>> for answer in trmcli.solve("puzzles.txt"):  # or the puzzle itself: text, rows, an array
...     print(answer.checked, answer.cells)

:func:`load` gives a solver with chosen weights; its ``steps`` are what ``solve`` and the live view consume.
:func:`read_puzzles` reads without solving. What is wrong with an input is an :class:`InputError`.
"""

from __future__ import annotations

TYPE_CHECKING = False  # for typing itself takes as long as Python's own start
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from trmcli import weights
    from trmcli.errors import InputError
    from trmcli.solving.adapted import Adapted
    from trmcli.solving.answers import Answer
    from trmcli.solving.choices import CompileName, EngineName, SearchConfig
    from trmcli.solving.search import watch
    from trmcli.solving.solver import Solver
    from trmcli.tasks.arc.task import ArcTask
    from trmcli.tasks.base import Puzzle
    from trmcli.tasks.records import Skip
    from trmcli.tasks.task import Task

    __version__: str

__all__ = [
    "InputError",
    "SearchConfig",
    "Solver",
    "__version__",
    "adapt",
    "load",
    "read_puzzles",
    "solve",
    "train",
    "watch",
    "weights",
]

_LAZY = {
    "InputError": "trmcli.errors",
    "SearchConfig": "trmcli.solving.choices",
    "Solver": "trmcli.solving.solver",
    "watch": "trmcli.solving.search",
}


def load(
    name: str | Path | None = None,
    task: str = "sudoku",
    device: str = "auto",
    rounds: int | None = None,
    engine: EngineName = "auto",
    compile: CompileName = "auto",
) -> Solver:
    """A solver with trained weights.

    Args:
        name: of known weights, or a weights file; without it the task's default.
        task: whose default is wanted.
        device: ``auto``, ``cpu``, ``cuda``, ``mps``.
        rounds: T of a supervision step; by default as many as the weights are meant for.
        engine: what runs the network: ``torch``; ``numpy``, which starts at once; or ``auto``, which is torch
            where that has a GPU or products of bfloat16.
        compile: whether the network is compiled, as ``trm eval --compile`` has it: ``on``, ``off``, or
            ``auto``, after some work.

    Raises:
        InputError: there are no such weights, task or device, the weights cannot be read, or there is no
            compiler for what is to be compiled.
    """
    from typing import get_args

    from trmcli import checks
    from trmcli.solving.choices import CompileName, EngineName
    from trmcli.tasks import get_task

    if name is not None:
        checks.path("name", name, "a name of weights, or a path")
    checks.instance("task", task, str, "the name of a task")
    rounds = None if rounds is None else checks.whole("rounds", rounds, 1)
    checks.choice("engine", engine, get_args(EngineName))
    checks.choice("compile", compile, get_args(CompileName))
    checks.device(device)
    from trmcli.loading import load_engine
    from trmcli.solving.solver import Solver
    from trmcli.weights import find_weights, read_card

    with checks.in_python():
        if name is None or task != "grid":  # whose weights alone say what it is
            get_task(task)
        path = find_weights(None if name is None else str(name), task)
        card = read_card(path)
        kind = get_task(card.task, card.kind)
        return Solver(load_engine(path, kind, engine, device, rounds, compiling=compile)[0])


def read_puzzles(
    sources: Any, task: str | Task | None = None, skip: Skip | None = None, legend: str | None = None
) -> Iterator[tuple[Task, Puzzle]]:
    """Puzzles, all of one kind, each with its kind; see :func:`trmcli.tasks.reading.read_puzzles`.

    Args:
        sources: files, ``-`` for standard input, puzzles as text, as lists of rows, as arrays ``[h, w]`` or
            ``[n, h, w]``, open files, or lists or an iterator of these.
        task: a task or its name; without it each source tells its own.
        skip: hears of every bad record; without it the first one is raised.
        legend: what signs of mazes mean, such as ``#=wall,.=open,A=start,B=goal``.

    Raises:
        InputError: in this call, for an argument that is no good, without any source, or for a file that is
            not there. While iterating, for what cannot be read, when the puzzles before it have been taken.
    """
    from trmcli import checks, tasks
    from trmcli.tasks.task import Task

    if task is not None:
        checks.instance("task", task, (str, Task), "the name of a task")
    if legend is not None:
        checks.instance("legend", legend, str, "signs and what they mean, such as '#=wall,.=open'")
    if skip is not None:
        checks.function("skip", skip, "a function that takes an InputError")
    with checks.in_python():
        found = tasks.read_puzzles(sources, task, skip, legend)
    return checks.each(found)


def solve(
    *sources: Any,
    solver: Solver | None = None,
    tries: int | None = None,
    max_steps: int | None = None,
    batch_size: int = 64,
    seed: int = 0,
) -> Iterator[Answer]:
    """Solve puzzles and check the answers; one ``Answer`` each, in order.

    Args:
        sources: whatever :func:`read_puzzles` takes: files, ``-`` for standard input, puzzles as text, as
            lists of rows, as arrays ``[h, w]`` or ``[n, h, w]``, or lists of these. All of one kind.
        solver: from :func:`load`; without it the default weights of the first puzzle's task.
        tries: most tries of a puzzle, from 1; the first checked answer ends them. By default 32, and one
            where there are no rules to check by.
        max_steps: most supervision steps of a try, from 1. Without it 16, and of a maze
            rows and columns together if they are more.
        batch_size: puzzles and tries worked on at once, from 1.
        seed: of the random symmetries that tries begin with, from 0.

    Raises:
        InputError: in this call, for a number out of its range, without any source, or for a file that is not
            there. While iterating, for a puzzle that cannot be read, or that the solver is not for: it names
            file, line and column, and the answers to all puzzles before it may be had first.
    """
    from trmcli.solving.choices import SearchConfig

    if solver is not None:
        from trmcli.solving.search import check_solver

        check_solver(solver)
    config = SearchConfig(max_steps, 1 if tries is None else tries, batch_size=batch_size, seed=seed)
    pairs = read_puzzles(sources[0] if len(sources) == 1 else sources, solver.task if solver else None)
    return _answers(pairs, solver, config, tries is None)


def adapt(
    *sources: Any, budget: float = 60.0, seed: int = 0, processes: int | None = None
) -> Iterator[Adapted]:
    """Fit networks to ARC tasks, each task by itself, and let them vote; one ``Adapted`` each, in order.

    The networks are fitted by processes of their own. As with all such, a script that calls this has to do so
    under ``if __name__ == "__main__":``.

    Args:
        sources: files, folders, ``-`` for standard input, tasks as JSON, or as objects ``{"train": …, "test":
            …}``. What a source tells of outputs of tests is not looked at.
        budget: seconds of a task; the first answer is waited for, however long it takes.
        seed: of the first network; the others' follow.
        processes: networks fitted at once; by default one on each processor.

    Raises:
        InputError: in this call, for a task that cannot be read, or where PyTorch is not installed.
    """
    from trmcli import checks
    from trmcli.errors import InputError
    from trmcli.tasks.arc.files import read_tasks

    checks.need_torch("fitting networks to ARC tasks")
    workers = None if processes is None else checks.whole("processes", processes, 1)
    seed, budget = checks.whole("seed", seed, 0), checks.seconds("budget", budget)

    def refuse(error: InputError) -> None:
        raise error

    tasks = read_tasks([_arc_source(source) for source in sources], refuse, answers=False)
    if not tasks:
        raise InputError("no task given: name a file, or give the task itself")
    return _adapted(tasks, budget, seed, workers)


def train(
    preset: str | Path,
    data: str | Path | None = None,
    out: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
) -> Path:
    """Train a preset or a TOML file, and return the best weights. Nothing is printed.

    Args:
        data: puzzles and answers instead of the preset's; for ``grid`` the pairs.
        out: the run directory; without it ``runs/NAME``.
        settings: changes, such as ``{"max_steps": 500, "model.hidden_size": 96}``.
        device: ``cpu``, ``cuda``, ``cuda:N``, ``mps``, or ``auto`` for the fastest.

    Raises:
        InputError: a setting, the data or the device is no good, or the directory holds a run already.
    """
    from pathlib import Path

    from trmcli import checks
    from trmcli.training.config import load_config
    from trmcli.training.own import completed

    checks.path("preset", preset, "the name of a preset, or the path of a TOML file")
    for name, given in (("data", data), ("out", out)):
        if given is not None:
            checks.path(name, given)
    checks.device(device)
    changes = _changes({} if settings is None else settings)
    with checks.in_python():
        config = completed(load_config(str(preset), None if data is None else str(data), changes))
        checks.need_torch("training")
        from trmcli.solving.torch_engine import pick_device
        from trmcli.training.journal import Observer
        from trmcli.training.run import run

        folder = Path("runs", config.name) if out is None else Path(out)
        run(config, folder, Observer(), device=pick_device(device))
    return folder / "best.safetensors"


def _changes(settings: Any) -> list[str]:
    """Settings as the command line writes them, ``KEY=VALUE``."""
    from collections.abc import Mapping

    from trmcli import checks
    from trmcli.errors import InputError
    from trmcli.settings import toml_value

    checks.instance("settings", settings, Mapping, 'a dict, such as {"max_steps": 500}')
    changes = []
    for key, value in settings.items():
        checks.instance("a name in settings", key, str, "text")
        try:
            plain = value.tolist() if hasattr(value, "tolist") else value  # of NumPy
            changes.append(f"{key}={toml_value(plain)}")
        except (TypeError, ValueError):
            what = f"an object of type {type(value).__name__}"
            raise InputError(
                f"{key} must be a number, text, or a list or dict of these, not {what}", "settings"
            ) from None
    return changes


def _arc_source(source: Any) -> str:
    """A source as the readers of ARC take it."""
    if isinstance(source, dict):
        import json

        from trmcli.errors import InputError

        try:
            return json.dumps(source)
        except (TypeError, ValueError):
            raise InputError("is not a task: its grids must be lists of rows", "<argument>") from None
    from trmcli import checks

    return str(checks.path("a source", source, "a path, or an ARC task as JSON or as a dict"))


def _adapted(tasks: Sequence[ArcTask], budget: float, seed: int, processes: int | None) -> Iterator[Adapted]:
    from trmcli.tasks.workers import processors
    from trmcli.training.members import Members

    with Members(processes or processors()) as pool:
        for task in tasks:
            yield pool.adapt(task, budget=budget, seed=seed)


def _answers(
    pairs: Iterator[tuple[Task, Puzzle]], solver: Solver | None, config: SearchConfig, usual_tries: bool
) -> Iterator[Answer]:
    """Solve puzzles as they come. The error that ends them is raised when those before it are answered."""
    first = next(pairs, None)
    if first is None:
        return
    from dataclasses import replace
    from itertools import chain

    from trmcli.errors import InputError
    from trmcli.solving.search import solve_many
    from trmcli.tasks.fit import check_fit

    solver = solver or load(task=first[0].name)
    fits, ended = vars(solver.engine.config), list[InputError]()

    def puzzles() -> Iterator[Puzzle]:
        try:
            for task, puzzle in chain([first], pairs):
                check_fit(task, puzzle, fits)
                yield puzzle
        except InputError as error:
            ended.append(error)

    if usual_tries and solver.task.rules:
        config = replace(config, tries=32)
    yield from solve_many(solver, puzzles(), config)
    for error in ended:
        raise error


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("trmcli")
        except PackageNotFoundError:
            return "0+unknown"
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    if name == "weights":
        return import_module("trmcli.weights")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
